//! The documentation, run.
//!
//! Every command in a fenced block of README.md and RUNBOOK.md is run, in the order of the page and in one shell, so
//! that what a reader can do stays what the page says. The block's info string says how:
//!
//! | info string | what happens to its commands |
//! |---|---|
//! | `console` | they are run, and have to succeed; where output follows, it has to be what they print |
//! | `console background` | the emulator, in a terminal of its own: it is run for as long as the page lasts |
//! | `console aws` | they need a deployed stack, so only their syntax is checked |
//! | `console ci` | they run this test; nothing happens to them here |
//! | `text`, `json` | there are none |
//!
//! The AWS CLI is the one that `VERIFIER_TEST_AWS` names, as `cargo xtask test` sets it, or else the one on the PATH.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod emulator;
mod markdown;
mod session;

use std::path::{Path, PathBuf};

use emulator::Local;
use markdown::{Block, Kind};
use session::{Command, Session};
use verifier_core::check::CHECKS;

/// The port that the pages use; a free one takes its place here.
const PORT_IN_PAGES: &str = "4500";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The blocks of a page; fails on one that would be neither run nor marked.
fn blocks(page: &str) -> Vec<Block> {
    markdown::blocks(&read(page)).unwrap_or_else(|problem| panic!("{page}:{problem}"))
}

/// The commands of a page's blocks of one kind.
fn commands(page: &str, kind: Kind, port: &str) -> Vec<Command> {
    blocks(page)
        .iter()
        .filter(|block| block.kind == kind)
        .flat_map(|block| &block.commands)
        .map(|command| Command {
            place: format!("{page}:{}", command.line),
            text: command.text.replace(PORT_IN_PAGES, port),
            output: command.output.as_ref().map(|output| output.replace(PORT_IN_PAGES, port)),
        })
        .collect()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let Some(session) = Session::new(&root()) else { return };
    let page = "README.md";
    let background: Vec<String> = blocks(page)
        .iter()
        .filter(|block| block.kind == Kind::Background)
        .flat_map(|block| &block.commands)
        .map(|command| command.text.clone())
        .collect();
    let [background] = background.as_slice() else {
        panic!("{page} brings up the stack {} times", background.len());
    };
    let local = Local::start(&session, &background.replace(PORT_IN_PAGES, "0"));
    session.run(&commands(page, Kind::Run, &local.port()));
}

#[test]
fn the_commands_of_the_runbook_do_what_it_says() {
    let Some(session) = Session::new(&root()) else { return };
    let page = "RUNBOOK.md";
    let local = Local::start(&session, "cargo run -- local --clock skip-idle");
    // Whoever reads a runbook has a stack with a message in its dead-letter queue, and is logged in.
    let session = session.with_environment(&local.environment());
    let queue = local.output("JobsDeadLetterQueueName");
    let there_is_a_dead_letter = [
        format!(
            "curl --fail --silent --header 'content-type: application/json' --data '{}' {}",
            r#"{"task":"fail","fail":true}"#,
            local.output("JobUrl")
        ),
        format!("queue_url=$(aws sqs get-queue-url --queue-name {queue} --query QueueUrl --output text)"),
        "until aws sqs get-queue-attributes --queue-url \"$queue_url\" \
            --attribute-names ApproximateNumberOfMessages | grep '\"1\"'; do :; done"
            .to_owned(),
        "unset queue_url".to_owned(),
    ];
    let preparation = there_is_a_dead_letter
        .into_iter()
        .map(|text| Command { place: "the preparation".to_owned(), text, output: None });
    let all: Vec<Command> = preparation.chain(commands(page, Kind::Run, &local.port())).collect();
    session.run(&all);
}

#[test]
fn the_commands_for_a_deployed_stack_are_well_formed() {
    let Some(session) = Session::new(&root()) else { return };
    let of = |page| commands(page, Kind::Aws, PORT_IN_PAGES);
    let all = [of("README.md"), of("RUNBOOK.md")].concat();
    assert!(!all.is_empty());
    session.check_syntax(&all);
}

#[test]
fn every_check_has_a_section_in_the_runbook() {
    let text = read("RUNBOOK.md");
    let sections = markdown::sections(&text);
    for check in &CHECKS {
        let section = sections.iter().find(|(title, _)| *title == check.id);
        let (_, body) = section.unwrap_or_else(|| panic!("RUNBOOK.md has no section ## {}", check.id));
        for part in ["**Description.**", "**Investigation.**", "**Resolution.**"] {
            assert!(body.contains(part), "RUNBOOK.md, section {}, has no {part}", check.id);
        }
    }
    for (title, _) in sections.iter().filter(|(title, _)| is_like_a_check_id(title)) {
        let known = CHECKS.iter().any(|check| check.id == *title);
        assert!(known, "RUNBOOK.md has a section on {title}, which is no check");
    }
}

#[test]
fn every_check_is_listed_in_the_readme() {
    let text = read("README.md");
    for check in &CHECKS {
        assert!(text.contains(check.id), "README.md does not name the check {}", check.id);
    }
}

#[test]
fn what_the_pages_point_to_is_there() {
    for page in ["README.md", "ARCHITECTURE.md", "RUNBOOK.md", "CHANGELOG.md"] {
        let text = read(page);
        for target in markdown::targets(&text) {
            assert!(root().join(&target).exists(), "{page} points to {target}, which is not there");
        }
    }
}

fn is_like_a_check_id(title: &str) -> bool {
    let lower = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    title.split_once('.').is_some_and(|(area, name)| lower(area) && lower(name))
}
