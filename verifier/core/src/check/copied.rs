//! Messages that hold a job of a run under another id, or none.
//!
//! Further work that a worker sends has a task of its own. What has the fields of a job in all but the ids is that job, whatever it is
//! called.

use serde_json::Value;

use super::{JobEvidence, RunId};

/// The job that a body holds in all but the ids; `None` where it is no other than a job says, or names another run or none. What the
/// API or the worker adds to a job does not make it another.
pub(super) fn copied<'a>(
    body: &str,
    jobs: &'a [JobEvidence],
    run_id: Option<RunId>,
) -> Option<&'a JobEvidence> {
    body.contains(&run_id?.to_string()).then_some(())?;
    let held = serde_json::from_str::<Value>(body).ok()?;
    jobs.iter().find(|job| {
        let submitted = serde_json::from_str::<Value>(&job.body).ok();
        submitted.filter(tells).is_some_and(|own| is_alike(&own, &held, &job.job_id))
    })
}

/// Whether a job is an object that says more than whose it is.
fn tells(submitted: &Value) -> bool {
    submitted.as_object().is_some_and(|fields| {
        let is_telling = |value: &Value| {
            value.as_str().is_none_or(|text| RunId::of_job(&format!("{text}-")).is_none())
        };
        fields.values().any(is_telling)
    })
}

/// Whether a value has all that a job has, but for its id.
fn is_alike(own: &Value, held: &Value, job_id: &str) -> bool {
    match (own, held) {
        (Value::Object(own), Value::Object(held)) => own.iter().all(|(key, own)| {
            let is_id = own.as_str().is_some_and(|text| text.contains(job_id));
            is_id || held.get(key).is_some_and(|held| is_alike(own, held, job_id))
        }),
        _ => own == held,
    }
}

#[cfg(test)]
mod tests {
    use verifier_model::time::Timestamp;

    use super::super::rules::job_accept::tests::job;
    use super::*;

    fn of(body: &str) -> Option<String> {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let of_run = |name: &str| {
            let id = format!("{run_id}-{name}");
            let body =
                format!(r#"{{"task":"verifier: {name}","jobId":"{id}","runId":"{run_id}"}}"#);
            JobEvidence { body, ..job(&id, false, Some(name)) }
        };
        let jobs = [of_run("good-1"), of_run("good-2")];
        let body = body.replace("RUN", &run_id.to_string());
        copied(&body, &jobs, Some(run_id)).map(|job| job.message_id.clone().unwrap_or_default())
    }

    #[test]
    fn what_has_a_jobs_fields_in_all_but_the_id_is_that_job() {
        for body in [
            r#"{"task":"verifier: good-2","jobId":"RUN-good-2-x","runId":"RUN"}"#,
            r#"{"task":"verifier: good-2","jobId":"6f1c","runId":"RUN"}"#,
            r#"{"task":"verifier: good-2","runId":"RUN","receivedAt":7}"#,
        ] {
            assert_eq!(of(body).as_deref(), Some("good-2"), "{body}");
        }
    }

    #[test]
    fn further_work_and_jobs_of_other_runs_are_none() {
        for body in [
            r#"{"task":"mail","jobId":"RUN-good-2.mail","runId":"RUN"}"#,
            r#"{"task":"verifier: good-2","jobId":"RUN-good-2-x"}"#,
            r#"{"task":"verifier: good-2","jobId":"x","runId":"other"}"#,
            r#"{"jobId":"RUN-good-2","runId":"RUN"}"#,
            "RUN-good-2-x",
        ] {
            assert_eq!(of(body), None, "{body}");
        }
    }
}
