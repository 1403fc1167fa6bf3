//! `api.reject`.

use serde_json::Value;

use crate::check::other_queues::refused_in_words;
use crate::check::{
    Check, Evaluate, Evaluation, LogEvidence, Need, Rejection, RunId, Severity, Strays, Verdict,
    unreadable,
};
use crate::command::curl;
use crate::settings::{Filling, Refused};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.reject",
    asserts: "the API refuses bodies that are no jobs with a 4xx and a JSON error, and puts none of them on the queue",
    severity: Severity::Fail,
    why: "a body that no worker can read is retried until it is dead-lettered, and its submitter never hears of it",
    fix: "validate the body before it is sent to the queue, and answer 400, 413, 415 or 422 with a JSON error",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html",
    must_run: true,
    needs: &[Need::RefusedBodies, Need::OtherQueues],
    absent: Some(|subject| {
        let has_none = subject.settings.jobs.refused.is_empty();
        let why = has_none.then_some("no body is given that is to be refused");
        why.or_else(|| subject.without_api())
    }),
    evaluate: Evaluate::Jobs(|followed| {
        let is_searched = followed.searched_at.is_some();
        evaluate(followed.rejections, followed.log, is_searched, followed.strays)
    }),
};

/// The statuses that say that the body is at fault. Others of 4xx are about the caller, the route or the moment.
pub const REFUSALS: [u16; 4] = [400, 413, 415, 422];

/// A body that has to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// What is wrong with it, in a word.
    pub defect: String,
    /// The job id in it.
    pub job_id: String,
    /// The body itself.
    pub text: String,
    /// Whether the queue would take it, if the API did not refuse it.
    pub fits_the_queue: bool,
}

/// The bodies that a run expects to be refused.
///
/// `message_bytes_max` is the largest message that the jobs queue takes.
pub fn bodies(run_id: RunId, refused: &[Refused], message_bytes_max: usize) -> Vec<Body> {
    let run = run_id.to_string();
    let body = |Refused { defect, body }: &Refused| {
        let job_id = format!("{run}-reject-{defect}");
        let padding_bytes = message_bytes_max;
        let filling = Filling { job_id: &job_id, run_id: &run, name: defect, padding_bytes };
        let text = filling.fill(body);
        let fits_the_queue = text.len() <= message_bytes_max;
        Body { defect: defect.clone(), job_id, text, fits_the_queue }
    };
    refused.iter().map(body).collect()
}

