//! Dead letters that name a run, and are neither its jobs nor bodies that were to be refused.

use super::observed::owner_of;
use super::{JobEvidence, OurMessage, Rejection, RunId};

/// The ids of those of the messages `found`: further work that was dead-lettered, or something that was made of the run's jobs.
pub fn of_the_run(
    found: &[OurMessage],
    jobs: &[JobEvidence],
    rejections: &[Rejection],
    run_id: RunId,
) -> Vec<String> {
    let run = run_id.to_string();
    let is_told_elsewhere = |message: &OurMessage| {
        owner_of(message, jobs).is_some()
            || rejections.iter().any(|each| {
                message.names(&each.job_id)
                    || each.dead_letter.as_ref() == Some(&message.message_id)
            })
    };
    let named = found.iter().filter(|message| message.names(&run));
    let named = named.filter(|message| !is_told_elsewhere(message));
    named.map(|message| message.message_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use verifier_model::time::Timestamp;

    use super::super::rules::job_accept::tests::job;
    use super::*;

    #[test]
    fn what_names_the_run_and_no_job_of_it_is_told() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let jobs = [job(&format!("{run_id}-good-1"), false, Some("m-1"))];
        let of = |id: &str, body: &str| {
            let body = body.replace("RUN", &run_id.to_string());
            let (message_id, seen_at) = (id.to_owned(), Timestamp::default());
            of_the_run(
                &[OurMessage { message_id, texts: vec![body], sent_at: None, seen_at }],
                &jobs,
                &[],
                run_id,
            )
            .len()
        };
        assert_eq!(of("x", r#"{"task":"mail","jobId":"RUN-good-1-mail"}"#), 1);
        assert_eq!(of("x", r#"{"task":"mail","jobId":"7","runId":"RUN"}"#), 1);
        // A job is told by its own check, and what names no run is of others.
        assert_eq!(of("m-1", r#"{"runId":"RUN"}"#), 0);
        assert_eq!(of("x", r#"{"jobId":"RUN-good-1"}"#), 0);
        assert_eq!(of("x", r#"{"task":"mail"}"#), 0);
    }
}
