//! `cfg.alarm`.

use crate::check::{AlarmEvidence, Check, Judgement, QueueEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.alarm",
    asserts: "an alarm watches how many messages are visible in the dead-letter queue, and its description names a section of a runbook",
    severity: Severity::Warn,
    why: "messages that nobody hears of expire; and NumberOfMessagesSent does not count what a redrive policy moves, so an alarm on it never goes off",
    fix: "add an alarm on ApproximateNumberOfMessagesVisible of the dead-letter queue, whose description links to RUNBOOK.md#SECTION",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
    must_be_exercised: true,
};

/// The metric that counts messages which a redrive policy has moved.
pub const METRIC: &str = "ApproximateNumberOfMessagesVisible";

/// Judges the alarms on [`METRIC`] of the dead-letter queue.
pub fn judge(dead_letters: &QueueEvidence, alarms: &[AlarmEvidence]) -> Judgement {
    let guiding = alarms.iter().find_map(|alarm| Some((alarm, runbook_section(alarm)?)));
    let judgement = match (guiding, alarms) {
        (Some((alarm, section)), _) => Judgement::pass(format!("{} → {section}", alarm.name)),
        (None, []) => Judgement::fail(
            format!("no alarm watches {METRIC} of {}", dead_letters.name),
            format!("an alarm on {METRIC}, with a section of a runbook in its description"),
            "no alarm",
        )
        .with_verdict(Verdict::Warn)
        .with_next("add such an alarm; one on NumberOfMessagesSent would never go off"),
        (None, alarms) => {
            let names: Vec<&str> = alarms.iter().map(|alarm| alarm.name.as_str()).collect();
            Judgement::fail(
                format!("{} does not say where the runbook is", names.join(", ")),
                "a description with a link such as RUNBOOK.md#alarm-deadletters",
                alarms[0].description.as_deref().unwrap_or("no description"),
            )
            .with_verdict(Verdict::Warn)
            .with_next(format!("name the section in the description of {}", names.join(", ")))
        }
    };
    let shown: Vec<serde_json::Value> = alarms
        .iter()
        .map(|alarm| {
            serde_json::json!({
                "name": alarm.name,
                "metric": alarm.metric,
                "comparison": alarm.comparison,
                "threshold": alarm.threshold,
                "description": alarm.description,
            })
        })
        .collect();
    judgement.with_evidence("alarms", shown)
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

    fn alarm(description: Option<&str>) -> AlarmEvidence {
        AlarmEvidence {
            name: "DeadLetters".to_owned(),
            description: description.map(str::to_owned),
            ..AlarmEvidence::default()
        }
    }

    fn verdict(alarms: &[AlarmEvidence]) -> Verdict {
        judge(&QueueEvidence::default(), alarms).verdict
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
}
