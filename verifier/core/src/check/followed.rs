//! What is known of a run's jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::strays::Strays;
use super::verdict::Verdict;
use crate::account::Account;
use crate::evidence::{
    DeadLetter, HeldMessage, JobEvidence, LogEvidence, QueueEvidence, Rejection,
};
use crate::settings::Settings;

/// How jobs were submitted.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The jobs.
    pub jobs: &'a [JobEvidence],
    /// The settings in force.
    pub settings: &'a Settings,
    /// Where their messages ended; `None` where the run ended before that was known.
    pub account: Option<&'a Account>,
}

/// What became of a run's jobs.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// Whether a warning fails the run.
    pub strict: bool,
    /// All jobs.
    pub jobs: &'a [JobEvidence],
    /// The failing jobs.
    pub failing: &'a [FailingJob<'a>],
    /// The bodies that the API has to refuse.
    pub rejections: &'a [Rejection],
    /// Where each message of the run ended.
    pub account: &'a Account,
    /// The worker's log.
    pub log: &'a LogEvidence,
    /// What reports refused bodies that were put on the queue all the same.
    pub strays: &'a Strays,
    /// The jobs queue.
    pub jobs_queue: &'a QueueEvidence,
    /// The dead-letter queue.
    pub dead_letter_queue: &'a QueueEvidence,
    /// How often a message may be received.
    pub max_receive_count: u32,
    /// The jobs queue's visibility timeout.
    pub visibility_timeout: Duration,
    /// How long a batch is gathered.
    pub batching_window: Duration,
    /// Until when the failing jobs were waited for in the dead-letter queue.
    pub waited_until: Timestamp,
    /// What may be in the dead-letter queue and was not seen there.
    pub hidden: Hidden,
    /// Messages in the dead-letter queue that are none of the run's, nor copies of its jobs.
    pub others: &'a [HeldMessage],
    /// The ids of messages there that name this run, and are none of its jobs.
    pub of_this_run: &'a [String],
    /// How many messages of other runs were seen there.
    pub of_runs: usize,
    /// When the dead-letter queue was looked at last; `None` where it was not.
    pub searched_at: Option<Timestamp>,
    /// What was concluded of the checks before, also of those that are not reported.
    pub verdicts: &'a BTreeMap<&'static str, Verdict>,
    /// What is reported of them.
    pub reported: &'a BTreeMap<&'static str, Verdict>,
}

/// A job that is to fail, and what it is compared with.
#[derive(Clone, Debug)]
pub struct FailingJob<'a> {
    /// The job.
    pub job: &'a JobEvidence,
    /// The body that was submitted.
    pub submitted_body: String,
    /// Its message, as it was received from the dead-letter queue first; `None` where it was not seen there.
    pub message: Option<DeadLetter>,
}

/// What may be in the dead-letter queue and was not seen there: in flight, or delayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// How many messages its counts show that nothing explains.
    pub messages: u64,
    /// How many receives of the run were not answered: SQS may hide messages for each.
    pub unanswered: u32,
    /// How many messages more are delayed there than before the run.
    pub delayed: u64,
}

impl Followed<'_> {
    /// What was concluded of a check before this one, whether it is reported or not.
    pub fn verdict(&self, id: &str) -> Option<Verdict> {
        self.verdicts.get(id).copied()
    }

    /// Whether a check before this one was evaluated and is reported.
    pub fn is_concluded(&self, id: &str) -> bool {
        self.reported.get(id).is_some_and(|verdict| *verdict != Verdict::NotRun)
    }
}
