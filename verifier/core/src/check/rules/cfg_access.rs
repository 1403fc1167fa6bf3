//! `cfg.access`.

use crate::check::policy::{Statement, Test, account_of, statements};
use crate::check::{Check, Evaluate, Evaluation, QueueEvidence, Severity, Verdict};
use crate::command::aws;

/// The check's entry in the catalogue.
///
/// Public access fails, as in AWS's own control, which is critical. Access of a named account may be wanted, and warns.
pub const CHECK: Check = Check {
    id: "cfg.access",
    asserts: "the policies of both queues allow nothing to everybody, and nothing to other accounts",
    severity: Severity::Fail,
    why: "any AWS principal, or any anonymous caller, could send jobs, read them or delete them",
    fix: "name the principals in the queue's policy, or add a condition on aws:SourceArn, aws:SourceAccount or aws:PrincipalOrgID with fixed values",
    source: "https://docs.aws.amazon.com/securityhub/latest/userguide/sqs-controls.html#sqs-3",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        configuration.of_queues(|jobs, dead_letters| evaluate(&[jobs, dead_letters]))
    }),
};

/// Evaluates the policies of the queues.
pub fn evaluate(queues: &[&QueueEvidence]) -> Evaluation {
    let (mut public, mut of_others, mut deputies) = (Vec::new(), Vec::new(), Vec::new());
    for queue in queues {
        let statements = match statements(queue) {
            Ok(statements) => statements,
            Err(why) => return Evaluation::inconclusive(why).with_next(look(queue)),
        };
        if statements.iter().any(keeps_others_out) {
            continue;
        }
        for statement in statements.iter().filter(|statement| statement.allows()) {
            if statement.is_about_everybody() && !statement.tests().iter().any(narrows) {
                public.push((*queue, statement.clone()));
            } else if let Some(account) = other_account(statement, queue) {
                of_others.push((*queue, statement.clone(), account));
            } else if let Some(service) = confused_deputy(statement) {
                deputies.push((*queue, statement.clone(), service));
            }
        }
    }
    let shown: Vec<String> =
        public.iter().map(|(queue, statement)| of_queue(queue, statement)).collect();
    let evaluation = match (public.first(), of_others.first(), deputies.first()) {
        _ if queues.is_empty() => Evaluation::not_run("there is no queue"),
        (Some((queue, statement)), ..) => Evaluation::fail(
            format!("any AWS principal may use {}", shown.join("; ")),
            "no Allow to everybody without a condition that names accounts, organisations or sources",
            shown.join("; "),
        )
        .with_next(remedy(queue, statement)),
        (None, Some((queue, statement, account)), _) => Evaluation::fail(
            format!("the account {account} may use {}", of_queue(queue, statement)),
            "no Allow to another account",
            account.clone(),
        )
        .with_verdict(Verdict::Warn)
        .with_next(remedy(queue, statement)),
        (None, None, Some((queue, statement, service))) => Evaluation::fail(
            format!(
                "{service} may use {} on behalf of any account, since no condition names a source",
                of_queue(queue, statement)
            ),
            "a condition on aws:SourceArn or aws:SourceAccount with fixed values",
            service.clone(),
        )
        .with_verdict(Verdict::Warn)
        .with_next(format!(
            "add the condition to the statement in the template and deploy; this shows it: {}",
            look(queue)
        )),
        (None, None, None) => Evaluation::pass("the policies of both queues allow nothing to others"),
    };
    evaluation.with_evidence("public", shown)
}

/// A queue and what a statement is about, in words.
fn of_queue(queue: &QueueEvidence, statement: &Statement) -> String {
    let sid = statement.sid().map(|sid| format!(" (statement {sid})")).unwrap_or_default();
    format!("{}: {}{sid}", queue.name, statement.actions())
}

/// What takes the statement away, or shows it where it has no name by which SQS could.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_RemovePermission.html>.
fn remedy(queue: &QueueEvidence, statement: &Statement) -> String {
    match statement.sid() {
        Some(sid) => aws(
            queue.arn(),
            &["sqs", "remove-permission", "--queue-url", &queue.url, "--label", sid],
        ),
        None => format!(
            "take the statement out of the queue's policy in the template and deploy, or add a condition; this shows it: {}",
            look(queue)
        ),
    }
}

