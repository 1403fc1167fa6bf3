//! The cases can fail: an endpoint that is wrong in one respect is told by the cases about that, and by no others.
//!
//! The endpoint is the emulator behind a proxy that alters requests or answers.

#![allow(clippy::expect_used, clippy::panic)]

mod proxy;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use verifier_conformance::{Case, Endpoint, Options, Outcome, Problem, cases, run};

use proxy::{Alteration, Exchange};

/// Something that is wrong with an endpoint, and the cases that tell it.
struct Altered {
    what: &'static str,
    alteration: fn(&mut Exchange),
    deviating: &'static [&'static str],
}

/// The last one takes away what others go by, so it has to stay the last.
const ALL: &[Altered] = &[
    Altered {
        what: "a dead letter has another id",
        alteration: rename_dead_letters,
        deviating: &["sqs.dead-letter.fifo-keeps-order", "sqs.dead-letter.same-message"],
    },
    Altered {
        what: "the receive count begins again",
        alteration: restart_counts,
        deviating: &["sqs.dead-letter.count-goes-on", "sqs.dead-letter.fifo-keeps-order"],
    },
    Altered {
        what: "the second entry of a batch to delete is lost",
        alteration: lose_second_deletes,
        deviating: &[
            "sqs.delete-batch.each-entry-is-confirmed",
            "sqs.delete-batch.one-fails-alone",
            "sqs.delete-batch.refused-as-a-whole",
        ],
    },
    Altered {
        what: "invalid values are accepted",
        alteration: accept_invalid_values,
        deviating: &[
            "sqs.attributes.delay-bounds",
            "sqs.attributes.message-size-bounds",
            "sqs.attributes.policy-must-be-json",
            "sqs.attributes.retention-bounds",
            "sqs.attributes.set-all-or-nothing",
            "sqs.attributes.set-fifo-to-false",
            "sqs.attributes.throughput-limit-needs-scope",
            "sqs.attributes.visibility-timeout-bounds",
            "sqs.attributes.wait-time-bounds",
        ],
    },
    Altered {
        what: "an error lacks the code that older clients read",
        alteration: drop_query_codes,
        deviating: &[
            "sqs.attributes.invalid-value-at-creation",
            "sqs.dead-letter.list-sources-of-none",
            "sqs.delete-queue.is-gone",
            "sqs.get-queue-url.missing",
            "sqs.queue-url.missing",
        ],
    },
    Altered {
        what: "the status is another one",
        alteration: flatten_statuses,
        deviating: &[
            "sqs.permissions.at-most-seven-actions",
            "sqs.purge-queue.twice-within-a-minute",
        ],
    },
    Altered {
        what: "the digest of attributes is wrong",
        alteration: spoil_digests,
        deviating: &["sqs.message-attributes.binary", "sqs.message-attributes.text-and-numbers"],
    },
    Altered {
        what: "deletes delete nothing",
        alteration: keep_deleted,
        deviating: &[
            "sqs.dead-letter.not-when-deleted",
            "sqs.delete.after-the-timeout",
            "sqs.delete.does-not-come-back",
            "sqs.fifo-group.emptied-and-used-again",
            "sqs.fifo-group.expired-handle",
            "sqs.fifo-group.free-after-delete",
            "sqs.fifo-group.sent-while-in-flight",
            "sqs.fifo.dedup-after-five-minutes",
            "sqs.visibility.gone-after-delete",
        ],
    },
    Altered {
        what: "a dead letter does not name its source",
        alteration: drop_sources,
        deviating: &["sqs.dead-letter.fifo-keeps-order", "sqs.dead-letter.names-its-source"],
    },
];

