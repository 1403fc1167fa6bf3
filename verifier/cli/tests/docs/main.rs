//! The documentation, run.
//!
//! Every command in a fenced block of README.md, RUNBOOK.md and the pages of `docs` is run, in the order of the page and in
//! one shell, so that what a reader can do stays what the page says. The block's info string says how:
//!
//! | info string | what happens to its commands |
//! |---|---|
//! | `sh` | they are run; `cargo run -- local …` for as long as the page lasts, as in a terminal of its own |
//! | `sh local` | the same; a reader may run them on a deployed stack too |
//! | `sh aws` | they need a deployed stack, so only their syntax is checked |
//! | `text`, `json`, `toml`, `diff` | there are none |
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
mod settings;

use std::path::{Path, PathBuf};

use emulator::Local;
use markdown::{Block, Kind};
use session::{Script, Session};
use verifier_core::check::CHECKS;

/// The file that pages have `verifier local` write to the working directory; one in a temporary folder takes its
/// place here.
const READY_FILE: &str = "ready.json";

/// The pages whose commands are run, each with a stack on this machine if it brings one up.
const RUN: [&str; 8] = [
    "README.md",
    "docs/first-steps.md",
    "docs/gate.md",
    "docs/dead-letters.md",
    "docs/chaos.md",
    "docs/your-own-stack.md",
    "docs/checks.md",
    RUNBOOK,
];
/// The page that needs a stack with a message in its dead-letter queue.
const RUNBOOK: &str = "RUNBOOK.md";
/// What a block needs that is about a bug which is there on purpose.
const TOUR: &str = "--features seeded-bugs";

/// The command that runs this test.
const THIS: &str = "cargo xtask test";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The documentation: the pages of the root, of `docs` and of the stack.
fn pages() -> Vec<String> {
    let folders = ["", "docs/", "docs/architecture/", "stack/"];
    let pages = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let is_page = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "md");
        names.filter(is_page).map(move |name| format!("{folder}{name}"))
    });
    let pages: Vec<String> = pages.collect();
    assert!(RUN.iter().all(|page| pages.contains(&(*page).to_owned())), "{pages:?}");
    pages
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The blocks of a page; fails on one that would be neither run nor marked.
fn blocks(page: &str) -> Vec<Block> {
    markdown::blocks(&read(page)).unwrap_or_else(|problem| panic!("{page}:{problem}"))
}

fn script(page: &str, block: &Block) -> Script {
    Script { place: format!("{page}:{}", block.line), text: block.text.clone() }
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    commands_do_what_it_says("README.md");
}

#[test]
fn the_commands_of_the_first_steps_do_what_it_says() {
    commands_do_what_it_says("docs/first-steps.md");
}

#[test]
fn the_commands_of_the_documentation_do_what_it_says() {
    let is_here = |page: &&str| page.starts_with("docs/") && *page != "docs/first-steps.md";
    for page in RUN.into_iter().filter(is_here) {
        commands_do_what_it_says(page);
    }
}

