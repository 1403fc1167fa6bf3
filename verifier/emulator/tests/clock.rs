//! Skipping idle time changes nothing but the time that it takes.

#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_lambda::types::InvocationType;
use serde_json::{Value, json};
use support::{Stand, config, mapping, probe, queues, resources};
use verifier_emulator::ClockMode;

/// Short, since half of the runs go in real time's clock.
const VISIBILITY_TIMEOUT_SECONDS: u64 = 2;
const VISIBILITY_TIMEOUT_MILLISECONDS: u64 = VISIBILITY_TIMEOUT_SECONDS * 1_000;
/// How far apart jobs are sent. All are sent before the first is received again, and none when another is, so that it
/// does not depend on the machine what happens first.
const APART_MILLISECONDS: u64 = 270;

/// What became of a job: its attempts with their receive counts, each in the visibility timeout in which it fell, and
/// the receive count in the dead-letter queue.
type History = BTreeMap<String, (Vec<(u64, u64)>, Option<String>)>;

fn document() -> Value {
    let [dead, (name, mut jobs)] = queues();
    jobs["Properties"]["VisibilityTimeout"] = VISIBILITY_TIMEOUT_SECONDS.into();
    let mapping = mapping(json!({}));
    json!({"Resources": resources([dead, (name, jobs), ("Probe", probe(json!({}))), ("Mapping", mapping)])})
}

/// The jobs of a workload: what each is, and its number.
fn workload(seed: u64) -> Vec<(u64, String)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let wishes = ["fine", "error", "crash", "malformed", "other", "nothing", "unhurried"];
    let job = |number| {
        let wish = wishes[random.usize(..wishes.len())];
        (number, format!("{wish}:{number}"))
    };
    (0..7).map(job).collect()
}

async fn history(seed: u64, clock: ClockMode) -> History {
    let mut config = config(&document());
    config.clock = clock;
    let stand = Stand::of(config).await;
    // The first invocation starts an environment, which takes its time.
    let warm = stand.lambda.invoke().function_name("probe");
    let warm = warm.invocation_type(InvocationType::RequestResponse).send().await;
    warm.expect("it is warm");
    let began_at = stand.client.now();
    for (number, body) in workload(seed) {
        let at = began_at + Duration::from_millis(number * APART_MILLISECONDS);
        stand.client.sleep_until(at).await;
        stand.send("jobs", &body).await;
    }
    // Two receives, the attempt after them, and as much again.
    let end = began_at + Duration::from_secs(VISIBILITY_TIMEOUT_SECONDS) * 5;
    stand.client.sleep_until(end).await;
    let mut history = attempts(&stand).await;
    loop {
        let dead = stand.receive("dead").await;
        for message in &dead {
            let body = message.body.clone().unwrap_or_default();
            let attributes = message.attributes.as_ref().expect("attributes");
            let name = aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
            history.entry(body).or_default().1 = attributes.get(&name).cloned();
        }
        if dead.is_empty() || history.values().all(|(_, dead)| dead.is_some()) {
            break;
        }
        if stand.counts("dead").await.0 == 0 {
            break;
        }
    }
    stand.emulator.shut_down().await;
    history
}

async fn attempts(stand: &Stand) -> History {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let filter =
        logs.filter_log_events().log_group_name("probe").filter_pattern("{ $.receives > 0 }");
    let events = filter.send().await.expect("an answer").events.unwrap_or_default();
    let mut history = History::new();
    // When each job was attempted last, and in which turn.
    let mut last: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for event in events {
        let line: Value =
            serde_json::from_str(&event.message.unwrap_or_default()).expect("a line of the probe");
        let at = u64::try_from(event.timestamp.unwrap_or_default()).expect("a time");
        let body = line["body"].as_str().expect("a body").to_owned();
        // Attempts of a job are whole visibility timeouts apart; half a one of each is left for the machine. The first comes
        // when the machine has sent it.
        let (since, turn) = last.get(&body).copied().unwrap_or((at, 0));
        let gap = at.saturating_sub(since) + VISIBILITY_TIMEOUT_MILLISECONDS / 2;
        let turn = turn + gap / VISIBILITY_TIMEOUT_MILLISECONDS;
        last.insert(body.clone(), (at, turn));
        let receives = line["receives"].as_u64().expect("a count");
        history.entry(body).or_default().0.push((receives, turn));
    }
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_workload_has_the_same_history_by_both_clocks() {
    let runs = [1, 2].map(async |seed| {
        let wall = Instant::now();
        let skipping = history(seed, ClockMode::SkipIdle).await;
        let skipping_took = wall.elapsed();
        let wall = Instant::now();
        let real = history(seed, ClockMode::Real).await;
        assert_eq!(skipping, real, "seed {seed}");
        // It is not that nothing happened, nor that nothing was skipped.
        assert_eq!(real.len(), 7);
        assert!(real.values().any(|(attempts, _)| attempts.len() == 2), "{real:?}");
        assert!(real.values().any(|(_, dead)| dead.is_some()), "{real:?}");
        assert!(skipping_took < wall.elapsed(), "{skipping_took:?}");
    });
    futures::future::join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_skipped_while_a_function_works() {
    let stand = Stand::of(config(&document())).await;
    stand.send("jobs", "unhurried:1").await;
    // Long after the job is done; the clock may jump only before and behind it.
    stand.wait(3_600).await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let events = logs.filter_log_events().log_group_name("probe").send().await.expect("an answer");
    let times = |kind: &str| {
        let events = events.events.iter().flatten();
        let of_kind =
            events.filter(|event| event.message().is_some_and(|line| line.contains(kind)));
        of_kind.filter_map(aws_sdk_cloudwatchlogs::types::FilteredLogEvent::timestamp).collect()
    };
    let (started, ended): (Vec<i64>, Vec<i64>) =
        (times("platform.start"), times("platform.report"));
    assert_eq!((started.len(), ended.len()), (1, 1));
    let took = ended[0] - started[0];
    assert!((300..30_000).contains(&took), "{took} ms, for 300 ms of work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_time_is_up_by_the_walls_clock() {
    let stand = Stand::of(config(&document())).await;
    let wall = Instant::now();
    stand.send("jobs", "slow:1").await;
    // Both receives time out, a second each, while a client sleeps for an hour.
    stand.wait(3_600).await;
    assert!(wall.elapsed() >= Duration::from_secs(2), "{:?}", wall.elapsed());
    assert_eq!(stand.counts("dead").await, (1, 0));
}
