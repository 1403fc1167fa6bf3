//! Filter patterns, for random patterns and messages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use proptest::prelude::*;
use serde_json::{Value, json};
use verifier_model::logs::FilterPattern;

/// A term that needs no quotes.
fn word() -> impl Strategy<Value = String> {
    "[a-c_0-9]{1,3}"
}

/// A message that has a fair chance to contain such terms.
fn message() -> impl Strategy<Value = String> {
    "[a-c_0-9 ]{0,20}"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_parsing_or_matching_panic(pattern in any::<String>(), message in any::<String>()) {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            pattern.matches(&message);
        }
    }

    #[test]
    fn no_text_of_the_syntaxes_own_characters_makes_it_panic(
        pattern in r#"[{}\[\]$.=!<>&|"\\ ?*%a1é-]{0,24}"#,
        message in r#"(\{"a":[1-3]\}|[a1é ]{0,6})"#,
    ) {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            pattern.matches(&message);
        }
    }

    #[test]
    fn all_terms_must_occur_and_no_excluded_one(
        all in prop::collection::vec(word(), 0..3),
        none in prop::collection::vec(word(), 0..3),
        message in message(),
        gap in "[ \t]{1,3}",
    ) {
        let parts: Vec<String> =
            all.iter().cloned().chain(none.iter().map(|term| format!("-{term}"))).collect();
        let expected = all.iter().all(|term| message.contains(term.as_str()))
            && !none.iter().any(|term| message.contains(term.as_str()));
        let pattern = FilterPattern::parse(&parts.join(&gap)).unwrap();
        prop_assert_eq!(pattern.matches(&message), expected);
    }

    #[test]
    fn one_of_the_question_marked_terms_must_occur(
        any in prop::collection::vec(word(), 1..4),
        message in message(),
    ) {
        let parts: Vec<String> = any.iter().map(|term| format!("?{term}")).collect();
        let pattern = FilterPattern::parse(&parts.join(" ")).unwrap();
        prop_assert_eq!(
            pattern.matches(&message),
            any.iter().any(|term| message.contains(term.as_str()))
        );
    }

    #[test]
    fn a_quoted_term_is_found_whatever_its_characters(
        before in ".{0,6}",
        term in ".{1,10}",
        after in ".{0,6}",
    ) {
        let pattern = FilterPattern::parse(&quoted(&term)).unwrap();
        let message = format!("{before}{term}{after}");
        prop_assert!(pattern.matches(&message));
        let excluding = FilterPattern::parse(&format!("-{}", quoted(&term))).unwrap();
        prop_assert!(!excluding.matches(&message));
    }

    #[test]
    fn numbers_compare_as_numbers(left in -50..50_i32, right in -50..50_i32) {
        let event = json!({"fields": {"n": left}}).to_string();
        for (operator, expected) in [
            ("=", left == right),
            ("!=", left != right),
            ("<", left < right),
            ("<=", left <= right),
            (">", left > right),
            (">=", left >= right),
        ] {
            let pattern = format!("{{ $.fields.n {operator} {right} }}");
            prop_assert_eq!(FilterPattern::parse(&pattern).unwrap().matches(&event), expected, "{}", pattern);
        }
    }

    #[test]
    fn texts_compare_whole_and_conditions_join(left in "[a-b]{1,2}", right in "[a-b]{1,2}", n in 0..3_u8) {
        let event = json!({"text": left, "n": n}).to_string();
        let matches = |pattern: String| FilterPattern::parse(&pattern).unwrap().matches(&event);
        let equal = left == right;
        prop_assert_eq!(matches(format!("{{ $.text = {right} }}")), equal);
        prop_assert_eq!(matches(format!("{{ $.text != {} }}", quoted(&right))), !equal);
        prop_assert_eq!(matches(format!("{{ $.text = {right} && $.n = 1 }}")), equal && n == 1);
        prop_assert_eq!(matches(format!("{{ $.text = {right} || $.n = 1 }}")), equal || n == 1);
    }

    #[test]
    fn a_wildcard_stands_for_any_run_of_characters(
        pieces in prop::collection::vec("[a-b]{0,2}", 2..4),
        text in "[a-b]{0,8}",
    ) {
        let pattern = FilterPattern::parse(&format!("{{ $.text = {} }}", quoted(&pieces.join("*")))).unwrap();
        let event = json!({"text": text}).to_string();
        prop_assert_eq!(pattern.matches(&event), naive_wildcard(&pieces, &text));
    }

    #[test]
    fn elements_of_lists_are_named_by_index(list in prop::collection::vec(0..3_u8, 0..4), at in 0..5_usize, value in 0..3_u8) {
        let event = json!({"list": list, "nested": [{"list": list}]}).to_string();
        let expected = list.get(at) == Some(&value);
        for path in [format!("$.list[{at}]"), format!("$.nested[0].list[{at}]")] {
            let pattern = FilterPattern::parse(&format!("{{ {path} = {value} }}")).unwrap();
            prop_assert_eq!(pattern.matches(&event), expected, "{}", path);
        }
    }
}

/// Whether the pieces occur in the text one after another, with anything between them: by trying every split.
fn naive_wildcard(pieces: &[String], text: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let Some(after) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    if rest.is_empty() {
        return after.is_empty();
    }
    (0..=after.len()).any(|skipped| naive_wildcard(rest, &after[skipped..]))
}

#[test]
fn the_examples_of_the_documentation_hold() {
    let event = json!({
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": null,
        "ThisFlag": true,
        "latency": 1_200.5,
        "users": [1, 2, 3],
    });
    let text = Value::to_string(&event);
    for (pattern, expected) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, true),
        ("{ $.eventType = UpdateTrail }", true),
        ("{ $.sourceIPAddress != 123.123.* }", true),
        ("{ $.sourceIPAddress = 111.111.* }", true),
        (r#"{ $.arrayKey[0] = "value" }"#, true),
        (r#"{ $.arrayKey[1] = "value" }"#, false),
        ("{ $.objectList[1].id = 2 }", true),
        ("{ $.eventType[0] = \"UpdateTrail\" }", false),
        ("{ $.latency > +1000 }", true),
        ("{ $.latency < 10e3 }", true),
        ("{ $.latency < 10e-3 }", false),
        // A selector that points to a list or an object never matches.
        ("{ $.users = 1 }", false),
        ("{ $.users != 1 }", false),
        ("{ $.latency = * }", true),
    ] {
        assert_eq!(FilterPattern::parse(pattern).unwrap().matches(&text), expected, "{pattern}");
    }
}
