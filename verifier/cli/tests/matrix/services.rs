//! Stacks under which AWS, or somebody else, misbehaves.

use serde_json::{Value, json};

use super::mutant::Mutant;
use super::sound::{TEXT_WITHOUT_COUNT, text_log};

fn at(name: &'static str, rule: Value, code: i32, expected: &[(&str, &str)]) -> Mutant {
    Mutant::new(name).with_fault(rule).expect(code, expected)
}

fn error(operation: &str, status: u16, code: &str) -> Value {
    json!({"operation": operation, "caller": "client",
        "fault": {"kind": "error", "status": status, "code": code, "message": "on purpose", "commit": "before"}})
}

fn failing(nth: u32, fault: &Value) -> Value {
    json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing", "nth": nth,
        "count_by": "message", "fault": fault})
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [deliveries(), drifts(), of_workers_that_tell_less(), invocations_and_logs(), answers()]
        .concat()
}

fn deliveries() -> Vec<Mutant> {
    vec![
        at(
            "the failing job is dead-lettered early",
            failing(2, &json!({"kind": "early-move"})),
            1,
            &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
        ),
        at(
            "SQS counts a receive of one failing job too many",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing-too", "nth": 2,
                "count_by": "message", "fault": {"kind": "receive-count-drift", "by": 1}}),
            0,
            &[("dlq.attempts", "warn"), ("dlq.arrival", "warn")],
        ),
        at(
            "SQS hands one failing job out once more",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing-too", "nth": 4,
                "count_by": "message", "fault": {"kind": "late-move"}}),
            0,
            &[("dlq.attempts", "warn")],
        ),
        at(
            "failing jobs are handed out once more",
            failing(4, &json!({"kind": "late-move"})),
            1,
            &[("dlq.attempts", "fail")],
        ),
        at(
            "somebody else uses up receives",
            failing(2, &json!({"kind": "receive-count-drift", "by": 1})),
            1,
            &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
        ),
        at(
            "the failing job is visible in the worker's hands",
            failing(1, &json!({"kind": "visibility-expires", "milliseconds": 5_000})),
            0,
            &[],
        ),
        at(
            "a good job is delivered twice",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-good-1", "nth": 1, "fault": {"kind": "duplicate-delivery"}}),
            0,
            &[],
        )
        .or_also(&[("job.success", "warn"), ("job.isolation", "warn")]),
        at(
            "a delete of a good job is lost",
            json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-1", "nth": 1, "fault": {"kind": "delete-lost"}}),
            3,
            &[("job.success", "warn"), ("job.isolation", "inconclusive")],
        ),
        at(
            "alone: a delete of a good job is lost",
            json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-1", "nth": 1, "fault": {"kind": "delete-lost"}}),
            0,
            &[("job.success", "warn")],
        )
        .with_batches_of(1),
        at(
            "a delete is lost of a worker that remembers",
            json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-3", "nth": 1, "fault": {"kind": "delete-lost"}}),
            3,
            &[("job.isolation", "inconclusive")],
        )
        // What came again without a line may be a refused body, too, unless it came at another time than those.
        .or_also(&[("api.reject", "inconclusive"), ("api.reject", "warn")])
        .with_worker("remembers"),
        at(
            "deletes of two good jobs are lost",
            json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-1", "nth": 1, "fault": {"kind": "delete-lost"}}),
            1,
            &[("job.success", "fail"), ("job.isolation", "fail")],
        )
        .with_fault(json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-3", "nth": 1, "fault": {"kind": "delete-lost"}})),
        at(
            "every delete is lost",
            json!({"operation": "DeleteMessage", "caller": "mapping", "fault": {"kind": "delete-lost"}}),
            1,
            &[("job.isolation", "fail")],
        )
        .or_also(&[("job.success", "fail"), ("clean.leftovers", "warn")]),
        at(
            "jobs are delivered late",
            json!({"operation": "SendMessage", "contains": "vrf-", "fault": {"kind": "delayed-delivery", "milliseconds": 20_000}}),
            0,
            &[],
        ),
    ]
}

