//! `verifier dlq watch`.

use std::time::Duration;

use verifier_aws::{AwsError, Cause};
use verifier_core::dead_letters::Depth;

use super::Started;
use crate::dlq::args::DlqWatchArgs;
use crate::dlq::count::Count;
use crate::dlq::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

/// The shortest time between two requests.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: DlqWatchArgs) -> Result<Exit, Failure> {
    if args.interval < INTERVAL_MIN {
        return Err(Failure::usage("--interval is at least 1s"));
    }
    let started = Started::at(args.place).await?;
    started.progress.clear();
    let (place, queue) = (&started.place, &started.place.dead_letters);
    let until = args.bound.map(|bound| place.clock.now() + bound);
    let (mut last, mut is_out) = (None, false);
    let mut ages = Ages::default();
    loop {
        let asked = place.aws.queue(&queue.name, &queue.url);
        let counts = tokio::select! {
            counts = asked => counts,
            () = started.interrupt.asked() => return Ok(Exit::Passed),
        };
        match counts {
            Ok(counts) => {
                if std::mem::take(&mut is_out) {
                    started.progress.say("it answers again");
                }
                let Depth { visible, in_flight, .. } = Depth::of(&counts);
                if last != Some(visible) {
                    let at = place.clock.now();
                    let change = visible.cast_signed() - last.unwrap_or(visible).cast_signed();
                    let oldest = match ages.of(&started, visible + in_flight).await {
                        Ok(oldest) => oldest,
                        Err(Interrupted) => return Ok(Exit::Passed),
                    };
                    let count = Count { at, visible, in_flight, change, oldest };
                    view::print_count(queue, count, args.format)?;
                    last = Some(visible);
                }
            }
            // An outage passes; what a role may not do, or a queue that is gone, does not.
            Err(error) if survives(&error) => {
                if !std::mem::replace(&mut is_out, true) {
                    started.progress.say(&format!("no answer, asking on: {error}"));
                }
            }
            Err(error) => return Err(error.into()),
        }
        let now = place.clock.now();
        if until.is_some_and(|until| now >= until) {
            return Ok(Exit::Passed);
        }
        let next = (now + args.interval).min(until.unwrap_or(now + args.interval));
        tokio::select! {
            () = place.clock.sleep_until(next) => {}
            () = started.interrupt.asked() => return Ok(Exit::Passed),
        }
    }
}

/// Ctrl-C.
struct Interrupted;

/// How old the oldest message is, as long as that is answered.
#[derive(Default)]
struct Ages {
    is_unknown: bool,
}

impl Ages {
    /// How long the oldest has been there. That it is not answered is said once, and then not asked any more: what is watched is
    /// the count.
    async fn of(
        &mut self,
        started: &Started,
        messages: u64,
    ) -> Result<Option<Duration>, Interrupted> {
        if self.is_unknown || messages == 0 {
            return Ok(None);
        }
        let (place, name) = (&started.place, &started.place.dead_letters.name);
        let answer = tokio::select! {
            answer = place.aws.oldest_age(name, place.clock.now()) => answer,
            () = started.interrupt.asked() => return Err(Interrupted),
        };
        Ok(answer.unwrap_or_else(|error| {
            self.is_unknown = true;
            started.progress.say(&format!("how old the oldest message is, is not known: {error}"));
            None
        }))
    }
}

/// Whether it is worth to ask again after that error.
fn survives(error: &AwsError) -> bool {
    matches!(error.cause, Cause::Unreachable | Cause::UnknownHost | Cause::Throttled | Cause::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_survived_and_a_queue_that_is_gone_is_not() {
        let with = |cause| AwsError { cause, ..AwsError::no_region() };
        for cause in [Cause::Unreachable, Cause::Throttled, Cause::UnknownHost, Cause::Other] {
            assert!(survives(&with(cause)));
        }
        for cause in [Cause::NotFound, Cause::Denied, Cause::Credentials, Cause::NoRegion] {
            assert!(!survives(&with(cause)));
        }
    }
}