/// Evaluates the answers, and whether any of the bodies was seen behind the API. `searched` says whether the dead-letter
/// queue was looked at when they were due there.
pub fn evaluate(
    rejections: &[Rejection],
    log: &LogEvidence,
    searched: bool,
    strays: &Strays,
) -> Evaluation {
    if rejections.is_empty() {
        return Evaluation::not_run("no body was submitted that has to be refused");
    }
    let describe = |wrong: &dyn Fn(&Rejection) -> Option<String>| -> Vec<String> {
        let told = |each: &Rejection| Some(format!("{}: {}", each.defect, wrong(each)?));
        rejections.iter().filter_map(told).collect()
    };
    let arrived = describe(&seen_behind);
    let accepted = describe(&not_refused);
    let unknown = describe(&undecided);
    let failing = describe(&|each| (each.errors > 0).then(|| "first a server's error".to_owned()));
    let expected = "400, 413, 415 or 422 with a JSON error, and nothing on the queue";
    let next = || {
        let url = &rejections[0].exchange.url;
        curl(&["-H", "content-type: application/json", "-d", "{}"], url)
    };
    let fail = |what: &str, which: &[String]| {
        Evaluation::fail(format!("{what}: {}", which.join("; ")), expected, which.join("; "))
            .with_next(next())
    };
    let evaluation = if !arrived.is_empty() {
        fail("a body that is no job reached the queue", &arrived)
    } else if !accepted.is_empty() {
        fail("a body that is no job was not refused", &accepted)
    } else if failing.len() > 1 {
        fail("bodies that are no jobs were refused only when they were sent again", &failing)
    } else if let elsewhere = refused_in_words(&strays.other_queues)
        && !elsewhere.is_empty()
    {
        let shown = elsewhere.join("; ");
        Evaluation::inconclusive(format!(
            "{shown}: the bodies themselves, a note of each request or refusal, or messages of other senders; a count does not tell"
        ))
        .with_next("look at what that queue holds, and at what the submit function sends for a body that it refuses")
    } else if let Some(rewritten) = strays.rewritten.as_ref().filter(|each| each.came_again()) {
        let shown = rewritten.in_words();
        if rewritten.is_certain() {
            fail("bodies that are no jobs seem to have reached the queue in another form", &[shown])
        } else {
            Evaluation::inconclusive(format!("{shown}, which may be of other senders, who were seen at other times, too"))
                .with_next("run the check while no other sender is active; look at what the submit function sends for a body that it refuses")
        }
    } else if let Some(shown) = strays.shown() {
        if strays.others_seen {
            Evaluation::inconclusive(format!(
                "{shown}, which may be of other senders, who were seen"
            ))
        } else if strays.is_delivered_again() {
            let what = format!(
                "{shown}: jobs that were handed out once more within their visibility timeout, as SQS may do, or since the worker made them visible at once, or since the queue held each in a second message; or else bodies that were enqueued long after they were refused"
            );
            Evaluation::fail(what, "each message is delivered once", shown)
                .with_verdict(Verdict::Warn)
        } else if strays.is_unconfirmed() {
            Evaluation::inconclusive(format!("{shown}, which may be {}", strays.or_whose())).with_next(
                "look at what the queue holds, and run the check while no other sender is active",
            )
        } else {
            fail("bodies that are no jobs seem to have reached the queue", &[shown])
        }
    } else if !unknown.is_empty() {
        Evaluation::inconclusive(format!("not answered: {}", unknown.join("; ")))
    } else if let Some(unreadable) = unreadable(log) {
        unreadable
    } else if !log.is_closed_at(log.submitted_at) {
        Evaluation::inconclusive(
            "refused, but the worker's log has no line since, and may report them later",
        )
        .with_next(log.next())
    } else if !searched {
        Evaluation::inconclusive("refused, but the dead-letter queue was not searched for them")
    } else if let Some(came_once) = strays.came_once() {
        came_once
    } else {
        let statuses: Vec<String> = rejections.iter().filter_map(status).collect();
        let again = match failing.first() {
            Some(_) => "; one was sent again after an answer 500, 502 or 504",
            None => "",
        };
        Evaluation::pass(format!("{}; nothing of them on the queue{again}", statuses.join(", ")))
    };
    let shown: Vec<Value> = rejections.iter().map(shown).collect();
    evaluation.with_evidence("bodies", shown)
}

fn status(rejection: &Rejection) -> Option<String> {
    let answer = rejection.exchange.answer.as_ref().ok()?;
    Some(format!("{} {}", rejection.defect, answer.status))
}

/// Whether a body was refused as it has to be, by the status of the answer.
pub fn is_refused(rejection: &Rejection) -> bool {
    rejection.exchange.answer.as_ref().is_ok_and(|answer| REFUSALS.contains(&answer.status))
}

/// Whether an answer says that a body that is no job was taken for one.
pub fn is_accepted(rejection: &Rejection) -> bool {
    rejection.exchange.answer.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status))
}

/// Where a body was seen that should not have got past the API.
fn seen_behind(rejection: &Rejection) -> Option<String> {
    if let Some(message_id) = &rejection.dead_letter {
        return Some(format!("{message_id} is in the dead-letter queue"));
    }
    let attempt = rejection.attempts.first()?;
    Some(format!("the worker received it as {}", attempt.line.message_id))
}

