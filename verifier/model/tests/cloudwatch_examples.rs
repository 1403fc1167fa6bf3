//! CloudWatch: AWS's own examples of alarms with missing data, and alarms on queues.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_model::cloudwatch::{
    AlarmState, Alarms, CloudWatchError, ComparisonOperator, Counter, DescribeAlarms, Gauge, Level,
    Metric, MetricAlarm, Outcome, Point, QueueMetrics, Statistic, TreatMissingData, evaluate,
};
use verifier_model::sqs::{QueueAttributes, ReceiveMessage, SendMessage, Sqs};
use verifier_model::time::Timestamp;

/// The start of a minute.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// Datapoints as AWS's page writes them: `0` within the threshold, `X` breaching, `-` missing.
fn range(text: &str) -> Vec<Point> {
    let point = |c| match c {
        '0' => Point::NotBreaching,
        'X' => Point::Breaching,
        '-' => Point::Missing,
        _ => panic!("{c} is no datapoint"),
    };
    text.split(' ').flat_map(str::chars).map(point).collect()
}

/// Checks a row of AWS's tables: the state for missing, ignore, breaching and not breaching.
#[track_caller]
fn check_row(datapoints_to_alarm: usize, points: &str, expected: [&str; 4]) {
    let order = [
        TreatMissingData::Missing,
        TreatMissingData::Ignore,
        TreatMissingData::Breaching,
        TreatMissingData::NotBreaching,
    ];
    for (treatment, expected) in order.into_iter().zip(expected) {
        let outcome = evaluate(&range(points), 3, datapoints_to_alarm, treatment);
        let found = match outcome {
            Outcome::State(state) => state.as_str(),
            Outcome::Retained => "retained",
        };
        assert_eq!(found, expected, "{points} with {treatment:?}");
    }
}

#[test]
fn three_out_of_three_as_in_the_documentation() {
    check_row(3, "0 - X - X", ["OK"; 4]);
    check_row(3, "0 - - - -", ["OK"; 4]);
    check_row(3, "- - - - -", ["INSUFFICIENT_DATA", "retained", "ALARM", "OK"]);
    check_row(3, "0 X X - X", ["ALARM"; 4]);
    check_row(3, "- - X - -", ["ALARM", "retained", "ALARM", "OK"]);
}

#[test]
fn two_out_of_three_as_in_the_documentation() {
    check_row(2, "0 - X - X", ["ALARM"; 4]);
    check_row(2, "0 0 X 0 X", ["ALARM"; 4]);
    check_row(2, "0 - X - -", ["OK", "OK", "ALARM", "OK"]);
    check_row(2, "- - - - 0", ["OK", "OK", "ALARM", "OK"]);
    check_row(2, "- - - X -", ["ALARM", "retained", "ALARM", "OK"]);
}

#[test]
fn a_young_breach_among_missing_data_does_not_go_off_yet() {
    for points in ["- - - - X", "- - - X -"] {
        check_row(3, points, ["retained", "retained", "ALARM", "OK"]);
    }
}

fn metric(queue: &str, name: &str) -> Metric {
    Metric {
        namespace: "AWS/SQS".to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::from([("QueueName".to_owned(), queue.to_owned())]),
    }
}

fn alarm(name: &str, metric: Metric) -> MetricAlarm {
    MetricAlarm {
        name: name.to_owned(),
        description: None,
        metric,
        unit: None,
        statistic: Statistic::Maximum,
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        threshold: 0.0,
        comparison: ComparisonOperator::GreaterThanThreshold,
        treat_missing_data: Some(TreatMissingData::NotBreaching),
        actions_enabled: true,
        ok_actions: Vec::new(),
        alarm_actions: vec!["arn:aws:sns:us-local-1:000000000000:topic".to_owned()],
        insufficient_data_actions: Vec::new(),
    }
}

/// Two queues, the second the first's dead-letter queue, and an alarm on each.
struct World {
    sqs: Sqs,
    metrics: QueueMetrics,
    alarms: Alarms,
}

