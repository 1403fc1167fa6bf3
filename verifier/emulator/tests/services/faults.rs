//! Faults on purpose: what a client sees of each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::{Stand, mapping, probe, queues, resources};
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::RequestId;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use reqwest::Method;
use serde_json::{Value, json};
use verifier_emulator::TOKEN_HEADER;
use verifier_model::faults::FaultRules;

/// An emulator with queues and a function, on which one fault is in force.
async fn stand(rule: Value) -> Stand {
    with_resources(rule, [("Probe", probe(json!({})))]).await
}

/// The same, with a mapping from the jobs queue to the function.
async fn mapped(rule: Value) -> Stand {
    with_resources(rule, [("Probe", probe(json!({}))), ("Mapping", mapping(json!({})))]).await
}

async fn with_resources<const N: usize>(rule: Value, more: [(&'static str, Value); N]) -> Stand {
    let stand = Stand::start(resources(queues().into_iter().chain(more))).await;
    stand.set(&json!([rule]));
    stand
}

impl Stand {
    fn set(&self, rules: &Value) {
        let text = json!({"seed": 7, "rules": rules}).to_string();
        let rules = FaultRules::parse(text.as_bytes()).expect("rules");
        self.emulator.set_faults(rules).expect("they are set");
    }

    /// A client that does not try again.
    fn once(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.sdk);
        aws_sdk_sqs::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
    }

    /// Sends once; the error's code, or what else there is to say, if that fails.
    async fn send_once(&self, body: &str) -> Result<(), String> {
        let request =
            self.once().send_message().queue_url(self.queue_url("jobs")).message_body(body);
        request.send().await.map(|_| ()).map_err(|error| match error.code() {
            Some(code) => code.to_owned(),
            None => format!("{error:?}"),
        })
    }

    /// The bodies and receive counts of what one receive finds at once.
    async fn glance(&self, queue: &str) -> Vec<(String, u32)> {
        let receive = self.sqs.receive_message().queue_url(self.queue_url(queue));
        let receive = receive.max_number_of_messages(10).wait_time_seconds(0);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let found = receive.send().await.expect("an answer").messages.unwrap_or_default();
        found
            .iter()
            .map(|message| (message.body.clone().unwrap_or_default(), count(message)))
            .collect()
    }

    /// The lines of the function's log that hold a text, of the last hour.
    async fn lines(&self, text: &str) -> Vec<(i64, String)> {
        let logs = aws_sdk_cloudwatchlogs::Client::new(&self.sdk);
        let found =
            logs.filter_log_events().log_group_name("probe").send().await.expect("an answer");
        let events = found.events.unwrap_or_default().into_iter();
        let lines = events
            .map(|event| (event.timestamp.unwrap_or_default(), event.message.unwrap_or_default()));
        lines.filter(|(_, line)| line.contains(text)).collect()
    }

    /// What the emulator's own administration answers.
    async fn admin(&self, method: Method, what: &str) -> Value {
        let http = verifier_aws::plain_http_client().expect("a client");
        let url = format!("{}/_emulator/{what}", self.emulator.endpoint());
        let request = http.request(method, url).header(TOKEN_HEADER, self.emulator.token());
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn ask_for(&self, wish: &str) -> (Option<String>, Value) {
        let payload = Blob::new(json!({"wish": wish}).to_string());
        let invoke = self.lambda.invoke().function_name("probe").payload(payload);
        let output = invoke.send().await.expect("an answer");
        let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
        (output.function_error, serde_json::from_slice(&payload).unwrap_or_default())
    }
}

fn count(message: &aws_sdk_sqs::types::Message) -> u32 {
    let attributes = message.attributes.as_ref().expect("attributes");
    let count = &attributes[&MessageSystemAttributeName::ApproximateReceiveCount];
    count.parse().expect("a number")
}

fn found(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
    expected.iter().map(|(body, count)| ((*body).to_owned(), *count)).collect()
}

// Between a client and a service.

#[tokio::test(flavor = "multi_thread")]
async fn an_error_comes_before_or_after_the_operation() {
    for (commit, there) in [("before", 0), ("after", 1)] {
        let fault = json!({"kind": "error", "status": 500, "code": "InternalError", "message": "on purpose", "commit": commit});
        let stand = stand(json!({"operation": "SendMessage", "nth": 1, "fault": fault})).await;
        assert_eq!(stand.send_once("a").await, Err("InternalError".to_owned()));
        assert_eq!(stand.counts("jobs").await, (there, 0), "{commit}");
        assert_eq!(stand.send_once("b").await, Ok(()), "only the first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_is_tried_again_by_the_sdk() {
    let fault =
        json!({"kind": "error", "status": 403, "code": "RequestThrottled", "commit": "before"});
    let stand =
        stand(json!({"operation": "SendMessage", "nth": {"from": 1, "to": 2}, "fault": fault}))
            .await;
    stand.send("jobs", "a").await;
    assert_eq!(stand.counts("jobs").await, (1, 0));
    assert_eq!(stand.emulator.fault_report()[0].struck, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_breaks_before_or_after_the_operation() {
    for (commit, there) in [("before", 0), ("after", 1)] {
        let fault = json!({"kind": "disconnect", "commit": commit});
        let stand =
            stand(json!({"operation": "SendMessage", "queue": "jobs", "fault": fault})).await;
        let failed = stand.send_once("a").await.expect_err("there is no answer");
        assert!(failed.contains("DispatchFailure"), "{failed}");
        assert_eq!(stand.counts("jobs").await, (there, 0), "{commit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_longer_by_the_stacks_clock() {
    let fault = json!({"kind": "latency", "milliseconds": 60_000});
    let stand = stand(json!({"operation": "SendMessage", "fault": fault})).await;
    let (before, wall) = (stand.client.now(), Instant::now());
    stand.send("jobs", "a").await;
    assert!(stand.client.now().since(before) >= Duration::from_mins(1));
    assert!(wall.elapsed() < Duration::from_secs(30), "idle time is skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_has_its_own_errors() {
    let fault = |code: &str| json!({"kind": "error", "status": 400, "code": code, "message": "on purpose", "commit": "before"});
    let stand =
        stand(json!({"operation": "DescribeStacks", "fault": fault("ValidationError")})).await;
    let stacks = aws_sdk_cloudformation::Client::new(&stand.sdk);
    let refused = stacks.describe_stacks().send().await.expect_err("query protocol");
    assert_eq!((refused.code(), refused.message()), (Some("ValidationError"), Some("on purpose")));
    stand.set(&json!([{"operation": "GetFunctionConfiguration", "function": "pro*", "fault": fault("ServiceException")}]));
    let get = stand.lambda.get_function_configuration().function_name("probe");
    let refused = get.send().await.expect_err("REST");
    assert_eq!((refused.code(), refused.message()), (Some("ServiceException"), Some("on purpose")));
    stand.set(
        &json!([{"operation": "FilterLogEvents", "fault": fault("ServiceUnavailableException")}]),
    );
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let refused = logs.filter_log_events().log_group_name("probe").send().await.expect_err("JSON");
    assert_eq!(refused.code(), Some("ServiceUnavailableException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_a_batch_fails_before_or_after_it_is_carried_out() {
    for (commit, there) in [("before", 1), ("after", 2)] {
        let fault = json!({"kind": "fail-entry", "code": "InternalError", "commit": commit});
        let stand = stand(json!({"contains": "bad", "fault": fault})).await;
        let entry = |id: &str, body: &str| {
            let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
            entry.build().expect("an entry")
        };
        let batch = stand.sqs.send_message_batch().queue_url(stand.queue_url("jobs"));
        let batch = batch.entries(entry("1", "good")).entries(entry("2", "bad"));
        let answer = batch.send().await.expect("HTTP 200");
        assert_eq!(
            answer.successful().iter().map(SendMessageBatchResultEntry::id).collect::<Vec<_>>(),
            ["1"]
        );
        let failed = &answer.failed()[0];
        assert_eq!(
            (failed.id(), failed.code(), failed.sender_fault()),
            ("2", "InternalError", false)
        );
        assert_eq!(stand.counts("jobs").await, (there, 0), "{commit}");
        assert!(answer.request_id().is_none_or(|id| !id.is_empty()));
    }
}

// In a queue.

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_available_late() {
    let fault = json!({"kind": "delayed-delivery", "milliseconds": 30_000});
    let stand = stand(json!({"contains": "late", "fault": fault})).await;
    stand.send("jobs", "late").await;
    stand.send("jobs", "punctual").await;
    assert_eq!(stand.glance("jobs").await, found(&[("punctual", 1)]));
    stand.wait(31).await;
    assert!(stand.glance("jobs").await.contains(&("late".to_owned(), 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receive_finds_nothing_although_something_is_there() {
    let fault = json!({"kind": "empty-receive", "milliseconds": 5_000});
    let stand = stand(json!({"nth": 1, "fault": fault})).await;
    stand.send("jobs", "a").await;
    assert_eq!(stand.glance("jobs").await, []);
    // A long poll finds it as soon as it can be found.
    assert_eq!(stand.receive("jobs").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_overtake_each_other() {
    let stand = stand(json!({"contains": "first", "nth": 1, "fault": {"kind": "reorder"}})).await;
    stand.send("jobs", "first").await;
    stand.send("jobs", "second").await;
    let mut order = Vec::new();
    while order.len() < 2 {
        let receive = stand.sqs.receive_message().queue_url(stand.queue_url("jobs"));
        let received = receive.wait_time_seconds(20).send().await.expect("an answer");
        order.extend(
            received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body),
        );
    }
    assert_eq!(order, ["second", "first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_twice() {
    let stand = stand(json!({"nth": 1, "fault": {"kind": "duplicate-delivery"}})).await;
    let id = stand.send("jobs", "a").await;
    for _ in 0..2 {
        let received = stand.receive("jobs").await;
        assert_eq!(received[0].message_id.as_deref(), Some(id.as_str()));
        let handle = received[0].receipt_handle.clone().expect("a handle");
        let delete = stand.sqs.delete_message().queue_url(stand.queue_url("jobs"));
        delete.receipt_handle(handle).send().await.expect("it is deleted");
    }
    assert_eq!(stand.counts("jobs").await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_visible_while_it_is_held() {
    let fault = json!({"kind": "visibility-expires", "milliseconds": 2_000});
    let stand = stand(json!({"nth": 1, "count_by": "message", "fault": fault})).await;
    stand.send("jobs", "a").await;
    assert_eq!(stand.glance("jobs").await, found(&[("a", 1)]));
    stand.wait(3).await;
    assert_eq!(stand.glance("jobs").await, found(&[("a", 2)]), "long before 30 s are over");
    stand.wait(3).await;
    assert_eq!(stand.glance("jobs").await, [], "the second receive holds it");
}

#[tokio::test(flavor = "multi_thread")]
async fn receives_are_counted_that_nobody_saw() {
    let stand = stand(json!({"fault": {"kind": "receive-count-drift", "by": 1}})).await;
    stand.send("jobs", "a").await;
    assert_eq!(stand.glance("jobs").await, found(&[("a", 2)]));
    stand.wait(31).await;
    assert_eq!(stand.glance("jobs").await, []);
    assert_eq!(stand.counts("dead").await, (1, 0), "after one receive that was seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_moved_early_or_late() {
    let early = stand(json!({"fault": {"kind": "early-move"}})).await;
    early.send("jobs", "a").await;
    assert_eq!(early.glance("jobs").await, []);
    assert_eq!(early.glance("dead").await, found(&[("a", 1)]));
    let rule =
        json!({"nth": 3, "count_by": "message", "queue": "jobs", "fault": {"kind": "late-move"}});
    let late = stand(rule).await;
    late.send("jobs", "a").await;
    for receive in 1..=3 {
        assert_eq!(late.glance("jobs").await, found(&[("a", receive)]), "two were allowed");
        late.wait(31).await;
    }
    assert_eq!(late.glance("jobs").await, []);
    assert_eq!(late.counts("dead").await, (1, 0));
}

/// What struck cannot seem to be later than what it brought about, or nothing explains that.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_moved_at_the_very_time_at_which_the_fault_strikes() {
    let stand = stand(json!({"queue": "jobs", "fault": {"kind": "early-move"}})).await;
    stand.admin(Method::PUT, "observed").await;
    for body in 0..100 {
        stand.send("jobs", &body.to_string()).await;
        assert_eq!(stand.glance("jobs").await, []);
    }
    let by_message =
        |list: &Value, what: fn(&Value) -> Option<&Value>| -> BTreeMap<String, Value> {
            let all = list.as_array().expect("a list").iter();
            let named = all.filter_map(|one| Some((what(one)?.to_string(), one["at"].clone())));
            named.collect()
        };
    let struck = stand.admin(Method::GET, "faults").await;
    let struck = by_message(&struck["strikes"], |strike| strike["messages"].get(0));
    let seen = stand.admin(Method::GET, "observed").await;
    let moved =
        by_message(&seen["events"], |seen| seen["event"].get("deadLettered")?.get("message"));
    assert_eq!((struck.len(), moved.len()), (100, 100), "{seen}");
    assert_eq!(struck, moved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_waits_although_its_message_is_put_off_by_no_time_at_all() {
    let fault = json!({"kind": "empty-receive", "milliseconds": 0});
    let stand = stand(json!({"caller": "client", "fault": fault})).await;
    stand.send("jobs", "a").await;
    let skipped = stand.emulator.skipped();
    let poll = stand.sqs.receive_message().queue_url(stand.queue_url("jobs")).wait_time_seconds(3);
    let answer = poll.send().await.expect("an answer");
    assert!(answer.messages().is_empty());
    // A poll that asks again and again is busy, and the clock skips nothing.
    assert!(stand.emulator.skipped() > skipped);
    assert_eq!(stand.counts("jobs").await.1, 0, "nobody received it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_lost_alone_and_in_a_batch() {
    let stand = stand(json!({"contains": "stays", "fault": {"kind": "delete-lost"}})).await;
    for body in ["stays", "goes"] {
        stand.send("jobs", body).await;
    }
    let received = stand.receive("jobs").await;
    let mut batch = stand.sqs.delete_message_batch().queue_url(stand.queue_url("jobs"));
    for (index, message) in received.iter().enumerate() {
        let handle = message.receipt_handle.clone().expect("a handle");
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
        batch = batch.entries(entry.receipt_handle(handle).build().expect("an entry"));
    }
    let answer = batch.send().await.expect("an answer");
    assert_eq!((answer.successful().len(), answer.failed().len()), (2, 0), "both seem deleted");
    assert_eq!(stand.counts("jobs").await, (0, 1));
    stand.wait(31).await;
    let again = stand.receive("jobs").await;
    let handle = again[0].receipt_handle.clone().expect("a handle");
    let delete = stand.sqs.delete_message().queue_url(stand.queue_url("jobs"));
    delete.receipt_handle(handle).send().await.expect("it seems deleted");
    assert_eq!(stand.counts("jobs").await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mappings_delete_is_lost_and_its_receives_are_struck_too() {
    let rule = json!({"caller": "mapping", "contains": "a job", "fault": {"kind": "delete-lost"}});
    let stand = mapped(rule).await;
    stand.send("jobs", "a job").await;
    stand.wait(70).await;
    assert_eq!(stand.counts("dead").await, (1, 0), "it succeeded twice, and is a dead letter");
    assert_eq!(stand.lines("platform.report").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_old() {
    let stand =
        stand(json!({"queue": "jobs", "fault": {"kind": "stale-counts", "milliseconds": 60_000}}))
            .await;
    stand.send("jobs", "a").await;
    assert_eq!(stand.counts("jobs").await, (0, 0), "as when the rules began");
    stand.wait(61).await;
    assert_eq!(stand.counts("jobs").await, (1, 0));
    stand.send("jobs", "b").await;
    assert_eq!(stand.counts("jobs").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_are_off() {
    let stand = stand(json!({"fault": {"kind": "clock-skew", "milliseconds": -3_600_000}})).await;
    stand.send("jobs", "a").await;
    let received = stand.receive("jobs").await;
    let attributes = received[0].attributes.as_ref().expect("attributes");
    let sent_at: u64 =
        attributes[&MessageSystemAttributeName::SentTimestamp].parse().expect("a time");
    let behind = stand.client.now().as_millis() - sent_at;
    assert!((3_600_000..3_660_000).contains(&behind), "{behind}");
    stand.ask_for("").await;
    let (logged_at, _) = stand.lines("platform.start").await[0];
    let behind = i64::try_from(stand.client.now().as_millis()).expect("a time") - logged_at;
    assert!((3_600_000..3_660_000).contains(&behind), "{behind}");
}

// At a function.

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_is_throttled() {
    let rule = json!({"caller": "mapping", "fault": {"kind": "throttle"}});
    let stand = mapped(rule).await;
    stand.send("jobs", "healthy").await;
    stand.wait(62).await;
    assert_eq!(stand.counts("dead").await, (1, 0));
    assert!(stand.lines("").await.is_empty(), "without one invocation");
    assert_eq!(stand.ask_for("").await.0, None, "others are not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_crashes_before_or_after_its_work_or_when_it_has_answered() {
    for (at, printed, error) in [
        ("before-effect", 0, Some("Runtime.ExitError")),
        ("after-effect", 1, Some("Runtime.ExitError")),
        ("after-response", 1, None),
    ] {
        let stand = stand(json!({"nth": 2, "fault": {"kind": "crash", "at": at}})).await;
        let (_, first) = stand.ask_for("").await;
        let (failed, answer) = stand.ask_for("print").await;
        assert_eq!(failed.is_some(), error.is_some(), "{at}: {answer}");
        assert_eq!(answer["errorType"].as_str(), error, "{at}: {answer}");
        assert_eq!(stand.lines("first line").await.len(), printed, "{at}");
        let (_, third) = stand.ask_for("").await;
        assert_ne!(third["body"], first["body"], "{at}: another process");
        assert_eq!(third["statusCode"], 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_freezes_and_thaws() {
    let freeze = |milliseconds| json!({"fault": {"kind": "freeze", "milliseconds": milliseconds}});
    let stand = with_resources(freeze(60_000), [("Probe", probe(json!({"Timeout": 90})))]).await;
    let before = stand.client.now();
    let (failed, answer) = stand.ask_for("print").await;
    assert_eq!((failed, answer["body"].as_str()), (None, Some("printed")));
    assert!(stand.client.now().since(before) >= Duration::from_mins(1));
    // Frozen for longer than it may take, it times out.
    stand.set(&json!([freeze(91_000)]));
    let (_, answer) = stand.ask_for("").await;
    assert_eq!(answer["errorType"], "Sandbox.Timedout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_visible_while_its_function_is_frozen() {
    let rule = json!({"nth": 1, "fault": {"kind": "freeze", "milliseconds": 40_000}});
    let stand = mapped(rule).await;
    // Longer than a message is invisible, which no template may ask for and an update may.
    let update = stand.lambda.update_function_configuration().function_name("probe");
    update.timeout(60).send().await.expect("it is changed");
    stand.send("jobs", "a job").await;
    stand.wait(60).await;
    assert_eq!(stand.lines("platform.report").await.len(), 2, "two worked on it");
    assert_eq!(stand.counts("jobs").await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_is_a_cold_one() {
    let stand = stand(json!({"fault": {"kind": "cold-start", "milliseconds": 4_000}})).await;
    let before = stand.client.now();
    let (_, first) = stand.ask_for("").await;
    let (_, second) = stand.ask_for("").await;
    assert_ne!(first["body"], second["body"], "another process each time");
    assert!(stand.client.now().since(before) >= Duration::from_secs(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_arrives_than_the_function_gave() {
    let rule = json!({"fault": {"kind": "answer", "payload": r#"{"batchItemFailures": [{"itemIdentifier": "other"}]}"#}});
    let stand = mapped(rule).await;
    stand.send("jobs", "a job").await;
    stand.wait(70).await;
    assert_eq!(stand.counts("dead").await, (1, 0), "each answer failed the whole batch");
}

// In the log.

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_late_lost_doubled_or_cut() {
    for (fault, soon, later) in [
        (json!({"kind": "log-late", "milliseconds": 60_000}), vec![], vec!["first line"]),
        (json!({"kind": "log-lost"}), vec![], vec![]),
        (json!({"kind": "log-doubled"}), vec!["first line"; 2], vec!["first line"; 2]),
        (json!({"kind": "log-truncated", "bytes": 5}), vec!["first"], vec!["first"]),
    ] {
        let rule = json!({"contains": "first line", "function": "probe", "fault": fault});
        let stand = stand(rule).await;
        stand.ask_for("print").await;
        let lines = async || -> Vec<String> {
            stand.lines("first").await.into_iter().map(|(_, line)| line).collect()
        };
        assert_eq!(lines().await, soon, "{fault}");
        assert_eq!(stand.lines("second li").await.len(), 1, "{fault}: others are as ever");
        stand.wait(61).await;
        assert_eq!(lines().await, later, "{fault}");
    }
}

// The rules themselves.

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_shown_replaced_and_removed_while_it_runs() {
    let stand = stand(json!({"fault": {"kind": "reorder"}})).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let url = format!("{}/_emulator/faults", stand.emulator.endpoint());
    let token = stand.emulator.token();
    let rules = r#"{"rules": [{"name": "no sends", "operation": "SendMessage", "fault": {"kind": "error", "status": 400, "code": "No", "commit": "before"}}]}"#;
    let put =
        http.put(&url).header(TOKEN_HEADER, token).body(rules).send().await.expect("an answer");
    assert_eq!(put.status(), 200);
    assert_eq!(stand.send_once("a").await, Err("No".to_owned()));
    let shown: Value = http
        .get(&url)
        .header(TOKEN_HEADER, token)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(shown["rules"][0]["rule"]["name"], "no sends");
    assert_eq!(
        (&shown["rules"][0]["matched"], &shown["rules"][0]["struck"]),
        (&json!(1), &json!(1))
    );

    let bad = http.put(&url).header(TOKEN_HEADER, token);
    let bad = bad.body(r#"{"rules": [{"fault": {"kind": "explode"}}]}"#).send().await;
    let bad = bad.expect("an answer");
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.expect("a text").contains("explode"));
    assert_eq!(stand.send_once("a").await, Err("No".to_owned()), "the old rules are in force");
    for (token, status) in [(None, 401), (Some("another"), 401)] {
        let delete = http.delete(&url);
        let delete = match token {
            Some(token) => delete.header(TOKEN_HEADER, token),
            None => delete,
        };
        assert_eq!(delete.send().await.expect("an answer").status(), status);
    }

    let removed = http.delete(&url).header(TOKEN_HEADER, token).send().await.expect("an answer");
    assert_eq!(removed.status(), 200);
    assert_eq!(stand.send_once("a").await, Ok(()));
}

/// SQS's older protocol is SQS, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_strikes_a_form_as_it_does_json() {
    let error =
        json!({"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "before"});
    let stand = stand(
        json!({"operation": "SendMessage", "queue": "jobs", "contains": "a", "fault": error}),
    )
    .await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let send = async |body: &str| {
        let url = stand.queue_url("jobs");
        let form =
            format!("Action=SendMessage&Version=2012-11-05&MessageBody={body}&QueueUrl={url}");
        let request = http.post(stand.emulator.endpoint()).body(form);
        let request = request.header("authorization", crate::support::SIGNED);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let (status, text) = send("a").await;
    assert_eq!(status, 503);
    assert!(text.starts_with('<') && text.contains("<Code>ServiceUnavailable</Code>"), "{text}");
    assert_eq!(send("b").await.0, 200);
    assert_eq!(stand.counts("jobs").await, (1, 0));
    stand.emulator.shut_down().await;
}
