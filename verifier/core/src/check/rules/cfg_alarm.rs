//! `cfg.alarm`.

use serde_json::{Value, json};

use crate::check::{
    AlarmEvidence, Check, Evaluate, Evaluation, Need, QueueEvidence, Severity, Verdict, no_queues,
};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.alarm",
    asserts: "an alarm goes off soon after the first messages are visible in the dead-letter queue, and its description names a section of a runbook",
    severity: Severity::Warn,
    why: "messages without an alarm expire unnoticed; and NumberOfMessagesSent does not count what a redrive policy moves, so an alarm on it never goes off",
    fix: "add an alarm on ApproximateNumberOfMessagesVisible of the dead-letter queue that goes off above 0, whose description links to RUNBOOK.md#SECTION",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
    must_run: true,
    needs: &[Need::Alarms],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        let discovered = configuration.discovered;
        configuration.unless_mistaken(|| match (&discovered.dead_letters, &discovered.alarms) {
            (Some(dead_letters), Some(Ok(alarms))) => evaluate(dead_letters, alarms),
            (_, Some(Err(unanswered))) => unanswered.evaluation(),
            _ => no_queues(),
        })
    }),
};

/// The metric that counts messages which a redrive policy has moved.
pub const METRIC: &str = "ApproximateNumberOfMessagesVisible";
/// The namespace of that metric.
const NAMESPACE: &str = "AWS/SQS";
/// The most messages that an alarm may wait for: as many as one receive brings.
const MESSAGES_MAX: f64 = 10.0;
/// The longest that it may take an alarm to go off, in seconds: the data points that have to breach, each a period long.
const SECONDS_MAX: u64 = 900;
/// SQS gives a data point each minute, so over a period of a minute all statistics of one are the same.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>.
const DATA_POINT_SECONDS: u32 = 60;

/// What an alarm is worth to whoever has to hear of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Worth {
    /// It goes off.
    GoesOff,
    /// It does not, or not in time, or calls nobody: what is wrong with it.
    Defective(Vec<String>),
    /// That cannot be told from its definition.
    Undecided(&'static str),
}

/// Evaluates the alarms that are said to be on [`METRIC`] of the dead-letter queue.
///
/// Some endpoints answer with alarms of other metrics or queues; those do not count.
pub fn evaluate(dead_letters: &QueueEvidence, alarms: &[AlarmEvidence]) -> Evaluation {
    let of_queue: Vec<(&AlarmEvidence, Worth)> = alarms
        .iter()
        .filter(|alarm| alarm.is_expression || watches(alarm, &dead_letters.name))
        .map(|alarm| (alarm, worth(alarm)))
        .collect();
    let sound: Vec<&AlarmEvidence> = of_queue
        .iter()
        .filter(|(_, worth)| *worth == Worth::GoesOff)
        .map(|(alarm, _)| *alarm)
        .collect();
    let guiding = sound.iter().find_map(|alarm| Some((alarm, runbook_section(alarm)?)));
    let undecided = of_queue.iter().find_map(|(alarm, worth)| match worth {
        Worth::Undecided(why) => Some((alarm, why)),
        _ => None,
    });
    let evaluation = match (guiding, sound.first(), undecided) {
        (Some((alarm, section)), ..) => Evaluation::pass(format!("{} → {section}", alarm.name)),
        (None, Some(alarm), _) => without_runbook(alarm, dead_letters),
        (None, None, Some((alarm, why))) => {
            Evaluation::inconclusive(format!("whether {} goes off is not known: {why}", alarm.name))
                .with_next(format!("add a plain one: {}", put(None, dead_letters)))
        }
        (None, None, None) => none_goes_off(&of_queue, dead_letters),
    };
    evaluation.with_evidence("alarms", of_queue.iter().map(shown).collect::<Vec<_>>())
}

/// Whether an alarm is on the metric of exactly that queue.
fn watches(alarm: &AlarmEvidence, queue: &str) -> bool {
    let is_queue = |(name, value): (&String, &String)| name == "QueueName" && value == queue;
    alarm.namespace == NAMESPACE
        && alarm.metric == METRIC
        && alarm.dimensions.len() == 1
        && alarm.dimensions.iter().all(is_queue)
}