fn look(queue: &QueueEvidence) -> String {
    let command = ["sqs", "get-queue-attributes", "--queue-url", &queue.url];
    let shown = ["--attribute-names", "Policy", "--query", "Attributes.Policy", "--output", "text"];
    aws(queue.arn(), &[&command[..], &shown[..]].concat())
}

/// The service that a statement lets act for everybody who can make it act: the confused deputy.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html#cross-service-confused-deputy-prevention>.
fn confused_deputy(statement: &Statement) -> Option<String> {
    let service = statement.services().into_iter().next()?;
    (!statement.tests().iter().any(narrows)).then_some(service)
}

/// The account other than the queue's own to which a statement allows something, by a principal or by a condition.
fn other_account(statement: &Statement, queue: &QueueEvidence) -> Option<String> {
    let own = account_of(queue.arn())?;
    let tests = statement.tests();
    let of_conditions = tests.iter().filter(|test| is_of_callers(test) && narrows(test));
    let of_conditions = of_conditions
        .flat_map(|test| test.values.iter())
        .filter_map(|value| account_of(value).map(str::to_owned));
    // A condition that names an account narrows whatever principal is named.
    let of_conditions: Vec<String> = of_conditions.collect();
    let named = if of_conditions.is_empty() { statement.accounts() } else { of_conditions };
    named.into_iter().find(|account| account != own)
}

/// Whether a test is about who calls, or on whose behalf.
fn is_of_callers(test: &Test<'_>) -> bool {
    let key = test.key.to_ascii_lowercase();
    matches!(
        key.as_str(),
        "aws:principalaccount"
            | "aws:principalarn"
            | "aws:sourceaccount"
            | "aws:sourceowner"
            | "aws:sourcearn"
    )
}

/// Whether a statement denies everything to everybody but fixed accounts, organisations or sources, so that what others
/// allow is bounded.
///
/// A negated operator also holds where the request has no such key.
fn keeps_others_out(statement: &Statement) -> bool {
    let tests = statement.tests();
    let [test] = tests.as_slice() else { return false };
    let Some(operator) = positive(test.operator.strip_suffix("IfExists").unwrap_or(test.operator))
    else {
        return false;
    };
    let values = test.values.clone();
    statement.denies()
        && statement.is_about_everybody()
        && statement.is_about_every_action()
        && narrows(&Test { operator, key: test.key, values })
}

/// The operator that a negated one negates.
fn positive(operator: &str) -> Option<&'static str> {
    match operator {
        "StringNotEquals" => Some("StringEquals"),
        "StringNotEqualsIgnoreCase" => Some("StringEqualsIgnoreCase"),
        "StringNotLike" => Some("StringLike"),
        "ArnNotEquals" => Some("ArnEquals"),
        "ArnNotLike" => Some("ArnLike"),
        "NotIpAddress" => Some("IpAddress"),
        _ => None,
    }
}

/// Whether a test of a condition leaves only callers of fixed accounts, organisations, networks or sources.
///
/// The keys are those by which AWS decides whether a policy is public. An operator that also holds without the key
/// (`…IfExists`, `ForAllValues:`), a negated one, and a value that begins with a wildcard narrow nothing.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>, the meaning of
/// "public".
fn narrows(test: &Test<'_>) -> bool {
    let operator = test.operator.strip_prefix("ForAnyValue:").unwrap_or(test.operator);
    let has_wildcards = match operator {
        "StringEquals" | "StringEqualsIgnoreCase" => false,
        "StringLike" | "ArnEquals" | "ArnLike" => true,
        "IpAddress" => {
            let is_ip = test.key.eq_ignore_ascii_case("aws:SourceIp");
            return is_ip && all(&test.values, is_narrow_network);
        }
        _ => return false,
    };
    let key = test.key.to_ascii_lowercase();
    let is_fixed: fn(&str) -> bool = match key.as_str() {
        "aws:sourcearn" | "aws:principalarn" => is_fixed_arn,
        "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:principalaccount"
        | "aws:sourcevpc"
        | "aws:sourcevpce"
        | "aws:principalorgid"
        | "aws:sourceorgid"
        | "aws:vpceaccount"
        | "aws:vpceorgid" => is_plain,
        "aws:principalorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => {
            |path| path.split_once('/').is_some_and(|(organisation, _)| is_plain(organisation))
        }
        // The id of a role is fixed, and the name of its session need not be.
        "aws:userid" => |id| id.split(':').next().is_some_and(is_plain),
        _ => return false,
    };
    all(&test.values, |value| {
        let is_literal = is_plain(value);
        // Where wildcards are no wildcards, a value with one matches nothing that there is; AWS's control does not trust it.
        is_literal || (has_wildcards && is_fixed(value))
    })
}