impl World {
    fn new() -> Self {
        let mut sqs = Sqs::new("us-local-1", "000000000000", 1);
        sqs.create_queue("dead", QueueAttributes::default(), NOW).unwrap();
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-local-1:000000000000:dead","maxReceiveCount":1}"#;
        let attributes = BTreeMap::from([
            ("RedrivePolicy".to_owned(), policy.to_owned()),
            ("VisibilityTimeout".to_owned(), "10".to_owned()),
        ]);
        sqs.create_queue_as_requested("jobs", &attributes, NOW).unwrap();
        let mut alarms = Alarms::new("us-local-1", "000000000000");
        let visible = "ApproximateNumberOfMessagesVisible";
        alarms.put(alarm("depth", metric("dead", visible)), BTreeMap::new(), NOW).unwrap();
        let sent = MetricAlarm {
            statistic: Statistic::Sum,
            ..alarm("sent", metric("dead", "NumberOfMessagesSent"))
        };
        alarms.put(sent, BTreeMap::new(), NOW).unwrap();
        let mut world = Self { sqs, metrics: QueueMetrics::default(), alarms };
        world.at(0, |_, _| ());
        world
    }

    fn at(&mut self, seconds: u64, operation: impl FnOnce(&mut Sqs, Timestamp)) {
        self.metrics.catch_up(&mut self.sqs, after(seconds));
        operation(&mut self.sqs, after(seconds));
        self.metrics.record(&mut self.sqs, after(seconds));
    }

    fn receive(&mut self, seconds: u64) {
        self.at(seconds, |sqs, now| {
            sqs.receive("jobs", ReceiveMessage::default(), now).unwrap();
        });
    }

    fn states(&mut self, seconds: u64) -> [AlarmState; 2] {
        self.at(seconds, |_, _| ());
        let metrics = &self.metrics;
        self.alarms
            .advance(after(seconds), &|metric, from, to| metrics.datapoint(metric, from, to));
        let page = self.alarms.describe(&DescribeAlarms::default()).unwrap();
        [page.items[0].state, page.items[1].state]
    }
}

#[test]
fn a_dead_letter_is_seen_by_an_alarm_on_the_depth_and_not_by_one_on_what_was_sent() {
    let mut world = World::new();
    assert_eq!(world.states(0), [AlarmState::InsufficientData; 2], "not evaluated yet");
    world.at(1, |sqs, now| {
        sqs.send("jobs", SendMessage::new("poison"), now).unwrap();
    });
    world.receive(1);
    assert_eq!(world.states(60), [AlarmState::Ok; 2]);
    // The visibility timeout is over since 0:11; this attempt moves the message.
    world.receive(70);
    assert_eq!(world.states(119), [AlarmState::Ok; 2], "the minute is not over");
    assert_eq!(world.states(120), [AlarmState::Alarm, AlarmState::Ok]);
    world.at(130, |sqs, now| sqs.purge("dead", now).unwrap());
    assert_eq!(world.states(180), [AlarmState::Alarm, AlarmState::Ok], "it was there until 2:10");
    assert_eq!(world.states(240), [AlarmState::Ok; 2]);
}

#[test]
fn a_message_that_is_sent_to_the_dead_letter_queue_by_hand_is_counted() {
    let mut world = World::new();
    world.at(1, |sqs, now| {
        sqs.send("dead", SendMessage::new("by hand"), now).unwrap();
    });
    assert_eq!(world.states(60), [AlarmState::Alarm; 2]);
}

