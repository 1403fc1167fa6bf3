//! Tests of the handler with a queue that succeeds, one that fails, and none that was asked.

use std::sync::{Mutex, PoisonError};

use contract::{ID_MAX_CHARS, TASK_MAX_CHARS};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Records what it is sent, and answers as it is told.
struct FakeQueue {
    answer: Result<MessageId, SendError>,
    sent: Mutex<Vec<String>>,
}

impl FakeQueue {
    fn answering(answer: Result<MessageId, SendError>) -> Self {
        Self { answer, sent: Mutex::default() }
    }

    fn succeeding() -> Self {
        Self::answering(Ok(MessageId("m-1".to_owned())))
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl JobsQueue for FakeQueue {
    async fn send(&self, body: String) -> Result<MessageId, SendError> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        self.answer.clone()
    }
}

/// An answer, as API Gateway reads it.
struct Answer {
    status: u64,
    headers: Value,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap()
    }
}

async fn answer_to(queue: &FakeQueue, limit: usize, request: &ApiGatewayV2httpRequest) -> Answer {
    let response = handle(queue, limit, || "new-id".to_owned(), request).await.unwrap();
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response["isBase64Encoded"], false);
    assert_eq!(response["headers"]["content-type"], "application/json");
    Answer {
        status: response["statusCode"].as_u64().unwrap(),
        headers: response["headers"].clone(),
        body: serde_json::from_str(response["body"].as_str().unwrap()).unwrap(),
    }
}

fn post(body: &str) -> ApiGatewayV2httpRequest {
    request(&json!({ "headers": { "content-type": "application/json" }, "body": body }))
}

/// A request of payload format 2.0, with some of its fields set.
fn request(fields: &Value) -> ApiGatewayV2httpRequest {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "POST /jobs",
        "rawPath": "/jobs",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {
            "http": { "method": "POST", "path": "/jobs", "protocol": "HTTP/1.1" },
            "stage": "$default",
            "timeEpoch": 1_587_481_701_067_i64
        },
        "isBase64Encoded": false
    });
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

/// Sends a request that must be rejected, and checks that nothing reached the queue.
async fn rejected(limit: usize, request: &ApiGatewayV2httpRequest) -> Answer {
    let queue = FakeQueue::succeeding();
    let answer = answer_to(&queue, limit, request).await;
    assert_eq!(queue.sent(), [""; 0], "a rejected job was enqueued: {}", answer.body);
    assert_eq!(answer.headers.get("retry-after"), None);
    let error: ApiError = serde_json::from_value(answer.body.clone()).unwrap();
    assert_eq!(u64::from(error.status()), answer.status);
    answer
}

#[tokio::test]
async fn an_accepted_job_is_on_the_queue_with_its_new_id() {
    let queue = FakeQueue::succeeding();
    let body = r#"{"task":"a","fail":true,"runId":"r","priority":3,"nested":{"x":[1,null]}}"#;
    let answer = answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &post(body)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body, json!({ "jobId": "new-id", "messageId": "m-1" }));
    let sent = queue.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        serde_json::from_str::<Value>(&sent[0]).unwrap(),
        json!({
            "task": "a", "fail": true, "runId": "r", "jobId": "new-id",
            "priority": 3, "nested": { "x": [1, null] }
        })
    );
}