/// Receives that SQS counts and that had no reader.
fn drifts() -> Vec<Mutant> {
    let drift = |of: &'static str, nth: u32| {
        json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": of, "nth": nth,
            "count_by": "message", "fault": {"kind": "receive-count-drift", "by": 1}})
    };
    let two = |changes: &mut verifier_testkit::Changes| {
        changes.jobs_queue()["RedrivePolicy"]["maxReceiveCount"] = 2.into();
    };
    let warned: &[(&str, &str)] = &[("dlq.attempts", "warn"), ("dlq.arrival", "warn")];
    vec![
        at(
            "alone: SQS counts the first of two receives too many",
            drift("-failing\"", 1),
            0,
            warned,
        )
        .with_change(two)
        .with_batches_of(1),
        at(
            "alone: SQS counts the second of two receives too many",
            drift("-failing\"", 2),
            0,
            warned,
        )
        .with_change(two)
        .with_batches_of(1),
        at(
            "SQS counts a receive of a good job too many",
            drift("-good-1\"", 1),
            0,
            &[("job.success", "warn")],
        )
        .with_worker("good=deleted-early failing=throws failing-last without=batchSize"),
        at(
            "SQS counts a receive of a later good job too many",
            drift("-good-9\"", 1),
            0,
            &[("job.success", "warn")],
        )
        .with_worker("good=deleted-early failing=throws failing-last without=batchSize"),
    ]
}

