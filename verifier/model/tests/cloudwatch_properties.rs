//! CloudWatch, for random metrics and histories.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use verifier_model::cloudwatch::{
    AlarmState, Alarms, ComparisonOperator, Datapoint, DescribeAlarms, Gauge, Level, Metric,
    MetricAlarm, Outcome, Point, QueueMetrics, Statistic, TreatMissingData, evaluate,
    evaluation_range,
};
use verifier_model::sqs::{QueueAttributes, ReceiveMessage, SendMessage, Sqs};
use verifier_model::time::Timestamp;

/// The start of a minute.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn point() -> impl Strategy<Value = Point> {
    prop_oneof![Just(Point::Missing), Just(Point::NotBreaching), Just(Point::Breaching)]
}

/// M, N and an evaluation range for them.
fn situation() -> impl Strategy<Value = (usize, usize, Vec<Point>)> {
    (1..6_usize).prop_flat_map(|periods| {
        let range = prop::collection::vec(point(), evaluation_range(periods));
        (1..=periods, Just(periods), range)
    })
}

fn treatment() -> impl Strategy<Value = TreatMissingData> {
    prop::sample::select(TreatMissingData::ALL.to_vec())
}

const ALARM: Outcome = Outcome::State(AlarmState::Alarm);
const OK: Outcome = Outcome::State(AlarmState::Ok);

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn filling_in_bounds_every_treatment((m, n, range) in situation(), treatment in treatment()) {
        let outcome = evaluate(&range, n, m, treatment);
        if evaluate(&range, n, m, TreatMissingData::NotBreaching) == ALARM {
            prop_assert_eq!(outcome, ALARM);
        }
        if evaluate(&range, n, m, TreatMissingData::Breaching) == OK {
            prop_assert_eq!(outcome, OK);
        }
    }

    #[test]
    fn another_breach_never_ends_an_alarm(
        (m, n, range) in situation(),
        treatment in treatment(),
        index in any::<prop::sample::Index>(),
    ) {
        let mut worse = range.clone();
        let changed = index.get_mut(&mut worse);
        if *changed == Point::NotBreaching {
            *changed = Point::Breaching;
        }
        if evaluate(&range, n, m, treatment) == ALARM {
            prop_assert_eq!(evaluate(&worse, n, m, treatment), ALARM);
        }
    }

    #[test]
    fn with_enough_data_the_latest_alone_decide_and_the_treatment_does_not(
        (m, n, range) in situation(),
        treatment in treatment(),
    ) {
        let known: Vec<Point> =
            range.iter().rev().filter(|point| **point != Point::Missing).copied().collect();
        prop_assume!(known.len() >= n);
        let breaching = known[..n].iter().filter(|point| **point == Point::Breaching).count();
        let expected = if breaching >= m { ALARM } else { OK };
        prop_assert_eq!(evaluate(&range, n, m, treatment), expected);
    }

    #[test]
    fn without_data_only_the_treatment_decides((m, n, _) in situation()) {
        let range = vec![Point::Missing; evaluation_range(n)];
        let outcome = |treatment| evaluate(&range, n, m, treatment);
        let unknown = Outcome::State(AlarmState::InsufficientData);
        prop_assert_eq!(outcome(TreatMissingData::Missing), unknown);
        prop_assert_eq!(outcome(TreatMissingData::Ignore), Outcome::Retained);
        prop_assert_eq!(outcome(TreatMissingData::Breaching), ALARM);
        prop_assert_eq!(outcome(TreatMissingData::NotBreaching), OK);
    }

    #[test]
    fn a_gauge_shows_what_a_look_at_every_second_would(
        changes in prop::collection::vec((0..30_u64, 0..5_u8), 1..20),
        from in 0..300_u64,
        length in 1..300_u64,
    ) {
        let mut gauge = Gauge::default();
        let mut levels = Vec::new();
        let mut at = 0;
        for (pause, value) in changes {
            at += pause;
            gauge.set(Level::Constant(value.into()), after(at));
            levels.push((at, f64::from(value)));
        }
        let looks: Vec<f64> = (from..from + length)
            .filter_map(|second| levels.iter().rev().find(|(at, _)| *at <= second))
            .map(|(_, value)| *value)
            .collect();
        let found = gauge.datapoint(after(from), after(from + length));
        prop_assert_eq!(found.is_some(), !looks.is_empty());
        if let Some(found) = found {
            let sum: f64 = looks.iter().sum();
            let count = f64::from(u32::try_from(looks.len()).unwrap());
            prop_assert!((found.value(Statistic::Average) - sum / count).abs() < 1e-6);
            // What lasted less than a second also counts, so the extremes may lie further out.
            prop_assert!(looks.iter().all(|value| *value <= found.maximum && *value >= found.minimum));
        }
    }
}

