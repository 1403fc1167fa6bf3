use serde_json::json;

use super::super::lenient::UNRESOLVED;
use super::*;

fn resolve(value: &Value) -> Result<Option<Value>, TemplateError> {
    let template = Template::parse(
        &json!({
            "Parameters": {"Size": {"Type": "Number", "Default": 3}, "Bare": {"Type": "String"}},
            "Mappings": {"M": {"eu-central-1": {"x": "y"}}},
            "Conditions": {
                "Yes": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]},
                "No": {"Fn::Not": [{"Condition": "Yes"}]},
                "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
            },
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}},
                "Self": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Self"}}},
                "Other": {"Type": "AWS::Weird::Thing"},
                "Unnamed": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": true}},
            },
        })
        .to_string(),
    )
    .unwrap();
    let parameters = BTreeMap::new();
    let evaluator =
        Evaluator::new(&template, "Stack-PR7", "eu-central-1", "http://127.0.0.1:1", &parameters);
    evaluator.value(value, &TemplatePath::new("Here"))
}

#[test]
fn parameters_are_lists_and_names_of_what_is_looked_up_where_their_type_says_so() {
    let template = Template::parse(
        "\
Parameters:
  Zones: {Type: CommaDelimitedList, Default: 'a, b'}
  Ports: {Type: List<Number>, Default: '1,2'}
  Table: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/table}
  Subnets: {Type: 'AWS::SSM::Parameter::Value<CommaDelimitedList>', Default: /app/subnets}
  Live: {Type: String, Default: 'true'}
Conditions:
  IsLive: !Equals [!Ref Live, true]
Resources:
  A: {Type: Other}
",
    )
    .unwrap();
    let parameters = BTreeMap::new();
    let values = BTreeMap::from([
        ("/app/subnets".to_owned(), "s-1,s-2".to_owned()),
        ("other-Url".to_owned(), "https://other".to_owned()),
    ]);
    let evaluator =
        Evaluator::new(&template, "S", "r", "http://h", &parameters).with_values(&values);
    let of = |value: Value| evaluator.value(&value, &TemplatePath::new("Here"));
    for (value, expected) in [
        (json!({"Ref": "Zones"}), json!(["a", "b"])),
        (json!({"Fn::Join": ["+", {"Ref": "Zones"}]}), json!("a+b")),
        (json!({"Fn::Select": [1, {"Ref": "Ports"}]}), json!("2")),
        (json!({"Ref": "Subnets"}), json!(["s-1", "s-2"])),
        (json!({"Fn::ImportValue": {"Fn::Sub": "other-${!U}rl"}}), json!(null)),
        (json!({"Fn::ImportValue": "other-Url"}), json!("https://other")),
        (json!({"Fn::If": ["IsLive", 1, 2]}), json!(1)),
    ] {
        match expected {
            Value::Null => assert!(of(value).is_err()),
            expected => assert_eq!(of(value), Ok(Some(expected))),
        }
    }
    for (value, name) in
        [(json!({"Ref": "Table"}), "/app/table"), (json!({"Fn::ImportValue": "x"}), "x")]
    {
        let refused = of(value).unwrap_err().to_string();
        assert!(refused.contains(&format!("--value '{name}=VALUE'")), "{refused}");
    }
}

#[test]
fn what_is_looked_up_is_no_text_where_it_does_not_matter_either() {
    let template = Template::parse(
        "Resources: {A: {Type: Other, Properties: {Names: ['{{resolve:ssm:/a}}', '{{resolve:ssm:/b}}', c]}}}",
    )
    .unwrap();
    let parameters = BTreeMap::new();
    let values = BTreeMap::from([("/a".to_owned(), "1".to_owned())]);
    let evaluator =
        Evaluator::new(&template, "S", "r", "http://h", &parameters).with_values(&values);
    let (properties, is_whole) = evaluator.properties_leniently("A", &template.resources["A"]);
    assert_eq!(properties["Names"], json!(["1", UNRESOLVED, "c"]));
    assert!(!is_whole);
}

#[test]
fn resolves_every_function_that_cdk_emits() {
    let queue_arn = "arn:aws:sqs:eu-central-1:000000000000:jobs";
    for (value, expected) in [
        (json!({"Ref": "Size"}), json!(3)),
        (json!({"Ref": "AWS::AccountId"}), json!("000000000000")),
        (json!({"Ref": "Queue"}), json!("http://127.0.0.1:1/000000000000/jobs")),
        (json!({"Fn::GetAtt": ["Queue", "Arn"]}), json!(queue_arn)),
        (json!({"Fn::GetAtt": "Queue.Arn"}), json!(queue_arn)),
        (json!({"Fn::Join": ["-", ["a", {"Ref": "Size"}, true]]}), json!("a-3-true")),
        (
            json!({"Fn::Sub": "${Queue.Arn}/${AWS::Region}/${!x}$"}),
            json!(format!("{queue_arn}/eu-central-1/${{x}}$")),
        ),
        (json!({"Fn::Sub": ["${a}${Size}", {"a": {"Ref": "Size"}}]}), json!("33")),
        (json!({"Fn::Select": ["1", {"Fn::Split": [":", "a:b"]}]}), json!("b")),
        (json!({"Fn::If": ["Yes", 1, 2]}), json!(1)),
        (json!({"Fn::If": ["No", 1, {"Fn::If": ["Yes", 3, 4]}]}), json!(3)),
        (json!({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "x"]}), json!("y")),
        (json!({"Fn::Base64": "a"}), json!("YQ==")),
        (
            json!({"a": [{"Ref": "AWS::NoValue"}, 1], "b": {"Ref": "AWS::NoValue"}}),
            json!({"a": [1]}),
        ),
        (
            json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
            json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        ),
    ] {
        assert_eq!(resolve(&value), Ok(Some(expected)), "{value}");
    }
}

