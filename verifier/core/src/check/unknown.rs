//! Messages of which the worker's lines tell, and which are no job of the run.
//!
//! Nothing of such a message says whose it is. It may be of another sender, further work that the worker sends itself, a body that was
//! refused and enqueued all the same, or a second message of a job under another id, or none. What tells is how many there are, and
//! when each came: further work comes when a job was done, and what is of others comes also when nothing of the run does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use super::named::job_of_id;
use super::{JobEvidence, LoggedOutcome, RunId};
use crate::account::{Invocation, Terms};

/// How much the clocks that stamp log lines may differ.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What is known of a run, to tell which messages are none of its.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The run's id.
    pub run_id: RunId,
    /// The run's jobs.
    pub jobs: &'a [JobEvidence],
    /// The ids of jobs and of messages that are the run's: its jobs, and the bodies that were to be refused.
    pub own: BTreeSet<&'a str>,
    /// What the queue and the mapping allow.
    pub terms: Terms,
    /// How invocations ended.
    pub invocations: &'a [Invocation],
    /// How many messages the jobs queue held before the run, and when that was counted.
    pub waiting: (u64, Timestamp),
}

/// A message of no known job, by the line that tells of it first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct First {
    /// When that was written.
    at: Timestamp,
    /// When its invocation began; when the line was written, where Lambda's report was not seen.
    begun_at: Timestamp,
    /// The invocation that it names.
    request: String,
    /// Whether it may be further work that the worker sent itself: a job of the run was done before its invocation began.
    may_follow: bool,
}

/// Messages that are no job of the run, and of no other run of the verifier's, in the order of the lines that tell of them first.
///
/// Further work that names a job of the run is left out, where it came when that was done; so are as many as waited in the queue before
/// the run, those that came first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown(Vec<First>);

impl Unknown {
    /// Those of a log's lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a LoggedOutcome>, known: &Known<'_>) -> Self {
        let done = firsts_of(known.jobs, |outcome| outcome == Outcome::Succeeded);
        let begun: BTreeMap<&str, Timestamp> = (known.invocations.iter())
            .map(|each| (each.request_id.as_str(), each.started_at()))
            .collect();
        let job_ids: Vec<&str> = known.jobs.iter().map(|job| job.job_id.as_str()).collect();
        let first_done = done.values().min();
        let mut found = Vec::new();
        for logged in firsts(lines, known) {
            let request = logged.line.request_id.as_str();
            let begun_at = begun.get(request).copied().unwrap_or(logged.at).min(logged.at);
            let is_behind = |done: Option<&(Timestamp, String)>| {
                done.is_some_and(|(at, of)| *at <= begun_at && (of.is_empty() || of != request))
            };
            let named = job_of_id(logged.line.job_id.as_deref().unwrap_or_default(), &job_ids);
            if named.is_some_and(|job_id| is_behind(done.get(job_id))) {
                continue;
            }
            let may_follow = is_behind(first_done);
            let (at, request) = (logged.at, request.to_owned());
            found.push(First { at, begun_at, request, may_follow });
        }
        found.sort_by(|one, other| (one.at, &one.request).cmp(&(other.at, &other.request)));
        let (mut waiting, counted_at) = known.waiting;
        found.retain(|each| {
            let has_waited = waiting > 0 && each.at >= counted_at;
            waiting -= u64::from(has_waited);
            !has_waited
        });
        Self(found)
    }

    /// How many came from one time on and before another.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> usize {
        self.that(from, until).count()
    }

    /// How many of those came before any job of the run was done, so that they are no further work.
    pub fn ahead_between(&self, from: Timestamp, until: Timestamp) -> usize {
        self.that(from, until).filter(|each| !each.may_follow).count()
    }

    /// How many came in any of those times.
    pub fn within(&self, times: &[(Timestamp, Timestamp)]) -> usize {
        let is_in = |first: &&First| {
            times.iter().any(|(from, until)| *from <= first.at && first.at < *until)
        };
        self.0.iter().filter(is_in).count()
    }

    fn that(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = &First> {
        self.0.iter().filter(move |each| from <= each.at && each.at < until)
    }

    /// The invocations that were handed them first.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|first| first.request.as_str()).filter(|request| !request.is_empty())
    }

    /// How many came at all.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// When each job first came to one of those outcomes, with the invocation that the line names, by the job's id.
