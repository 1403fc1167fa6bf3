//! Dead letters that nothing names, and that came while a run was under way.
//!
//! Nothing of such a message says whose it is: a worker may have encrypted it, cut it or written another one. What tells is how it
//! came. SQS names the queue that it moves a message from, and keeps the time at which that was sent; what has no such queue was sent
//! to the dead-letter queue itself, which no sound worker does with a job that it has done.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.

use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use super::{DeadLetter, JobEvidence};

/// How far apart a job's line and the message that was sent with it may be: invocations are short, and clocks differ.
const BESIDE: Duration = Duration::from_secs(2);
/// How far apart jobs are at least that were submitted at different times.
const APART: Duration = Duration::from_secs(10);

/// The dead letters of nobody's that were sent since a run began to submit jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meanwhile {
    /// The ids of those that were sent to the dead-letter queue itself.
    pub direct: Vec<String>,
    /// The ids of those that SQS moved there from the jobs queue.
    pub moved: Vec<String>,
    /// Whether one was sent to the dead-letter queue with each good job, and none at another time.
    pub is_one_each: bool,
}

impl Meanwhile {
    /// Those of the messages of others that none of `told` is. `source_arn` is the jobs queue's: what comes from another queue is of
    /// that queue's senders.
    pub fn of(
        others: &[&DeadLetter],
        jobs: &[JobEvidence],
        source_arn: &str,
        told: &[&str],
    ) -> Self {
        let Some(from) = jobs.iter().map(|job| job.submitted_at).min() else {
            return Self::default();
        };
        let is_since = |message: &&&DeadLetter| {
            message.sent_at.is_some_and(|at| at >= from)
                && !told.contains(&message.message_id.as_str())
        };
        let since: Vec<&&DeadLetter> = others.iter().filter(is_since).collect();
        let ids = |source: Option<&str>| {
            let that = since.iter().filter(|message| message.source_arn.as_deref() == source);
            that.map(|message| message.message_id.clone()).collect()
        };
        let direct = since.iter().filter(|message| message.source_arn.is_none());
        let sent: Vec<Timestamp> = direct.filter_map(|message| message.sent_at).collect();
        Self {
            direct: ids(None),
            moved: ids(Some(source_arn)),
            is_one_each: is_one_each(&done(jobs), sent, jobs),
        }
    }
}

/// When each good job was done first; nothing of one of which no line tells.
fn done(jobs: &[JobEvidence]) -> Vec<Timestamp> {
    let good = jobs.iter().filter(|job| !job.fails && job.message_id.is_some());
    let first = |job: &JobEvidence| {
        let done = job.attempts_that(Outcome::Succeeded);
        done.map(|logged| logged.at).min()
    };
    let mut done: Vec<Timestamp> = good.filter_map(first).collect();
    done.sort_unstable();
    done
}

/// Whether messages were sent when jobs were done, one with each, and none at another time. Others do not send so by chance where jobs
/// were submitted several times.
fn is_one_each(done: &[Timestamp], mut sent: Vec<Timestamp>, jobs: &[JobEvidence]) -> bool {
    sent.sort_unstable();
    let is_beside =
        |one: Timestamp, other: Timestamp| one <= other + BESIDE && other <= one + BESIDE;
    let good = jobs.iter().filter(|job| !job.fails && job.message_id.is_some()).count();
    let is_several =
        done.first().zip(done.last()).is_some_and(|(first, last)| *last > *first + APART);
    let is_each = done.len() == good && sent.len() == good;
    let mut pairs = done.iter().zip(&sent);
    is_several && is_each && pairs.all(|(done, sent)| is_beside(*done, *sent))
}

#[cfg(test)]
mod tests {
    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn message(seconds: u64, source: Option<&str>) -> DeadLetter {
        DeadLetter {
            message_id: format!("m-{seconds}"),
            body: "closed".to_owned(),
            attributes: Vec::new(),
            sent_at: Some(at(seconds)),
            first_received_at: None,
            receive_count: None,
            source_arn: source.map(str::to_owned),
            seen_at: at(500),
            receipt_handle: String::new(),
        }
    }

    fn good(name: &str, seconds: u64) -> JobEvidence {
        let mut line = attempt(1, Outcome::Succeeded);
        line.at = at(seconds + 1);
        let attempts = vec![line];
        JobEvidence { submitted_at: at(seconds), attempts, ..job(name, false, Some(name)) }
    }

    fn of(messages: &[DeadLetter]) -> Meanwhile {
        let failing = JobEvidence { submitted_at: at(100), ..job("f", true, Some("f")) };
        let jobs = [good("a", 100), good("b", 101), good("c", 160), failing];
        Meanwhile::of(&messages.iter().collect::<Vec<_>>(), &jobs, "jobs", &["m-300"])
    }

    #[test]
    fn what_was_sent_since_the_run_began_is_told_by_how_it_came() {
        let jobs = Some("jobs");
        let found = of(&[
            message(99, None),
            message(99, jobs),
            message(120, None),
            message(130, jobs),
            message(140, Some("another")),
            message(300, None),
        ]);
        assert_eq!(found.direct, ["m-120"]);
        assert_eq!(found.moved, ["m-130"]);
        assert!(!found.is_one_each);
    }

    #[test]
    fn one_with_each_good_job_and_none_at_another_time_is_made_of_those() {
        let of = |times: &[u64]| {
            let sent: Vec<DeadLetter> = times.iter().map(|at| message(*at, None)).collect();
            of(&sent).is_one_each
        };
        assert!(of(&[101, 102, 161]));
        assert!(of(&[103, 104, 159]));
        for others in [&[101, 102][..], &[101, 102, 161, 162], &[101, 102, 164], &[101, 102, 103]] {
            assert!(!of(others), "{others:?}");
        }
    }

    #[test]
    fn one_with_each_job_of_one_submission_may_come_by_chance() {
        let jobs = [good("a", 100), good("b", 101)];
        let sent = [message(101, None), message(102, None)];
        let found = Meanwhile::of(&sent.iter().collect::<Vec<_>>(), &jobs, "jobs", &[]);
        assert_eq!((found.direct.len(), found.is_one_each), (2, false));
    }
}
