//! What a batch response deletes, for random batches and responses.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use verifier_model::event_source_mapping::{BatchVerdict, InvocationOutcome, evaluate_batch};

/// A batch of distinct message ids.
fn batch() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[a-z0-9]{1,8}", 1..=10)
}

/// A batch and some of its ids, in any order and perhaps repeatedly.
fn batch_and_failures() -> impl Strategy<Value = (BTreeSet<String>, Vec<String>)> {
    batch().prop_flat_map(|ids| {
        let choices: Vec<String> = ids.iter().cloned().collect();
        let failures = prop::collection::vec(prop::sample::select(choices), 0..=12);
        (Just(ids), failures)
    })
}

/// An entry that makes a response invalid.
fn invalid_entry() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("a")),
        Just(json!({})),
        Just(json!({"foo": "notvalid"})),
        Just(json!({"itemIdentifier": ""})),
        Just(json!({"itemIdentifier": null})),
        Just(json!({"itemIdentifier": 7})),
        Just(json!({"itemIdentifier": ["a"]})),
        // Ids of batches are lower case here.
        "[A-Z]{1,8}".prop_map(|id| json!({"itemIdentifier": id})),
    ]
}

fn evaluate(payload: Vec<u8>, ids: &BTreeSet<String>, report: bool) -> BatchVerdict {
    let ids = ids.iter().map(String::as_str).collect();
    evaluate_batch(&InvocationOutcome::Responded(payload), &ids, report)
}

fn response(failures: &[Value]) -> Vec<u8> {
    json!({"batchItemFailures": failures}).to_string().into_bytes()
}

fn item(id: &String) -> Value {
    json!({"itemIdentifier": id})
}

proptest! {
    #[test]
    fn exactly_the_messages_that_were_not_named_are_deleted((ids, failures) in batch_and_failures()) {
        let entries: Vec<Value> = failures.iter().map(item).collect();
        let verdict = evaluate(response(&entries), &ids, true);
        for id in &ids {
            prop_assert_eq!(verdict.deletes(id), !failures.contains(id), "{}", id);
        }
        prop_assert_eq!(verdict == BatchVerdict::AllSucceeded, failures.is_empty());
    }

    #[test]
    fn one_invalid_entry_anywhere_keeps_the_whole_batch(
        (ids, failures) in batch_and_failures(),
        invalid in invalid_entry(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut entries: Vec<Value> = failures.iter().map(item).collect();
        entries.insert(at.index(entries.len() + 1), invalid);
        let verdict = evaluate(response(&entries), &ids, true);
        prop_assert!(matches!(verdict, BatchVerdict::AllFailed(_)), "{:?}", verdict);
        prop_assert!(ids.iter().all(|id| !verdict.deletes(id)));
    }

    #[test]
    fn without_the_response_type_any_answer_deletes_everything(
        ids in batch(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let verdict = evaluate(payload, &ids, false);
        prop_assert!(ids.iter().all(|id| verdict.deletes(id)));
    }

    #[test]
    fn an_error_keeps_everything(ids in batch(), reason in ".{0,40}", report: bool) {
        let borrowed = ids.iter().map(String::as_str).collect();
        let verdict = evaluate_batch(&InvocationOutcome::Errored(reason.clone()), &borrowed, report);
        prop_assert_eq!(&verdict, &BatchVerdict::AllFailed(reason));
        prop_assert!(ids.iter().all(|id| !verdict.deletes(id)));
    }

    #[test]
    fn arbitrary_bytes_are_evaluated_without_a_panic(
        ids in batch(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        evaluate(payload, &ids, true);
    }

    #[test]
    fn anything_but_an_object_or_null_keeps_everything(ids in batch(), text in "[^{]{1,40}") {
        let valid = text.trim().is_empty() || text.trim() == "null";
        let verdict = evaluate(text.clone().into_bytes(), &ids, true);
        // Only ASCII white space is empty to JSON.
        prop_assume!(valid == (text.trim_ascii().is_empty() || text.trim_ascii() == "null"));
        prop_assert_eq!(verdict == BatchVerdict::AllSucceeded, valid, "{:?}", verdict);
    }
}
