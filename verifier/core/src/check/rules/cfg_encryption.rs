//! `cfg.encryption`.

use crate::check::{Check, Evaluate, Evaluation, QueueEvidence, Severity};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.encryption",
    asserts: "both queues encrypt their messages on disk",
    severity: Severity::Fail,
    why: "jobs carry whatever their submitters put into them, and dead letters lie for days",
    fix: "set SqsManagedSseEnabled to true, or name a key in KmsMasterKeyId",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        configuration.of_queues(|jobs, dead_letters| evaluate(&[jobs, dead_letters]))
    }),
};

/// Evaluates the encryption of the queues.
pub fn evaluate(queues: &[&QueueEvidence]) -> Evaluation {
    let plain: Vec<&QueueEvidence> =
        queues.iter().filter(|queue| encryption(queue).is_none()).copied().collect();
    let evaluation = if queues.is_empty() {
        Evaluation::not_run("there is no queue")
    } else if plain.is_empty() {
        let mut kinds: Vec<&str> = queues.iter().filter_map(|queue| encryption(queue)).collect();
        kinds.dedup();
        Evaluation::pass(format!("both queues are encrypted: {}", kinds.join(", ")))
    } else {
        let names: Vec<&str> = plain.iter().map(|queue| queue.name.as_str()).collect();
        let names = names.join(", ");
        let encrypt = |queue: &&QueueEvidence| {
            let command = ["sqs", "set-queue-attributes", "--queue-url", &queue.url];
            let managed = ["--attributes", "SqsManagedSseEnabled=true"];
            aws(queue.arn(), &[&command[..], &managed].concat())
        };
        let commands: Vec<String> = plain.iter().map(encrypt).collect();
        Evaluation::fail(
            format!("not encrypted: {names}"),
            "SqsManagedSseEnabled true, or a KmsMasterKeyId",
            "neither",
        )
        .with_next(commands.join(" && "))
    };
    let shown: Vec<serde_json::Value> = queues
        .iter()
        .map(|queue| serde_json::json!({"queue": queue.name, "encryption": encryption(queue)}))
        .collect();
    evaluation.with_evidence("queues", shown)
}

/// How a queue encrypts; `None` when it does not.
fn encryption(queue: &QueueEvidence) -> Option<&'static str> {
    let attribute = |name: &str| queue.attributes.get(name).filter(|value| !value.is_empty());
    if attribute("KmsMasterKeyId").is_some() {
        Some("SSE-KMS")
    } else if attribute("SqsManagedSseEnabled")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        Some("SSE-SQS")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn queue(name: &str, attribute: &str, value: &str) -> QueueEvidence {
        QueueEvidence {
            name: name.to_owned(),
            attributes: [(attribute.to_owned(), value.to_owned())].into(),
            ..QueueEvidence::default()
        }
    }

    #[test]
    fn either_kind_passes() {
        let (managed, own) =
            (queue("a", "SqsManagedSseEnabled", "true"), queue("b", "KmsMasterKeyId", "alias/k"));
        assert_eq!(evaluate(&[&managed, &own]).verdict, Verdict::Pass);
        let capital = queue("c", "SqsManagedSseEnabled", "True");
        assert_eq!(evaluate(&[&managed, &capital]).verdict, Verdict::Pass);
    }

    #[test]
    fn one_plain_queue_fails_and_is_named() {
        let managed = queue("a", "SqsManagedSseEnabled", "true");
        for plain in [
            queue("plain", "SqsManagedSseEnabled", "false"),
            queue("plain", "KmsMasterKeyId", ""),
            queue("plain", "Other", "true"),
        ] {
            let evaluation = evaluate(&[&managed, &plain]);
            assert_eq!(evaluation.verdict, Verdict::Fail);
            assert!(evaluation.summary.ends_with("plain"), "{}", evaluation.summary);
        }
        assert_eq!(evaluate(&[]).verdict, Verdict::NotRun);
    }
}