#[tokio::test]
async fn the_callers_own_job_id_is_kept() {
    let queue = FakeQueue::succeeding();
    let answer =
        answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &post(r#"{"task":"a","jobId":"mine"}"#)).await;
    assert_eq!((answer.status, &answer.body["jobId"]), (202, &json!("mine")));
    assert_eq!(Job::parse(queue.sent()[0].as_bytes()).unwrap().job_id.as_deref(), Some("mine"));
}

#[test]
fn new_ids_are_distinct_and_valid() {
    let (first, second) = (new_job_id(), new_job_id());
    assert_ne!(first, second);
    Job::parse(json!({ "task": "a", "jobId": first }).to_string().as_bytes()).unwrap();
}

#[tokio::test]
async fn every_defect_of_a_job_is_a_400_and_nothing_is_sent() {
    let too_long = json!({ "task": "x".repeat(TASK_MAX_CHARS + 1) }).to_string();
    let long_id = json!({ "task": "a", "jobId": "x".repeat(ID_MAX_CHARS + 1) }).to_string();
    for (body, code, field) in [
        ("", "invalid_json", None),
        ("{", "invalid_json", None),
        ("{\"task\":\"a\"} trailing", "invalid_json", None),
        ("[]", "not_an_object", None),
        ("\"a\"", "not_an_object", None),
        ("null", "not_an_object", None),
        ("{}", "missing_field", Some("task")),
        (r#"{"task":""}"#, "invalid_field", Some("task")),
        (r#"{"task":" \t"}"#, "invalid_field", Some("task")),
        (r#"{"task":7}"#, "invalid_field", Some("task")),
        (&too_long, "invalid_field", Some("task")),
        (r#"{"task":"a","fail":"true"}"#, "invalid_field", Some("fail")),
        (r#"{"task":"a","jobId":"a b"}"#, "invalid_field", Some("jobId")),
        (r#"{"task":"a","jobId":7}"#, "invalid_field", Some("jobId")),
        (&long_id, "invalid_field", Some("jobId")),
        (r#"{"task":"a","runId":""}"#, "invalid_field", Some("runId")),
    ] {
        let answer = rejected(DEFAULT_MAX_MESSAGE_BYTES, &post(body)).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}");
        assert_eq!(answer.body["error"]["field"].as_str(), field, "{body}");
    }
}

#[tokio::test]
async fn a_missing_body_is_a_400() {
    for body in [json!(null), json!("")] {
        let request =
            request(&json!({ "headers": { "content-type": "application/json" }, "body": body }));
        let answer = rejected(DEFAULT_MAX_MESSAGE_BYTES, &request).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_json"));
    }
}

#[tokio::test]
async fn only_json_is_taken() {
    for headers in [
        json!({}),
        json!(null),
        json!({ "content-type": "" }),
        json!({ "content-type": "text/plain" }),
        json!({ "content-type": "application/jsonp" }),
        json!({ "content-type": "application/x-www-form-urlencoded" }),
        json!({ "content-type": "text/plain; application/json" }),
        json!({ "content-type": "application/json, text/plain" }),
        json!({ "accept": "application/json" }),
    ] {
        let request = request(&json!({ "headers": headers, "body": r#"{"task":"a"}"# }));
        let answer = rejected(DEFAULT_MAX_MESSAGE_BYTES, &request).await;
        assert_eq!((answer.status, answer.code()), (415, "unsupported_media_type"), "{headers}");
    }
    for (name, value) in [
        ("content-type", "application/json"),
        ("Content-Type", "application/json"),
        ("CONTENT-TYPE", "Application/JSON"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-type", " application/json ;charset=\"UTF-8\"; x=y"),
    ] {
        let queue = FakeQueue::succeeding();
        let request = request(&json!({ "headers": { name: value }, "body": r#"{"task":"a"}"# }));
        let answer = answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &request).await;
        assert_eq!(answer.status, 202, "{name}: {value}");
    }
}

fn encoded(body: &str) -> ApiGatewayV2httpRequest {
    request(&json!({
        "headers": { "content-type": "application/json" }, "body": body, "isBase64Encoded": true
    }))
}

#[tokio::test]
async fn a_base64_body_is_decoded() {
    let queue = FakeQueue::succeeding();
    let body = BASE64_STANDARD.encode(r#"{"task":"größer","jobId":"j"}"#);
    let answer = answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &encoded(&body)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(Job::parse(queue.sent()[0].as_bytes()).unwrap().task, "größer");
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_a_400() {
    for body in ["{\"task\":\"a\"}", "e30", "e30=e30=", "****"] {
        let answer = rejected(DEFAULT_MAX_MESSAGE_BYTES, &encoded(body)).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_base64"), "{body}");
    }
    for body in [&b"\xff\xfe"[..], b"", b"{\"task\":\"\xff\"}"] {
        let answer =
            rejected(DEFAULT_MAX_MESSAGE_BYTES, &encoded(&BASE64_STANDARD.encode(body))).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_json"), "{body:?}");
    }
}

/// A job whose message has exactly so many bytes.
fn job_of(bytes: usize) -> String {
    let with_padding = |n: usize| json!({ "task": "a", "jobId": "j", "pad": "x".repeat(n) });
    let body = with_padding(bytes - with_padding(0).to_string().len()).to_string();
    assert_eq!(body.len(), bytes);
    body
}

#[tokio::test]
async fn the_limit_is_inclusive() {
    for limit in [1024, DEFAULT_MAX_MESSAGE_BYTES] {
        let queue = FakeQueue::succeeding();
        let answer = answer_to(&queue, limit, &post(&job_of(limit))).await;
        assert_eq!(answer.status, 202);
        assert_eq!(queue.sent()[0].len(), limit);

        let answer = rejected(limit, &post(&job_of(limit + 1))).await;
        assert_eq!((answer.status, answer.code()), (413, "payload_too_large"));
    }
}

#[tokio::test]
async fn what_counts_is_the_message_and_not_the_request() {
    // The id that is added counts.
    let request = post(r#"{"task":"a"}"#);
    let sent = r#"{"task":"a","jobId":"new-id"}"#;
    assert_eq!(rejected(sent.len() - 1, &request).await.status, 413);
    let queue = FakeQueue::succeeding();
    assert_eq!(answer_to(&queue, sent.len(), &request).await.status, 202);
    assert_eq!(queue.sent(), [sent]);

    // White space that is not sent does not.
    let padded = format!("{}{sent}", " ".repeat(1000));
    assert_eq!(answer_to(&queue, sent.len(), &post(&padded)).await.status, 202);

    // Bytes count, and not characters.
    let wide = r#"{"task":"ü","jobId":"j"}"#;
    assert_eq!(rejected(wide.chars().count(), &post(wide)).await.status, 413);
}

#[tokio::test]
async fn a_job_that_the_queue_does_not_confirm_is_a_503_and_may_be_sent_again() {
    for error in [SendError::Failed("no route".to_owned()), SendError::Unconfirmed] {
        let queue = FakeQueue::answering(Err(error));
        let answer =
            answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &post(r#"{"task":"secret"}"#)).await;
        assert_eq!((answer.status, answer.code()), (503, "queue_unavailable"));
        assert_eq!(answer.headers["retry-after"], RETRY_AFTER_SECONDS.to_string());
        assert_eq!(queue.sent().len(), 1);
        assert!(!answer.body.to_string().contains("no route"), "{}", answer.body);
    }
}

#[tokio::test]
async fn characters_that_sqs_does_not_take_are_escaped() {
    let queue = FakeQueue::succeeding();
    let body = json!({ "task": "\u{fffe}\u{ffff}\u{fffd}\0\u{1f}\u{7f}", "\u{ffff}": "😀" });
    let request = post(&body.to_string());
    assert_eq!(answer_to(&queue, DEFAULT_MAX_MESSAGE_BYTES, &request).await.status, 202);
    let sent = queue.sent().remove(0);
    assert!(sent.chars().all(taken_by_sqs), "{sent:?}");
    let job = Job::parse(sent.as_bytes()).unwrap();
    assert_eq!(json!(job.task), body["task"]);
    assert_eq!(job.extra["\u{ffff}"], body["\u{ffff}"]);
}

fn taken_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Any JSON value of moderate size.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Near jobs: a field that the contract knows may be missing, good or of any kind.
fn jobs() -> impl Strategy<Value = Value> {
    let known = |good: BoxedStrategy<Value>| {
        proptest::option::of(prop_oneof![4 => good, 1 => values().boxed()])
    };
    (
        known("[a-z ]{1,5}".prop_map(Value::from).boxed()),
        known(any::<bool>().prop_map(Value::from).boxed()),
        known("[a-zA-Z0-9_-]{1,64}".prop_map(Value::from).boxed()),
        known("[a-zA-Z0-9_-]{1,64}".prop_map(Value::from).boxed()),
        proptest::collection::btree_map("[A-Z]\\PC{0,4}", values(), 0..3),
    )
        .prop_map(|(task, fail, job_id, run_id, extra)| {
            let mut job: serde_json::Map<_, _> = extra.into_iter().collect();
            let known = [("task", task), ("fail", fail), ("jobId", job_id), ("runId", run_id)];
            for (name, value) in known {
                if let Some(value) = value {
                    job.insert(name.to_owned(), value);
                }
            }
            Value::Object(job)
        })
}

proptest! {
    #[test]
    fn a_job_is_enqueued_whole_or_not_at_all(body in prop_oneof![4 => jobs(), 1 => values()]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let queue = FakeQueue::succeeding();
        let limit = 512;
        let text = body.to_string();
        let answer = runtime.block_on(answer_to(&queue, limit, &post(&text)));
        match Job::parse(text.as_bytes()) {
            Ok(_) if answer.status == 202 => {
                let sent = queue.sent();
                prop_assert_eq!(sent.len(), 1);
                prop_assert!(sent[0].len() <= limit);
                prop_assert!(sent[0].chars().all(taken_by_sqs), "{:?}", sent[0]);
                let mut sent: Value = serde_json::from_str(&sent[0]).unwrap();
                prop_assert_eq!(&sent["jobId"], &answer.body["jobId"]);
                // What the job says by leaving it out, it may also say.
                let mut given = body.clone();
                for job in [&mut sent, &mut given] {
                    let fields = job.as_object_mut().unwrap();
                    fields.entry("jobId").or_insert("new-id".into());
                    fields.entry("fail").or_insert(false.into());
                }
                prop_assert_eq!(sent, given);
            }
            Ok(_) => {
                prop_assert_eq!(answer.status, 413);
                prop_assert_eq!(queue.sent().len(), 0);
            }
            Err(error) => {
                prop_assert_eq!(answer.status, u64::from(error.status()));
                prop_assert_eq!(queue.sent().len(), 0);
            }
        }
    }
}
