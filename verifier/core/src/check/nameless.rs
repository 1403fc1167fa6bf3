//! Messages of which lines tell that are of the run, and name no job.
//!
//! Where a job is put on the queue twice, lines tell of it under two messages. The API named one of them; that the other holds the
//! same job a line tells by the job's id alone. Without that it may also be a body that the API refused, or further work that
//! carries the run's id.

use std::collections::BTreeSet;

use super::{JobEvidence, LoggedOutcome, RunId};

/// The ids of the messages of which lines tell that name the run and no job, and which neither the API named nor `known` holds;
/// none where requests that were repeated may have made as many.
pub fn nameless<'a>(
    lines: impl IntoIterator<Item = &'a LoggedOutcome>,
    jobs: &[JobEvidence],
    known: &BTreeSet<&str>,
    run_id: RunId,
) -> BTreeSet<String> {
    let run = run_id.to_string();
    let named: BTreeSet<&str> = jobs.iter().filter_map(|job| job.message_id.as_deref()).collect();
    let nameless = lines.into_iter().map(|logged| &logged.line).filter(|line| {
        let id = line.message_id.as_str();
        let is_of_run = line.run_id.as_ref() == Some(&run) && line.job_id.is_none();
        is_of_run && !id.is_empty() && !named.contains(id) && !known.contains(id)
    });
    let nameless: BTreeSet<String> = nameless.map(|line| line.message_id.clone()).collect();
    let repeated: u32 = jobs.iter().map(|job| job.requests.saturating_sub(1)).sum();
    if nameless.len() <= repeated as usize { BTreeSet::new() } else { nameless }
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
}