fn firsts_of(
    jobs: &[JobEvidence],
    is_wanted: impl Fn(Outcome) -> bool,
) -> BTreeMap<&str, (Timestamp, String)> {
    let of = |job: &JobEvidence| {
        let wanted = job.attempts.iter().filter(|logged| is_wanted(logged.line.outcome));
        wanted.map(|logged| (logged.at, logged.line.request_id.clone())).min()
    };
    jobs.iter().filter_map(|job| Some((job.job_id.as_str(), of(job)?))).collect()
}

/// The first line of each message that is no job of a run.
///
/// A line that names no message is of one of its own, also where others name the same job: a worker may write a placeholder for an id
/// that it does not find. It is of one that failed before where it comes when that is due again.
fn firsts<'a>(
    lines: impl IntoIterator<Item = &'a LoggedOutcome>,
    known: &Known<'_>,
) -> Vec<&'a LoggedOutcome> {
    let is_unknown = |logged: &&LoggedOutcome| {
        let job_id = logged.line.job_id.as_deref().unwrap_or_default();
        let message_id = logged.line.message_id.as_str();
        let is_of_a_run = RunId::of_job(job_id).is_some_and(|run| run != known.run_id);
        let is_own = known.own.contains(job_id) || known.own.contains(message_id);
        !is_of_a_run && !is_own && logged.line.receive_count <= 1
    };
    let mut lines: Vec<&LoggedOutcome> = lines.into_iter().filter(is_unknown).collect();
    lines.sort_by_key(|logged| logged.at);
    let mut by_message = BTreeMap::<&str, &LoggedOutcome>::new();
    let mut failed = BTreeMap::<&str, Vec<(Timestamp, u32)>>::new();
    let mut firsts = Vec::new();
    for logged in lines {
        let line = &logged.line;
        if !line.message_id.is_empty() {
            by_message.entry(&line.message_id).or_insert(logged);
            continue;
        }
        let of_job = failed.entry(line.job_id.as_deref().unwrap_or_default()).or_default();
        let is_due = |(at, receives): &(Timestamp, u32)| {
            *at + known.terms.visibility_timeout <= logged.at + TOLERANCE
                && *receives < known.terms.max_receive_count
        };
        let before = of_job.iter().position(is_due).map(|index| of_job.remove(index));
        if before.is_none() {
            firsts.push(logged);
        }
        if line.outcome == Outcome::Failed {
            of_job.push((logged.at, before.map_or(1, |(_, receives)| receives + 1)));
        }
    }
    firsts.extend(by_message.into_values());
    firsts
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;
    use crate::account::InvocationEnd;

    /// What is known of a run of those jobs, whose queue was empty before.
    pub(in crate::check) fn known(run_id: RunId, jobs: &[JobEvidence]) -> Known<'_> {
        let terms = Terms {
            max_receive_count: 3,
            visibility_timeout: Duration::from_mins(1),
            delay: Duration::ZERO,
            batch_size: 5,
        };
        let waiting = (0, Timestamp::default());
        Known { run_id, jobs, own: BTreeSet::new(), terms, invocations: &[], waiting }
    }

    fn run_id() -> RunId {
        RunId::new(Timestamp::from_millis(2_000_000_000), 7)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn line(seconds: u64, job_id: &str, request: &str, outcome: Outcome) -> LoggedOutcome {
        let mut line = attempt(0, outcome);
        line.at = at(seconds);
        line.line.message_id = String::new();
        line.line.job_id = Some(job_id.to_owned());
        request.clone_into(&mut line.line.request_id);
        line
    }

    /// How many are unknown beside a job of the run that was done in invocation `r` at 10 s, and how many of them came before that.
    fn unknown(lines: &[LoggedOutcome], waiting: u64) -> (usize, usize) {
        let done = line(10, "own", "r", Outcome::Succeeded);
        let jobs = [JobEvidence { attempts: vec![done], ..job("own", false, Some("m")) }];
        let invocation = |id: &str, seconds| Invocation {
            request_id: id.to_owned(),
            ended_at: at(seconds),
            duration: Duration::from_secs(2),
            end: InvocationEnd::Success,
        };
        let invocations = [invocation("r", 11), invocation("early", 11), invocation("late", 13)];
        let waiting = (waiting, at(0));
        let own = BTreeSet::from(["own"]);
        let known = Known { own, invocations: &invocations, waiting, ..known(run_id(), &jobs) };
        let unknown = Unknown::of(lines, &known);
        (unknown.count(), unknown.ahead_between(at(0), at(1000)))
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
        let known = Known { own: BTreeSet::from([job.as_str()]), ..known(run_id, &[]) };
        let unknown = Unknown::of(&lines, &known);
        assert_eq!(unknown.count(), 2);
        let at = Timestamp::from_millis(1_001_000);
        assert_eq!(unknown.between(at, at + Duration::from_millis(1)), 2);
        assert_eq!(unknown.between(Timestamp::default(), at), 0);
    }

    #[test]
    fn lines_that_name_no_message_are_of_one_each_unless_that_failed_and_is_due_again() {
        use Outcome::{Failed, Succeeded};
        let of = |lines: &[(u64, Outcome)]| {
            let lines = lines.iter().map(|(at, outcome)| line(*at, "None", "x", *outcome));
            unknown(&lines.collect::<Vec<_>>(), 0).0
        };
        assert_eq!(of(&[(1, Succeeded), (1, Succeeded), (70, Succeeded)]), 3);
        assert_eq!(of(&[(1, Failed), (61, Failed), (121, Failed), (121, Failed)]), 2);
        // It has no fourth receive.
        assert_eq!(of(&[(1, Failed), (61, Failed), (121, Failed), (181, Failed)]), 2);
        assert_eq!(of(&[(1, Failed), (30, Failed)]), 2);
    }

    #[test]
    fn what_began_before_any_job_was_done_is_no_further_work() {
        let of = |request: &str, job_id: &str| {
            unknown(&[line(12, job_id, request, Outcome::Succeeded)], 0)
        };
        assert_eq!(of("early", "x"), (1, 1));
        assert_eq!(of("r", "x"), (1, 1));
        assert_eq!(of("late", "x"), (1, 0));
        // Without a report, its line is what is known of it.
        assert_eq!(of("unreported", "x"), (1, 0));
    }

    #[test]
    fn further_work_that_names_its_job_and_what_waited_before_the_run_is_known() {
        let of = |request: &str, waiting| {
            unknown(&[line(12, "follows-own", request, Outcome::Succeeded)], waiting)
        };
        assert_eq!(of("late", 0), (0, 0));
        assert_eq!(of("early", 0), (1, 1));
        assert_eq!(of("early", 1), (0, 0));
    }

    #[test]
    fn wherever_further_work_names_its_job_if_that_was_done() {
        for outcome in [Outcome::Succeeded, Outcome::Failed] {
            let tried = line(10, "own", "r", outcome);
            let jobs = [JobEvidence { attempts: vec![tried], ..job("own", false, Some("m")) }];
            let known = Known { own: BTreeSet::from(["own"]), ..known(run_id(), &jobs) };
            let count = |job_id: &str, request| {
                let lines = [line(12, job_id, request, Outcome::Succeeded)];
                Unknown::of(&lines, &known).count()
            };
            // A job that failed has none.
            let late = usize::from(outcome == Outcome::Failed);
            for job_id in ["own.mail", "own-2", "own/mail", "mail-own", "mail:own:2"] {
                assert_eq!([count(job_id, "late"), count(job_id, "r")], [late, 1], "{job_id}");
            }
            assert_eq!([count("owner", "late"), count("mail", "late")], [1, 1]);
        }
    }
}
