//! What lines tell of messages that are no jobs of a run.

use std::collections::{BTreeMap, BTreeSet};

use verifier_model::time::Timestamp;

use super::named::job_of_id;
use super::{LoggedOutcome, RunId};

/// What is known to be a run's own.
#[derive(Clone, Debug)]
pub struct Own<'a> {
    /// The run's id.
    pub run_id: RunId,
    /// The ids of its jobs.
    pub job_ids: BTreeSet<&'a str>,
    /// The ids of their messages.
    pub message_ids: BTreeSet<&'a str>,
    /// The ids of the bodies that were to be refused.
    pub refused: Vec<&'a str>,
    /// From when on messages of others are in its time. Lines of before may have the time of another clock, so that they still tell of
    /// their invocation.
    pub from: Timestamp,
}

/// The outcomes of messages that are no jobs of a run, in its time: those of other senders, and what the worker sends itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The messages, or the jobs where lines name no message.
    pub messages: BTreeSet<String>,
    /// Those of other runs of the verifier.
    pub of_runs: BTreeSet<String>,
    /// How many lines the invocations that were handed them wrote of them.
    pub requests: BTreeMap<String, u32>,
}

impl Others {
    /// Those of a log's lines.
    ///
    /// Whatever a line names beside a job of the run, the invocation that wrote it was handed that. So a message counts whose id
    /// begins with the run's, as that of further work does which is made of a job's. Only bodies that were to be refused are no
    /// other's, in whatever form; those are counted elsewhere.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a LoggedOutcome>, own: &Own<'_>) -> Self {
        let mut others = Self::default();
        for LoggedOutcome { at, line, .. } in lines {
            let job_id = line.job_id.as_deref().unwrap_or_default();
            let is_own = own.job_ids.contains(job_id)
                || own.message_ids.contains(line.message_id.as_str())
                || job_of_id(job_id, &own.refused).is_some();
            if is_own {
                continue;
            }
            *others.requests.entry(line.request_id.clone()).or_default() += 1;
            if *at < own.from {
                continue;
            }
            if RunId::of_job(job_id).is_some_and(|run| run != own.run_id) {
                others.of_runs.insert(job_id.to_owned());
            }
            let message = if line.message_id.is_empty() { job_id } else { &line.message_id };
            others.messages.insert(message.to_owned());
        }
        others
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::rules::job_success::tests::attempt;
    use super::*;

    /// How many lines, messages and messages of other runs there are, where a line names that job.
    fn of(job_id: &str, message_id: &str) -> (u32, usize, usize) {
        since(0, job_id, message_id)
    }

    fn since(from: u64, job_id: &str, message_id: &str) -> (u32, usize, usize) {
        let mut logged = attempt(1, Outcome::Succeeded);
        logged.line.job_id = Some(job_id.to_owned());
        message_id.clone_into(&mut logged.line.message_id);
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let (job, refused) = (format!("{run_id}-good-1"), format!("{run_id}-reject-malformed"));
        let own = Own {
            run_id,
            job_ids: BTreeSet::from([job.as_str()]),
            message_ids: BTreeSet::from(["m-own"]),
            refused: vec![&refused],
            from: Timestamp::from_millis(from),
        };
        let others = Others::of(&[logged], &own);
        (others.requests.values().sum(), others.messages.len(), others.of_runs.len())
    }

    #[test]
    fn further_work_is_written_of_whatever_its_id_is_made_of() {
        let run = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        for id in ["-good-1.mail", "-good-1-2", "-good-1/mail", "-made-up"] {
            assert_eq!(of(&format!("{run}{id}"), "m-x"), (1, 1, 0), "{id}");
        }
        for id in [format!("mail-{run}-good-1"), "mail".to_owned(), String::new()] {
            assert_eq!(of(&id, "m-x"), (1, 1, 0), "{id}");
        }
        let other = RunId::new(Timestamp::from_millis(2_000_000_000), 8);
        assert_eq!(of(&format!("{other}-good-1"), "m-x"), (1, 1, 1));
        // Before the run it is of nobody who sends now.
        assert_eq!(since(2_000_000, "mail", "m-x"), (1, 0, 0));
    }

    #[test]
    fn jobs_of_the_run_and_bodies_that_it_was_to_refuse_are_of_no_other() {
        let run = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        for id in ["good-1", "reject-malformed", "reject-malformed.again", "reject-malformed-x"] {
            assert_eq!(of(&format!("{run}-{id}"), "m-x"), (0, 0, 0), "{id}");
        }
        assert_eq!(of("renamed", "m-own"), (0, 0, 0));
    }
}