fn commands_do_what_it_says(page: &str) {
    let Some(session) = Session::new(&root()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join(READY_FILE);
    let scripts: Vec<Script> = blocks(page)
        .iter()
        .filter(|block| matches!(block.kind, Kind::Run | Kind::RunLocal))
        .map(|block| script(page, block))
        .map(|script| Script {
            text: script.text.replace(READY_FILE, &ready_file.to_string_lossy()),
            ..script
        })
        .filter(|script| script.text.trim() != THIS)
        .collect();
    assert!(!scripts.is_empty(), "{page} has no commands");
    // The tour is of a program with a bug on purpose, which this one may not be.
    let is_other = |script: &Script| script.text.contains(TOUR) && !cfg!(feature = "seeded-bugs");
    let (tour, scripts): (Vec<Script>, Vec<Script>) = scripts.into_iter().partition(is_other);
    session.check_syntax(&tour);
    let (starting, scripts): (Vec<Script>, Vec<Script>) =
        scripts.into_iter().partition(|script| script.text.starts_with("cargo run -- local"));
    assert!(starting.len() <= 1, "{page} brings up the stack {} times", starting.len());
    // On the wall's clock such a page would take minutes.
    let _local = starting
        .first()
        .map(|script| Local::start(&session, &format!("{} --clock skip-idle", script.text.trim())));
    session.run(&scripts);
}

#[test]
fn the_readme_shows_what_a_check_prints() {
    let readme = read("README.md");
    let shown =
        readme.split("```text\nStack-PR").nth(1).and_then(|rest| rest.split("\n```").next());
    let shown = format!("Stack-PR{}", shown.expect("README.md shows no check"));
    let command = || Session::without_aws(&root()).command(env!("CARGO_BIN_EXE_verifier"));
    let output = command().args(["check", "--local"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        normalised(&shown),
        normalised(&printed),
        "README.md shows something else than `verifier check --local` prints:\n{printed}"
    );
}

#[test]
fn the_commands_of_the_runbook_do_what_it_says() {
    let Some(session) = Session::new(&root()) else { return };
    let page = RUNBOOK;
    let local = Local::start(&session, "cargo run -- local --clock skip-idle");
    // Whoever reads a runbook has a stack with a message in its dead-letter queue, and is logged in.
    let session = session.with_environment(local.environment());
    let preparation = Script { place: "the preparation".to_owned(), text: DEAD_LETTER.to_owned() };
    let scripts = blocks(page)
        .into_iter()
        .filter(|block| matches!(block.kind, Kind::Run | Kind::RunLocal))
        .map(|block| script(page, &block));
    let scripts: Vec<Script> = std::iter::once(preparation).chain(scripts).collect();
    session.run(&scripts);
}

/// Puts a message into the dead-letter queue, without receiving it.
const DEAD_LETTER: &str = r#"(
    curl --fail --silent --show-error --header 'content-type: application/json' \
        --data '{"task": "fail", "fail": true}' "$JobUrl"
    url=$(aws sqs get-queue-url --queue-name "$JobsDeadLetterQueueName" --query QueueUrl --output text)
    for _ in $(seq 100); do
        count=$(aws sqs get-queue-attributes --queue-url "$url" --attribute-names ApproximateNumberOfMessages \
            --query Attributes.ApproximateNumberOfMessages --output text)
        [ "$count" = 0 ] || break
    done
    [ "$count" = 1 ]
)"#;

#[test]
fn the_commands_for_a_deployed_stack_are_well_formed() {
    let Some(session) = Session::new(&root()) else { return };
    let pages = pages();
    let scripts: Vec<Script> = pages
        .iter()
        .flat_map(|page| blocks(page).into_iter().map(move |block| (page, block)))
        .filter(|(_, block)| block.kind == Kind::Aws)
        .map(|(page, block)| script(page, &block))
        .collect();
    assert!(!scripts.is_empty());
    session.check_syntax(&scripts);
}

#[test]
fn pages_whose_commands_are_not_run_have_none() {
    for page in pages().iter().filter(|page| !RUN.contains(&page.as_str())) {
        let commands = blocks(page).into_iter().find(|block| block.kind != Kind::Aws);
        assert_eq!(commands, None, "{page} has commands, and nothing runs them");
    }
}

#[test]
fn every_check_has_a_section_in_the_runbook() {
    let text = read(RUNBOOK);
    let sections = markdown::sections(&text);
    for check in CHECKS {
        let section = sections.iter().find(|(title, _)| *title == check.id);
        let (_, body) =
            section.unwrap_or_else(|| panic!("RUNBOOK.md has no section titled {}", check.id));
        for part in ["Description", "Investigation", "Resolution"] {
            assert!(body.contains(part), "RUNBOOK.md, section {}, has no {part}", check.id);
        }
    }
    for (title, _) in sections.iter().filter(|(title, _)| is_like_a_check_id(title)) {
        let known = CHECKS.iter().any(|check| check.id == *title);
        assert!(known, "RUNBOOK.md has a section on {title}, which is no check");
    }
}

#[test]
fn the_reference_of_the_command_line_is_what_the_commands_say() {
    let mut command = Session::without_aws(&root()).command(env!("CARGO_BIN_EXE_verifier"));
    // Neither may have a part in it.
    command.env("VERIFIER_CONFIG", "/else/where.toml").env("COLUMNS", "40");
    let output = command.args(["man", "--format", "markdown"]).output().unwrap();
    let reference = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(reference == read("docs/cli.md"), "docs/cli.md is stale: run `cargo xtask gen`");
}

#[test]
fn the_documentation_shows_the_settings_of_the_second_stack() {
    let settings = read("verifier/cli/tests/second_stack/verifier.toml");
    let block = format!("```toml\n{settings}```\n");
    let page = "docs/your-own-stack.md";
    assert!(read(page).contains(&block), "{page} shows other settings");
}

#[test]
fn what_the_pages_point_to_is_there() {
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_path_buf();
        let text = read(&page);
        for target in markdown::links(&text) {
            assert!(folder.join(&target).exists(), "{page} links to {target}, which is not there");
        }
        // What is code is named from the root, but in the stack's page.
        for path in markdown::paths(&text).iter().filter(|_| !page.starts_with("stack/")) {
            assert!(root().join(path).exists(), "{page} names {path}, which is not there");
        }
    }
}

fn is_like_a_check_id(title: &str) -> bool {
    let lower = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    title.split_once('.').is_some_and(|(area, name)| lower(area) && lower(name))
}

/// A text with `#` for every word that has a digit in it: ids, times and counts differ from run to run, and with the times
/// their units.
fn normalised(text: &str) -> String {
    let is_of_a_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut words = String::new();
    let mut rest = text.trim();
    while let Some(start) = rest.find(is_of_a_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_of_a_word(c)).unwrap_or(from.len()));
        words.push_str(before);
        words.push_str(if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
        rest = after;
    }
    (words + rest).replace("#.#", "#").replace("# ms", "# s")
}

#[test]
fn ids_and_times_may_differ_and_words_may_not() {
    assert_eq!(normalised("  200 in 12 ms, id a-1f2e\n"), normalised("200 in 9 ms, id b0-77"));
    assert_eq!(normalised("for 95 ms,"), normalised("for 0.1 s,"));
    assert_ne!(normalised("200 in 12 ms"), normalised("200 after 12 ms"));
}
