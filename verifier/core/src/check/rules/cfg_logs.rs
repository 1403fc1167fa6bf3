//! `cfg.logs`.

use crate::check::{
    Check, Evaluate, Evaluation, FunctionEvidence, LogGroupEvidence, Need, Severity, Verdict,
    no_consumer,
};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.logs",
    asserts: "the worker logs JSON down to INFO, to a log group that can be searched and does not keep it indefinitely",
    severity: Severity::Warn,
    why: "fields of plain text cannot be searched for, a level above INFO hides the lines about outcomes and invocations, and a log group without a retention outlives the preview and costs money indefinitely",
    fix: "set the function's LogFormat to JSON and its log levels to INFO, and RetentionInDays of its log group",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html",
    must_run: true,
    needs: &[Need::LogGroup],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        match (&configuration.discovered.worker, &configuration.discovered.log_group) {
            (Some(worker), Some(Ok(group))) => evaluate(worker, group.as_ref()),
            (_, Some(Err(unanswered))) => unanswered.evaluation(),
            _ => no_consumer(),
        }
    }),
};

/// The levels that leave lines of the level INFO out.
const ABOVE_INFO: [&str; 3] = ["WARN", "ERROR", "FATAL"];

/// Evaluates the worker's log; `log_group` is `None` when there is none yet.
pub fn evaluate(worker: &FunctionEvidence, log_group: Option<&LogGroupEvidence>) -> Evaluation {
    let retention = log_group.and_then(|group| group.retention_days);
    // What is wrong, and what helps.
    let mut wrong: Vec<(String, String)> = Vec::new();
    if let Some(what) = wrong_lines(worker) {
        let config = format!(
            "LogFormat=JSON,ApplicationLogLevel=INFO,SystemLogLevel=INFO,LogGroup={}",
            worker.log_group
        );
        let name = ["lambda", "update-function-configuration", "--function-name", &worker.name];
        let command = [&name[..], &["--logging-config", &config]].concat();
        wrong.push((what, aws(&worker.arn, &command)));
    }
    let group = worker.log_group.as_str();
    let keep = ["logs", "put-retention-policy", "--log-group-name", group];
    let keep = aws(&worker.arn, &[&keep[..], &["--retention-in-days", "14"]].concat());
    match log_group {
        None => {
            // The first line makes one, without a retention.
            let create = ["logs", "create-log-group", "--log-group-name", group];
            let create = aws(&worker.arn, &create);
            wrong.push((format!("there is no log group {group}"), format!("{create} && {keep}")));
        }
        Some(_) if retention.is_none() => {
            wrong.push((format!("{group} never expires its events"), keep));
        }
        Some(_) => {}
    }
    if let Some(class) = log_group.and_then(unsearchable) {
        let what = format!("{group} is of the class {class}, in which nothing can be looked up");
        wrong.push((what, "give the worker a log group of the class STANDARD".to_owned()));
    }
    let evaluation = if let (None, Some(days)) = (wrong.first(), retention) {
        Evaluation::pass(format!("JSON, kept for {days} days"))
    } else {
        let what = wrong.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join("; ");
        let next = wrong.first().map(|(_, next)| next.clone()).unwrap_or_default();
        Evaluation::fail(what.clone(), "log format JSON, level INFO, and a retention", what)
            .with_verdict(Verdict::Warn)
            .with_next(next)
    };
    evaluation
        .with_evidence("logGroup", worker.log_group.clone())
        .with_evidence("logFormat", worker.log_format.clone())
        .with_evidence("applicationLogLevel", worker.application_log_level.clone())
        .with_evidence("systemLogLevel", worker.system_log_level.clone())
        .with_evidence("retentionDays", retention)
}

/// A level where it leaves lines of the level INFO out.
fn above_info(level: Option<&String>) -> Option<&str> {
    let level = level?;
    ABOVE_INFO.iter().any(|above| level.eq_ignore_ascii_case(above)).then_some(level)
}

/// The worker's log level where it hides lines of the level INFO, which is that of lines that name none. Levels are about JSON only.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>.
pub fn hiding_level(worker: &FunctionEvidence) -> Option<&str> {
    above_info(worker.application_log_level.as_ref()).filter(|_| worker.log_format == "JSON")
}

