//! `cfg.logs`.

use crate::check::{Check, FunctionEvidence, Judgement, LogGroupEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.logs",
    asserts: "the worker logs JSON, to a log group that does not keep it for ever",
    severity: Severity::Warn,
    why: "fields of plain text cannot be searched for, and a log group without a retention outlives the preview and costs money for ever",
    fix: "set the function's LogFormat to JSON, and RetentionInDays of its log group",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html",
    must_be_exercised: true,
};

/// Judges the worker's log; `log_group` is `None` when there is none yet.
pub fn judge(worker: &FunctionEvidence, log_group: Option<&LogGroupEvidence>) -> Judgement {
    let retention = log_group.and_then(|group| group.retention_days);
    let mut wrong = Vec::new();
    if worker.log_format != "JSON" {
        wrong.push(format!("{} logs {}", worker.name, worker.log_format));
    }
    if log_group.is_none() {
        // The first line makes one, without a retention.
        wrong.push(format!("there is no log group {}", worker.log_group));
    } else if retention.is_none() {
        wrong.push(format!("{} keeps its events for ever", worker.log_group));
    }
    let judgement = match (wrong.as_slice(), retention) {
        ([], Some(days)) => Judgement::pass(format!("JSON, kept for {days} days")),
        _ => Judgement::fail(
            wrong.join("; "),
            "log format JSON, and a retention",
            wrong.join("; "),
        )
        .with_verdict(Verdict::Warn)
        .with_next(format!(
            "aws logs put-retention-policy --log-group-name {} --retention-in-days 14, and LogFormat JSON in the template",
            worker.log_group
        )),
    };
    judgement
        .with_evidence("logGroup", worker.log_group.clone())
        .with_evidence("logFormat", worker.log_format.clone())
        .with_evidence("retentionDays", retention)
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
        let judgement = judge(&worker, group);
        (judgement.verdict, judgement.summary)
    }

    fn group(retention_days: Option<u32>) -> LogGroupEvidence {
        LogGroupEvidence { name: "group".to_owned(), retention_days }
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
        assert_eq!(
            (verdict, for_ever.as_str()),
            (Verdict::Warn, "group keeps its events for ever")
        );
        let (verdict, none) = summary("JSON", None);
        assert_eq!((verdict, none.as_str()), (Verdict::Warn, "there is no log group group"));
        assert!(summary("Text", Some(&group(None))).1.contains("; "), "both are named");
    }
}