fn none_goes_off(of_queue: &[(&AlarmEvidence, Worth)], dead_letters: &QueueEvidence) -> Evaluation {
    let expected = format!(
        "an alarm on {METRIC} that goes off at {MESSAGES_MAX} messages or fewer within {SECONDS_MAX} s, with its actions enabled"
    );
    let defects: Vec<String> = of_queue
        .iter()
        .filter_map(|(alarm, worth)| match worth {
            Worth::Defective(defects) => Some(format!("{}: {}", alarm.name, defects.join(", "))),
            _ => None,
        })
        .collect();
    let (what, actual) = if defects.is_empty() {
        (
            format!(
                "no alarm on {METRIC} of {} is known; those on expressions are not looked up",
                dead_letters.name
            ),
            "no alarm".to_owned(),
        )
    } else {
        (format!("no alarm reports dead letters: {}", defects.join("; ")), defects.join("; "))
    };
    let first = of_queue.first().map(|(alarm, _)| *alarm);
    Evaluation::fail(what, expected, actual)
        .with_verdict(Verdict::Warn)
        .with_next(put(first, dead_letters))
}

fn without_runbook(alarm: &AlarmEvidence, dead_letters: &QueueEvidence) -> Evaluation {
    Evaluation::fail(
        format!("{} does not say where the runbook is", alarm.name),
        "a description with a link such as RUNBOOK.md#alarm-deadletters",
        alarm.description.as_deref().unwrap_or("no description"),
    )
    .with_verdict(Verdict::Warn)
    .with_next(put(Some(alarm), dead_letters))
}

/// The command that makes such an alarm, or makes that one such.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>: it replaces the whole
/// definition, so what has to stay is said again.
fn put(alarm: Option<&AlarmEvidence>, dead_letters: &QueueEvidence) -> String {
    let own = format!("{}-visible", dead_letters.name);
    let name = alarm.map_or(own.as_str(), |alarm| &alarm.name);
    let said = alarm.and_then(|alarm| alarm.description.clone()).unwrap_or_default();
    let description = if alarm.is_some_and(|alarm| runbook_section(alarm).is_some()) {
        said
    } else {
        format!("{said} Runbook: RUNBOOK.md#alarm-deadletters").trim().to_owned()
    };
    let dimension = format!("Name=QueueName,Value={}", dead_letters.name);
    let mut words = vec!["cloudwatch", "put-metric-alarm", "--alarm-name", name];
    words.extend(["--alarm-description", &description, "--namespace", NAMESPACE]);
    words.extend(["--metric-name", METRIC, "--dimensions", &dimension]);
    words.extend(["--statistic", "Maximum", "--period", "60", "--evaluation-periods", "1"]);
    words.extend(["--comparison-operator", "GreaterThanThreshold", "--threshold", "0"]);
    words.extend(["--treat-missing-data", "notBreaching", "--actions-enabled"]);
    if let Some(alarm) = alarm.filter(|alarm| !alarm.alarm_actions.is_empty()) {
        words.push("--alarm-actions");
        words.extend(alarm.alarm_actions.iter().map(String::as_str));
    }
    aws(dead_letters.arn(), &words)
}