/// An operation on a queue, after a pause.
#[derive(Clone, Debug)]
enum Step {
    Send { delay_seconds: u32 },
    Receive { visibility_timeout_seconds: u32 },
    Purge,
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let step = prop_oneof![
        4 => (0..100_u32).prop_map(|delay_seconds| Step::Send { delay_seconds }),
        4 => (0..100_u32)
            .prop_map(|visibility_timeout_seconds| Step::Receive { visibility_timeout_seconds }),
        1 => Just(Step::Purge),
    ];
    (0..50_u64, step)
}

fn perform(sqs: &mut Sqs, step: &Step, now: Timestamp) {
    match *step {
        Step::Send { delay_seconds } => {
            let message =
                SendMessage { delay_seconds: Some(delay_seconds), ..SendMessage::new("x") };
            sqs.send("q", message, now).unwrap();
        }
        Step::Receive { visibility_timeout_seconds } => {
            let timeout = Some(visibility_timeout_seconds);
            let request =
                ReceiveMessage { visibility_timeout_seconds: timeout, ..ReceiveMessage::default() };
            sqs.receive("q", request, now).unwrap();
        }
        // A purge is refused within a minute of another.
        Step::Purge => drop(sqs.purge("q", now)),
    }
}

fn metric(name: &str) -> Metric {
    Metric {
        namespace: "AWS/SQS".to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::from([("QueueName".to_owned(), "q".to_owned())]),
    }
}

const GAUGES: [&str; 4] = [
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateAgeOfOldestMessage",
];

fn close(left: Option<Datapoint>, right: Option<Datapoint>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Statistic::ALL
            .iter()
            .all(|statistic| (left.value(*statistic) - right.value(*statistic)).abs() < 1e-6),
        (left, right) => left.is_none() && right.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn it_does_not_matter_how_often_somebody_looks(
        steps in prop::collection::vec(step(), 1..40),
        treatment in treatment(),
        periods in 1..4_u32,
    ) {
        let mut sqs = Sqs::new("us-local-1", "000000000000", 1);
        sqs.create_queue("q", QueueAttributes::default(), NOW).unwrap();
        let (mut seldom, mut often) = (QueueMetrics::default(), QueueMetrics::default());
        let mut alarms = Alarms::new("us-local-1", "000000000000");
        let depth = definition(treatment, periods);
        alarms.put(depth, BTreeMap::new(), NOW).unwrap();
        let mut asked_often = alarms.clone();
        let mut watched = sqs.clone();
        seldom.record(&mut sqs, NOW);
        often.record(&mut watched, NOW);
        let mut at = 0;
        for (pause, step) in &steps {
            for second in 0..*pause {
                let now = after(at + second);
                often.catch_up(&mut watched, now);
                often.record(&mut watched, now);
                asked_often.advance(now, &|metric, from, to| often.datapoint(metric, from, to));
            }
            at += pause;
            let now = after(at);
            seldom.catch_up(&mut sqs, now);
            perform(&mut sqs, step, now);
            seldom.record(&mut sqs, now);
            often.catch_up(&mut watched, now);
            perform(&mut watched, step, now);
            often.record(&mut watched, now);
            prop_assert_eq!(sqs.counts("q", now), watched.counts("q", now), "looking changes nothing");
        }
        let end = after(at);
        for minute in 0..=at / 60 {
            let (from, to) = (after(minute * 60), end.min(after(minute * 60 + 60)));
            for name in GAUGES.into_iter().chain(["NumberOfMessagesSent"]) {
                let (left, right) =
                    (seldom.datapoint(&metric(name), from, to), often.datapoint(&metric(name), from, to));
                prop_assert!(close(left, right), "{} in minute {}: {:?} {:?}", name, minute, left, right);
            }
        }
        alarms.advance(end, &|metric, from, to| seldom.datapoint(metric, from, to));
        asked_often.advance(end, &|metric, from, to| often.datapoint(metric, from, to));
        let state = |alarms: &Alarms| {
            let page = alarms.describe(&DescribeAlarms::default()).unwrap();
            let alarm = page.items[0];
            (alarm.state, alarm.state_transitioned_at, alarm.state_reason.clone())
        };
        prop_assert_eq!(state(&alarms), state(&asked_often));
    }
}

fn definition(treatment: TreatMissingData, evaluation_periods: u32) -> MetricAlarm {
    MetricAlarm {
        name: "depth".to_owned(),
        description: None,
        metric: metric("ApproximateNumberOfMessagesVisible"),
        unit: None,
        statistic: Statistic::Maximum,
        period_seconds: 60,
        evaluation_periods,
        datapoints_to_alarm: None,
        threshold: 1.0,
        comparison: ComparisonOperator::GreaterThanThreshold,
        treat_missing_data: Some(treatment),
        actions_enabled: true,
        ok_actions: Vec::new(),
        alarm_actions: Vec::new(),
        insufficient_data_actions: Vec::new(),
    }
}
