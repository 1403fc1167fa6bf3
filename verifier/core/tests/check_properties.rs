//! What must hold of every message and every run: nobody else's message is taken for the verifier's, and no rule passes
//! what it did not see.
#![allow(clippy::expect_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use verifier_core::check::rules::cfg_retention;
use verifier_core::check::{CHECKS, DeadLetter, Owner, QueueEvidence, RunId, Selection, Verdict};
use verifier_core::settings::{Expect, MessageIds};
use verifier_model::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LONGEST_WAIT: Duration = Duration::from_mins(3);

fn message(body: String) -> DeadLetter {
    DeadLetter {
        message_id: "m".to_owned(),
        body,
        attributes: Vec::new(),
        sent_at: None,
        first_received_at: None,
        receive_count: None,
        source_arn: None,
        seen_at: NOW,
        receipt_handle: String::new(),
    }
}

fn run_id() -> impl Strategy<Value = RunId> {
    (0..4_000_000_000_u64, any::<u32>())
        .prop_map(|(seconds, random)| RunId::new(Timestamp::from_millis(seconds * 1000), random))
}

/// Bodies as jobs are written, with ids of all kinds.
fn other() -> impl Strategy<Value = String> {
    let id = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9-]{0,40}".prop_map(Value::from),
        "vrf[0-9a-f-]{0,20}".prop_map(Value::from),
    ];
    (id.clone(), id, any::<String>()).prop_map(|(run, job, task)| {
        let fields = [("task", json!(task)), ("runId", run), ("jobId", job)];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect::<Map<_, _>>()).to_string()
    })
}

fn queue(retention_seconds: u32) -> QueueEvidence {
    let retention = retention_seconds.to_string();
    QueueEvidence {
        attributes: [("MessageRetentionPeriod".to_owned(), retention)].into(),
        ..QueueEvidence::default()
    }
}

proptest! {
    #[test]
    fn a_run_id_is_read_as_it_was_written(id in run_id()) {
        prop_assert_eq!(RunId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn what_is_read_as_a_run_id_was_written_by_a_run(text in "(vrf-)?[0-9a-fA-F+-]{0,12}-?[0-9a-f]{7,9}") {
        if let Some(id) = RunId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_others_message_is_never_the_verifiers_to_delete(body in prop_oneof![other(), any::<String>()]) {
        // A body that names a run, and a job of that run, is that run's, whoever wrote it.
        prop_assume!(MessageIds::default().run_of(&body).is_none());
        let owner = Owner::of(&message(body), RunId::new(NOW, 1), &[], &MessageIds::default(), LONGEST_WAIT);
        prop_assert_eq!(owner, Owner::Other);
    }

    #[test]
    fn a_run_that_may_still_go_on_keeps_its_messages(
        random in any::<u32>(),
        before_its_end in 0.0..=1.0,
        life_seconds in 1..43_200_u64,
        arrival_slack_seconds in 1..=3600_u64,
        log_seconds in 1..=3600_u64,
    ) {
        let expect = Expect { arrival_slack_seconds, log_seconds, ..Expect::default() };
        let life = Duration::from_secs(life_seconds);
        // The waits that its settings allow, one after the other; another minute is for all the rest.
        let lasts = Duration::from_secs(life_seconds + arrival_slack_seconds + log_seconds + 60);
        let id = RunId::new(NOW - lasts.mul_f64(before_its_end), random);
        prop_assert!(!id.is_surely_over(NOW, expect.longest_wait(life)));
    }

    #[test]
    fn every_message_of_a_run_is_recognised(id in run_id(), other in run_id(), cut in 0..2_usize) {
        prop_assume!(id != other);
        let body = json!({"task": "t", "jobId": format!("{id}-failing"), "runId": id.to_string()}).to_string();
        let body = body[..body.len() - cut].to_owned();
        prop_assert_eq!(Owner::of(&message(body.clone()), id, &[], &MessageIds::default(), LONGEST_WAIT), Owner::ThisRun);
        prop_assert_ne!(Owner::of(&message(body), other, &[], &MessageIds::default(), LONGEST_WAIT), Owner::ThisRun);
    }

    #[test]
    fn retention_passes_exactly_if_dead_letters_are_kept_longer(jobs in 60..=1_209_600_u32, dead in 60..=1_209_600_u32) {
        let passed = cfg_retention::evaluate(&queue(jobs), &queue(dead), Duration::ZERO).verdict == Verdict::Pass;
        prop_assert_eq!(passed, dead > jobs);
    }

    #[test]
    fn a_check_is_skipped_if_and_only_if_it_was_not_asked_for(
        only in prop::collection::vec(0..CHECKS.len(), 0..4),
        skip in prop::collection::vec(0..CHECKS.len(), 0..4),
    ) {
        let ids = |numbers: &[usize]| numbers.iter().map(|number| CHECKS[*number].id.to_owned()).collect();
        let selection = Selection::new(ids(&only), ids(&skip)).expect("they exist");
        for (number, check) in CHECKS.iter().enumerate() {
            let wanted = (only.is_empty() || only.contains(&number)) && !skip.contains(&number);
            prop_assert_eq!(selection.skipped(check).is_none(), wanted);
        }
    }
}
