//! Looking for a run's own messages in the dead-letter queue, without losing anybody else's.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Job;
use verifier_aws::{Aws, AwsError, Received};
use verifier_core::check::{DeadLetter, QueueEvidence};
use verifier_core::time::Timestamp;

use crate::clock::RunClock;

/// The longest long poll.
const POLL_SECONDS: u64 = 20;
/// How much longer than the search messages of others are held, so that they do not come up again during it.
const HOLD: Duration = Duration::from_secs(30);

/// What was taken from the dead-letter queue and is still in hand.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// The run's own messages by message id.
    pub(crate) own: BTreeMap<String, DeadLetter>,
    /// When each of them was first seen there, also after it was taken out.
    pub(crate) seen_at: BTreeMap<String, Timestamp>,
    /// The receipt handles of other messages by message id.
    pub(crate) foreign: BTreeMap<String, String>,
}

impl Letters {
    /// Polls until the message of that id has come, or the bound has passed.
    ///
    /// One empty answer proves nothing, so it is only the bound that ends the search.
    pub(crate) async fn await_letter(
        &mut self,
        aws: &Aws,
        clock: &RunClock,
        queue: &QueueEvidence,
        run_id: &str,
        message_id: &str,
        bound_at: Timestamp,
    ) -> Result<(), AwsError> {
        loop {
            let left = bound_at.since(clock.now());
            if left.is_zero() {
                return Ok(());
            }
            let hold = (left + HOLD).as_secs().min(43_200);
            // Rounded up: a poll of zero seconds would be a short one, which looks at a part of the queue only.
            let wait = left.as_millis().div_ceil(1000).min(POLL_SECONDS.into());
            let how = Received {
                visibility_timeout_seconds: u32::try_from(hold).unwrap_or(u32::MAX),
                wait_seconds: u32::try_from(wait).unwrap_or(u32::MAX),
            };
            let seen_at = async || {
                clock.has_waited().await;
                clock.now()
            };
            for letter in aws.receive(queue, how, seen_at).await? {
                self.take(letter, run_id, message_id);
            }
            if self.own.contains_key(message_id) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, letter: DeadLetter, run_id: &str, message_id: &str) {
        let job: Option<Job> = serde_json::from_str(&letter.body).ok();
        let of_this_run = job.is_some_and(|job| job.run_id.as_deref() == Some(run_id));
        if letter.message_id == message_id || of_this_run {
            self.seen_at.entry(letter.message_id.clone()).or_insert(letter.seen_at);
            self.own.insert(letter.message_id.clone(), letter);
        } else {
            // The latest handle is the one that counts.
            self.foreign.insert(letter.message_id, letter.receipt_handle);
        }
    }
}