#[test]
fn gauges_follow_delays_and_visibility_timeouts_that_nobody_watched() {
    let mut world = World::new();
    world.at(0, |sqs, now| {
        let delayed = SendMessage { delay_seconds: Some(30), ..SendMessage::new("late") };
        sqs.send("jobs", delayed, now).unwrap();
    });
    // Nobody asks for two minutes.
    world.at(120, |_, _| ());
    let maximum = |world: &World, name: &str, minute: u64| {
        let found = world.metrics.datapoint(
            &metric("jobs", name),
            after(minute * 60),
            after(minute * 60 + 60),
        );
        found.unwrap()
    };
    let delayed = "ApproximateNumberOfMessagesDelayed";
    let visible = "ApproximateNumberOfMessagesVisible";
    assert!((maximum(&world, delayed, 0).value(Statistic::Average) - 0.5).abs() < 1e-9);
    assert!((maximum(&world, visible, 0).value(Statistic::Average) - 0.5).abs() < 1e-9);
    assert!(maximum(&world, delayed, 1).value(Statistic::Maximum).abs() < 1e-9);
    world.receive(120);
    world.at(180, |_, _| ());
    let in_flight = maximum(&world, "ApproximateNumberOfMessagesNotVisible", 2);
    assert!((in_flight.value(Statistic::Average) - 10.0 / 60.0).abs() < 1e-9);
    assert!((in_flight.value(Statistic::Maximum) - 1.0).abs() < 1e-9);
    let age = maximum(&world, "ApproximateAgeOfOldestMessage", 2);
    assert!((age.value(Statistic::Maximum) - 180.0).abs() < 1e-9);
    assert!((age.value(Statistic::Minimum) - 120.0).abs() < 1e-9);
    let unknown = metric("jobs", "NumberOfEmptyReceives");
    assert_eq!(world.metrics.datapoint(&unknown, NOW, after(60)), None);
    let other = metric("no-such-queue", visible);
    assert_eq!(world.metrics.datapoint(&other, NOW, after(60)), None);
}

#[test]
fn the_age_in_a_dead_letter_queue_counts_from_the_move() {
    let mut world = World::new();
    world.at(0, |sqs, now| {
        sqs.send("jobs", SendMessage::new("poison"), now).unwrap();
    });
    world.receive(0);
    world.receive(60);
    world.at(90, |_, _| ());
    let age = metric("dead", "ApproximateAgeOfOldestMessage");
    let found = world.metrics.datapoint(&age, after(60), after(90)).unwrap();
    assert!((found.value(Statistic::Maximum) - 30.0).abs() < 1e-9);
}

#[test]
fn a_series_knows_nothing_of_the_time_before_it_began() {
    let mut gauge = Gauge::default();
    assert_eq!(gauge.datapoint(NOW, after(60)), None);
    gauge.set(Level::Constant(2.0), after(60));
    assert_eq!(gauge.datapoint(NOW, after(60)), None);
    assert!(gauge.datapoint(NOW, after(61)).is_some());
    let mut errors = Counter::default();
    errors.add(0.0, after(1));
    errors.add(1.0, after(2));
    let found = errors.datapoint(NOW, after(60)).unwrap();
    assert!((found.value(Statistic::Sum) - 1.0).abs() < 1e-9);
    assert!((found.value(Statistic::Average) - 0.5).abs() < 1e-9);
    assert_eq!(errors.datapoint(after(60), after(120)), None, "no invocation, no datapoint");
}

#[test]
fn a_series_reports_nothing_for_the_time_that_it_has_forgotten() {
    let mut sent = Counter::with_zeros(NOW);
    assert!(sent.datapoint(NOW, after(60)).is_some(), "it is zero while nothing happens");
    for second in 0..65_537 {
        sent.add(1.0, after(3_600 + second));
    }
    assert_eq!(sent.datapoint(NOW, after(60)), None);
    assert_eq!(sent.datapoint(after(3_600), after(3_660)), None);
    let kept = after(3_600 + 65_536);
    let latest = sent.datapoint(kept, kept + Duration::from_mins(1)).unwrap();
    assert!((latest.value(Statistic::Sum) - 1.0).abs() < 1e-9);
    let later = kept + Duration::from_mins(1);
    assert!(sent.datapoint(later, later + Duration::from_mins(1)).is_some(), "zero again");
    let mut errors = Counter::default();
    for second in 0..65_537 {
        errors.add(1.0, after(second));
    }
    assert_eq!(errors.datapoint(kept, later), None, "without events, it has never been zero");
}

