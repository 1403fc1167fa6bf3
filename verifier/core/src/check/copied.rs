//! Messages that hold a job of a run under another id, or none.
//!
//! Further work that a worker sends has a task of its own. What has the fields of a job in all but the ids is that job, whatever it is
//! called.

use serde_json::Value;

use super::{JobEvidence, RunId};

/// The job that a body holds in all but the ids; `None` where it is no other than a job says, or names another run. What the API or
/// the worker adds to a job does not make it another.
///
/// What names no run is a job of this one only where `is_meanwhile`, which says that it was sent since the run began, and only where
/// it has a text with the job's name: all else may be what others send, too.
pub(super) fn copied<'a>(
    body: &str,
    jobs: &'a [JobEvidence],
    run_id: Option<RunId>,
    is_meanwhile: bool,
) -> Option<&'a JobEvidence> {
    let run_id = run_id?;
    let run = run_id.to_string();
    let is_of_run = body.contains(&run);
    (is_of_run || is_meanwhile).then_some(())?;
    let held = serde_json::from_str::<Value>(body).ok()?;
    if !is_of_run && is_any_text(&held, &|text| names_a_run(text)) {
        return None;
    }
    jobs.iter().find(|job| {
        let Some(own) = serde_json::from_str::<Value>(&job.body).ok().filter(tells) else {
            return false;
        };
        let name = job.job_id.strip_prefix(&format!("{run}-")).unwrap_or(&job.job_id);
        let is_named = || is_any_text(&own, &|text| text.contains(name) && !text.contains(&run));
        let is_id = |text: &str| text.contains(if is_of_run { &job.job_id } else { &run });
        (is_of_run || is_named()) && is_alike(&own, &held, &is_id)
    })
}

/// Whether a text is the id of a run, or of a job of one.
fn names_a_run(text: &str) -> bool {
    RunId::parse(text).or_else(|| RunId::of_job(text)).is_some()
}

/// Whether that is so of any text in a value.
fn is_any_text(value: &Value, is_so: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_so(text),
        Value::Array(values) => values.iter().any(|value| is_any_text(value, is_so)),
        Value::Object(fields) => fields.values().any(|value| is_any_text(value, is_so)),
        _ => false,
    }
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

/// Whether a value has all that a job has, but for its ids.
fn is_alike(own: &Value, held: &Value, is_id: &impl Fn(&str) -> bool) -> bool {
    match (own, held) {
        (Value::Object(own), Value::Object(held)) => own.iter().all(|(key, own)| {
            own.as_str().is_some_and(is_id)
                || held.get(key).is_some_and(|held| is_alike(own, held, is_id))
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
        found(body, false)
    }

    fn found(body: &str, is_meanwhile: bool) -> Option<String> {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let of_run = |name: &str| {
            let id = format!("{run_id}-{name}");
            let body =
                format!(r#"{{"task":"verifier: {name}","jobId":"{id}","runId":"{run_id}"}}"#);
            JobEvidence { body, ..job(&id, false, Some(name)) }
        };
        let jobs = [of_run("good-1"), of_run("good-2")];
        let body = body.replace("RUN", &run_id.to_string());
        copied(&body, &jobs, Some(run_id), is_meanwhile)
            .map(|job| job.message_id.clone().unwrap_or_default())
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

    #[test]
    fn what_names_no_run_is_a_job_where_it_was_sent_meanwhile_and_has_its_name() {
        let renamed = r#"{"task":"verifier: good-2","jobId":"6f1c","runId":"a5d2"}"#;
        assert_eq!(found(renamed, true).as_deref(), Some("good-2"));
        assert_eq!(found(r#"{"task":"verifier: good-2"}"#, true).as_deref(), Some("good-2"));
        assert_eq!(found(renamed, false), None);
        let of_other = r#"{"task":"verifier: good-2","jobId":"vrf-1e8480-00000008-good-2"}"#;
        for body in [of_other, r#"{"task":"mail","jobId":"6f1c"}"#, r#"{"jobId":"6f1c"}"#] {
            assert_eq!(found(body, true), None, "{body}");
        }
    }

    #[test]
    fn what_has_no_text_of_the_jobs_name_may_be_of_anybody() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let id = format!("{run_id}-good-1");
        let body = format!(r#"{{"task":"ping","jobId":"{id}"}}"#);
        let jobs = [JobEvidence { body, ..job(&id, false, Some("m")) }];
        let held = r#"{"task":"ping","jobId":"7"}"#;
        assert!(copied(held, &jobs, Some(run_id), true).is_none());
    }
}