#[test]
fn texts_that_grow_by_being_put_into_themselves_are_ended() {
    let many = "${A}".repeat(1000);
    let nested = |inner: Value| json!({"Fn::Sub": [many, {"A": inner}]});
    let grown = |value: &Value| resolve(value).map(|text| text.unwrap().as_str().unwrap().len());
    assert_eq!(grown(&nested(json!("0123456789"))), Ok(10_000));
    let too_large = nested(nested(nested(json!("0123456789"))));
    assert!(grown(&too_large).unwrap_err().to_string().contains("grows too large"));
    let joined = |inner: Value| json!({"Fn::Join": [inner, vec!["x"; 1000]]});
    let too_large = joined(joined(joined(json!("0123456789"))));
    assert!(grown(&too_large).is_err());
}

#[test]
fn values_are_for_parameters_that_the_template_has() {
    let template = r#"{"Parameters":{"Size":{"Type":"String"}},"Resources":{"A":{"Type":"X"}}}"#;
    let template = Template::parse(template).unwrap();
    let check = |name: &str| {
        let parameters = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        Evaluator::new(&template, "S", "r", "http://h", &parameters).check_parameters()
    };
    assert_eq!(check("Size"), Ok(()));
    let unknown = check("Length").unwrap_err().to_string();
    assert!(unknown.starts_with("Parameters: [Length] do not exist in the template"), "{unknown}");
}

#[test]
fn generated_names_are_stable_and_fit() {
    let name = resolve(&json!({"Fn::GetAtt": ["Unnamed", "QueueName"]})).unwrap().unwrap();
    let name = name.as_str().unwrap();
    assert!(name.starts_with("Stack-PR7-Unnamed-"), "{name}");
    assert_eq!(name.rsplit('.').next(), Some("fifo"));
    assert!(name.len() <= 80);
}

#[test]
fn what_cannot_be_resolved_says_where() {
    for value in [
        json!({"Ref": "Nobody"}),
        json!({"Ref": "Bare"}),
        json!({"Ref": 1}),
        json!({"Fn::GetAtt": ["Other", "Colour"]}),
        json!({"Fn::GetAtt": ["Queue"]}),
        json!({"Fn::Join": ["-"]}),
        json!({"Fn::Join": ["-", [{"a": 1}]]}),
        json!({"Fn::Sub": "${open"}),
        json!({"Fn::Sub": "${Nobody}"}),
        json!({"Fn::Select": [9, ["a"]]}),
        json!({"Fn::If": ["Nobody", 1, 2]}),
        json!({"Fn::If": ["Loop", 1, 2]}),
        json!({"Fn::FindInMap": ["M", "nowhere", "x"]}),
        json!({"Fn::ImportValue": "x"}),
        json!({"Fn::And": []}),
    ] {
        let error = resolve(&value).unwrap_err().to_string();
        assert!(error.contains("Here") || error.contains("Bare"), "{value}: {error}");
    }
}

#[test]
fn a_reference_that_runs_in_a_circle_is_an_error() {
    let error = resolve(&json!({"Ref": "Self"})).unwrap_err().to_string();
    assert!(error.contains("Self.QueueName") && error.contains("refers to itself"), "{error}");
}

/// Each condition refers to the one before it twice.
fn doubling(conditions: usize) -> String {
    let mut all = Map::new();
    all.insert("C0".to_owned(), json!({"Fn::Equals": ["a", "a"]}));
    for index in 1..=conditions {
        let before = json!({"Condition": format!("C{}", index - 1)});
        all.insert(format!("C{index}"), json!({"Fn::And": [before, before]}));
    }
    let queue = json!({"Type": "AWS::SQS::Queue", "Condition": format!("C{conditions}")});
    json!({"Conditions": all, "Resources": {"Queue": queue}}).to_string()
}

#[test]
fn conditions_that_refer_to_others_again_and_again_come_to_an_end() {
    let resources = |conditions: usize| {
        let template = Template::parse(&doubling(conditions)).unwrap();
        let parameters = BTreeMap::new();
        let evaluator = Evaluator::new(&template, "S", "r", "http://h", &parameters);
        evaluator.resources().map(|resources| resources.len()).map_err(|e| e.to_string())
    };
    assert_eq!(resources(10), Ok(1));
    let refused = resources(22).unwrap_err();
    assert!(refused.contains("more than 1000000 times"), "{refused}");
}

/// On half the stack that a worker of tokio has: what nests is ended by its depth.
#[test]
fn a_template_that_nests_is_ended_before_its_stack() {
    let test = || {
        for (before, after) in [
            (r#"{"Fn::Not": ["#, "]}"),
            (r#"{"Fn::Sub": ["${a}", {"a": "#, "}]}"),
            (r#"{"Fn::If": ["Yes", "#, ", 1]}"),
            (r#"{"Fn::Join": ["", ["#, "]]}"),
            (r#"{"a": "#, "}"),
        ] {
            let text = format!("{}1{}", before.repeat(60), after.repeat(60));
            if let Ok(value) = serde_json::from_str(&text) {
                let _ = resolve(&value);
            }
        }
        let _ = resolve(&json!({"Fn::If": ["Loop", 1, 2]}));
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(test);
    thread.unwrap().join().unwrap();
}

#[test]
fn a_transform_among_the_fields_is_refused() {
    for value in [
        json!({"Fn::Transform": {"Name": "Own"}, "Name": "a"}),
        json!({"A": {"Fn::Transform": [{"Name": "AWS::Include"}], "B": 1}}),
    ] {
        let refused = resolve(&value).unwrap_err().to_string();
        assert!(refused.contains("Fn::Transform"), "{refused}");
    }
}
