//! `verifier dlq watch`.

use std::time::Duration;

use verifier_core::time::Timestamp;

use super::Started;
use crate::args::DlqWatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::dead_letters as view;

/// The shortest time between two requests.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// What a queue counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) at: Timestamp,
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    /// By how much the visible ones have changed.
    pub(crate) change: i64,
}

pub(crate) async fn run(args: DlqWatchArgs) -> Result<Exit, Failure> {
    if args.interval < INTERVAL_MIN {
        return Err(Failure::usage("--interval is at least 1s"));
    }
    let started = Started::at(args.place).await?;
    started.progress.clear();
    let (place, queue) = (&started.place, &started.place.dead_letters);
    let until = args.bound.map(|bound| place.clock.now() + bound);
    let mut last = None;
    loop {
        let asked = place.aws.queue(&queue.name, &queue.url);
        let counts = tokio::select! {
            counts = asked => counts?,
            () = started.interrupt.asked() => return Ok(Exit::Passed),
        };
        let number = |attribute| counts.number(attribute).unwrap_or_default();
        let visible = number("ApproximateNumberOfMessages");
        if last != Some(visible) {
            let at = place.clock.now();
            let in_flight = number("ApproximateNumberOfMessagesNotVisible");
            let change = visible.cast_signed() - last.unwrap_or(visible).cast_signed();
            view::print_count(queue, Count { at, visible, in_flight, change }, args.format)?;
            last = Some(visible);
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
