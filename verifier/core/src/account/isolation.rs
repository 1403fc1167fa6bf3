//! Whether the failing job took others of its batches with it.

use std::collections::BTreeSet;

use super::{
    Account, Attempt, Expectation, Explained, Fate, InvocationEnd, MessageAccount, MessageEnd,
    is_one_delivery_twice,
};

/// What became of the good jobs that shared a batch with the failing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A batch holds one message.
    ByConstruction,
    /// No good job shared a batch with the failing one, as far as is known.
    NotMet,
    /// Those that did ran once.
    Held {
        /// How many those are.
        met: usize,
    },
    /// Those that did ran once, but SQS delivered some of them twice.
    DeliveredTwice {
        /// Their job ids.
        job_ids: Vec<String>,
    },
    /// One of those that may have been in its batch came again a visibility timeout later, and nothing else is wrong: its delete was
    /// lost, or the worker left it.
    Redelivered {
        /// Its job id.
        job_id: String,
    },
    /// Some of them were done in an invocation that failed, and nothing tells whether they came again.
    Unclear {
        /// Their job ids.
        job_ids: Vec<String>,
    },
    /// Some of them were failed or received again, although nothing but the worker failed them.
    Broken {
        /// Each of those.
        breaches: Vec<Breach>,
    },
}

/// A good job that the failing one took with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The job's id.
    pub job_id: String,
    /// How that shows.
    pub why: String,
    /// Whether it shows only by the job having come again: that its batch failed is then one cause, and that it became visible
    /// while its batch was still worked on is another.
    pub came_again: bool,
    /// Whether no line says that the two shared a batch: it follows from receive counts and failed invocations.
    pub inferred: bool,
}

impl Account {
    /// What became of the good jobs that shared a batch with the failing one.
    pub fn isolation(&self) -> Isolation {
        if self.terms.batch_size == 1 {
            return Isolation::ByConstruction;
        }
        let good: Vec<&MessageAccount> = self.that(Expectation::Succeeds).collect();
        let breaches: Vec<Breach> = good.iter().filter_map(|job| self.breach(job)).collect();
        if !breaches.is_empty() {
            return Isolation::Broken { breaches };
        }
        let is_unclear =
            |job: &MessageAccount| job.attempts.iter().any(|each| each.fate == Fate::Unclear);
        let unclear = good.iter().filter(|job| is_unclear(job)).map(|job| job.job_id.clone());
        let unclear: Vec<String> = unclear.collect();
        if !unclear.is_empty() {
            return Isolation::Unclear { job_ids: unclear };
        }
        if let Some(job) = self.redelivered().filter(|job| self.may_have_met_first(job)) {
            return Isolation::Redelivered { job_id: job.job_id.clone() };
        }
        let poisoned = self.poisoned();
        let met: Vec<&&MessageAccount> =
            good.iter().filter(|job| has_met(job, &poisoned)).collect();
        let twice: Vec<String> = met
            .iter()
            .filter(|job| matches!(job.end, MessageEnd::DoneMoreThanOnce { .. }))
            .map(|job| job.job_id.clone())
            .collect();
        match met.len() {
            0 => Isolation::NotMet,
            _ if !twice.is_empty() => Isolation::DeliveredTwice { job_ids: twice },
            met => Isolation::Held { met },
        }
    }

    /// How a good job shows that the failing one took it with it; `None` where it does not, or where it was alone.
    pub fn breach(&self, job: &MessageAccount) -> Option<Breach> {
        if self.terms.batch_size == 1 || job.expectation != Expectation::Succeeds {
            return None;
        }
        let poisoned = self.poisoned();
        let breach = |why: String, inferred| Breach {
            job_id: job.job_id.clone(),
            why,
            came_again: false,
            inferred,
        };
        let failed = job.attempts.iter().find_map(|attempt| failed_with(attempt, &poisoned));
        if let Some(why) = failed {
            return Some(breach(why, false));
        }
        if let Some(remark) = self.remarked_again(job).filter(|_| has_met(job, &poisoned)) {
            let why = format!("was done, and came again: its line says {}", remark.word);
            return Some(Breach { came_again: true, ..breach(why, false) });
        }
        if let Some(why) = self.came_again(job, &poisoned) {
            return Some(Breach { came_again: true, ..breach(why, false) });
        }
        let inferred = self.unseen(job).into_iter().find_map(|unseen| match unseen.explained {
            Explained::FailedInvocation { request_id, end } => Some(format!(
                "receive {} left no line, and invocation {request_id} of that time ended with {}",
                unseen.receive_count,
                end.as_str()
            )),
            Explained::Unwritten { request_id, handed, written } => Some(format!(
                "receive {} left no line, and invocation {request_id} of that time was handed {handed} messages and wrote of {written}",
                unseen.receive_count
            )),
            Explained::CameAgain { request_id } => Some(format!(
                "receive {} left no line, and it came again a visibility timeout after invocation {request_id}, which was handed the failing job",
                unseen.receive_count
            )),
            Explained::Nothing => None,
        });
        inferred.map(|why| breach(why, true))
    }

