//! Tests of the handler, and of the lines that it writes.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter};
use lambda_runtime::tracing::subscriber::fmt;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn record(id: &str, body: &str) -> Record {
    Record { message_id: Some(id.to_owned()), body: Some(body.to_owned()), receive_count: 1 }
}

fn failed_ids(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

/// The outcome of a batch of one.
fn outcome_of(record: &Record) -> OutcomeLine {
    let Handled { mut outcomes, .. } = handle(std::slice::from_ref(record), "q", Stage::Other);
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

#[test]
fn a_good_job_succeeds() {
    let record =
        Record { receive_count: 2, ..record("m", r#"{"task":"a","jobId":"j","runId":"r"}"#) };
    let Handled { response, outcomes, .. } = handle(&[record], "q", Stage::Other);
    assert_eq!(failed_ids(&response), [""; 0]);
    assert_eq!(
        outcomes,
        [OutcomeLine {
            run_id: Some("r".to_owned()),
            job_id: Some("j".to_owned()),
            message_id: "m".to_owned(),
            receive_count: 2,
            outcome: Outcome::Succeeded,
            reason: None,
            request_id: "q".to_owned(),
            batch_size: 1,
        }]
    );
}

#[test]
fn a_job_that_asks_to_fail_fails_and_is_named() {
    let line = outcome_of(&record("m", r#"{"task":"a","fail":true,"jobId":"j","runId":"r"}"#));
    assert_eq!(line.outcome, Outcome::Failed);
    assert_eq!(line.reason.as_deref(), Some(ASKED_TO_FAIL));
    assert_eq!(line.job_id.as_deref(), Some("j"));
    assert_eq!(line.run_id.as_deref(), Some("r"));
}

#[test]
fn a_message_that_is_no_job_fails_and_says_why() {
    for (body, expected) in [
        ("", "not a job: the body is not JSON"),
        ("not JSON", "not a job: the body is not JSON"),
        ("[]", "not a job: the body must be a JSON object"),
        ("{}", "not a job: the field task is required"),
        (r#"{"task":""}"#, "not a job: task must not be empty"),
        (r#"{"task":"a","fail":"yes"}"#, "not a job: fail must be true or false"),
    ] {
        let line = outcome_of(&record("m", body));
        assert_eq!(line.outcome, Outcome::Failed, "{body}");
        let reason = line.reason.unwrap();
        assert!(reason.starts_with(expected), "{body}: {reason}");
        assert_eq!((line.job_id, line.run_id), (None, None), "{body}");
    }
    let line = outcome_of(&Record { body: None, ..record("m", "") });
    assert_eq!((line.outcome, line.reason.as_deref()), (Outcome::Failed, Some(NO_BODY)));
}

#[test]
fn the_reason_never_quotes_the_body() {
    for body in
        ["secret", r#"{"task":{"secret":"secret"}}"#, r#"{"secret":1}"#, r#"{"task":"a" secret"#]
    {
        let reason = outcome_of(&record("m", body)).reason.unwrap();
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[test]
fn a_mixed_batch_fails_only_where_it_must() {
    let records = [
        record("good-1", r#"{"task":"a"}"#),
        record("asked", r#"{"task":"a","fail":true}"#),
        record("poison", "not JSON"),
        Record { body: None, ..record("empty", "") },
        record("good-2", r#"{"task":"a","fail":false}"#),
    ];
    let Handled { response, outcomes, .. } = handle(&records, "q", Stage::Other);
    assert_eq!(failed_ids(&response), ["asked", "poison", "empty"]);
    assert!(outcomes.iter().all(|line| line.batch_size == 5 && line.request_id == "q"));
}

#[test]
fn the_response_has_the_shape_that_lambda_reads() {
    let Handled { response, .. } = handle(&[record("m", "{")], "q", Stage::Other);
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({ "batchItemFailures": [{ "itemIdentifier": "m" }] })
    );
    let Handled { response, outcomes, .. } = handle(&[], "q", Stage::Other);
    assert_eq!(serde_json::to_value(&response).unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(outcomes, []);
}

#[test]
fn without_a_message_id_a_success_is_silent_and_a_failure_keeps_the_batch() {
    let nameless = |body: &str| Record { message_id: None, ..record("", body) };
    let good = record("m", r#"{"task":"a"}"#);
    let Handled { response, outcomes, .. } =
        handle(&[nameless(r#"{"task":"a"}"#), good.clone()], "q", Stage::Other);
    assert_eq!(failed_ids(&response), [""; 0]);
    assert_eq!(outcomes.len(), 2);

    let Handled { response, outcomes, .. } = handle(&[nameless("poison"), good], "q", Stage::Other);
    assert_eq!(failed_ids(&response), [""]);
    assert_eq!(outcomes[0].message_id, "");
    assert_eq!(outcomes[1].outcome, Outcome::Succeeded);
}

thread_local! {
    /// What the subscriber has written of this thread's tests.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes what a thread logs for that thread.
struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs [`respond`] under a subscriber configured as `lambda_runtime` configures its own for `AWS_LAMBDA_LOG_FORMAT=JSON`.
///
/// There is one for the whole process, and it is there before anything is logged: whoever logs first on a thread without
/// a subscriber turns the place off for every thread.
fn responding(batch: &Batch, request_id: &str, stage: Stage, sleep: impl FnMut(Duration)) -> Ended {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
        let subscriber = fmt()
            .with_target(false)
            .without_time()
            .with_env_filter(filter.parse_lossy(""))
            .with_writer(|| ThisThread)
            .json()
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    respond(batch, request_id, stage, sleep)
}

/// What is written of a batch, in the span that `lambda_runtime` opens.
fn logged(batch: &Batch, request_id: &str, stage: Stage) -> String {
    WRITTEN.take();
    let mut context = lambda_runtime::Context::default();
    context.request_id = "of the span".to_owned();
    let _span = lambda_runtime::layers::trace::request_span(&context).entered();
    responding(batch, request_id, stage, |_| panic!("nobody asked to wait"));
    String::from_utf8(WRITTEN.take()).unwrap()
}

#[test]
fn every_logged_line_reads_back_as_its_outcome() {
    let records = vec![
        Record {
            receive_count: 3,
            ..record("m-1", r#"{"task":"very secret","jobId":"j","runId":"r"}"#)
        },
        record("m-2", r#"{"task":"very secret","fail":true,"jobId":"j-2"}"#),
        record("m-3", "very secret"),
        Record::default(),
    ];
    let Handled { outcomes: expected, .. } = handle(&records, "q", Stage::Other);
    let log = logged(&Batch { records }, "q", Stage::Other);
    let read: Vec<_> =
        log.lines().map(|line| OutcomeLine::from_log_message(line).expect(line)).collect();
    assert_eq!(read, expected);
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_logged_line_carries_no_field_for_what_is_absent() {
    let log = logged(&Batch { records: vec![record("m", r#"{"task":"a"}"#)] }, "q", Stage::Other);
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(
        line["fields"],
        json!({
            "message": "job succeeded",
            "event": OUTCOME_EVENT,
            "messageId": "m",
            "receiveCount": 1,
            "outcome": "succeeded",
            "requestId": "q",
            "batchSize": 1,
        })
    );
}

/// Bodies of every kind: jobs good and failing, near misses, arbitrary text, nothing.
fn bodies() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        ("[a-z ü]{0,4}", any::<bool>(), proptest::option::of("[a-z/]{0,3}")).prop_map(
            |(task, fail, id)| Some(
                json!({ "task": task, "fail": fail, "jobId": id.unwrap_or("j".to_owned()) })
                    .to_string()
            )
        ),
        Just(Some(r#"{"task":"a"}"#.to_owned())),
        any::<String>().prop_map(Some),
        Just(None),
    ]
}

proptest! {
    #[test]
    fn any_batch_gives_one_outcome_per_record_and_fails_exactly_the_failing_ones(
        bodies in proptest::collection::vec(bodies(), 0..12),
        receive_count in any::<u32>(),
    ) {
        let records: Vec<Record> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| Record {
                message_id: Some(format!("m-{n}")),
                body: body.clone(),
                receive_count,
            })
            .collect();
        let Handled { response, outcomes, .. } = handle(&records, "q", Stage::Other);

        prop_assert_eq!(outcomes.len(), records.len());
        let mut failing = Vec::new();
        for (record, line) in records.iter().zip(&outcomes) {
            prop_assert_eq!(Some(&line.message_id), record.message_id.as_ref());
            prop_assert_eq!(line.receive_count, receive_count);
            let job = record.body.as_ref().and_then(|body| Job::parse(body.as_bytes()).ok());
            let good = job.is_some_and(|job| !job.fail);
            prop_assert_eq!(line.outcome == Outcome::Succeeded, good);
            prop_assert_eq!(line.reason.is_none(), good);
            if !good {
                failing.push(line.message_id.as_str());
            }
        }
        prop_assert_eq!(failed_ids(&response), failing);

        let log = logged(&Batch { records }, "q", Stage::Other);
        let read: Vec<_> = log.lines().filter_map(OutcomeLine::from_log_message).collect();
        prop_assert_eq!(read, outcomes);
    }
}

/// A job that asks for something.
fn asking(id: &str, chaos: &str) -> Record {
    record(id, &format!(r#"{{"task":"a","jobId":"{id}","chaos":{chaos}}}"#))
}

#[test]
fn only_a_preview_is_asked_for_trouble() {
    let stage =
        |pr: Option<&str>| Stage::read(|name| pr.filter(|_| name == PR_NUMBER).map(str::to_owned));
    assert_eq!(stage(Some("123")), Stage::Preview);
    assert_eq!([stage(Some(" ")), stage(None)], [Stage::Other; 2]);
    let records =
        [asking("m", r#"{"failTimes":9,"sleepMs":9,"exit":"before","malformedResponse":true}"#)];
    let handled = handle(&records, "q", Stage::Other);
    assert_eq!(failed_ids(&handled.response), [""; 0]);
    assert_eq!(handled.directives, [Directives::default()]);
    let ended =
        responding(&Batch { records: records.to_vec() }, "q", Stage::Other, |_| panic!("waited"));
    assert_eq!(ended, Ended::Responded(SqsBatchResponse::default()));
}

#[test]
fn a_preview_fails_a_job_as_often_as_it_asks_and_waits_as_long() {
    let flaky = |receive_count| Record { receive_count, ..asking("m", r#"{"failTimes":2}"#) };
    for (receive_count, fails) in [(1, true), (2, true), (3, false)] {
        let handled = handle(&[flaky(receive_count)], "q", Stage::Preview);
        assert_eq!(failed_ids(&handled.response).len(), usize::from(fails), "{receive_count}");
        assert_eq!(handled.outcomes[0].reason.as_deref(), fails.then_some(ASKED_TO_FAIL));
    }
    let records =
        vec![asking("a", r#"{"sleepMs":20}"#), asking("b", "{}"), asking("c", r#"{"sleepMs":5}"#)];
    let mut waited = Vec::new();
    responding(&Batch { records }, "q", Stage::Preview, |duration| {
        waited.push(duration.as_millis());
    });
    assert_eq!(waited, [20, 5]);
}

#[test]
fn a_preview_ends_its_process_or_spoils_its_answer_when_it_is_asked_to() {
    let batch = |chaos: &str| Batch {
        records: vec![asking("a", "{}"), asking("b", chaos), asking("c", "{}")],
    };
    let logged_until = |chaos: &str| {
        logged(&batch(chaos), "q", Stage::Preview)
            .lines()
            .filter_map(OutcomeLine::from_log_message)
            .count()
    };
    let ended = |chaos: &str| responding(&batch(chaos), "q", Stage::Preview, |_| {});
    assert_eq!(ended(r#"{"exit":"before"}"#), Ended::Exited);
    assert_eq!(logged_until(r#"{"exit":"before"}"#), 1);
    assert_eq!(ended(r#"{"exit":"after"}"#), Ended::Exited);
    assert_eq!(logged_until(r#"{"exit":"after"}"#), 2);
    let Ended::Responded(response) = ended(r#"{"malformedResponse":true}"#) else {
        panic!("no response");
    };
    // Lambda takes an empty identifier for a failure of the whole batch.
    assert_eq!(failed_ids(&response), [""]);
}
