//! Whatever a message says, no view lets it do harm.

use std::collections::BTreeMap;

use proptest::prelude::*;
use verifier_core::dead_letters::{
    AttemptLog, Attribute, Cause, DeadLetter, ReceiveCounts, Unreached,
};
use verifier_model::time::Timestamp;

use super::tests::all;
use crate::dlq::{Delivered, Evidence, Keeps, Log, Purged, Seen};
use crate::shell::clean::tests::{assert_shown, hostile};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

fn failure(text: &str) -> Failure {
    Failure { what: text.to_owned(), next: Some(text.to_owned()), exit: Exit::Inconclusive }
}

fn seen(text: &str) -> Seen {
    let message = DeadLetter {
        message_id: text.to_owned(),
        body: text.to_owned(),
        attributes: BTreeMap::from([(text.to_owned(), Attribute::text(text, text))]),
        trace_header: Some(text.to_owned()),
        group_id: Some(text.to_owned()),
        source_arn: Some(text.to_owned()),
        ..DeadLetter::default()
    };
    Seen {
        keeps: Keeps::Whole,
        queue: text.to_owned(),
        queue_arn: text.to_owned(),
        services: Vec::new(),
        sources: vec![(Some(text.to_owned()), 1), (None, 1)],
        selected_source: Some(text.to_owned()),
        at: Timestamp::default(),
        retention: None,
        messages: vec![message],
        left_out: vec![(text.to_owned(), Cause::Inferred(text.to_owned()))],
        told: Evidence {
            log: Log::Unreadable { group: text.to_owned(), why: text.to_owned() },
            attempt_log: AttemptLog::default(),
        },
        looked_at: 2,
        receives: 1,
        counts: ReceiveCounts::default(),
        calls: BTreeMap::new(),
        incomplete: Some(text.to_owned()),
        unreached: Unreached::default(),
        not_released: vec![(text.to_owned(), text.to_owned())],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn dead_letters_are_shown_and_do_nothing(text in hostile()) {
        let seen = seen(&text);
        let pair = || vec![(text.clone(), text.clone())];
        let delivered =
            Delivered { sent: pair(), not_sent: pair(), unknown: pair(), ..Delivered::default() };
        let purged = Purged {
            not_deleted: pair(),
            left_out: vec![(text.clone(), Cause::Inferred(text.clone()))],
            not_released: pair(),
            incomplete: Some(text.clone()),
            failure: Some(failure(&text)),
            ..Purged::default()
        };
        for shown in all(&seen, &delivered, &purged) {
            assert_shown(&shown);
        }
    }
}
