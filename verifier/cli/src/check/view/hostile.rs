//! Whatever a stack says, no view lets it do harm.

use std::io::{self, Write};

use proptest::prelude::*;
use verifier_core::check::Evaluation;

use super::github::Github;
use super::human::Human;
use super::{html, json, jsonl, junit, sample, summary};
use crate::check::Report;
use crate::shell::clean;
use crate::shell::clean::tests::{assert_clean, assert_shown, hostile, is_command, plain};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

fn failure(text: &str) -> Failure {
    Failure { what: text.to_owned(), next: Some(text.to_owned()), exit: Exit::Inconclusive }
}

/// A report in which everything that comes from a stack is that text.
fn report(text: &str) -> Report {
    let evaluation = Evaluation::fail(text, text, text).with_next(text).with_evidence(text, text);
    let mut report = sample::with("job.success", &evaluation, false);
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
        crate::report::page::assert_policy(&page);
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

}