/// What is wrong with the lines that get to the log.
fn wrong_lines(worker: &FunctionEvidence) -> Option<String> {
    let name = &worker.name;
    if worker.log_format != "JSON" {
        return Some(format!("{name} logs {}", worker.log_format));
    }
    if let Some(level) = hiding_level(worker) {
        return Some(format!("{name} logs {level} and worse only, which hides its outcome lines"));
    }
    let level = above_info(worker.system_log_level.as_ref())?;
    Some(format!("Lambda logs {level} and worse only of {name}, which hides how invocations ended"))
}

/// The class of a log group whose events cannot be looked up.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>: `FilterLogEvents` is
/// for the class Standard only.
fn unsearchable(group: &LogGroupEvidence) -> Option<&str> {
    group.class.as_deref().filter(|class| matches!(*class, "INFREQUENT_ACCESS" | "DELIVERY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(format: &str, group: Option<&LogGroupEvidence>) -> (Verdict, String) {
        let worker = FunctionEvidence {
            name: "worker".to_owned(),
            log_group: "group".to_owned(),
            log_format: format.to_owned(),
            ..FunctionEvidence::default()
        };
        let evaluation = evaluate(&worker, group);
        (evaluation.verdict, evaluation.summary)
    }

    fn group(retention_days: Option<u32>) -> LogGroupEvidence {
        LogGroupEvidence { name: "group".to_owned(), retention_days, class: None }
    }

    #[test]
    fn json_that_is_kept_for_a_while_passes() {
        assert_eq!(summary("JSON", Some(&group(Some(14)))).0, Verdict::Pass);
    }

    #[test]
    fn text_no_retention_and_no_group_warn_each_by_name() {
        let (verdict, text) = summary("Text", Some(&group(Some(14))));
        assert_eq!((verdict, text.as_str()), (Verdict::Warn, "worker logs Text"));
        let (verdict, for_ever) = summary("JSON", Some(&group(None)));
        assert_eq!((verdict, for_ever.as_str()), (Verdict::Warn, "group never expires its events"));
        let (verdict, none) = summary("JSON", None);
        assert_eq!((verdict, none.as_str()), (Verdict::Warn, "there is no log group group"));
        assert!(summary("Text", Some(&group(None))).1.contains("; "), "both are named");
    }

    #[test]
    fn a_level_above_info_warns_and_one_below_does_not() {
        let evaluated = |application: Option<&str>, system: Option<&str>, format: &str| {
            let worker = FunctionEvidence {
                name: "worker".to_owned(),
                log_group: "group".to_owned(),
                log_format: format.to_owned(),
                arn: "arn:aws:lambda:eu-central-1:1:function:worker".to_owned(),
                application_log_level: application.map(str::to_owned),
                system_log_level: system.map(str::to_owned),
                ..FunctionEvidence::default()
            };
            evaluate(&worker, Some(&group(Some(14))))
        };
        for level in ["INFO", "DEBUG", "TRACE"] {
            assert_eq!(
                evaluated(Some(level), Some(level), "JSON").verdict,
                Verdict::Pass,
                "{level}"
            );
        }
        for level in ["WARN", "ERROR", "FATAL", "error"] {
            let hidden = evaluated(Some(level), None, "JSON");
            assert_eq!(hidden.verdict, Verdict::Warn, "{level}");
            assert!(hidden.summary.contains("hides its outcome lines"), "{}", hidden.summary);
            let next = hidden.next.unwrap();
            assert!(next.ends_with("LogGroup=group' --region eu-central-1"), "{next}");
        }
        let silent = evaluated(Some("INFO"), Some("WARN"), "JSON");
        assert_eq!(silent.verdict, Verdict::Warn);
        assert!(silent.summary.contains("how invocations ended"), "{}", silent.summary);
    }

    #[test]
    fn a_group_whose_events_cannot_be_looked_up_warns() {
        let of_class = |class: &str| {
            let class = Some(class.to_owned());
            summary("JSON", Some(&LogGroupEvidence { class, ..group(Some(14)) })).0
        };
        assert_eq!(of_class("STANDARD"), Verdict::Pass);
        assert_eq!(of_class("INFREQUENT_ACCESS"), Verdict::Warn);
    }
}