/// Deliveries to workers whose lines do not tell of what, or that treat what comes again in their own way.
fn of_workers_that_tell_less() -> Vec<Mutant> {
    vec![
        at(
            "a delete is lost of a worker whose lines are text without a count",
            json!({"operation": "DeleteMessage", "caller": "mapping", "contains": "-good-1", "nth": 1, "fault": {"kind": "delete-lost"}}),
            3,
            &[("cfg.logs", "warn"), ("job.success", "inconclusive")],
        )
        // It may have been in another batch than the failing jobs at first.
        .or_also(&[("job.isolation", "inconclusive"), ("job.isolation", "warn")])
        .with_worker("shape=text-without-count")
        .with_settings(TEXT_WITHOUT_COUNT)
        .with_change(text_log),
        at(
            "a delete is lost of a worker that deletes what it did and throws",
            json!({"operation": "DeleteMessage", "contains": "-good-1", "nth": 1, "fault": {"kind": "delete-lost"}}),
            3,
            &[("job.success", "warn"), ("job.isolation", "inconclusive")],
        )
        .with_worker("good=deleted-early failing=throws failing-last"),
        at(
            "a failing job is delivered twice, and lines have no count",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing\"", "nth": 1, "fault": {"kind": "duplicate-delivery"}}),
            0,
            &[],
        )
        .or_also(&[("dlq.attempts", "warn")])
        .with_worker("without=receiveCount"),
        at(
            "alone: a failing job is delivered twice, and the worker throws",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing\"", "nth": 1, "fault": {"kind": "duplicate-delivery"}}),
            0,
            &[("dlq.attempts", "warn")],
        )
        .with_worker("failing=throws")
        .with_batches_of(1),
        at(
            "alone: a failing job is delivered twice, the worker throws, and lines have no count",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing\"", "nth": 1, "fault": {"kind": "duplicate-delivery"}}),
            0,
            &[("dlq.attempts", "warn")],
        )
        .with_worker("failing=throws without=receiveCount")
        .with_batches_of(1),
        at(
            "a submission is carried out and answered 500, and the worker knows its jobs",
            json!({"operation": "POST /jobs", "caller": "client", "contains": "-good-1", "nth": 1,
                "fault": {"kind": "error", "status": 500, "code": "InternalServerError", "commit": "after"}}),
            0,
            &[],
        )
        // Of the message that it comes to last nothing is written, whichever the API named.
        .or_also(&[("job.success", "warn"), ("api.reject", "warn")])
        .with_worker("knows-jobs"),
        // The second message of the one does not explain that of the other.
        at(
            "a submission is carried out and answered 503, and another job is sent again much later",
            json!({"operation": "POST /jobs", "caller": "client", "contains": "-good-1\"", "nth": 1,
                "fault": {"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "after"}}),
            3,
            &[("api.reject", "inconclusive"), ("job.accept", "warn"), ("clean.leftovers", "warn")],
        )
        .with_submitter("twice=900 twice-of=good-5"),
    ]
}

fn invocations_and_logs() -> Vec<Mutant> {
    vec![
        at(
            "the worker is throttled throughout",
            json!({"operation": "Invoke", "function": "*Worker*", "fault": {"kind": "throttle"}}),
            1,
            &[
                ("api.reject", "inconclusive"),
                ("job.success", "fail"),
                ("dlq.attempts", "inconclusive"),
            ],
        )
        .or_also(&[("clean.leftovers", "warn")]),
        at(
            "the worker crashes after its work",
            json!({"operation": "Invoke", "function": "*Worker*", "nth": 1, "fault": {"kind": "crash", "at": "after-effect"}}),
            1,
            &[("job.isolation", "fail")],
        )
        .or_also(&[("job.success", "fail"), ("clean.leftovers", "warn")]),
        at(
            "the worker's answers are garbled",
            json!({"operation": "Invoke", "function": "*Worker*", "fault": {"kind": "answer", "payload": "{"}}),
            1,
            &[("job.isolation", "fail")],
        )
        // Jobs that come again at the end may be bodies that were to be refused, too.
        .or_also(&[
            ("job.success", "fail"),
            ("clean.leftovers", "warn"),
            ("api.reject", "inconclusive"),
        ]),
        at(
            "the worker's log is lost",
            json!({"operation": "PutLogEvents", "function": "*Worker*", "fault": {"kind": "log-lost"}}),
            3,
            &[
                ("api.reject", "inconclusive"),
                ("job.success", "inconclusive"),
                ("dlq.attempts", "inconclusive"),
            ],
        ),
        at(
            "a good job's line is lost",
            json!({"operation": "PutLogEvents", "contains": "good-1", "fault": {"kind": "log-lost"}}),
            3,
            &[("job.success", "inconclusive")],
        ),
        at(
            "the log comes too late",
            json!({"operation": "PutLogEvents", "function": "*Worker*", "fault": {"kind": "log-late", "milliseconds": 3_600_000}}),
            3,
            &[
                ("api.reject", "inconclusive"),
                ("job.success", "inconclusive"),
                ("dlq.attempts", "inconclusive"),
            ],
        ),
        at(
            "log lines are cut",
            json!({"operation": "PutLogEvents", "contains": "job.outcome", "fault": {"kind": "log-truncated", "bytes": 80}}),
            3,
            &[("job.success", "inconclusive"), ("dlq.attempts", "inconclusive")],
        ),
        at(
            "log events are doubled now and then",
            // Were most good jobs' lines doubled and no failing one's, they might as well be done twice.
            json!({"operation": "PutLogEvents", "function": "*Worker*", "probability": 0.15, "fault": {"kind": "log-doubled"}}),
            0,
            &[],
        )
        .or_also(&[("job.success", "warn")])
        .varies(),
        at(
            "every log event is doubled",
            json!({"operation": "PutLogEvents", "function": "*Worker*", "fault": {"kind": "log-doubled"}}),
            0,
            &[],
        ),
        at(
            "one good job's line is doubled",
            json!({"operation": "PutLogEvents", "contains": "good-1\"", "fault": {"kind": "log-doubled"}}),
            0,
            &[("job.success", "warn")],
        ),
        at(
            "log lines are doubled",
            json!({"operation": "PutLogEvents", "contains": "job.outcome", "fault": {"kind": "log-doubled"}}),
            0,
            &[],
        ),
    ]
}

fn answers() -> Vec<Mutant> {
    vec![
        at(
            "the API is unavailable",
            error("GET /hello", 503, "ServiceUnavailable"),
            1,
            &[("api.hello", "fail")],
        ),
        at(
            "a 202 is lost on its way",
            json!({"operation": "POST /jobs", "contains": "-good-1", "fault": {"kind": "disconnect", "commit": "after"}}),
            1,
            &[("job.accept", "fail")],
        )
        .or_also(&[("job.success", "warn"), ("job.isolation", "warn")]),
        at(
            "the stack may not be described",
            error("DescribeStacks", 403, "AccessDenied"),
            3,
            &[("the rest", "inconclusive")],
        ),
        at(
            "the queues may not be described",
            error("GetQueueAttributes", 403, "AccessDenied"),
            3,
            &[("the rest", "inconclusive")],
        ),
        at(
            "the log may not be read",
            error("FilterLogEvents", 400, "AccessDeniedException"),
            3,
            &[
                ("api.reject", "inconclusive"),
                ("job.success", "inconclusive"),
                ("job.isolation", "inconclusive"),
                ("dlq.attempts", "inconclusive"),
            ],
        ),
        at(
            "the alarms may not be described",
            error("DescribeAlarmsForMetric", 403, "AccessDenied"),
            3,
            &[("cfg.alarm", "inconclusive")],
        ),
        at(
            "AWS throttles the verifier throughout",
            error("ReceiveMessage", 403, "RequestThrottled"),
            3,
            &[
                ("api.reject", "inconclusive"),
                ("job.success", "inconclusive"),
                ("job.isolation", "inconclusive"),
                ("dlq.attempts", "inconclusive"),
                ("dlq.arrival", "inconclusive"),
                ("dlq.others", "inconclusive"),
                ("clean.leftovers", "warn"),
            ],
        ),
    ]
}
