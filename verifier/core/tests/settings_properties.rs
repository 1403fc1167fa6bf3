//! What must hold of every settings file and of every line of a log.
#![allow(clippy::expect_used, clippy::panic)]

use contract::{OUTCOME_EVENT, Outcome, OutcomeLine};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use verifier_core::check::{
    CHECKS, Evaluation, Verdict, Weight, explained, overall, read_settings,
};
use verifier_core::settings::{Filling, KEYS, Outcomes, in_toml};

const RUN: &str = "vrf-6569e9c0-0badcafe";

/// Keys whose values have to satisfy nothing together with others.
const FREE: [&str; 8] = [
    "outputs.preview_url",
    "outputs.jobs_queue",
    "outputs.others",
    "api.hello_answer",
    "api.accepted_status",
    "jobs.message_is_body",
    "outcomes.marks",
    "expect.receives",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "['\"\\\\ a-z\u{0}-\u{20}\u{7f}]{1,12}"]
        .prop_filter("not blank", |text| !text.trim().is_empty())
}

/// A value that may stand behind a key.
fn value(key: &str) -> BoxedStrategy<Value> {
    let pairs = || prop::collection::btree_map(any::<String>(), any::<String>(), 0..4);
    let text = || text().prop_map(Value::from);
    match key {
        "outputs.preview_url" => prop_oneof![Just(json!(false)), text()].boxed(),
        "outputs.jobs_queue" => text().boxed(),
        "outputs.others" => {
            prop::collection::vec(any::<String>(), 0..4).prop_map(Value::from).boxed()
        }
        "api.accepted_status" => (200_u64..=299).prop_map(Value::from).boxed(),
        "jobs.message_is_body" => any::<bool>().prop_map(Value::from).boxed(),
        "expect.receives" => {
            prop_oneof![Just(json!(false)), (1_u64..=1000).prop_map(Value::from)].boxed()
        }
        _ => pairs().prop_map(|pairs| json!(pairs)).boxed(),
    }
}

/// A key with a value for it.
fn setting() -> impl Strategy<Value = (&'static str, Value)> {
    let free =
        select(&FREE[..]).prop_flat_map(|name| value(name).prop_map(move |value| (name, value)));
    // Headers have to be such that they can be sent.
    let headers = prop::collection::btree_map("x-[a-z0-9_.-]{0,6}", "[\t -~\u{e4}]{0,9}", 0..4);
    prop_oneof![8 => free, 1 => headers.prop_map(|pairs| ("jobs.headers", json!(pairs)))]
}

fn line() -> impl Strategy<Value = OutcomeLine> {
    let id = || prop::option::of("[a-z]{1,3}");
    let run = prop::option::of(prop_oneof![Just(RUN.to_owned()), "[a-z]{1,3}"]);
    let outcome = select(&[Outcome::Succeeded, Outcome::Failed][..]);
    (run, id(), ".{0,3}", any::<u32>(), outcome, id(), ".{0,3}", any::<u32>()).prop_map(
        |(run_id, job_id, message_id, receive_count, outcome, reason, request_id, batch_size)| {
            OutcomeLine {
                run_id,
                job_id,
                message_id,
                receive_count,
                outcome,
                reason,
                request_id,
                batch_size,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_value_that_a_file_gives_is_in_force((key, value) in setting()) {
        let (section, name) = key.split_once('.').expect("a section");
        let file = format!("[{section}]\n{name} = {}\n", in_toml(&value));
        let in_force = read_settings("f", &file).map_err(|error| TestCaseError::fail(format!("{error}\n{file}")))?;
        for shown in in_force.shown() {
            if shown.key == key {
                prop_assert_eq!(&shown.value, &value);
                prop_assert_eq!(shown.origin.to_string(), "f:2");
            } else {
                prop_assert_eq!(shown.origin.to_string(), "default");
            }
        }
    }

    #[test]
    fn what_is_shown_is_a_file_that_says_the_same((key, value) in setting()) {
        let (section, name) = key.split_once('.').expect("a section");
        let in_force = read_settings("f", &format!("{section}.{name} = {}\n", in_toml(&value))).expect("it is well formed");
        let shown: Vec<String> =
            in_force.shown().iter().map(|shown| format!("{} = {}\n", shown.key, in_toml(&shown.value))).collect();
        let again = read_settings("g", &shown.concat()).expect("it is well formed");
        prop_assert_eq!(again.settings(), in_force.settings());
    }

    #[test]
    fn only_a_warning_is_allowed(allowed in select(CHECKS), check in select(CHECKS), strict in any::<bool>()) {
        let file = format!("[[expect.allow]]\ncheck = \"{}\"\nreason = \"r\"\n", allowed.id);
        let in_force = read_settings("f", &file).expect("it is well formed");
        for verdict in Verdict::ALL {
            let evaluation = Evaluation::new(verdict, "found");
            let counted = explained(&in_force.settings().expect, &check, evaluation).counted();
            let is_changed = verdict == Verdict::Warn && check.id == allowed.id;
            prop_assert_eq!(counted, if is_changed { Verdict::Pass } else { verdict });
            // Beside a pass, nothing but a warning can pass that did not before.
            let run = |verdict| overall([(Verdict::Pass, Weight::Required), (verdict, Weight::Required)], strict);
            prop_assert!(run(counted) == run(verdict) || (is_changed && strict));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_by_its_name(text in any::<String>()) {
        if let Err(error) = read_settings("f", &text) {
            prop_assert!(error.to_string().starts_with("f:"), "{}", error);
        }
    }

    #[test]
    fn a_key_with_a_message_too_few_is_refused_with_what_was_meant(key in select(KEYS.as_slice()), at in any::<Index>()) {
        let (section, name) = key.name.split_once('.').expect("a section");
        let mut wrong = name.to_owned();
        wrong.remove(at.index(name.len()));
        let full = format!("{section}.{wrong}");
        prop_assume!(KEYS.iter().all(|key| key.name != full));
        let error = read_settings("f", &format!("[{section}]\n{wrong:?} = 1\n")).expect_err("no such key");
        prop_assert_eq!(error.place.map(|place| place.line), Some(2));
        prop_assert_eq!(&error.key, &full);
        prop_assert!(error.problem.contains("did you mean"), "{}", error);
    }

    #[test]
    fn without_settings_lines_are_read_as_the_worker_writes_them(line in line()) {
        let reader = Outcomes::default().reader().expect("no pattern");
        let mut fields = serde_json::to_value(&line).expect("JSON");
        fields["event"] = OUTCOME_EVENT.into();
        let expected = (line.run_id.as_deref() == Some(RUN)).then_some(line);
        for message in [fields.clone(), json!({"level": "INFO", "fields": fields})] {
            let message = message.to_string();
            let read = OutcomeLine::from_log_message(&message).filter(|line| line.run_id.as_deref() == Some(RUN));
            prop_assert_eq!(&read, &expected);
            prop_assert_eq!(reader.read(&message, RUN), read);
        }
    }

    #[test]
    fn what_is_no_placeholder_stays(before in "[^{]*", braces in "[{]{0,3}[A-Z \":]{1,4}[}]{0,3}", after in "[^{]*") {
        let filling = Filling { job_id: "J", run_id: "R", name: "N", padding_bytes: 2 };
        let text = format!("{before}{braces}{after}");
        prop_assert_eq!(filling.fill(&text), text.clone());
        let filled = filling.fill(&format!("{text}{{job_id}}{{padding}}"));
        prop_assert_eq!(filled, format!("{text}Jxx"));
    }
}