/// The cases that an alteration makes deviate, and those that it makes unsupported.
async fn found_by(
    alteration: impl Alteration,
    cases: &[Case],
) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let endpoint = Endpoint::emulator_behind(proxy::front(alteration)).await;
    let column = run(&endpoint, cases, Options::default(), &CancellationToken::new()).await;
    assert_eq!(column.left_behind, [""; 0], "every queue is removed");
    let (mut deviating, mut not_supported) = (BTreeSet::new(), BTreeSet::new());
    for (id, outcome) in column.outcomes {
        match outcome {
            Outcome::Passed => {}
            Outcome::Problem(Problem::Deviation { .. }) => {
                deviating.insert(id);
            }
            Outcome::Problem(Problem::NotSupported(_)) => {
                not_supported.insert(id);
            }
            other => panic!("{id}: {other:?}"),
        }
    }
    (deviating, not_supported)
}

fn chosen(is_chosen: impl Fn(&str) -> bool) -> Vec<Case> {
    cases().into_iter().filter(|case| is_chosen(case.id)).collect()
}

fn is_about_an_alteration(id: &str) -> bool {
    ALL.iter().any(|altered| altered.deviating.contains(&id))
}

fn each_message(exchange: &mut Exchange, mut change: impl FnMut(&mut Value)) {
    if exchange.action == "ReceiveMessage" {
        // Not by an index, which would make an object of an answer that only passes through.
        let messages = exchange.answer.get_mut("Messages").and_then(Value::as_array_mut);
        messages.into_iter().flatten().for_each(&mut change);
    }
}

fn is_dead_letter(message: &Value) -> bool {
    message["Attributes"]["DeadLetterQueueSourceArn"].is_string()
}

fn rename_dead_letters(exchange: &mut Exchange) {
    each_message(exchange, |message| {
        if is_dead_letter(message) {
            message["MessageId"] = json!("another");
        }
    });
}

fn restart_counts(exchange: &mut Exchange) {
    each_message(exchange, |message| {
        if is_dead_letter(message) {
            message["Attributes"]["ApproximateReceiveCount"] = json!("1");
        }
    });
}

/// It is confirmed all the same.
fn lose_second_deletes(exchange: &mut Exchange) {
    if exchange.action != "DeleteMessageBatch" {
        return;
    }
    let Some(entries) = exchange.request["Entries"].as_array_mut().filter(|e| e.len() > 1) else {
        return;
    };
    if exchange.is_answered {
        let lost = json!({"Id": entries[1]["Id"]});
        if let Some(successful) = exchange.answer["Successful"].as_array_mut() {
            successful.push(lost);
        }
    } else {
        exchange.forwarded["Entries"].as_array_mut().expect("entries").remove(1);
    }
}

fn accept_invalid_values(exchange: &mut Exchange) {
    let is_invalid = exchange.code() == "InvalidAttributeValue";
    if exchange.action == "SetQueueAttributes" && is_invalid {
        exchange.status = 200;
        exchange.answer = json!({});
    }
}

fn drop_query_codes(exchange: &mut Exchange) {
    if exchange.code() == "QueueDoesNotExist" {
        exchange.query_error = None;
    }
}

fn flatten_statuses(exchange: &mut Exchange) {
    if exchange.status == 403 {
        exchange.status = 400;
    }
}

fn spoil_digests(exchange: &mut Exchange) {
    if exchange.answer["MD5OfMessageAttributes"].is_string() {
        exchange.answer["MD5OfMessageAttributes"] = json!("0".repeat(32));
    }
}

/// Handles are still checked: only those of messages that are there are kept from the emulator.
fn keep_deleted(exchange: &mut Exchange) {
    let handle = exchange.request["ReceiptHandle"].as_str().unwrap_or_default();
    if exchange.action == "DeleteMessage" && handle != "INVALID" && exchange.is_answered {
        exchange.status = 200;
        exchange.answer = json!({});
    } else if exchange.action == "DeleteMessage" && handle != "INVALID" {
        exchange.forwarded["ReceiptHandle"] = json!("INVALID");
    }
}