/// Whether an alarm goes off soon after the first messages have come, and calls whoever it is to call.
///
/// Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>, and for periods below a minute
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.
fn worth(alarm: &AlarmEvidence) -> Worth {
    if alarm.is_expression {
        return Worth::Undecided("it watches an expression or a band, which is not computed here");
    }
    let mut defects = Vec::new();
    match messages(alarm) {
        Err(defect) => defects.push(defect),
        Ok(least) if least < 1.0 => {
            defects.push("it is in alarm without messages, too".to_owned());
        }
        Ok(least) if least > MESSAGES_MAX => {
            defects.push(format!("it goes off at {least} messages only"));
        }
        Ok(_) => {}
    }
    match alarm.statistic.as_str() {
        "Maximum" | "Sum" | "Average" => {}
        "Minimum" if alarm.period_seconds <= DATA_POINT_SECONDS => {}
        percentile if is_upper_percentile(percentile) => {}
        other => defects.push(format!("its statistic is {other}")),
    }
    let breaching = alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods);
    let seconds = u64::from(alarm.period_seconds) * u64::from(breaching);
    if seconds == 0 {
        defects.push("it evaluates no period".to_owned());
    } else if alarm.period_seconds < DATA_POINT_SECONDS {
        defects.push(format!(
            "its period is {} s, and SQS gives data each {DATA_POINT_SECONDS} s: it lapses into INSUFFICIENT_DATA between them",
            alarm.period_seconds
        ));
    } else if seconds > SECONDS_MAX {
        defects.push(format!("it goes off after {seconds} s"));
    }
    if alarm.treat_missing_data.as_deref() == Some("breaching") {
        defects.push("it takes a queue that is idle for a breach".to_owned());
    }
    if let Some(unit) = alarm.unit.as_deref().filter(|unit| *unit != "Count") {
        defects.push(format!("it waits for data in {unit}, and SQS counts"));
    }
    if !alarm.actions_enabled {
        defects.push("its actions are disabled".to_owned());
    }
    if defects.is_empty() { Worth::GoesOff } else { Worth::Defective(defects) }
}

/// The fewest messages that breach the threshold; or why none do.
fn messages(alarm: &AlarmEvidence) -> Result<f64, String> {
    let threshold = alarm.threshold.filter(|threshold| threshold.is_finite());
    let threshold = threshold.ok_or_else(|| "it has no threshold".to_owned())?;
    match alarm.comparison.as_str() {
        "GreaterThanThreshold" => Ok(threshold.floor() + 1.0),
        "GreaterThanOrEqualToThreshold" => Ok(threshold.ceil()),
        other => Err(format!("it compares by {other}")),
    }
}

/// Whether a statistic is a percentile of the upper half, which a queue that stays filled raises.
fn is_upper_percentile(statistic: &str) -> bool {
    let percent = statistic.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok());
    percent.is_some_and(|percent| (50.0..=100.0).contains(&percent))
}

fn shown((alarm, worth): &(&AlarmEvidence, Worth)) -> Value {
    let defects = match worth {
        Worth::Defective(defects) => defects.clone(),
        Worth::GoesOff | Worth::Undecided(_) => Vec::new(),
    };
    json!({
        "name": alarm.name,
        "metric": alarm.metric,
        "statistic": alarm.statistic,
        "comparison": alarm.comparison,
        "threshold": alarm.threshold,
        "periodSeconds": alarm.period_seconds,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "treatMissingData": alarm.treat_missing_data,
        "actionsEnabled": alarm.actions_enabled,
        "description": alarm.description,
        "defects": defects,
    })
}

