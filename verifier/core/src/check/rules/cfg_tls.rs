//! `cfg.tls`.

use serde_json::Value;

use crate::check::{Check, Judgement, QueueEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.tls",
    asserts: "the policies of both queues deny every request that does not come over TLS",
    severity: Severity::Warn,
    why: "SQS answers plain HTTP too, so a client that is configured wrongly sends jobs and signatures in the clear unless the queue refuses them",
    fix: "deny sqs:* to everybody where aws:SecureTransport is false (enforceSSL in CDK)",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
    must_be_exercised: true,
};

/// Judges the policies of the queues.
pub fn judge(queues: &[&QueueEvidence]) -> Judgement {
    let open: Vec<&str> = queues
        .iter()
        .filter(|queue| !denies_plain_http(queue))
        .map(|queue| queue.name.as_str())
        .collect();
    let judgement = if queues.is_empty() {
        Judgement::not_exercised("there is no queue")
    } else if open.is_empty() {
        Judgement::pass("the policies of both queues deny requests without TLS")
    } else {
        let names = open.join(", ");
        Judgement::fail(
            format!("requests without TLS are not denied: {names}"),
            "a statement that denies sqs:* to everybody where aws:SecureTransport is false",
            "no such statement",
        )
        .with_verdict(Verdict::Warn)
        .with_next(format!("add it to the policy of {names}"))
    };
    judgement.with_evidence("withoutDenial", open)
}

/// Whether some statement alone denies every caller every action on the queue over plain HTTP.
fn denies_plain_http(queue: &QueueEvidence) -> bool {
    let policy = queue.attributes.get("Policy").and_then(|text| serde_json::from_str(text).ok());
    let policy: Value = policy.unwrap_or_default();
    list(&policy["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Deny"
            && is_everybody(&statement["Principal"])
            && names_any(&statement["Action"], &["*", "sqs:*"])
            && names_any(&statement["Resource"], &["*", queue.arn()])
            && is_without_tls(&statement["Condition"])
    })
}

fn is_everybody(principal: &Value) -> bool {
    names_any(principal, &["*"]) || names_any(&principal["AWS"], &["*"])
}

/// Whether the condition is that the request is without TLS, and nothing else: every further one would let some through.
fn is_without_tls(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else {
        return false;
    };
    let keys = |operator: &str| operators.get(operator).and_then(Value::as_object);
    let Some(keys) = keys("Bool").or_else(|| keys("BoolIfExists")) else {
        return false;
    };
    operators.len() == 1
        && keys.len() == 1
        && keys.iter().all(|(key, value)| {
            key.eq_ignore_ascii_case("aws:SecureTransport")
                && list(value).iter().all(|value| *value == "false" || *value == false)
        })
}

/// Whether a text, or a text in a list, is one of those, whatever its case.
fn names_any(value: &Value, wanted: &[&str]) -> bool {
    let names = list(value);
    let mut names = names.iter().filter_map(|name| name.as_str());
    names.any(|name| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
}

/// Policies write a list of one as that one.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        judge(&[&queue(&json!({"Statement": statements}))]).verdict
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
        ] {
            let mut statement = statement();
            statement[field] = value;
            assert_eq!(verdict(&json!([{"Effect": "Allow"}, statement])), Verdict::Pass, "{field}");
        }
    }

    #[test]
    fn anything_less_warns() {
        assert_eq!(judge(&[&QueueEvidence::default()]).verdict, Verdict::Warn);
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
        let judgement = judge(&[&closed, &open]);
        assert_eq!(judgement.verdict, Verdict::Warn);
        assert!(judgement.summary.ends_with(": open"), "{}", judgement.summary);
        assert_eq!(judge(&[]).verdict, Verdict::NotExercised);
    }
}
