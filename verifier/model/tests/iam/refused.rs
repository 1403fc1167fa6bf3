//! Policies that are refused, each with the place that is named.

use serde_json::{Value, json};
use verifier_model::iam::Policy;

fn with(change: &Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"});
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(statement.as_object_mut().unwrap().remove(name)),
            value => statement[name] = value.clone(),
        }
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn condition(operator: &str, values: &Value) -> Value {
    with(&json!({"Condition": {operator: {"aws:SourceIp": values}}}))
}

#[test]
fn what_aws_would_refuse_is_refused_by_place() {
    let documents = [
        (json!([]), "the policy"),
        (json!({"Version": "2012-10-17"}), "Statement"),
        (json!({"Version": "2012-10-18", "Statement": []}), "Version"),
        (json!({"Statement": [], "Statements": []}), "Statements"),
        (json!({"Statement": ["x"]}), "Statement[0]"),
        (with(&json!({"Effect": "allow"})), "Statement[0].Effect"),
        (with(&json!({"Effects": "Allow"})), "Statement[0].Effects"),
        (with(&json!({"Action": null})), "Statement[0]"),
        (with(&json!({"NotAction": "sqs:*"})), "Statement[0]"),
        (with(&json!({"Action": "SendMessage"})), "Statement[0].Action"),
        (with(&json!({"Action": "s*s:SendMessage"})), "Statement[0].Action"),
        (with(&json!({"Action": []})), "Statement[0].Action"),
        (with(&json!({"Action": 7})), "Statement[0].Action"),
        (with(&json!({"Resource": null})), "Statement[0]"),
        (with(&json!({"NotResource": "*"})), "Statement[0]"),
        (with(&json!({"Resource": "arn:aws:s3:::${aws:username"})), "Statement[0].Resource"),
        (with(&json!({"Principal": "*"})), "Statement[0]"),
        (with(&json!({"Condition": "x"})), "Statement[0].Condition"),
        (condition("StringIs", &json!("x")), "Statement[0].Condition.StringIs.aws:SourceIp"),
        (
            condition("ForSomeValues:StringLike", &json!("x")),
            "Statement[0].Condition.ForSomeValues:StringLike.aws:SourceIp",
        ),
        (
            condition("NullIfExists", &json!("true")),
            "Statement[0].Condition.NullIfExists.aws:SourceIp",
        ),
        (condition("Null", &json!("yes")), "Statement[0].Condition.Null.aws:SourceIp"),
        (condition("Bool", &json!("1")), "Statement[0].Condition.Bool.aws:SourceIp"),
        (
            condition("NumericEquals", &json!("ten")),
            "Statement[0].Condition.NumericEquals.aws:SourceIp",
        ),
        (
            condition("DateLessThan", &json!("tomorrow")),
            "Statement[0].Condition.DateLessThan.aws:SourceIp",
        ),
        (
            condition("IpAddress", &json!("203.0.113.0/33")),
            "Statement[0].Condition.IpAddress.aws:SourceIp",
        ),
        (
            condition("IpAddress", &json!("203.0.113")),
            "Statement[0].Condition.IpAddress.aws:SourceIp",
        ),
        (
            condition("BinaryEquals", &json!("no base64")),
            "Statement[0].Condition.BinaryEquals.aws:SourceIp",
        ),
        (
            condition("StringEquals", &json!({"a": 1})),
            "Statement[0].Condition.StringEquals.aws:SourceIp",
        ),
    ];
    for (document, place) in documents {
        let error = Policy::of_identity(&document).expect_err(&document.to_string());
        assert_eq!(error.place, place, "{document}: {error}");
    }
}

#[test]
fn principals_have_a_kind_and_are_named_whole() {
    let of = |principal: Value| Policy::of_resource(&with(&json!({"Principal": principal})));
    for right in [
        json!("*"),
        json!({"AWS": ["123456789012", "arn:aws:iam::123456789012:root"]}),
        json!({"AWS": "arn:aws:iam::123456789012:role/path/worker", "Service": "sns.amazonaws.com"}),
        json!({"Federated": "cognito-identity.amazonaws.com"}),
    ] {
        assert!(of(right.clone()).is_ok(), "{right}");
    }
    for wrong in [
        json!("arn:aws:iam::123456789012:root"),
        json!({}),
        json!({"Aws": "*"}),
        json!({"AWS": "bob"}),
        json!({"AWS": "arn:aws:iam::123456789012:role/*"}),
        json!({"AWS": "arn:aws:sqs:eu-west-1:123456789012:jobs"}),
    ] {
        assert!(of(wrong.clone()).is_err(), "{wrong}");
    }
    assert!(Policy::of_resource(&with(&json!({}))).is_err(), "it names none");
    let both = with(&json!({"Principal": "*", "NotPrincipal": "*"}));
    assert!(Policy::of_resource(&both).is_err());
    assert!(Policy::of_trust(&with(&json!({"Principal": "*"}))).is_err(), "it has a resource");
    assert!(Policy::of_trust(&with(&json!({"Principal": "*", "Resource": null}))).is_ok());
}
