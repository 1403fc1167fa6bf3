//! `cfg.tls`.

use crate::check::policy::{Statement, Test, statements};
use crate::check::{Check, Evaluate, Evaluation, QueueEvidence, Severity, Verdict};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.tls",
    asserts: "the policies of both queues deny every request that does not come over TLS",
    severity: Severity::Warn,
    why: "SQS answers plain HTTP too, so a client that is configured wrongly sends jobs and signatures in the clear unless the queue refuses them",
    fix: "deny sqs:* to everybody where aws:SecureTransport is false (enforceSSL in CDK)",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        configuration.of_queues(|jobs, dead_letters| evaluate(&[jobs, dead_letters]))
    }),
};

/// Evaluates the policies of the queues.
pub fn evaluate(queues: &[&QueueEvidence]) -> Evaluation {
    let open: Vec<&QueueEvidence> =
        queues.iter().filter(|queue| !denies_plain_http(queue)).copied().collect();
    let names: Vec<&str> = open.iter().map(|queue| queue.name.as_str()).collect();
    let evaluation = match open.first() {
        _ if queues.is_empty() => Evaluation::not_run("there is no queue"),
        None => Evaluation::pass("the policies of both queues deny requests without TLS"),
        Some(first) => {
            let look = ["sqs", "get-queue-attributes", "--queue-url", &first.url];
            let look = [&look[..], &["--attribute-names", "Policy"]].concat();
            let look = aws(first.arn(), &look);
            Evaluation::fail(
                format!("requests without TLS are not denied: {}", names.join(", ")),
                "a statement that denies sqs:* to everybody where aws:SecureTransport is false",
                "no such statement",
            )
            .with_verdict(Verdict::Warn)
            .with_next(format!(
                "add such a statement to the policy of {} in the template and deploy (enforceSSL in CDK); this shows what is there: {look}",
                names.join(" and ")
            ))
        }
    };
    evaluation.with_evidence("withoutDenial", names)
}

/// Whether some statement alone denies every caller every action on the queue over plain HTTP.
fn denies_plain_http(queue: &QueueEvidence) -> bool {
    let statements = statements(queue).unwrap_or_default();
    statements.iter().any(|statement| {
        statement.denies()
            && statement.is_about_everybody()
            && statement.is_about_every_action()
            && is_without_tls(statement)
    })
}

/// Whether the condition is that the request is without TLS, and nothing else: every further test would let some through.
///
/// A condition without tests is none, and one without values holds for no request.
fn is_without_tls(statement: &Statement) -> bool {
    let is_so = |test: &Test<'_>| {
        matches!(test.operator, "Bool" | "BoolIfExists")
            && test.key.eq_ignore_ascii_case("aws:SecureTransport")
            && !test.values.is_empty()
            && test.values.iter().all(|value| value.eq_ignore_ascii_case("false"))
    };
    let tests = statement.tests();
    !tests.is_empty() && tests.iter().all(is_so)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn queue(policy: &Value) -> QueueEvidence {
        let attributes = [("QueueArn", "arn:q".to_owned()), ("Policy", policy.to_string())];
        QueueEvidence {
            name: "q".to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
            ..QueueEvidence::default()
        }
    }

    fn statement() -> Value {
        json!({
            "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sqs:*", "Resource": "arn:q",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        })
    }

    fn verdict(statements: &Value) -> Verdict {
        evaluate(&[&queue(&json!({"Statement": statements}))]).verdict
    }

    #[test]
    fn a_denial_of_everything_without_tls_passes_however_it_is_written() {
        assert_eq!(verdict(&json!([statement()])), Verdict::Pass);
        assert_eq!(verdict(&statement()), Verdict::Pass);
        for (field, value) in [
            ("Principal", json!("*")),
            ("Principal", json!({"AWS": ["*"]})),
            ("Action", json!(["SQS:*"])),
            ("Action", json!("*")),
            ("Resource", json!("*")),
            ("Condition", json!({"Bool": {"aws:securetransport": false}})),
            ("Condition", json!({"BoolIfExists": {"aws:SecureTransport": ["false"]}})),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "False"}})),
            ("Resource", json!("arn:*")),
        ] {
            let mut statement = statement();
            statement[field] = value;
            assert_eq!(verdict(&json!([{"Effect": "Allow"}, statement])), Verdict::Pass, "{field}");
        }
    }

    #[test]
    fn anything_less_warns() {
        assert_eq!(evaluate(&[&QueueEvidence::default()]).verdict, Verdict::Warn);
        assert_eq!(verdict(&json!([])), Verdict::Warn);
        for (field, value) in [
            ("Effect", json!("Allow")),
            ("Principal", json!({"AWS": "arn:aws:iam::1:role/r"})),
            ("Action", json!("sqs:SendMessage")),
            ("Resource", json!("arn:other")),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            (
                "Condition",
                json!({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"a": "b"}}),
            ),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "false", "aws:Other": "true"}})),
            ("Condition", json!({})),
            ("Condition", json!(null)),
            ("Condition", json!({"Bool": {}})),
            ("Condition", json!({"Bool": {"aws:SecureTransport": []}})),
            ("Condition", json!({"Bool": {"aws:SecureTransport": ["false", "true"]}})),
            ("Condition", json!({"StringNotEquals": {"aws:SecureTransport": "true"}})),
            ("Action", json!(["sqs:SendMessage", "sqs:ReceiveMessage"])),
            ("Principal", json!({"AWS": ["111111111111"]})),
            ("Principal", json!({"Service": "sns.amazonaws.com"})),
            ("Principal", json!(null)),
        ] {
            let mut statement = statement();
            statement[field] = value;
            assert_eq!(verdict(&json!([statement.clone()])), Verdict::Warn, "{statement}");
        }
    }

    #[test]
    fn one_open_queue_of_two_is_named() {
        let (closed, mut open) = (queue(&json!({"Statement": statement()})), queue(&json!({})));
        "open".clone_into(&mut open.name);
        let evaluation = evaluate(&[&closed, &open]);
        assert_eq!(evaluation.verdict, Verdict::Warn);
        assert!(evaluation.summary.ends_with(": open"), "{}", evaluation.summary);
        assert_eq!(evaluate(&[]).verdict, Verdict::NotRun);
    }
}