    /// At which receives no failing job is known to have shared a batch with a good one, from 1 to the last allowed one.
    pub fn unmet_receives(&self) -> Vec<u32> {
        let good: BTreeSet<&str> =
            self.that(Expectation::Succeeds).flat_map(MessageAccount::requests).collect();
        let attempts = self.that(Expectation::Fails).flat_map(|job| &job.attempts);
        let met: BTreeSet<u32> = attempts
            .filter(|attempt| is_in(attempt, &good))
            .map(|attempt| attempt.receive_count)
            .collect();
        (1..=self.terms.max_receive_count).filter(|receive| !met.contains(receive)).collect()
    }

    /// The ids of the invocations that are known to have been handed the failing job.
    pub(super) fn poisoned(&self) -> BTreeSet<&str> {
        self.that(Expectation::Fails).flat_map(MessageAccount::requests).collect()
    }

    /// How a job shows that it was not deleted, although it succeeded beside the failing one.
    fn came_again(&self, job: &MessageAccount, poisoned: &BTreeSet<&str>) -> Option<String> {
        let first = job.attempts.iter().find(|attempt| is_in(attempt, poisoned))?;
        if job.dead_lettered.is_some() {
            let count = first.receive_count;
            return Some(format!("succeeded beside it at receive {count}, and was dead-lettered"));
        }
        let all: Vec<&Attempt> = job.attempts.iter().collect();
        if self.is_redelivered(job) {
            return None;
        }
        if all.len() > 1 && !is_one_delivery_twice(&all, self.terms.visibility_timeout) {
            let counts: Vec<String> =
                all.iter().map(|attempt| attempt.receive_count.to_string()).collect();
            return Some(format!("was received {} times: {}", all.len(), counts.join(", ")));
        }
        None
    }
}

pub(super) fn is_in(attempt: &Attempt, poisoned: &BTreeSet<&str>) -> bool {
    attempt.line.request_id.as_deref().is_some_and(|request| poisoned.contains(request))
}

pub(super) fn has_met(job: &MessageAccount, poisoned: &BTreeSet<&str>) -> bool {
    job.attempts.iter().any(|attempt| is_in(attempt, poisoned))
}

/// How an attempt shows that it failed with its batch: the invocation did as a whole, or the worker failed it beside the
/// failing job.
fn failed_with(attempt: &Attempt, poisoned: &BTreeSet<&str>) -> Option<String> {
    let count = attempt.receive_count;
    match attempt.failed_whole() {
        Some(end) if !attempt.was_alone() => Some(whole(attempt, end)),
        _ if attempt.failed() && is_in(attempt, poisoned) => {
            let reason = attempt.line.reason.as_deref().unwrap_or("no reason given");
            Some(format!("attempt {count} was failed beside it: {reason}"))
        }
        _ => None,
    }
}