fn drop_sources(exchange: &mut Exchange) {
    each_message(exchange, |message| {
        if let Some(attributes) = message["Attributes"].as_object_mut() {
            attributes.remove("DeadLetterQueueSourceArn");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_deviates_when_nothing_is_altered() {
    let (deviating, not_supported) = found_by(|_: &mut Exchange| {}, &cases()).await;
    assert!(deviating.is_empty() && not_supported.is_empty(), "{deviating:?} {not_supported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alteration_is_told_by_the_cases_about_it() {
    let cases = chosen(is_about_an_alteration);
    for altered in ALL {
        let (deviating, not_supported) = found_by(altered.alteration, &cases).await;
        let expected: BTreeSet<&str> = altered.deviating.iter().copied().collect();
        assert_eq!(deviating, expected, "when {}", altered.what);
        assert!(not_supported.is_empty(), "when {}: {not_supported:?}", altered.what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_case_deviates_whatever_is_altered() {
    let all = |exchange: &mut Exchange| ALL.iter().for_each(|one| (one.alteration)(exchange));
    let (deviating, not_supported) = found_by(all, &cases()).await;
    let others: Vec<&&str> = deviating.iter().filter(|id| !is_about_an_alteration(id)).collect();
    assert!(others.is_empty() && not_supported.is_empty(), "{others:?} {not_supported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deduplication_that_does_not_take_place_shows() {
    let distinguish = |exchange: &mut Exchange| {
        let given = exchange.request["MessageDeduplicationId"].as_str().map(str::len);
        let is_good = given.is_none_or(|length| (1..100).contains(&length));
        let is_fifo = exchange.request["QueueUrl"]
            .as_str()
            .is_some_and(|url| url.strip_suffix(".fifo").is_some());
        if exchange.action == "SendMessage" && is_fifo && is_good && !exchange.is_answered {
            // An id of ours for each send to a queue that makes them from the content, too.
            exchange.forwarded["MessageDeduplicationId"] = json!(format!("d-{}", exchange.number));
        }
    };
    let (deviating, _) = found_by(distinguish, &chosen(|id| id.starts_with("sqs.fifo"))).await;
    for id in [
        "sqs.fifo.dedup-across-groups",
        "sqs.fifo.dedup-after-delete",
        "sqs.fifo.dedup-by-content",
        "sqs.fifo.dedup-within-five-minutes",
        "sqs.fifo.dedup-within-groups",
    ] {
        assert!(deviating.contains(id), "{id} passes without deduplication");
    }
    // What a send needs, and the id that a message shows, are altered by this, too; nothing else is.
    assert!(deviating.iter().all(|id| id.starts_with("sqs.fifo.")), "{deviating:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_not_there_is_no_deviation() {
    let refuse = |exchange: &mut Exchange| {
        if exchange.action == "CancelMessageMoveTask" {
            exchange.status = 400;
            exchange.query_error = None;
            exchange.answer = json!({"__type": "UnknownOperationException"});
        }
    };
    let (deviating, not_supported) =
        found_by(refuse, &chosen(|id| id.starts_with("sqs.move-task"))).await;
    assert!(deviating.is_empty(), "{deviating:?}");
    let expected = [
        "sqs.move-task.cancel-needs-a-handle",
        "sqs.move-task.cancel-unknown-source",
        "sqs.move-task.cancel-unknown-task",
        "sqs.move-task.cancelled",
    ];
    assert_eq!(not_supported, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_only_ever_fails_counts_as_not_there() {
    let fail = |exchange: &mut Exchange| {
        if exchange.action == "ListDeadLetterSourceQueues" {
            exchange.status = 500;
            exchange.query_error = None;
            exchange.answer = json!({});
        }
    };
    let (deviating, not_supported) =
        found_by(fail, &chosen(|id| id.starts_with("sqs.dead-letter"))).await;
    assert!(deviating.is_empty(), "{deviating:?}");
    let expected = [
        "sqs.dead-letter.list-sources",
        "sqs.dead-letter.list-sources-by-pages",
        "sqs.dead-letter.list-sources-of-none",
    ];
    assert_eq!(not_supported, expected.into());
}