/// What is wrong with an answer; `None` when there is none, or it says nothing about the body.
fn not_refused(rejection: &Rejection) -> Option<String> {
    let answer = rejection.exchange.answer.as_ref().ok()?;
    if is_undecided(answer.status) {
        return None;
    }
    if !REFUSALS.contains(&answer.status) {
        return Some(format!("answered {}", answer.status));
    }
    let is_object = serde_json::from_str::<Value>(&answer.body).is_ok_and(|body| body.is_object());
    (!is_object).then(|| format!("answered {} without a JSON error", answer.status))
}

fn undecided(rejection: &Rejection) -> Option<String> {
    match &rejection.exchange.answer {
        Err(error) => Some(error.clone()),
        Ok(answer) => is_undecided(answer.status).then(|| format!("answered {}", answer.status)),
    }
}

/// Whether a status says that the request was not looked at: it came too slowly, or there were too many.
fn is_undecided(status: u16) -> bool {
    matches!(status, 408 | 429)
}

fn shown(rejection: &Rejection) -> Value {
    let answer = rejection.exchange.answer.as_ref().ok();
    let body = answer.and_then(|answer| serde_json::from_str::<Value>(&answer.body).ok());
    serde_json::json!({
        "defect": rejection.defect,
        "jobId": rejection.job_id,
        "status": answer.map(|answer| answer.status),
        "code": body.and_then(|body| body.pointer("/error/code").cloned()),
        "attempts": rejection.attempts.len(),
        "deadLetter": rejection.dead_letter,
    })
}

#[cfg(test)]
mod tests {
    use contract::{Job, Outcome};

    use super::super::job_success::tests::{attempt, whole_log};
    use super::super::web_page::tests::exchange;
    use super::*;
    use crate::account::{Breach, Whose};
    use crate::check::Rewritten;
    use crate::settings::{Jobs, MessageIds};
    use verifier_model::time::Timestamp;

    const ERROR: &str = r#"{"error":{"code":"invalid_json","message":"m"}}"#;

    fn rejection(answer: Result<(u16, &str), &str>) -> Rejection {
        Rejection {
            defect: "malformed".to_owned(),
            job_id: "j".to_owned(),
            exchange: exchange(answer.map(|(status, body)| (status, "application/json", body))),
            errors: 0,
            attempts: Vec::new(),
            dead_letter: None,
        }
    }

    fn verdict(rejection: Rejection) -> Verdict {
        evaluate(&[rejection], &whole_log(), true, &Strays::default()).verdict
    }

    #[test]
    fn only_a_refusal_with_a_json_error_passes() {
        for status in REFUSALS {
            assert_eq!(verdict(rejection(Ok((status, ERROR)))), Verdict::Pass, "{status}");
        }
        for status in [200, 202, 302, 401, 403, 404, 405, 500, 503] {
            assert_eq!(verdict(rejection(Ok((status, ERROR)))), Verdict::Fail, "{status}");
        }
        assert_eq!(verdict(rejection(Ok((400, "no")))), Verdict::Fail);
        assert_eq!(verdict(rejection(Ok((400, "\"no\"")))), Verdict::Fail);
    }

    #[test]
    fn a_request_that_was_not_looked_at_proves_nothing() {
        for answer in [Err("timed out"), Ok((429, ERROR)), Ok((408, ERROR))] {
            assert_eq!(verdict(rejection(answer)), Verdict::Inconclusive);
        }
        assert_eq!(evaluate(&[], &whole_log(), true, &Strays::default()).verdict, Verdict::NotRun);
    }

    #[test]
    fn one_error_of_the_server_is_told_and_two_fail() {
        let of = |errors: u32| Rejection { errors, ..rejection(Ok((400, ERROR))) };
        let of = |all: &[u32]| {
            let all: Vec<Rejection> = all.iter().map(|errors| of(*errors)).collect();
            evaluate(&all, &whole_log(), true, &Strays::default())
        };
        let once = of(&[0, 1]);
        assert_eq!(once.verdict, Verdict::Pass);
        assert!(once.summary.contains("sent again"), "{}", once.summary);
        assert_eq!(of(&[1, 1]).verdict, Verdict::Fail);
    }

