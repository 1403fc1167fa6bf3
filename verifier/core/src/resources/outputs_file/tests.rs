use super::*;

const TERRAFORM: &str = r#"{
  "orders_queue_url": {"value": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "type": "string", "sensitive": false},
  "queues": {"value": {"dead": "orders-dlq", "all": ["a", "b"]}, "type": ["object", {}], "sensitive": false},
  "count": {"value": 3, "type": "number", "sensitive": false},
  "none": {"value": null, "type": "string", "sensitive": false},
  "secret": {"value": {"url": "https://u:p@h"}, "type": "string", "sensitive": true}
}"#;

fn terraform() -> OutputsFile {
    read_terraform("tf.json", TERRAFORM).unwrap()
}

#[test]
fn terraforms_outputs_are_named_by_themselves_or_by_a_path() {
    let get = |name: &str| terraform().get(name).unwrap();
    assert!(get("orders_queue_url").unwrap().ends_with("/orders"));
    assert_eq!(get("queues.dead").as_deref(), Some("orders-dlq"));
    assert_eq!(get("queues.all.1").as_deref(), Some("b"));
    for missing in ["orders", "queues.live", "queues.all.2", "queues.dead.more", "", "."] {
        assert_eq!(get(missing), None, "{missing}");
    }
}

#[test]
fn what_is_no_string_or_sensitive_is_refused_with_what_to_do() {
    for (name, said, next) in [
        ("count", "is a number, expected a string", None),
        ("none", "is null", None),
        ("queues", "is an object", Some("queues.all.0, queues.all.1, queues.dead")),
        ("secret", "is sensitive", Some("--queue")),
        ("secret.url", "the output secret is sensitive", Some("nonsensitive")),
    ] {
        let error = terraform().get(name).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.to_string().starts_with("the outputs tf.json cannot be used: "), "{error}");
        assert!(!error.to_string().contains("u:p@h"), "{error}");
        assert_eq!(error.next.is_some(), next.is_some(), "{name}");
        assert!(next.is_none_or(|next| error.next.unwrap().contains(next)), "{name}");
    }
}

#[test]
fn a_missing_output_is_said_with_those_that_are_there_and_the_nearest() {
    let error = terraform().missing(Role::Queue, "order_queue_url");
    assert!(error.problem.contains("no output order_queue_url"), "{error}");
    assert!(error.problem.contains("orders_queue_url, queues.all.0"), "{error}");
    let next = error.next.unwrap();
    assert!(next.contains("did you mean orders_queue_url?"), "{next}");
    assert!(next.contains("outputs.jobs_queue") && next.contains("--queue"), "{next}");
}

#[test]
fn what_terraform_does_not_print_is_refused() {
    for (text, said) in [
        ("", "it is empty"),
        ("[]", "found a list"),
        ("\"https://sqs\"", "found empty"),
        ("null", "found null"),
        ("{", "no JSON"),
        ("{}", "holds no outputs"),
        (r#"{"a": "b"}"#, "a has no value in it"),
    ] {
        let error = read_terraform("f", text).unwrap_err();
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
}

#[test]
fn plain_json_and_stacks_are_told_apart_by_where_the_queue_is() {
    let read = |text: &str, queue: &str| read_json("f", text, queue).unwrap();
    let plain = read(r#"{"queue": "q", "api": {"url": "u"}}"#, "queue").unwrap();
    assert_eq!(plain.get("api.url").unwrap().as_deref(), Some("u"));
    let of_stacks = r#"{"S": {"Queue": "q"}}"#;
    let stacks = read(of_stacks, "Queue").unwrap_err();
    assert_eq!(stacks["S"]["Queue"], "q");
    // The same text, where the settings lead to the queue from the top.
    assert_eq!(read(of_stacks, "S.Queue").unwrap().get("S.Queue").unwrap().as_deref(), Some("q"));
    // A name may have dots itself.
    let dotted = read(r#"{"a.b": "q", "c": 1}"#, "a.b").unwrap();
    assert_eq!(dotted.get("a.b").unwrap().as_deref(), Some("q"));
    for (text, said) in [
        ("[]", "found a list"),
        ("{}", "no stack in it"),
        ("{", "no JSON"),
        (TERRAFORM, "`terraform output -json` wrote it"),
    ] {
        let error = read_json("f", text, "JobsQueueName").unwrap_err();
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::super::*;

    proptest! {
        #[test]
        fn every_string_that_is_listed_is_found(
            names in proptest::collection::btree_map("[a-z.]{1,6}", "[a-z]{1,6}", 1..5),
            inner in "[a-z]{1,6}",
        ) {
            let mut values: Map<String, Value> =
                names.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
            values.insert("object".to_owned(), serde_json::json!({ &inner: "deep" }));
            let file = OutputsFile { path: String::new(), values, sensitive: Vec::new() };
            for name in file.names() {
                prop_assert!(file.get(&name).unwrap().is_some(), "{}", name);
            }
        }

        #[test]
        fn whatever_a_file_holds_is_read_or_refused(text in any::<String>(), name in any::<String>()) {
            if let Ok(Ok(file)) = read_json("f", &text, &name) {
                let _ = file.get(&name);
            }
            if let Ok(file) = read_terraform("f", &text) {
                let _ = file.get(&name);
            }
        }
    }
}