#[test]
fn a_definition_that_aws_would_refuse_is_refused() {
    let good = alarm("a", metric("q", "m"));
    let refused = |change: &dyn Fn(&mut MetricAlarm)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.check().map_err(|error| error.code())
    };
    assert_eq!(refused(&|_| ()), Ok(()));
    assert_eq!(refused(&|alarm| alarm.period_seconds = 30), Ok(()));
    assert_eq!(refused(&|alarm| alarm.period_seconds = 90), Err("ValidationError"));
    assert_eq!(refused(&|alarm| alarm.period_seconds = 0), Err("ValidationError"));
    assert_eq!(refused(&|alarm| alarm.evaluation_periods = 0), Err("ValidationError"));
    assert_eq!(refused(&|alarm| alarm.evaluation_periods = 1_440), Ok(()));
    assert_eq!(refused(&|alarm| alarm.evaluation_periods = 1_441), Err("ValidationError"));
    assert_eq!(refused(&|alarm| alarm.datapoints_to_alarm = Some(2)), Err("ValidationError"));
    assert_eq!(refused(&|alarm| alarm.name.clear()), Err("ValidationError"));
}

#[test]
fn alarms_are_described_by_name_prefix_state_and_action() {
    let mut alarms = Alarms::new("us-local-1", "000000000000");
    for name in ["stack-b", "stack-a", "other"] {
        alarms.put(alarm(name, metric("q", "m")), BTreeMap::new(), NOW).unwrap();
    }
    let names = |alarms: &Alarms, request: &DescribeAlarms<'_>| {
        let page = alarms.describe(request).unwrap();
        let names = page.items.iter().map(|alarm| alarm.definition.name.clone());
        (names.collect::<Vec<_>>(), page.next_token)
    };
    let all = DescribeAlarms::default();
    let by_prefix = DescribeAlarms { name_prefix: Some("stack-"), ..all };
    assert_eq!(names(&alarms, &by_prefix).0, ["stack-a", "stack-b"]);
    let (first, token) = names(&alarms, &DescribeAlarms { max_records: Some(2), ..all });
    assert_eq!(first, ["other", "stack-a"]);
    let rest = DescribeAlarms { next_token: token.as_deref(), ..all };
    assert_eq!(names(&alarms, &rest), (vec!["stack-b".to_owned()], None));
    let wanted = ["other".to_owned(), "missing".to_owned()];
    let by_name = DescribeAlarms { names: Some(&wanted), ..all };
    assert_eq!(names(&alarms, &by_name).0, ["other"]);
    let by_action = |prefix| DescribeAlarms { action_prefix: Some(prefix), ..all };
    assert_eq!(names(&alarms, &by_action("arn:aws:sns")).0.len(), 3);
    assert!(names(&alarms, &by_action("arn:aws:lambda")).0.is_empty());
    alarms.set_state("other", AlarmState::Alarm, "a drill".to_owned(), after(1)).unwrap();
    let by_state = DescribeAlarms { state: Some(AlarmState::Alarm), ..all };
    assert_eq!(names(&alarms, &by_state).0, ["other"]);
    let both = DescribeAlarms { name_prefix: Some("x"), ..by_name };
    let combination = alarms.describe(&both).unwrap_err();
    assert_eq!(combination.code(), "InvalidParameterCombinationException");
    let bad = DescribeAlarms { next_token: Some("!"), ..all };
    assert_eq!(alarms.describe(&bad).unwrap_err(), CloudWatchError::InvalidNextToken);
    let wrong = ["other".to_owned(), "missing".to_owned()];
    assert_eq!(alarms.delete(&wrong), Err(CloudWatchError::AlarmNotFound("missing".to_owned())));
    assert_eq!(names(&alarms, &all).0.len(), 3, "all or none");
    alarms.delete(&wrong[..1]).unwrap();
    assert_eq!(names(&alarms, &all).0, ["stack-a", "stack-b"]);
}

#[test]
fn a_state_that_was_set_lasts_until_the_next_evaluation() {
    let mut world = World::new();
    assert_eq!(world.states(60), [AlarmState::Ok; 2]);
    let reason = "a drill".to_owned();
    world.alarms.set_state("depth", AlarmState::Alarm, reason, after(70)).unwrap();
    assert_eq!(world.states(119)[0], AlarmState::Alarm);
    assert_eq!(world.states(120)[0], AlarmState::Ok);
    let missing = world.alarms.set_state("no", AlarmState::Ok, String::new(), NOW).unwrap_err();
    assert_eq!(missing.code(), "ResourceNotFound");
}
