//! `job.accept`.

use serde_json::Value;

use crate::check::command::curl;
use crate::check::{Check, Exchange, JobEvidence, Judgement, Severity};
use crate::settings::{Api, Filling, Jobs, Settings, lookup};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.accept",
    asserts: "the API accepts each job: it answers 202 with the job's id and its message id, or as the settings say",
    severity: Severity::Fail,
    why: "the message id is what ties a submitted job to its attempts and to its place in the dead-letter queue",
    fix: "look at the submit-job function's log; a 503 means that SQS did not confirm the message",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html",
    must_be_exercised: true,
};

/// Judges the answers to all of a run's submissions. `settings` say what was submitted, and how the API says
/// that it has accepted it.
pub fn judge(jobs: &[JobEvidence], settings: &Settings) -> Judgement {
    if jobs.is_empty() {
        return Judgement::not_exercised("no job was submitted");
    }
    let refused: Vec<String> = jobs
        .iter()
        .filter(|job| job.message_id.is_none())
        .map(|job| match &job.exchange.answer {
            Ok(answer) => format!("{}: {} {}", job.job_id, answer.status, excerpt(&answer.body)),
            Err(error) => format!("{}: {error}", job.job_id),
        })
        .collect();
    let judgement = if refused.is_empty() {
        Judgement::pass(format!("{} of {} jobs accepted", jobs.len(), jobs.len()))
    } else {
        let url = jobs.first().map(|job| job.exchange.url.clone()).unwrap_or_default();
        Judgement::fail(
            format!("{} of {} jobs were not accepted", refused.len(), jobs.len()),
            wanted(&settings.api),
            refused.join("; "),
        )
        .with_next(submission(&settings.jobs, &url))
    };
    let shown: Vec<serde_json::Value> = jobs
        .iter()
        .map(|job| {
            serde_json::json!({
                "jobId": job.job_id,
                "messageId": job.message_id,
                "fails": job.fails,
                "status": job.exchange.answer.as_ref().ok().map(|answer| answer.status),
                "latencyMillis": u64::try_from(job.exchange.latency.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    judgement.with_evidence("jobs", shown)
}

/// The ids in an accepting answer; `None` when it is none, or is about another job.
pub fn accepted_message_id(exchange: &Exchange, job_id: &str, api: &Api) -> Option<String> {
    let answer = exchange.answer.as_ref().ok()?;
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    let text = |path: &str| lookup(&body, path)?.as_str().map(str::to_owned);
    let repeats =
        api.accepted_job_id.as_ref().is_none_or(|path| text(path).as_deref() == Some(job_id));
    let is_accepted = answer.status == api.accepted_status && repeats;
    text(&api.accepted_message_id).filter(|id| is_accepted && !id.is_empty())
}

/// A command that submits a good job of no run, which stays with the stack: that is said before.
fn submission(jobs: &Jobs, url: &str) -> String {
    let filling = Filling { job_id: "try", run_id: "try", name: "try", padding_bytes: 0 };
    let headers: Vec<String> =
        jobs.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let body = filling.fill(&jobs.good);
    let mut arguments: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
    arguments.extend(["-d", &body]);
    format!(
        "see what it is answered; if it is accepted, the worker does this job once: {}",
        curl(&arguments, url)
    )
}

fn wanted(api: &Api) -> String {
    let Api { accepted_status, accepted_job_id, accepted_message_id, .. } = api;
    let job_id = accepted_job_id
        .as_ref()
        .map_or_else(String::new, |path| format!("the submitted {path} and "));
    format!("{accepted_status} with {job_id}a {accepted_message_id}")
}

fn excerpt(body: &str) -> String {
    body.chars().take(200).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{Answer, Exchange, Verdict};
    use crate::time::Timestamp;

    pub(crate) fn job(id: &str, fails: bool, message_id: Option<&str>) -> JobEvidence {
        JobEvidence {
            job_id: id.to_owned(),
            fails,
            submitted_at: Timestamp::from_millis(1_000_000),
            exchange: Exchange {
                method: "POST",
                url: "u".to_owned(),
                latency: Duration::ZERO,
                answer: Ok(Answer { status: 202, ..Answer::default() }),
            },
            message_id: message_id.map(str::to_owned),
            requests: 1,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn all_accepted_passes_one_refused_fails_none_is_nothing() {
        assert_eq!(
            judge(&[job("a", false, Some("m"))], &Settings::default()).verdict,
            Verdict::Pass
        );
        let mixed = [job("a", false, Some("m")), job("b", true, None)];
        let judgement = judge(&mixed, &Settings::default());
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(judgement.actual.unwrap().starts_with("b: 202"));
        let next = judgement.next.unwrap();
        let body = r#"{"task":"verifier: try","jobId":"try","runId":"try"}"#;
        assert_eq!(
            next,
            format!(
                "see what it is answered; if it is accepted, the worker does this job once: curl -sS -i --max-time 10 -H 'content-type: application/json' -d '{body}' u"
            )
        );
        assert_eq!(judge(&[], &Settings::default()).verdict, Verdict::NotExercised);
    }

    #[test]
    fn only_an_answer_as_agreed_with_the_jobs_own_id_accepts_it() {
        let told = |status: u16, body: &str, api: &Api| {
            let mut exchange = job("a", false, None).exchange;
            let body = body.to_owned();
            exchange.answer = Ok(Answer { status, body, ..Answer::default() });
            accepted_message_id(&exchange, "a", api)
        };
        let sound = r#"{"jobId":"a","messageId":"m"}"#;
        assert_eq!(told(202, sound, &Api::default()).as_deref(), Some("m"));
        for (status, body) in [
            (200, sound),
            (202, r#"{"jobId":"b","messageId":"m"}"#),
            (202, r#"{"jobId":"a","messageId":""}"#),
            (202, r#"{"jobId":"a"}"#),
            (202, "m"),
        ] {
            assert_eq!(told(status, body, &Api::default()), None, "{status} {body}");
        }
        let api = Api {
            accepted_status: 201,
            accepted_job_id: None,
            accepted_message_id: "queued.id".to_owned(),
            ..Api::default()
        };
        assert_eq!(told(201, r#"{"queued":{"id":"m"}}"#, &api).as_deref(), Some("m"));
    }
}
