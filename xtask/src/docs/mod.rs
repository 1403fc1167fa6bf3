//! `cargo xtask docs`: the documentation as a book.
//!
//! Its pages are those of `docs` and of the root, as `docs/SUMMARY.md` lists them, and one for each check, made of the
//! catalogue and the runbook.

mod checks;
mod links;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cargo_tool::Tool;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::{Project, cargo};

/// Without its own server, which would double what is to be built.
const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    options: &["--no-default-features", "--features", "search"],
};

/// The table of contents.
const SUMMARY: &str = "SUMMARY.md";

/// Builds the book into `target/book`.
pub(crate) fn build(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let mdbook = MDBOOK.install(project, out)?;
    let list = ["run", "--quiet", "--", "check", "--list", "--format", "json"];
    let list = cargo(project).args(list).capture()?;
    let source = project.root.join("target/book-source");
    write(&pages(&project.root, &list)?, &source)?;
    let book = project.root.join("target/book");
    program(mdbook, &source).args(["build", "--dest-dir"]).arg(&book).run()?;
    Ok(writeln!(out, "the book is {}", book.join("index.html").display())?)
}

/// A file of the book's source: its path there, and what is in it.
struct Page {
    path: PathBuf,
    text: String,
}

/// The book's source. `list` is what `verifier check --list --format json` prints.
fn pages(root: &Path, list: &str) -> Result<Vec<Page>, Failure> {
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
    };
    let summary = read(&root.join("docs").join(SUMMARY))?;
    let repository = std::env::var("GITHUB_REPOSITORY").ok();
    let book = links::Book { listed: links::listed(&summary), repository };
    let mut pages = Vec::new();
    for place in &book.listed {
        let text = links::within_the_book(&read(&root.join(place.file()))?, place, &book);
        pages.push(Page { path: place.in_the_book(), text });
    }
    let checks = checks::of(list, &read(&root.join("RUNBOOK.md"))?)?;
    let summary = checks::in_the_summary(&links::summary(&summary), &checks)?;
    for check in checks {
        let text = links::of_a_check(&check.text, &book);
        pages.push(Page { path: PathBuf::from(check.path()), text });
    }
    pages.push(Page { path: SUMMARY.into(), text: summary });
    Ok(pages)
}

/// Writes the source where nothing of an earlier one is left.
fn write(pages: &[Page], source: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::new(format!("{} cannot be written: {error}", path.display()))
    };
    if source.exists() {
        fs::remove_dir_all(source).map_err(|error| failed(source, error))?;
    }
    for page in pages {
        let path = source.join("src").join(&page.path);
        let folder = path.parent().unwrap_or(source);
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    let book = source.join("book.toml");
    fs::write(&book, BOOK).map_err(|error| failed(&book, error))
}

/// mdBook's settings.
const BOOK: &str = r#"[book]
title = "verifier"
description = "Proves a preview stack, breaks it on purpose, and moves messages out of its dead-letter queue."
language = "en"

[build]
# A page in the table of contents that is not there is an error.
create-missing = false

[output.html]
no-section-label = true
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"checks": [{"id": "job.isolation", "severity": "fail",
        "asserts": "A", "why": "W", "fix": "F", "source": "https://s", "runbook": "RUNBOOK.md#jobisolation"}]}"#;

    #[test]
    fn every_link_from_a_page_of_the_book_to_another_leads_there() {
        let project = Project::find().unwrap();
        let pages = pages(&project.root, LIST).unwrap();
        let paths: Vec<&Path> = pages.iter().map(|page| page.path.as_path()).collect();
        assert!(paths.contains(&Path::new("checks/job.isolation.md")), "{paths:?}");
        assert!(paths.contains(&Path::new("RUNBOOK.md")) && paths.contains(&Path::new("gate.md")));
        for page in &pages {
            let folder = page.path.parent().unwrap();
            // Pages about a part of the repository are no pages of the book.
            let is_page = |target: &&str| {
                let is_markdown = Path::new(target).extension().is_some_and(|kind| kind == "md");
                is_markdown && !target.contains("../../")
            };
            for target in links::targets(&page.text).filter(is_page) {
                let path = links::joined(folder, target);
                let is_check = path.starts_with("checks") && !path.ends_with("job.isolation.md");
                let is_there = is_check || paths.contains(&path.as_path());
                assert!(is_there, "{}: {target} leads to no page", page.path.display());
            }
        }
    }

    #[test]
    fn every_page_below_docs_is_in_the_table_of_contents() {
        let root = Project::find().unwrap().root;
        let listed = links::listed(&fs::read_to_string(root.join("docs/SUMMARY.md")).unwrap());
        let listed: Vec<PathBuf> = listed.iter().map(|place| root.join(place.file())).collect();
        for folder in ["docs", "docs/architecture"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let is_page = path.extension().is_some_and(|kind| kind == "md");
                let is_listed = listed.contains(&path) || path.ends_with(SUMMARY);
                assert!(!is_page || is_listed, "{} is in no table of contents", path.display());
            }
        }
    }
}
