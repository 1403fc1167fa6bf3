//! Whatever a stack says, no view lets it do harm.

use std::collections::BTreeMap;
use std::io::{self, Write};

use proptest::prelude::*;
use verifier_core::check::Judgement;
use verifier_core::dead_letters::{Attribute, Letter, ReceiveCounts, Stories, Unreached};
use verifier_model::time::Timestamp;

use super::github::{Github, Note, annotate_all};
use super::human::Human;
use super::{dead_letters, html, json, jsonl, junit, sample, summary};
use crate::check::Report;
use crate::clean::tests::{assert_clean, hostile, is_command};
use crate::clean::{self, without_commands};
use crate::dead_letters::{Delivered, Log, Purged, Seen, Told};
use crate::exit::Exit;
use crate::failure::Failure;

fn failure(text: &str) -> Failure {
    Failure { what: text.to_owned(), next: Some(text.to_owned()), exit: Exit::Inconclusive }
}

/// A report in which everything that comes from a stack is that text.
fn report(text: &str) -> Report {
    let judgement = Judgement::fail(text, text, text).with_next(text).with_evidence(text, text);
    let mut report = sample::with("job.success", &judgement, false);
    for value in [&mut report.stack, &mut report.run_id] {
        text.clone_into(value);
    }
    report.region = Some(text.to_owned());
    for job in &mut report.jobs {
        text.clone_into(&mut job.job_id);
        job.message_id = Some(text.to_owned());
    }
    report.calls.insert(text.to_owned(), 1);
    report.left_behind.push(text.to_owned());
    report.stopped = Some(failure(text));
    report
}

fn collected(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What a view for people prints, without its own colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(&clean::shown(text)).to_string()
}

/// Fails where a terminal, or a log of GitHub's, would do anything but show it. Each value is clean before the whole is.
fn assert_shown(text: &str) {
    assert_clean(&plain(text));
    assert_eq!(plain(text), anstream::adapter::strip_str(text).to_string());
    assert!(!without_commands(&plain(text)).split('\n').any(is_command), "{text:?}");
}

fn seen(text: &str) -> Seen {
    let letter = Letter {
        message_id: text.to_owned(),
        body: text.to_owned(),
        attributes: BTreeMap::from([(text.to_owned(), Attribute::text(text, text))]),
        trace_header: Some(text.to_owned()),
        group_id: Some(text.to_owned()),
        source_arn: Some(text.to_owned()),
        ..Letter::default()
    };
    Seen {
        queue: text.to_owned(),
        queue_arn: text.to_owned(),
        sources: vec![(Some(text.to_owned()), 1), (None, 1)],
        selected_source: Some(text.to_owned()),
        at: Timestamp::default(),
        retention: None,
        letters: vec![letter],
        told: Told {
            log: Log::Unreadable { group: text.to_owned(), why: text.to_owned() },
            stories: Stories::default(),
        },
        looked_at: 2,
        receives: 1,
        counts: ReceiveCounts::default(),
        calls: BTreeMap::new(),
        incomplete: Some(text.to_owned()),
        unreached: Unreached::default(),
        not_handed_back: vec![(text.to_owned(), text.to_owned())],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_check_is_shown_and_does_nothing(text in hostile()) {
        let report = report(&text);
        for width in [None, Some(60)] {
            let mut human = Human::new(width);
            let shown = collected(|out| {
                for event in sample::events(&report) {
                    human.event(&event, out)?;
                }
                human.report(&report, out)
            });
            assert_shown(&shown);
        }
        let mut github = Github::new("a-token".to_owned());
        let shown = collected(|out| {
            for event in sample::events(&report) {
                github.event(&event, out)?;
            }
            github.report(&report, out)
        });
        assert_clean(&plain(&shown));
        for line in plain(&shown).split('\n').filter(|line| is_command(line)) {
            let ours = ["::stop-commands::a-token", "::a-token::", "::error title=", "::warning title="];
            prop_assert!(ours.iter().any(|each| line.starts_with(each)), "{line:?}");
            prop_assert!(!line.contains("##["), "{line:?}");
        }
    }

    #[test]
    fn the_files_of_a_check_hold_nothing_that_is_harmful(text in hostile()) {
        let (text, good) = (format!("x{text}"), report("x"));
        let report = report(&text);
        let junit = collected(|out| junit::write(&report, out));
        assert_clean(&junit);
        prop_assert!(!junit.contains("##["));
        let mut reader = quick_xml::Reader::from_str(&junit);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                event => prop_assert!(event.is_ok(), "{event:?}: {junit}"),
            }
        }
        let page = html::page(&report, &text).unwrap();
        assert_clean(&clean::document(&page));
        super::page::assert_policy(&page);
        let tags = |page: &str| page.matches('<').count();
        prop_assert_eq!(tags(&page), tags(&html::page(&good, "x").unwrap()));
        assert_clean(&clean::document(&summary::markdown(&report, &text, usize::MAX)));
        let document = collected(|out| json::write(&report, out));
        assert_clean(&document);
        prop_assert!(!document.contains("##["));
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        prop_assert_eq!(document["stack"].as_str(), Some(text.as_str()));
        assert_clean(&collected(|out| jsonl::report(&report, out)));
    }

    #[test]
    fn dead_letters_are_shown_and_do_nothing(text in hostile()) {
        let seen = seen(&text);
        let pair = || vec![(text.clone(), text.clone())];
        let delivered =
            Delivered { sent: pair(), not_sent: pair(), unknown: pair(), ..Delivered::default() };
        let purged = Purged {
            not_deleted: pair(),
            not_handed_back: pair(),
            incomplete: Some(text.clone()),
            failure: Some(failure(&text)),
            ..Purged::default()
        };
        for shown in dead_letters::tests::all(&seen, &delivered, &purged) {
            assert_shown(&shown);
        }
    }

    #[test]
    fn annotations_are_a_line_each_and_ten_of_a_kind_at_most(text in hostile(), count in 0..30_usize) {
        let notes = vec![Note::error(&text, &text); count];
        let shown = collected(|out| annotate_all(&notes, 0, out));
        assert_clean(&shown);
        prop_assert_eq!(shown.lines().count(), count.min(10));
        for line in shown.lines() {
            prop_assert!(line.starts_with("::error title=") && !line.contains("##["), "{line:?}");
        }
    }
}

#[test]
fn an_error_of_several_lines_forges_none() {
    let shown = super::indented("a\r\n::error::b\nPASS\u{202e}");
    assert_eq!(shown, "a\\r\n       ::error::b\n       PASS\\u{202e}");
    assert!(!without_commands(&shown).lines().any(is_command));
}