/// Whether all values are so, and there is one: without values, a condition asks for nothing.
fn all(values: &[String], is_so: impl Fn(&str) -> bool) -> bool {
    !values.is_empty() && values.iter().all(|value| is_so(value))
}

/// Whether a text has neither wildcards nor variables.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?', '$'])
}

/// Whether an ARN names its account, whatever else it leaves open.
fn is_fixed_arn(arn: &str) -> bool {
    is_plain(arn) || account_of(arn).is_some()
}

/// Whether a network is not far from all of the internet: at least 8 bits of IPv4, or 32 of IPv6, are fixed.
fn is_narrow_network(network: &str) -> bool {
    let (address, bits) = match network.split_once('/') {
        Some((address, bits)) => (address, bits.parse().ok()),
        None => (network, Some(128)),
    };
    let least: u32 = if address.contains(':') { 32 } else { 8 };
    address.parse::<std::net::IpAddr>().is_ok() && bits.is_some_and(|bits: u32| bits >= least)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-central-1:111111111111:q";

    fn evaluated(statements: &Value) -> Evaluation {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let attributes = [("QueueArn", ARN.to_owned()), ("Policy", policy)];
        let queue = QueueEvidence {
            name: "q".to_owned(),
            url: "https://sqs/111111111111/q".to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        evaluate(&[&QueueEvidence::default(), &queue])
    }

    fn verdict(statement: &Value) -> Verdict {
        evaluated(&json!([statement])).verdict
    }

    fn with(condition: &Value) -> Value {
        json!({"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": ARN, "Condition": condition})
    }

    #[test]
    fn no_policy_and_own_principals_pass() {
        assert_eq!(evaluate(&[&QueueEvidence::default()]).verdict, Verdict::Pass);
        assert_eq!(evaluate(&[]).verdict, Verdict::NotRun);
        for principal in [
            json!({"AWS": "111111111111"}),
            json!({"AWS": ["arn:aws:iam::111111111111:role/r", "AROAEXAMPLEID"]}),
        ] {
            let allowed = json!({"Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": ARN});
            assert_eq!(verdict(&allowed), Verdict::Pass, "{allowed}");
        }
        let denied =
            json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": ARN});
        assert_eq!(verdict(&denied), Verdict::Pass);
        let of_another_queue = json!({"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "arn:aws:sqs:eu-central-1:111111111111:r"});
        assert_eq!(verdict(&of_another_queue), Verdict::Pass);
    }

    #[test]
    fn everybody_fails_however_it_is_written() {
        for who in [
            json!({"Principal": "*"}),
            json!({"Principal": {"AWS": "*"}}),
            json!({"Principal": {"AWS": ["111111111111", "*"]}}),
            json!({"NotPrincipal": {"AWS": "222222222222"}}),
        ] {
            let mut statement =
                json!({"Effect": "Allow", "Action": "sqs:GetQueueUrl", "Resource": "*"});
            statement.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
            let evaluation = evaluated(&statement);
            assert_eq!(evaluation.verdict, Verdict::Fail, "{statement}");
            assert!(evaluation.summary.contains("q: sqs:GetQueueUrl"), "{}", evaluation.summary);
        }
    }

    #[test]
    fn a_condition_with_fixed_values_narrows() {
        for condition in [
            json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::bucket"}}),
            json!({"ArnLike": {"AWS:sourcearn": "arn:aws:sns:*:111111111111:*"}}),
            json!({"StringEquals": {"aws:SourceAccount": ["111111111111"]}}),
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3"}}),
            json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/*"}}),
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3/*"}}),
            json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}, "Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringLike": {"aws:userid": "AROAEXAMPLEID:*"}}),
            json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32", "192.0.2.7"]}}),
        ] {
            assert_eq!(verdict(&with(&condition)), Verdict::Pass, "{condition}");
        }
    }

    #[test]
    fn a_condition_that_lets_everybody_through_narrows_nothing() {
        for condition in [
            json!({}),
            json!(null),
            json!({"StringEquals": {}}),
            json!({"StringEquals": {"aws:SourceAccount": []}}),
            json!({"StringLike": {"aws:PrincipalOrgID": "*"}}),
            json!({"StringLike": {"aws:SourceAccount": ["111111111111", "*"]}}),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket*"}}),
            json!({"StringEqualsIfExists": {"aws:SourceAccount": "111111111111"}}),
            json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-a1b2c3/r/"}}),
            json!({"Null": {"aws:SourceArn": "false"}}),
            json!({"StringNotEquals": {"aws:SourceAccount": "222222222222"}}),
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringEquals": {"aws:UserAgent": "ours"}}),
            json!({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}),
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
            json!({"IpAddress": {"aws:SourceIp": "::/0"}}),
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}),
            json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
        ] {
            assert_eq!(verdict(&with(&condition)), Verdict::Fail, "{condition}");
        }
    }

    #[test]
    fn a_denial_of_all_others_bounds_what_is_allowed() {
        let deny = |condition: &Value| {
            let denial = json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": ARN, "Condition": condition});
            evaluated(&json!([with(&json!({})), denial])).verdict
        };
        let others = json!({"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}});
        assert_eq!(deny(&others), Verdict::Pass);
        let some = json!({"StringNotEquals": {"aws:PrincipalAccount": "111111111111", "aws:PrincipalOrgID": "o-a"}});
        assert_eq!(deny(&some), Verdict::Fail);
        let without_tls = json!({"Bool": {"aws:SecureTransport": "false"}});
        assert_eq!(deny(&without_tls), Verdict::Fail);
    }

    #[test]
    fn another_account_warns_and_is_named() {
        let of_account = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "sqs:*", "Resource": ARN});
        let by_condition = with(&json!({"StringEquals": {"aws:PrincipalAccount": "222222222222"}}));
        for statement in [of_account, by_condition] {
            let evaluation = evaluated(&statement);
            assert_eq!(evaluation.verdict, Verdict::Warn, "{evaluation:?}");
            assert!(evaluation.summary.contains("222222222222"), "{}", evaluation.summary);
        }
    }

    #[test]
    fn a_source_of_another_account_warns() {
        let of = |arn: &str| verdict(&with(&json!({"ArnEquals": {"aws:SourceArn": arn}})));
        assert_eq!(of("arn:aws:sns:eu-central-1:222222222222:t"), Verdict::Warn);
        assert_eq!(of("arn:aws:sns:eu-central-1:111111111111:t"), Verdict::Pass);
    }

    #[test]
    fn a_service_acts_for_a_named_source_alone() {
        let of = |condition: Value| {
            verdict(
                &json!({"Sid": "S", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": ARN, "Condition": condition}),
            )
        };
        assert_eq!(of(json!({})), Verdict::Warn);
        assert_eq!(of(json!({"Bool": {"aws:SecureTransport": "true"}})), Verdict::Warn);
        assert_eq!(
            of(json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:111111111111:t"}})),
            Verdict::Pass
        );
        assert_eq!(
            of(json!({"StringEquals": {"aws:SourceAccount": "111111111111"}})),
            Verdict::Pass
        );
        assert_eq!(
            of(json!({"StringEquals": {"aws:SourceAccount": "222222222222"}})),
            Verdict::Warn
        );
    }

    #[test]
    fn what_to_do_next_takes_the_statement_away() {
        let next = evaluated(&with(&json!({}))).next.unwrap();
        assert!(next.starts_with("aws sqs remove-permission --queue-url https://sqs/111111111111/q --label Open --region eu-central-1"), "{next}");
        let mut torn = QueueEvidence::default();
        torn.attributes.insert("Policy".to_owned(), "{".to_owned());
        assert_eq!(evaluate(&[&torn]).verdict, Verdict::Inconclusive);
    }
}