/// The runbook's section that a description names: a word with `runbook` in it and something behind a `#`.
fn runbook_section(alarm: &AlarmEvidence) -> Option<&str> {
    alarm.description.as_deref()?.split_whitespace().find_map(|word| {
        let (page, section) = word.split_once('#')?;
        let is_runbook = page.to_ascii_lowercase().contains("runbook");
        let section = section.trim_end_matches(['.', ',', ')', '>', '"']);
        (is_runbook && !section.is_empty()).then_some(section)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "Runbook: RUNBOOK.md#alarm-deadletters";

    fn queue() -> QueueEvidence {
        QueueEvidence {
            name: "dlq".to_owned(),
            attributes: [("QueueArn".to_owned(), "arn:aws:sqs:eu-central-1:1:dlq".to_owned())]
                .into(),
            ..QueueEvidence::default()
        }
    }

    fn alarm(description: Option<&str>) -> AlarmEvidence {
        AlarmEvidence {
            name: "DeadLetters".to_owned(),
            description: description.map(str::to_owned),
            namespace: "AWS/SQS".to_owned(),
            metric: METRIC.to_owned(),
            dimensions: [("QueueName".to_owned(), "dlq".to_owned())].into(),
            statistic: "Maximum".to_owned(),
            comparison: "GreaterThanThreshold".to_owned(),
            threshold: Some(0.0),
            period_seconds: 60,
            evaluation_periods: 1,
            actions_enabled: true,
            ..AlarmEvidence::default()
        }
    }

    fn evaluated(change: impl FnOnce(&mut AlarmEvidence)) -> Evaluation {
        let mut alarm = alarm(Some(SECTION));
        change(&mut alarm);
        evaluate(&queue(), &[alarm])
    }

    fn verdict(alarms: &[AlarmEvidence]) -> Verdict {
        evaluate(&queue(), alarms).verdict
    }

    #[test]
    fn one_alarm_with_a_section_is_enough() {
        for description in [
            "Runbook: https://github.com/o/r/blob/HEAD/RUNBOOK.md#alarm-deadletters",
            "see docs/runbook.md#dlq.",
            "https://wiki.example/runbooks/jobs#dead-letters (wiki)",
        ] {
            assert_eq!(verdict(&[alarm(None), alarm(Some(description))]), Verdict::Pass);
        }
    }

    #[test]
    fn a_period_below_a_minute_warns() {
        let of = |seconds| evaluated(|alarm| alarm.period_seconds = seconds).verdict;
        assert_eq!([10, 20, 30].map(of), [Verdict::Warn; 3]);
        assert_eq!([60, 120].map(of), [Verdict::Pass; 2]);
    }

    #[test]
    fn no_alarm_and_none_with_a_section_warn() {
        assert_eq!(verdict(&[]), Verdict::Warn);
        for description in [
            None,
            Some(""),
            Some("messages were dead-lettered"),
            Some("see RUNBOOK.md"),
            Some("see RUNBOOK.md#"),
            Some("see ticket #12 and the runbook"),
        ] {
            assert_eq!(verdict(&[alarm(description)]), Verdict::Warn, "{description:?}");
        }
    }

    #[test]
    fn it_has_to_go_off_at_the_first_messages() {
        let at = |comparison: &str, threshold: Option<f64>| {
            evaluated(|alarm| {
                comparison.clone_into(&mut alarm.comparison);
                alarm.threshold = threshold;
            })
        };
        for (comparison, threshold) in [
            ("GreaterThanThreshold", 0.0),
            ("GreaterThanThreshold", 0.5),
            ("GreaterThanThreshold", 9.0),
            ("GreaterThanOrEqualToThreshold", 1.0),
            ("GreaterThanOrEqualToThreshold", 0.1),
            ("GreaterThanOrEqualToThreshold", 10.0),
        ] {
            let evaluation = at(comparison, Some(threshold));
            assert_eq!(evaluation.verdict, Verdict::Pass, "{comparison} {threshold}");
        }
        for (comparison, threshold, said) in [
            ("GreaterThanThreshold", Some(1e9), "1000000001 messages"),
            ("GreaterThanThreshold", Some(10.0), "11 messages"),
            ("GreaterThanOrEqualToThreshold", Some(10.5), "11 messages"),
            ("GreaterThanOrEqualToThreshold", Some(0.0), "without messages"),
            ("GreaterThanThreshold", Some(-1.0), "without messages"),
            ("GreaterThanThreshold", None, "no threshold"),
            ("GreaterThanThreshold", Some(f64::NAN), "no threshold"),
            ("LessThanThreshold", Some(1.0), "compares by LessThanThreshold"),
            ("LessThanOrEqualToThreshold", Some(0.0), "compares by LessThan"),
        ] {
            let evaluation = at(comparison, threshold);
            assert_eq!(evaluation.verdict, Verdict::Warn, "{comparison} {threshold:?}");
            assert!(evaluation.summary.contains(said), "{}", evaluation.summary);
        }
    }

    #[test]
    fn it_has_to_measure_what_rises_with_the_queue() {
        for statistic in ["Maximum", "Sum", "Average", "p50", "p99.9", "Minimum"] {
            let evaluation = evaluated(|alarm| statistic.clone_into(&mut alarm.statistic));
            assert_eq!(evaluation.verdict, Verdict::Pass, "{statistic}");
        }
        for (statistic, period) in
            [("SampleCount", 60), ("Minimum", 300), ("p10", 60), ("", 60), ("TC(0:1)", 60)]
        {
            let evaluation = evaluated(|alarm| {
                statistic.clone_into(&mut alarm.statistic);
                alarm.period_seconds = period;
            });
            assert_eq!(evaluation.verdict, Verdict::Warn, "{statistic}");
        }
        let unit = |unit: &str| evaluated(|alarm| alarm.unit = Some(unit.to_owned())).verdict;
        assert_eq!((unit("Count"), unit("Seconds")), (Verdict::Pass, Verdict::Warn));
        let missing =
            |word: &str| evaluated(|a| a.treat_missing_data = Some(word.to_owned())).verdict;
        for word in ["notBreaching", "missing", "ignore"] {
            assert_eq!(missing(word), Verdict::Pass, "{word}");
        }
        assert_eq!(missing("breaching"), Verdict::Warn);
    }

    #[test]
    fn it_has_to_go_off_in_time() {
        for (period, periods, datapoints, expected) in [
            (60, 15, None, Verdict::Pass),
            (60, 16, None, Verdict::Warn),
            (60, 60, Some(15), Verdict::Pass),
            (900, 1, None, Verdict::Pass),
            (3600, 1, None, Verdict::Warn),
            (60, 0, None, Verdict::Warn),
            (0, 1, None, Verdict::Warn),
        ] {
            let evaluation = evaluated(|alarm| {
                alarm.period_seconds = period;
                alarm.evaluation_periods = periods;
                alarm.datapoints_to_alarm = datapoints;
            });
            assert_eq!(evaluation.verdict, expected, "{period} {periods} {datapoints:?}");
        }
    }

    #[test]
    fn a_silent_alarm_warns_with_or_without_actions() {
        for actions in [vec![], vec!["arn:aws:sns:eu-central-1:1:t".to_owned()]] {
            let silent = evaluated(|alarm| {
                alarm.actions_enabled = false;
                alarm.alarm_actions.clone_from(&actions);
            });
            assert_eq!(silent.verdict, Verdict::Warn);
            let next = silent.next.unwrap();
            assert!(next.contains("--actions-enabled") && next.ends_with("--region eu-central-1"));
            assert_eq!(next.contains("--alarm-actions arn:aws:sns:"), !actions.is_empty());
            let loud = evaluated(|alarm| alarm.alarm_actions.clone_from(&actions));
            assert_eq!(loud.verdict, Verdict::Pass);
        }
    }

    #[test]
    fn an_alarm_of_something_else_does_not_count_whatever_the_endpoint_answers() {
        let change: [fn(&mut AlarmEvidence); 5] = [
            |alarm| alarm.metric = "NumberOfMessagesSent".to_owned(),
            |alarm| alarm.namespace = "Own".to_owned(),
            |alarm| drop(alarm.dimensions.insert("QueueName".to_owned(), "other".to_owned())),
            |alarm| drop(alarm.dimensions.insert("Stage".to_owned(), "1".to_owned())),
            |alarm| alarm.dimensions.clear(),
        ];
        for change in change {
            let evaluation = evaluated(change);
            assert_eq!(evaluation.verdict, Verdict::Warn);
            assert!(evaluation.summary.starts_with("no alarm on "), "{}", evaluation.summary);
        }
    }

    #[test]
    fn an_expression_is_not_decided_unless_a_plain_alarm_is_there() {
        let expression =
            AlarmEvidence { is_expression: true, metric: String::new(), ..alarm(Some(SECTION)) };
        assert_eq!(verdict(std::slice::from_ref(&expression)), Verdict::Inconclusive);
        assert_eq!(verdict(&[expression, alarm(Some(SECTION))]), Verdict::Pass);
    }

    #[test]
    fn one_sound_alarm_of_several_is_enough() {
        let deaf = AlarmEvidence { threshold: Some(1e9), ..alarm(Some(SECTION)) };
        assert_eq!(verdict(&[deaf.clone(), alarm(Some(SECTION))]), Verdict::Pass);
        // The runbook of one that never goes off guides nobody.
        assert_eq!(verdict(&[deaf, alarm(None)]), Verdict::Warn);
    }
}