fn whole(attempt: &Attempt, end: InvocationEnd) -> String {
    let request = attempt.line.request_id.as_deref().unwrap_or_default();
    let (count, end) = (attempt.receive_count, end.as_str());
    format!(
        "attempt {count} was in invocation {request}, which ended with {end}: its whole batch failed"
    )
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{Line, Submitted};
    use super::*;

    const DONE: Outcome = Outcome::Succeeded;
    const FAILED: Outcome = Outcome::Failed;

    fn poison() -> Submitted {
        let lines =
            vec![line(0, 1, FAILED, "b1"), line(60, 2, FAILED, "b2"), line(120, 3, FAILED, "b3")];
        Submitted { lines, found: vec![found("m-p")], ..job("p", true) }
    }

    fn isolation(lines: Vec<Line>, ends: &[(u64, &str, InvocationEnd)]) -> Isolation {
        let ends = ends.iter().map(|(at, id, end)| invocation(*at, id, *end)).collect();
        account(vec![poison(), Submitted { lines, ..job("g", false) }], ends).isolation()
    }

    fn is_broken(isolation: &Isolation) -> bool {
        matches!(isolation, Isolation::Broken { .. })
    }

    #[test]
    fn at_which_receives_none_met_is_known() {
        let unmet = |lines| {
            let jobs = vec![poison(), Submitted { lines, ..job("g", false) }];
            account(jobs, Vec::new()).unmet_receives()
        };
        assert_eq!(unmet(vec![line(0, 1, DONE, "b1")]), [2, 3]);
        assert_eq!(unmet(vec![line(60, 1, DONE, "b2")]), [1, 3]);
        assert_eq!(unmet(vec![line(0, 1, DONE, "other")]), [1, 2, 3]);
    }

    #[test]
    fn one_that_shared_the_batch_and_ran_once_held() {
        assert_eq!(isolation(vec![line(0, 1, DONE, "b1")], &[]), Isolation::Held { met: 1 });
        assert_eq!(isolation(vec![line(60, 1, DONE, "b2")], &[]), Isolation::Held { met: 1 });
        assert_eq!(isolation(vec![line(0, 1, DONE, "other")], &[]), Isolation::NotMet);
        assert_eq!(isolation(Vec::new(), &[]), Isolation::NotMet);
    }

    #[test]
    fn an_invocation_that_failed_as_a_whole_breaks_it_although_the_job_was_logged_as_done() {
        let error = [(0, "b1", InvocationEnd::Error)];
        assert!(is_broken(&isolation(vec![line(0, 1, DONE, "b1")], &error)));
        let success = [(0, "b1", InvocationEnd::Success)];
        assert_eq!(isolation(vec![line(0, 1, DONE, "b1")], &success), Isolation::Held { met: 1 });
    }

    #[test]
    fn one_that_was_failed_or_came_again_breaks_it() {
        for lines in [
            vec![line(0, 1, FAILED, "b1")],
            vec![line(0, 1, FAILED, "b1"), line(60, 2, DONE, "b9")],
            vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2"), line(120, 3, DONE, "b3")],
            vec![line(0, 1, DONE, "b0"), line(60, 3, DONE, "b2")],
        ] {
            assert!(is_broken(&isolation(lines.clone(), &[])), "{lines:?}");
        }
        let dead = Submitted {
            lines: vec![line(0, 1, DONE, "b1")],
            found: vec![found("m-g")],
            ..job("g", false)
        };
        assert!(is_broken(&account(vec![poison(), dead], Vec::new()).isolation()));
    }

    #[test]
    fn where_nothing_was_written_a_failed_invocation_of_that_time_is_inferred() {
        let lines = || vec![line(60, 2, DONE, "b9")];
        let Isolation::Broken { breaches } = isolation(lines(), &[(0, "x", InvocationEnd::Error)])
        else {
            panic!("it is not broken")
        };
        assert!(breaches[0].inferred);
        assert_eq!(isolation(lines(), &[(0, "x", InvocationEnd::Success)]), Isolation::NotMet);
        assert_eq!(isolation(lines(), &[(100, "x", InvocationEnd::Error)]), Isolation::NotMet);
    }

    #[test]
    fn a_second_delivery_is_none_and_a_batch_of_one_holds_by_construction() {
        let twice = vec![line(0, 1, DONE, "b1"), line(3, 1, DONE, "b9")];
        assert_eq!(
            isolation(twice, &[]),
            Isolation::DeliveredTwice { job_ids: vec!["g".to_owned()] }
        );
        let mut account = account(
            vec![poison(), Submitted { lines: vec![line(0, 1, FAILED, "b1")], ..job("g", false) }],
            Vec::new(),
        );
        account.terms.batch_size = 1;
        assert_eq!(account.isolation(), Isolation::ByConstruction);
    }

    #[test]
    fn a_job_that_failed_alone_is_no_breach() {
        let alone = Line { batch_size: Some(1), ..line(0, 1, FAILED, "b0") };
        let ends = [(0, "b0", InvocationEnd::Error)];
        assert!(!is_broken(&isolation(vec![alone, line(60, 2, DONE, "b9")], &ends)));
    }
}
