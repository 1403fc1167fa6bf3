//! Messages of which lines tell that are of the run, and name no job.
//!
//! Where a job is put on the queue twice, lines tell of it under two messages. The API named one of them; that the other holds the
//! same job a line tells by the job's id alone. Without that it may also be a body that the API refused, or further work that
//! carries the run's id.

use std::collections::BTreeSet;

use contract::OutcomeLine;

use super::{JobEvidence, LoggedOutcome, RunId};

/// The ids of the messages of which lines tell that name the run and no job, and which neither the API named nor `known` holds;
/// none where requests that were repeated may have made as many, beside those that lines name by their job.
pub fn nameless<'a>(
    lines: impl IntoIterator<Item = &'a LoggedOutcome>,
    jobs: &[JobEvidence],
    known: &BTreeSet<&str>,
    run_id: RunId,
) -> BTreeSet<String> {
    let run = run_id.to_string();
    let named: BTreeSet<&str> = jobs.iter().filter_map(|job| job.message_id.as_deref()).collect();
    let lines: Vec<&OutcomeLine> = lines.into_iter().map(|logged| &logged.line).collect();
    let nameless = lines.iter().filter(|line| {
        let id = line.message_id.as_str();
        let is_of_run = line.run_id.as_ref() == Some(&run) && line.job_id.is_none();
        is_of_run && !id.is_empty() && !named.contains(id) && !known.contains(id)
    });
    let nameless: BTreeSet<String> = nameless.map(|line| line.message_id.clone()).collect();
    let repeated: usize = jobs.iter().map(|job| unseen_copies(job, &lines)).sum();
    if nameless.len() <= repeated { BTreeSet::new() } else { nameless }
}

/// How many messages more a job's repeated requests may have made than lines name.
fn unseen_copies(job: &JobEvidence, lines: &[&OutcomeLine]) -> usize {
    let of_job = lines.iter().filter(|line| line.job_id.as_ref() == Some(&job.job_id));
    let ids: BTreeSet<&str> = of_job.map(|line| line.message_id.as_str()).collect();
    let is_copy = |id: &&&str| !id.is_empty() && job.message_id.as_deref() != Some(**id);
    let copies = ids.iter().filter(is_copy).count();
    (job.requests.saturating_sub(1) as usize).saturating_sub(copies)
}

#[cfg(test)]
mod tests {
    use contract::Outcome;
    use verifier_model::time::Timestamp;

    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;

    #[test]
    fn a_message_of_the_run_that_names_no_job_is_one_that_the_api_did_not_name() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let found = |of_run: bool, job_id: Option<&str>, message_id: &str, requests: u32| {
            let mut line = attempt(1, Outcome::Succeeded);
            line.line.run_id = Some(if of_run { run_id.to_string() } else { "other".to_owned() });
            line.line.job_id = job_id.map(str::to_owned);
            message_id.clone_into(&mut line.line.message_id);
            let jobs = [JobEvidence { requests, ..job("a", false, Some("m-a")) }];
            nameless(&[line], &jobs, &BTreeSet::from(["m-dead"]), run_id).len()
        };
        assert_eq!(found(true, None, "m-x", 1), 1);
        // It is told by its id, or by its job's; or the verifier itself made two.
        assert_eq!(found(true, None, "m-a", 1), 0);
        assert_eq!(found(true, None, "m-dead", 1), 0);
        assert_eq!(found(true, Some("a"), "m-x", 1), 0);
        assert_eq!(found(true, None, "m-x", 2), 0);
        assert_eq!(found(false, None, "m-x", 1), 0);
    }

    #[test]
    fn a_second_message_that_lines_name_by_its_job_explains_no_other() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let line = |job_id: Option<&str>, message_id: &str| {
            let mut line = attempt(1, Outcome::Succeeded);
            line.line.run_id = Some(run_id.to_string());
            line.line.job_id = job_id.map(str::to_owned);
            message_id.clone_into(&mut line.line.message_id);
            line
        };
        let found = |copy: Option<&str>| {
            let jobs = [JobEvidence { requests: 2, ..job("a", false, Some("m-a")) }];
            let lines = [line(Some("a"), "m-a"), line(copy, "m-b"), line(None, "m-x")];
            nameless(&lines, &jobs, &BTreeSet::new(), run_id).len()
        };
        assert_eq!(found(Some("a")), 1);
        // Which of the two is its second message nothing tells.
        assert_eq!(found(None), 2);
    }
}
