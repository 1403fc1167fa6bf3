use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refused(text: &str) -> String {
    match parse(text) {
        Ok(value) => panic!("{text} is {value}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn short_forms_are_the_functions_that_json_has() {
    for (text, expected) in [
        ("!Ref Queue", json!({"Ref": "Queue"})),
        ("!Condition IsLive", json!({"Condition": "IsLive"})),
        ("!GetAtt Queue.Arn", json!({"Fn::GetAtt": ["Queue", "Arn"]})),
        ("!GetAtt Nested.Outputs.Url", json!({"Fn::GetAtt": ["Nested", "Outputs.Url"]})),
        ("!GetAtt [Queue, Arn]", json!({"Fn::GetAtt": ["Queue", "Arn"]})),
        ("!Sub a-${B}", json!({"Fn::Sub": "a-${B}"})),
        ("!Sub [\"${A}\", {A: !Ref B}]", json!({"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]})),
        ("!Join [\",\", [a, !Ref B]]", json!({"Fn::Join": [",", ["a", {"Ref": "B"}]]})),
        (
            "!If [A, !Ref B, !Ref AWS::NoValue]",
            json!({"Fn::If": ["A", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}),
        ),
        (
            "!Select [0, !Split [\",\", \"a,b\"]]",
            json!({"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}),
        ),
        ("!FindInMap [M, !Ref A, b]", json!({"Fn::FindInMap": ["M", {"Ref": "A"}, "b"]})),
        ("!Not [!Equals [a, b]]", json!({"Fn::Not": [{"Fn::Equals": ["a", "b"]}]})),
        (
            "!And [!Condition A, !Or [!Condition B, !Condition C]]",
            json!({"Fn::And": [{"Condition": "A"}, {"Fn::Or": [{"Condition": "B"}, {"Condition": "C"}]}]}),
        ),
        ("!Base64 text", json!({"Fn::Base64": "text"})),
        ("!GetAZs ''", json!({"Fn::GetAZs": ""})),
        ("!ImportValue A", json!({"Fn::ImportValue": "A"})),
        ("!Cidr [a, 1, 8]", json!({"Fn::Cidr": ["a", 1, 8]})),
        ("!Transform {Name: AWS::Include}", json!({"Fn::Transform": {"Name": "AWS::Include"}})),
        // A name stays one, also where it looks like a number.
        ("!Ref 12", json!({"Ref": "12"})),
    ] {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
    let both = "Value:\n  Fn::Join:\n    - ''\n    - - a\n      - Ref: B\n";
    assert_eq!(parse(both).unwrap(), json!({"Value": {"Fn::Join": ["", ["a", {"Ref": "B"}]]}}));
}

#[test]
fn plain_scalars_are_what_cloudformation_takes_them_for() {
    for (text, expected) in [
        ("2012-10-17", json!("2012-10-17")),
        ("2010-09-09T00:00:00Z", json!("2010-09-09T00:00:00Z")),
        ("12", json!(12)),
        ("-3", json!(-3)),
        ("1_000", json!(1000)),
        ("1.5", json!(1.5)),
        ("1.0e+3", json!(1000.0)),
        ("123456789012", json!(123_456_789_012_u64)),
        ("\"012345678901\"", json!("012345678901")),
        ("'12'", json!("12")),
        // Octal in YAML 1.1, which AWS has confirmed by what became of account ids.
        ("010", json!(8)),
        ("018", json!(18)),
        ("0", json!(0)),
        ("0x1F", json!(31)),
        ("1.2.3", json!("1.2.3")),
        ("nodejs20.x", json!("nodejs20.x")),
        ("99999999999999999999", json!("99999999999999999999")),
        ("22:30", json!("22:30")),
        (".5", json!(".5")),
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!("y")),
        ("N", json!("N")),
        ("'yes'", json!("yes")),
        ("!!str yes", json!("yes")),
        ("!!str 12", json!("12")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
        ("\"a\\nb\"", json!("a\nb")),
        ("arn:aws:sqs:*", json!("arn:aws:sqs:*")),
        ("s3:*", json!("s3:*")),
    ] {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
    // Names are what they are written with.
    assert_eq!(
        parse("012345678901: {yes: 1, 2012-10-17: 2}").unwrap(),
        json!({"012345678901": {"yes": 1, "2012-10-17": 2}})
    );
}

#[test]
fn what_cloudformation_does_not_take_is_refused_with_its_line() {
    for (text, words) in [
        ("A: 1\nA: 2\n", "line 2, column 1: it has A twice"),
        ("A: &a 1\nB: *a\n", "line 2, column 4: YAML aliases are not allowed"),
        ("A: {<<: {B: 1}}\n", "hash merges"),
        ("A:\n  B:\n", "'null' values are not allowed"),
        ("A: ~\n", "line 1, column 4: 'null' values"),
        ("A: 012345678901\n", "write \"012345678901\""),
        ("A: 001234567012\n", "write \"001234567012\""),
        ("A: !Reff B\n", "line 1, column 4: !Reff is the short form of no function"),
        ("A: !!binary aGk=\n", "the tag !!binary"),
        ("A: !!timestamp 2012-10-17\n", "the tag !!timestamp"),
        ("A: 1\n---\nB: 1\n", "more than one document"),
        ("A: [1\nB: 2\n", "line "),
        ("A:\n\t- 1\n", "line 2"),
        ("? [a]\n: 1\n", "a name has to be text"),
        ("", "it is empty"),
    ] {
        let refused = refused(text);
        assert!(refused.contains(words), "{text:?}: {refused}");
    }
    let deep = "[".repeat(200) + &"]".repeat(200);
    assert!(refused(&deep).contains("deeper than 100"));
}

proptest! {
    /// JSON is YAML, but for what JSON has and templates have not.
    #[test]
    fn a_template_in_json_is_the_same_in_yaml(texts in proptest::collection::vec("[ -~]{0,12}", 0..6), number in any::<i32>()) {
        let document = json!({"Resources": {"A": {"Type": "T", "Properties": {"Texts": texts, "Number": number, "True": true}}}});
        prop_assert_eq!(parse(&document.to_string()).unwrap(), document.clone());
        prop_assert_eq!(parse(&serde_json::to_string_pretty(&document).unwrap()).unwrap(), document);
    }

    #[test]
    fn no_text_is_too_much(text in "[-a-z0-9:!&*<~\\[\\]{}|>, \"'\n\t]{0,60}") {
        let _ = parse(&text);
    }
}
