//! `job.accept`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::account::Account;
use crate::check::{Check, Evaluate, Evaluation, Exchange, JobEvidence, Severity, Verdict};
use crate::command::curl;
use crate::settings::{Api, Filling, Jobs, Settings, lookup};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.accept",
    asserts: "the API accepts each job: it answers 202 with the job's id and its message id, or as the settings say",
    severity: Severity::Fail,
    why: "the message id is what ties a submitted job to its attempts and to its place in the dead-letter queue",
    fix: "look at the submit-job function's log; a 503 means that SQS did not confirm the message",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Submission(|submission| {
        evaluate(submission.jobs, submission.settings, submission.account)
    }),
};

/// Evaluates the answers to all of a run's submissions. `settings` say what was submitted, and how the API says
/// that it has accepted it; `account`, what became of it, where the run came to that.
pub fn evaluate(
    jobs: &[JobEvidence],
    settings: &Settings,
    account: Option<&Account>,
) -> Evaluation {
    if jobs.is_empty() {
        return Evaluation::not_run("no job was submitted");
    }
    let refused: Vec<String> = jobs
        .iter()
        .filter(|job| job.message_id.is_none())
        .map(|job| match &job.exchange.answer {
            Ok(answer) => format!("{}: {} {}", job.job_id, answer.status, excerpt(&answer.body)),
            Err(error) => format!("{}: {error}", job.job_id),
        })
        .collect();
    let misnamed = misnamed(jobs);
    let denied = account.map_or_else(Vec::new, |account| denied(jobs, account));
    let errors: Vec<&str> =
        jobs.iter().filter(|job| job.errors > 0).map(|job| job.job_id.as_str()).collect();
    let evaluation = if !refused.is_empty() {
        let url = jobs.first().map(|job| job.exchange.url.clone()).unwrap_or_default();
        let (wanted, next) = if settings.jobs.are_sent() {
            ("the id of a message, as SendMessage answers it".to_owned(), sending(&url))
        } else {
            (wanted(&settings.api), submission(&settings.jobs, &url))
        };
        Evaluation::fail(
            format!("{} of {} jobs were not accepted", refused.len(), jobs.len()),
            wanted,
            refused.join("; "),
        )
        .with_next(next)
    } else if !misnamed.is_empty() {
        Evaluation::fail(
            format!("the API names wrong messages: {}", misnamed[0]),
            "for each job the id of the message that holds it, as SendMessage answered",
            misnamed.join("; "),
        )
        .with_next("look at which MessageId the submit function answers with")
    } else if !denied.is_empty() {
        enqueued_although_denied(&denied, jobs.len())
    } else if errors.len() > 1 {
        Evaluation::fail(
            format!("{} of {} jobs were accepted only when they were sent again, after a server's error: {}", errors.len(), jobs.len(), errors[0]),
            "no answer 500, 502 or 504, or a single one, which API Gateway may give",
            errors.join(", "),
        )
        .with_next("look at the log of the submit function, and at how long it may take")
    } else {
        let again = match errors.first() {
            Some(job_id) => format!("; {job_id} was sent again after one answer 500, 502 or 504"),
            None => String::new(),
        };
        let by = if settings.jobs.are_sent() { " by SQS" } else { "" };
        Evaluation::pass(format!("{} of {} jobs accepted{by}{again}", jobs.len(), jobs.len()))
    };
    let shown: Vec<serde_json::Value> = jobs
        .iter()
        .map(|job| {
            serde_json::json!({
                "jobId": job.job_id,
                "messageId": job.known_message_id(),
                "fails": job.fails,
                "errors": job.errors,
                "status": job.exchange.answer.as_ref().ok().map(|answer| answer.status),
                "latencyMillis": u64::try_from(job.exchange.latency.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    evaluation.with_evidence("jobs", shown)
}

/// Where the API names a message that holds another job: the same for two, or one that the worker received with another.
fn misnamed(jobs: &[JobEvidence]) -> Vec<String> {
    let mut named = BTreeMap::<&str, &str>::new();
    let mut wrong = Vec::new();
    for job in jobs {
        let Some(message_id) = job.message_id.as_deref() else { continue };
        if let Some(other) = named.insert(message_id, &job.job_id) {
            wrong.push(format!("{message_id} for {other} and for {}", job.job_id));
            continue;
        }
        let of_message = job.attempts.iter().filter(|each| each.line.message_id == message_id);
        let mut held = of_message.filter_map(|each| each.line.job_id.as_deref());
        let is_other = |id: &&str| *id != job.job_id && jobs.iter().any(|job| job.job_id == *id);
        if let Some(other) = held.find(is_other) {
            wrong.push(format!("{message_id} for {}, and it holds {other}", job.job_id));
        }
    }
    wrong
}

/// The jobs that are on the queue more often than an answer accepted them, or a missing answer explains: a request that was
/// answered 503 put them there.
fn denied<'a>(jobs: &'a [JobEvidence], account: &Account) -> Vec<&'a str> {
    let enqueued = |job: &JobEvidence| {
        let of_job = account.messages.iter().filter(|message| message.job_id == job.job_id);
        of_job.map(|message| (1 + message.copies.len()).max(message.successes())).sum::<usize>()
    };
    let explained = |job: &JobEvidence| job.requests.saturating_sub(job.unavailable) as usize;
    let denied = jobs.iter().filter(|job| job.unavailable > 0 && enqueued(job) > explained(job));
    denied.map(|job| job.job_id.as_str()).collect()
}

/// One may be an accident of the moment; several are how the function works.
fn enqueued_although_denied(denied: &[&str], of: usize) -> Evaluation {
    let count = denied.len();
    let evaluation = Evaluation::fail(
        format!("{count} of {of} jobs were enqueued although the API answered 503: {}", denied[0]),
        "what is answered 503 is not on the queue: clients send it again, and then it is there twice",
        denied.join(", "),
    )
    .with_next("let the submit function answer with what SendMessage answered, and raise its timeout where it ends before that");
    if count == 1 { evaluation.with_verdict(Verdict::Warn) } else { evaluation }
}

/// The id of the message that a job became, by the answer to its submission; `None` where it was not taken, or the answer is about
/// another job.
pub fn message_id(exchange: &Exchange, job_id: &str, settings: &Settings) -> Option<String> {
    if !settings.jobs.are_sent() {
        return accepted_message_id(exchange, job_id, &settings.api);
    }
    let answer = exchange.answer.as_ref().ok().filter(|answer| answer.status == 200)?;
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    body["MessageId"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The message's id in an accepting answer, or the job's where the answer has none by the settings; `None` when it accepts nothing,
/// or is about another job.
fn accepted_message_id(exchange: &Exchange, job_id: &str, api: &Api) -> Option<String> {
    let answer = exchange.answer.as_ref().ok()?;
    let body: Option<Value> = serde_json::from_str(&answer.body).ok();
    let text = |path: &str| lookup(body.as_ref()?, path)?.as_str().map(str::to_owned);
    let repeats =
        api.accepted_job_id.as_ref().is_none_or(|path| text(path).as_deref() == Some(job_id));
    let is_accepted = answer.status == api.accepted_status && repeats;
    let message_id = match &api.accepted_message_id {
        Some(path) => text(path).filter(|id| !id.is_empty()),
        None => Some(job_id.to_owned()),
    };
    message_id.filter(|_| is_accepted)
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

/// What keeps a queue from taking messages.
fn sending(url: &str) -> String {
    format!(
        "allow sqs:SendMessage on {url} to the role that runs the verifier (`verifier iam-policy check` prints what it needs), and look at what SQS says of the message: its group and attributes are keys below [jobs] in verifier.toml"
    )
}

fn wanted(api: &Api) -> String {
    let Api { accepted_status, accepted_job_id, accepted_message_id, .. } = api;
    let job_id = accepted_job_id.as_ref().map(|path| format!("the submitted {path}"));
    let message_id = accepted_message_id.as_ref().map(|path| format!("a {path}"));
    let both: Vec<String> = job_id.into_iter().chain(message_id).collect();
    let with =
        if both.is_empty() { String::new() } else { format!(" with {}", both.join(" and ")) };
    format!("{accepted_status}{with}")
}

fn excerpt(body: &str) -> String {
    body.chars().take(200).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::Terms;
    use crate::check::{Answer, Exchange, LoggedOutcome, Verdict, observed};
    use crate::settings::Submit;
    use verifier_model::time::Timestamp;

    pub(crate) fn job(id: &str, fails: bool, message_id: Option<&str>) -> JobEvidence {
        JobEvidence {
            job_id: id.to_owned(),
            body: String::new(),
            fails,
            submitted_at: Timestamp::from_millis(1_000_000),
            exchange: Exchange {
                method: "POST",
                url: "u".to_owned(),
                latency: Duration::ZERO,
                answer: Ok(Answer { status: 202, ..Answer::default() }),
                is_unsent: false,
            },
            message_id: message_id.map(str::to_owned),
            requests: 1,
            unavailable: 0,
            errors: 0,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn all_accepted_passes_one_refused_fails_none_is_nothing() {
        assert_eq!(
            evaluate(&[job("a", false, Some("m"))], &Settings::default(), None).verdict,
            Verdict::Pass
        );
        let mixed = [job("a", false, Some("m")), job("b", true, None)];
        let evaluation = evaluate(&mixed, &Settings::default(), None);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.actual.unwrap().starts_with("b: 202"));
        let next = evaluation.next.unwrap();
        let body = r#"{"task":"verifier: try","jobId":"try","runId":"try"}"#;
        assert_eq!(
            next,
            format!(
                "see what it is answered; if it is accepted, the worker does this job once: curl -sS -i --max-time 10 -H 'content-type: application/json' -d '{body}' u"
            )
        );
        assert_eq!(evaluate(&[], &Settings::default(), None).verdict, Verdict::NotRun);
    }

    #[test]
    fn one_error_of_the_server_is_told_and_two_are_how_it_works() {
        let of = |errors: &[u32]| {
            let jobs = errors.iter().enumerate().map(|(number, errors)| {
                let (id, message_id) = (format!("j{number}"), format!("m{number}"));
                JobEvidence { errors: *errors, ..job(&id, false, Some(&message_id)) }
            });
            evaluate(&jobs.collect::<Vec<_>>(), &Settings::default(), None)
        };
        let once = of(&[0, 1, 0]);
        assert_eq!(once.verdict, Verdict::Pass);
        assert!(once.summary.contains("j1 was sent again"), "{}", once.summary);
        assert_eq!(of(&[0, 1, 1]).verdict, Verdict::Fail);
        // One that ends with it is not accepted.
        let refused = JobEvidence { errors: 1, ..job("a", false, None) };
        assert_eq!(evaluate(&[refused], &Settings::default(), None).verdict, Verdict::Fail);
    }

    #[test]
    fn a_message_is_named_for_the_job_that_it_holds() {
        let verdict = |jobs: &[JobEvidence]| evaluate(jobs, &Settings::default(), None).verdict;
        let received = |id: &str, message_id: &str, holds: &str| JobEvidence {
            attempts: vec![line(message_id, holds)],
            ..job(id, false, Some(message_id))
        };
        assert_eq!(verdict(&[received("a", "m", "a"), received("b", "n", "b")]), Verdict::Pass);
        assert_eq!(verdict(&[received("a", "m", "b"), received("b", "n", "a")]), Verdict::Fail);
        let same = [job("a", false, Some("m")), job("b", false, Some("m"))];
        assert_eq!(verdict(&same), Verdict::Fail);
        // What the worker writes of a job that is none of the run's says nothing of the API.
        assert_eq!(verdict(&[received("a", "m", "x")]), Verdict::Pass);
    }

    #[test]
    fn what_was_answered_503_is_not_on_the_queue() {
        let verdict = |repeated: &[(&str, u32, u32)], seen: &[(&str, &str)]| {
            let jobs: Vec<JobEvidence> = repeated
                .iter()
                .map(|(id, requests, unavailable)| JobEvidence {
                    requests: *requests,
                    unavailable: *unavailable,
                    attempts: (seen.iter().filter(|(of, _)| of == id))
                        .map(|(of, message_id)| line(message_id, of))
                        .collect(),
                    ..job(id, false, Some(id))
                })
                .collect();
            let terms = Terms {
                max_receive_count: 3,
                visibility_timeout: Duration::from_mins(1),
                delay: Duration::ZERO,
                batch_size: 5,
            };
            let account = Account::of(&observed(terms, &jobs, &[], &[], (None, None)));
            evaluate(&jobs, &Settings::default(), Some(&account)).verdict
        };
        assert_eq!(verdict(&[("a", 2, 1)], &[("a", "a")]), Verdict::Pass);
        assert_eq!(verdict(&[("a", 2, 1)], &[("a", "a"), ("a", "x")]), Verdict::Warn);
        let both = [("a", "a"), ("a", "x"), ("b", "b"), ("b", "y")];
        assert_eq!(verdict(&[("a", 2, 1), ("b", 2, 1)], &both), Verdict::Fail);
        // A request that got no answer may have been carried out, and is no fault of the API's.
        assert_eq!(verdict(&[("a", 2, 0)], &[("a", "a"), ("a", "x")]), Verdict::Pass);
        assert_eq!(verdict(&[("a", 3, 1)], &[("a", "a"), ("a", "x")]), Verdict::Pass);
    }

    fn line(message_id: &str, job_id: &str) -> LoggedOutcome {
        let text = format!(
            r#"{{"event":"job.outcome","messageId":"{message_id}","jobId":"{job_id}","outcome":"succeeded","receiveCount":1,"requestId":"r-{message_id}","batchSize":1}}"#
        );
        let reader = Settings::default().outcomes.reader().expect("a reader");
        LoggedOutcome {
            at: Timestamp::from_millis(1_000_100),
            line: reader.read_any(&text).expect("an outcome line"),
            is_placed: false,
        }
    }

    #[test]
    fn of_a_job_that_was_sent_sqs_says_the_id() {
        let mut settings = Settings::default();
        settings.jobs.submit = Submit::Sqs;
        let told = |status: u16, body: &str| {
            let mut exchange = job("a", false, None).exchange;
            exchange.answer = Ok(Answer { status, body: body.to_owned(), ..Answer::default() });
            message_id(&exchange, "a", &settings)
        };
        assert_eq!(told(200, r#"{"MessageId":"m"}"#).as_deref(), Some("m"));
        for (status, body) in [(200, "{}"), (200, ""), (403, r#"{"MessageId":"m"}"#)] {
            assert_eq!(told(status, body), None, "{status} {body}");
        }
        let refused = evaluate(&[job("a", false, None)], &settings, None);
        assert!(refused.next.unwrap().contains("sqs:SendMessage"));
        let sent = evaluate(&[job("a", false, Some("m"))], &settings, None);
        assert_eq!(sent.summary, "1 of 1 jobs accepted by SQS");
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
            accepted_message_id: Some("queued.id".to_owned()),
            ..Api::default()
        };
        assert_eq!(told(201, r#"{"queued":{"id":"m"}}"#, &api).as_deref(), Some("m"));
    }
}