    #[test]
    fn a_refused_body_that_got_to_the_queue_fails_and_says_where() {
        let found =
            Rejection { dead_letter: Some("m-1".to_owned()), ..rejection(Ok((400, ERROR))) };
        let evaluation = evaluate(&[found], &whole_log(), true, &Strays::default());
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.summary.contains("m-1"), "{}", evaluation.summary);
        let seen = Rejection {
            attempts: vec![attempt(1, Outcome::Failed)],
            ..rejection(Ok((400, ERROR)))
        };
        assert_eq!(verdict(seen), Verdict::Fail);
    }

    #[test]
    fn where_nobody_looked_nothing_is_concluded() {
        let refused = [rejection(Ok((400, ERROR)))];
        // Lines may come late: without a later one, their absence is no evidence.
        let unread = LogEvidence::default();
        assert_eq!(
            evaluate(&refused, &unread, true, &Strays::default()).verdict,
            Verdict::Inconclusive
        );
        assert_eq!(
            evaluate(&refused, &whole_log(), false, &Strays::default()).verdict,
            Verdict::Inconclusive
        );
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        assert_eq!(
            evaluate(&refused, &log, true, &Strays::default()).verdict,
            Verdict::Inconclusive
        );
        let accepted = [rejection(Ok((202, "{}")))];
        assert_eq!(evaluate(&accepted, &log, false, &Strays::default()).verdict, Verdict::Fail);
    }

    fn breach() -> Breach {
        Breach {
            job_id: "g".to_owned(),
            why: "wrote of no message".to_owned(),
            came_again: false,
            inferred: true,
        }
    }

    #[test]
    fn messages_that_nobody_else_can_have_sent_fail_and_with_others_nothing_is_concluded() {
        let of = |strays: &Strays| {
            evaluate(&[rejection(Ok((400, ERROR)))], &whole_log(), true, strays).verdict
        };
        let queued = Strays { queued: Some(1), ..Strays::default() };
        // A count alone is no evidence: it convicts where it grows by the bodies that are posted once more.
        assert_eq!(of(&queued), Verdict::Inconclusive);
        let posted_again = |grown| Strays { grown: Some((grown, 3)), ..queued.clone() };
        assert_eq!(of(&posted_again(0)), Verdict::Inconclusive);
        assert_eq!(of(&posted_again(2)), Verdict::Inconclusive);
        assert_eq!(of(&posted_again(3)), Verdict::Fail);
        let others_seen = Strays { others_seen: true, ..posted_again(3) };
        assert_eq!(of(&others_seen), Verdict::Inconclusive);
        assert_eq!(of(&Strays { queued: Some(0), ..Strays::default() }), Verdict::Pass);
        let pass = || Evaluation::pass("3 of 3");
        assert_eq!(queued.leave_open(pass(), false).verdict, Verdict::Inconclusive);
        assert_eq!(queued.leave_open(pass(), true).verdict, Verdict::Pass);
        assert_eq!(Strays::default().leave_open(pass(), false).verdict, Verdict::Pass);
        let failed = Evaluation::fail("1 of 3", "", "");
        assert_eq!(queued.leave_open(failed, false).verdict, Verdict::Fail);
        let swallowed = |again| Strays {
            swallowed: vec!["batch q".to_owned()],
            swallowed_again: again,
            ..Strays::default()
        };
        // Where it is known that it did not happen again, it was somebody else's.
        let verdicts = [None, Some(true), Some(false)].map(|again| of(&swallowed(again)));
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Fail, Verdict::Inconclusive]);
        // A job that SQS delivered once more comes at once, and not again.
        let again = |again, queued| Strays {
            whose: Some(Whose::DeliveredAgain { or_of_the_run: true }),
            queued,
            ..swallowed(again)
        };
        assert_eq!(of(&again(Some(false), Some(0))), Verdict::Warn);
        assert_eq!(of(&again(Some(false), Some(1))), Verdict::Inconclusive);
        assert_eq!(of(&again(Some(true), Some(0))), Verdict::Fail);
        // So does one good job that came again once, since its delete was lost; several are the worker's.
        let returned = |messages| Strays {
            whose: Some(Whose::Returned { shared: Vec::new(), apart: vec![breach()], messages }),
            ..swallowed(Some(false))
        };
        assert_eq!([1, 2].map(|messages| of(&returned(messages))), [Verdict::Inconclusive; 2]);
        let apart = [1, 2].map(|messages| returned(messages).returned().1.len());
        assert_eq!(apart, [0, 1]);
        let or_others = Strays {
            whose: Some(Whose::DeliveredAgain { or_of_the_run: false }),
            ..swallowed(Some(true))
        };
        assert_eq!(of(&or_others), Verdict::Inconclusive);
        // What is handed out all the time happens again whatever is posted.
        let others = Strays { whose: Some(Whose::Others), ..swallowed(Some(true)) };
        assert_eq!(of(&others), Verdict::Inconclusive);
        // So it is with what the worker reads beside the queue; what it was handed once only is of there.
        let beside = |again| {
            let other_sources = vec!["audits".to_owned()];
            of(&Strays { other_sources, ..swallowed(again) })
        };
        let verdicts = [None, Some(true), Some(false)].map(beside);
        assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Inconclusive, Verdict::Pass]);
        let dead = Strays { dead: vec!["m".to_owned()], ..Strays::default() };
        assert_eq!(of(&dead), Verdict::Fail);
    }

    #[test]
    fn messages_of_no_known_job_that_come_whenever_bodies_are_posted_are_those() {
        let of = |again: &[usize], elsewhere| {
            let rewritten =
                Rewritten { first: 2, ahead: 0, again: again.to_vec(), before: 0, elsewhere };
            let strays =
                Strays { rewritten: Some(rewritten), others_seen: true, ..Strays::default() };
            evaluate(&[rejection(Ok((400, ERROR)))], &whole_log(), true, &strays).verdict
        };
        assert_eq!(of(&[2, 2], 0), Verdict::Fail);
        assert_eq!(of(&[2, 2], 3), Verdict::Inconclusive);
        assert_eq!([of(&[0], 0), of(&[2, 1], 0), of(&[], 0)], [Verdict::Pass; 3]);
    }

    #[test]
    fn messages_that_came_with_the_bodies_once_are_open_unless_they_may_be_of_someone_who_is_known()
    {
        let of = |ahead, elsewhere, sources: &[&str]| {
            let rewritten = Rewritten { first: 2, ahead, again: vec![0], before: 0, elsewhere };
            let other_sources = sources.iter().map(|name| (*name).to_owned()).collect();
            let strays = Strays { rewritten: Some(rewritten), other_sources, ..Strays::default() };
            evaluate(&[rejection(Ok((400, ERROR)))], &whole_log(), true, &strays).verdict
        };
        assert_eq!(of(2, 0, &[]), Verdict::Inconclusive);
        // Further work, of another sender, or of another queue.
        assert_eq!(of(0, 0, &[]), Verdict::Pass);
        assert_eq!(of(2, 1, &[]), Verdict::Pass);
        assert_eq!(of(2, 0, &["audits"]), Verdict::Pass);
    }

    #[test]
    fn the_bodies_are_no_jobs_and_are_the_runs() {
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        for Body { job_id, text, fits_the_queue, .. } in
            bodies(run_id, &Jobs::default().refused, 1024)
        {
            assert_eq!(Job::parse(text.as_bytes()).is_ok(), !fits_the_queue, "{text}");
            assert_eq!(text.len() <= 1024, fits_the_queue);
            assert_eq!(MessageIds::default().run_of(&text), Some(run_id), "{text}");
            assert!(text.contains(&job_id) && job_id.len() <= contract::ID_MAX_CHARS);
        }
    }
}
