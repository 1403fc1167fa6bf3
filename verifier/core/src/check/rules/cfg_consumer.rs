//! `cfg.consumer`.

use crate::check::{Check, Judgement, MappingEvidence, QueueEvidence, Severity};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.consumer",
    asserts: "exactly one event source mapping reads the jobs queue, is enabled and reports batch item failures",
    severity: Severity::Fail,
    why: "without ReportBatchItemFailures the response of the worker is ignored: failed messages are deleted, or good ones are retried with them",
    fix: "enable the mapping, set FunctionResponseTypes to ReportBatchItemFailures, and remove other consumers",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_be_exercised: true,
};

/// Judges the mappings that read the jobs queue.
pub fn judge(jobs: &QueueEvidence, mappings: &[MappingEvidence]) -> Judgement {
    let name = &jobs.name;
    let judgement = match mappings {
        [] => Judgement::fail(
            format!("no event source mapping reads {name}"),
            "one enabled mapping",
            "none",
        )
        .with_next("add an event source mapping from the jobs queue to the worker".to_owned()),
        [mapping] => judge_one(name, mapping),
        several => Judgement::fail(
            format!("{} event source mappings read {name}", several.len()),
            "one",
            several.iter().map(MappingEvidence::function_name).collect::<Vec<_>>().join(", "),
        )
        .with_next("delete the mapping that does not belong to this stack".to_owned()),
    };
    let shown: Vec<serde_json::Value> = mappings
        .iter()
        .map(|mapping| {
            serde_json::json!({
                "uuid": mapping.uuid,
                "function": mapping.function_name(),
                "state": mapping.state,
                "batchSize": mapping.batch_size,
                "batchingWindowSeconds": mapping.batching_window.as_secs(),
                "functionResponseTypes": mapping.response_types,
            })
        })
        .collect();
    judgement.with_evidence("mappings", shown)
}

fn judge_one(queue: &str, mapping: &MappingEvidence) -> Judgement {
    let uuid = &mapping.uuid;
    if !mapping.is_enabled() {
        return Judgement::fail(
            format!("the mapping from {queue} to {} is {}", mapping.function_name(), mapping.state),
            "Enabled",
            mapping.state.clone(),
        )
        .with_next(format!("aws lambda update-event-source-mapping --uuid {uuid} --enabled"));
    }
    if !mapping.reports_batch_item_failures() {
        return Judgement::fail(
            "the mapping does not report batch item failures",
            "FunctionResponseTypes [ReportBatchItemFailures]",
            format!("[{}]", mapping.response_types.join(", ")),
        )
        .with_next(format!(
            "aws lambda update-event-source-mapping --uuid {uuid} --function-response-types ReportBatchItemFailures"
        ));
    }
    Judgement::pass(format!(
        "{} {}, batch size {}, reports batch item failures",
        mapping.function_name(),
        mapping.state,
        mapping.batch_size
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn mapping() -> MappingEvidence {
        MappingEvidence {
            state: "Enabled".to_owned(),
            response_types: vec!["ReportBatchItemFailures".to_owned()],
            ..MappingEvidence::default()
        }
    }

    fn verdict(mappings: &[MappingEvidence]) -> Verdict {
        judge(&QueueEvidence::default(), mappings).verdict
    }

    #[test]
    fn one_enabled_reporting_mapping_passes() {
        assert_eq!(verdict(&[mapping()]), Verdict::Pass);
    }

    #[test]
    fn none_two_a_disabled_and_a_silent_one_fail() {
        let disabled = MappingEvidence { state: "Disabled".to_owned(), ..mapping() };
        let silent = MappingEvidence { response_types: Vec::new(), ..mapping() };
        assert_eq!(verdict(&[]), Verdict::Fail);
        assert_eq!(verdict(&[mapping(), mapping()]), Verdict::Fail);
        assert_eq!(verdict(&[disabled]), Verdict::Fail);
        assert_eq!(verdict(&[silent]), Verdict::Fail);
    }
}
