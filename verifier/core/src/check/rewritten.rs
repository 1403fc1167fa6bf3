//! Refused bodies that were put on the queue in another form: as jobs of their own, which name no run.
//!
//! Nothing of such a message says whose it is. What tells is when it came: as many came when the bodies were posted, and as many
//! again whenever they were posted once more, and none just before that.

use std::collections::{BTreeMap, BTreeSet};

use verifier_model::time::Timestamp;

use super::{LoggedOutcome, RunId};

/// Messages that are no job of the run, and of no other run of the verifier's, by when a line tells of each first, with the invocation
/// that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown(BTreeMap<String, (Timestamp, String)>);

/// How many of those came when refused bodies were posted, and when they were posted once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// When they were posted first.
    pub first: usize,
    /// Whenever they were posted once more.
    pub again: Vec<usize>,
    /// In as much time just before that.
    pub before: usize,
    /// In the rest of the run.
    pub elsewhere: usize,
}

impl Unknown {
    /// Those of a log's lines. `own` are the ids of the run's jobs, of the bodies that were to be refused, and of its messages.
    pub fn of<'a>(
        lines: impl IntoIterator<Item = &'a LoggedOutcome>,
        own: &BTreeSet<&str>,
        run_id: RunId,
    ) -> Self {
        let mut first = BTreeMap::<String, (Timestamp, String)>::new();
        for LoggedOutcome { at, line, .. } in lines {
            let job_id = line.job_id.as_deref().unwrap_or_default();
            let is_of_a_run = RunId::of_job(job_id).is_some_and(|run| run != run_id);
            let is_own = own.contains(job_id) || own.contains(line.message_id.as_str());
            let key = if line.message_id.is_empty() { job_id } else { line.message_id.as_str() };
            if is_of_a_run || is_own || key.is_empty() || line.receive_count > 1 {
                continue;
            }
            let told = || (*at, line.request_id.clone());
            let known = first.entry(key.to_owned()).or_insert_with(told);
            if *at < known.0 {
                *known = told();
            }
        }
        Self(first)
    }

    /// How many came from one time on and before another.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> usize {
        self.0.values().filter(|(at, _)| from <= *at && *at < until).count()
    }

    /// The invocations that were handed them first.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|(_, request)| request.as_str()).filter(|request| !request.is_empty())
    }

    /// How many came at all.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Rewritten {
    /// Whether as many messages may be the bodies as came when those were posted first: each makes two at most.
    pub fn may_be(first: usize, posted: usize) -> bool {
        first > 0 && first <= posted * 2
    }

    /// Whether as many came again each time, and none just before.
    pub fn came_again(&self) -> bool {
        let is_again = |again: &usize| *again >= self.first;
        self.first > 0
            && self.before == 0
            && !self.again.is_empty()
            && self.again.iter().all(is_again)
    }

    /// Whether nobody else was seen to send who may have sent those.
    pub fn is_certain(&self) -> bool {
        self.came_again() && self.elsewhere == 0
    }

    /// In words.
    pub(super) fn in_words(&self) -> String {
        let again: Vec<String> = self.again.iter().map(usize::to_string).collect();
        format!(
            "{} messages of no known job came to the worker when the bodies were posted, and {} when they were posted again",
            self.first,
            again.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::job_success::tests::attempt;
    use super::*;
    use contract::Outcome;

    #[test]
    fn as_many_each_time_and_none_before_are_the_bodies_unless_others_send() {
        let of = |first, again: &[usize], before, elsewhere| {
            let seen = Rewritten { first, again: again.to_vec(), before, elsewhere };
            (seen.came_again(), seen.is_certain())
        };
        assert_eq!(of(2, &[2, 2], 0, 0), (true, true));
        assert_eq!(of(2, &[2, 3], 0, 1), (true, false));
        // One of them came alone, nothing did, or they come all the time.
        for (again, before) in [(&[2, 1][..], 0), (&[0], 0), (&[], 0), (&[2, 2], 1)] {
            assert_eq!(of(2, again, before, 0), (false, false), "{again:?} {before}");
        }
        assert_eq!(
            [0, 1, 6, 7].map(|first| Rewritten::may_be(first, 3)),
            [false, true, true, false]
        );
    }

    #[test]
    fn only_first_receives_of_messages_that_nobody_knows_count() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let other = RunId::new(Timestamp::from_millis(2_000_000_000), 8);
        let line = |message_id: &str, job_id: &str, count| {
            let mut line = attempt(count, Outcome::Succeeded);
            message_id.clone_into(&mut line.line.message_id);
            line.line.job_id = Some(job_id.to_owned());
            line
        };
        let lines = [
            line("m-own", &format!("{run_id}-good-1"), 1),
            line("m-other", &format!("{other}-good-1"), 1),
            line("m-again", "a", 2),
            line("m-new", "b", 1),
            line("m-new", "b", 1),
            line("m-named", &format!("{run_id}-made-up"), 1),
        ];
        let job = format!("{run_id}-good-1");
        let unknown = Unknown::of(&lines, &BTreeSet::from([job.as_str()]), run_id);
        assert_eq!(unknown.count(), 2);
        let at = Timestamp::from_millis(1_001_000);
        assert_eq!(unknown.between(at, at + std::time::Duration::from_millis(1)), 2);
        assert_eq!(unknown.between(Timestamp::default(), at), 0);
    }
}
