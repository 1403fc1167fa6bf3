//! Why messages have failed again, and why they had before: as `dlq explain` tells it, by the end of the invocation that held each
//! where no line of its own tells.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use verifier_core::dead_letters::{AttemptLog, Cause, Consumers, DeadLetter};
use verifier_core::redrive::Bounce;
use verifier_model::time::Timestamp;

use super::destination::Destination;
use super::engine::{Engine, lock};
use crate::dlq::{ReasonDepth, consumers_of, read_log, read_logs};

/// For how many messages the log is asked at once: so many ids fit into one pattern.
const ASKED_MAX: usize = 20;
/// How long reading logs may take in all, in wall time: a bounce stops a redrive also where its cause is not known.
const TAKES_AT_MOST: Duration = Duration::from_mins(1);

impl Engine<'_> {
    /// Completes what is known of messages that failed again since then.
    pub(super) async fn ask_for_causes(&self, bounced: &mut [Bounce], since: Timestamp) {
        if bounced.iter().any(|bounce| bounce.old_reason.is_none()) {
            self.ask_for_old_reasons(bounced).await;
        }
        for number in 0..self.to.len() {
            if bounced.iter().any(|bounce| bounce.reason.is_none()) {
                self.ask_for_new_reasons(bounced, number, since).await;
            }
        }
    }

    /// In large steps nobody has asked yet why messages failed. Of those that bounced it is worth to know.
    async fn ask_for_old_reasons(&self, bounced: &mut [Bounce]) {
        let until = Instant::now() + TAKES_AT_MOST;
        let unknown = bounced.iter_mut().filter(|bounce| bounce.old_reason.is_none());
        let mut unknown: Vec<&mut Bounce> = unknown.collect();
        for some in unknown.chunks_mut(ASKED_MAX) {
            let asked = heads(&lock(&self.sent_heads), some.iter().map(|bounce| &bounce.from));
            let asked: Vec<&DeadLetter> = asked.iter().collect();
            // Of how invocations ended there is much to read, and only from then on when messages are known to have been sent.
            let sent_at: Option<Vec<Timestamp>> =
                asked.iter().map(|message| message.sent_at).collect();
            let (since, depth) = if let Some(since) = sent_at.and_then(|at| at.into_iter().min()) {
                (since, ReasonDepth::Invocations)
            } else {
                // No log is read from before messages can be so old.
                let retention = self.place.retention().unwrap_or_default();
                (self.began_at - retention, ReasonDepth::Lines)
            };
            let reading = read_logs(self.place, &asked, since, depth);
            let Ok(logs) = timeout_at(until, reading).await else { return };
            for bounce in some {
                let cause = logs.attempt_log.cause(&bounce.from);
                (bounce.old_reason, bounce.is_old_reason_inferred) = noted(&cause);
            }
        }
    }

    /// Why messages failed again that were sent to the destination of that number.
    async fn ask_for_new_reasons(&self, bounced: &mut [Bounce], number: usize, since: Timestamp) {
        let Some(Destination { log_group: Some(_), .. }) =
            self.to.get(number).filter(|to| to.queue().is_some())
        else {
            return;
        };
        let until = Instant::now() + TAKES_AT_MOST;
        let unknown = bounced
            .iter_mut()
            .filter(|bounce| bounce.reason.is_none() && self.destination_of(&bounce.to) == number);
        let mut unknown: Vec<&mut Bounce> = unknown.collect();
        for some in unknown.chunks_mut(ASKED_MAX) {
            let asked = heads(&lock(&self.dead), some.iter().map(|bounce| &bounce.to));
            let asked: Vec<&DeadLetter> = asked.iter().collect();
            let reading = self.read_destinations_log(number, &asked, since);
            let Ok(Some(log)) = timeout_at(until, reading).await else { return };
            for bounce in some {
                (bounce.reason, bounce.is_reason_inferred) = noted(&log.cause(&bounce.to));
            }
        }
    }

    /// What the log of a destination's consumer reports of messages that were sent there.
    async fn read_destinations_log(
        &self,
        number: usize,
        asked: &[&DeadLetter],
        since: Timestamp,
    ) -> Option<AttemptLog> {
        let to = self.to.get(number)?;
        let known = consumers_of(&to.aws, to.arn()).await.ok().and_then(Result::ok);
        let consumers = Consumers {
            by_source: known.map(|known| (to.arn().to_owned(), known)).into_iter().collect(),
            may_be_shared: self.place.sources.may_be_shared(),
            named: to.log_group.clone(),
        };
        let inquiry = consumers.inquiries(asked.iter().copied()).into_iter().next()?;
        let (reader, depth) = (&self.place.reader, ReasonDepth::Invocations);
        read_log(&to.aws, reader, &inquiry, since, depth).await.ok()
    }
}

/// A reason as a bounce notes it, and whether it is only inferred.
fn noted(cause: &Cause) -> (Option<String>, bool) {
    (cause.reason().map(str::to_owned), cause.inferred().is_some())
}

/// The heads of messages, as far as they are known: of the others, the ids.
fn heads<'a>(
    known: &BTreeMap<String, DeadLetter>,
    ids: impl IntoIterator<Item = &'a String>,
) -> Vec<DeadLetter> {
    let unknown = |id: &String| DeadLetter { message_id: id.clone(), ..DeadLetter::default() };
    ids.into_iter().map(|id| known.get(id).cloned().unwrap_or_else(|| unknown(id))).collect()
}
