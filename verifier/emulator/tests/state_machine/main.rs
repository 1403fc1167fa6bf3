//! Random operations through the HTTP API, each compared with the pure model of SQS.
//!
//! The emulator's clock stands still but for what the operations themselves wait, and both sides draw ids from equal
//! seeds: so every answer must be the model's, word for word. The environment variable `VERIFIER_STATE_MACHINE_CASES`
//! says how many sequences are tried.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod model;
mod operation;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use model::Model;
use operation::{Operation, operations};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use support::{REGION, config};
use tokio::runtime::Runtime;
use verifier_emulator::{Client, ClockMode, Emulator, EmulatorConfig, Template};

/// How many sequences are tried unless the environment says otherwise.
const CASES: u32 = 200;
/// No operation takes the wall's time, however long it waits by the emulator's clock.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How many kinds of operations there are, besides waiting.
const KINDS: usize = 23;
/// The longest sequence.
const OPERATIONS_MAX: usize = 100;

/// The emulator, as a client of its port sees it.
struct Served {
    emulator: Emulator,
    client: Client,
    authorization: String,
    http: reqwest::Client,
}

impl Served {
    async fn start(http: reqwest::Client) -> Self {
        let empty = json!({"Resources": {"Nothing": {"Type": "AWS::CDK::Metadata"}}});
        let config = EmulatorConfig {
            template: Template::default(),
            clock: ClockMode::Still,
            seed: model::SEED,
            ..config(&empty)
        };
        let emulator = Emulator::start(config).await.expect("the emulator starts");
        let client = emulator.client();
        let key = client.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={key}/20261124/{REGION}/sqs/aws4_request");
        Self { emulator, client, authorization, http }
    }

    /// The answer to an operation: what it returned, or its error's code.
    async fn call(&self, action: &str, body: &Value) -> Value {
        let request = self.http.post(self.emulator.endpoint()).body(body.to_string());
        let request = request.header("x-amz-target", format!("AmazonSQS.{action}"));
        let response = request.header("authorization", &self.authorization).send().await;
        let response = response.expect("an answer");
        let is_success = response.status().is_success();
        let answer: Value = response.json().await.expect("JSON");
        if is_success {
            return answer;
        }
        let code = answer["__type"].as_str().and_then(|name| name.rsplit('#').next());
        json!({"error": code, "message": answer["message"]})
    }
}

/// How many operations of each kind succeeded.
type Successes = Mutex<BTreeMap<&'static str, u32>>;

/// Performs a sequence on both sides.
async fn compare(
    sequence: &[Operation],
    http: reqwest::Client,
    successes: &Successes,
) -> Result<(), TestCaseError> {
    let served = Served::start(http).await;
    let mut model = Model::new(served.emulator.endpoint());
    for (number, operation) in sequence.iter().enumerate() {
        if let Operation::Wait { seconds } = operation {
            let until = served.client.now() + Duration::from_secs((*seconds).into());
            served.client.sleep_until(until).await;
            continue;
        }
        let mut request = model.request(operation);
        let now = served.client.now();
        let expected = model.answer(&mut request, now);
        let answered = served.call(request.action, &request.body);
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, answered).await;
        let answered = answered.expect("an answer in time");
        prop_assert_eq!(
            &answered,
            &expected,
            "operation {}: {} {}",
            number,
            request.action,
            request.body
        );
        if answered.get("error").is_none() {
            *successes.lock().unwrap().entry(request.action).or_default() += 1;
        }
    }
    served.emulator.shut_down().await;
    Ok(())
}

#[test]
fn every_answer_is_the_models() {
    let asked = std::env::var("VERIFIER_STATE_MACHINE_CASES");
    let cases = asked.ok().map_or(CASES, |cases| cases.parse().expect("a number of cases"));
    let runtime = Runtime::new().expect("a runtime");
    let http = verifier_aws::plain_http_client().expect("a client");
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let successes = Successes::default();
    let outcome = runner.run(&operations(OPERATIONS_MAX), |sequence| {
        runtime.block_on(compare(&sequence, http.clone(), &successes))
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    // A sequence of refusals would prove little.
    let successes = successes.into_inner().unwrap();
    assert_eq!(successes.len(), KINDS, "{successes:?}");
}
