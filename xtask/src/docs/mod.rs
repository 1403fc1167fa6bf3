//! `cargo xtask docs`: the documentation as a book.
//!
//! Its pages are those of `docs` and of the root, as `docs/SUMMARY.md` lists them, and one for each check, made of the
//! catalogue and the runbook. A release holds the same pages, without mdBook.

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
const README: &str = "README.md";

/// Builds the book into `target/book`.
pub(crate) fn build(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let mdbook = MDBOOK.install(project, out)?;
    let list = ["run", "--quiet", "--", "check", "--list", "--format", "json"];
    let list = cargo(project).args(list).capture()?;
    let source = project.root.join("target/book-source");
    if source.exists() {
        fs::remove_dir_all(&source).map_err(|error| unwritten(&source, &error))?;
    }
    let variable = |name: &str| std::env::var(name).ok();
    write(&pages(&project.root, &list, sources(variable))?, &source.join("src"))?;
    let settings = Page { path: "book.toml".into(), text: BOOK.to_owned() };
    write(&[settings], &source)?;
    let book = project.root.join("target/book");
    program(mdbook, &source).args(["build", "--dest-dir"]).arg(&book).run()?;
    Ok(writeln!(out, "the book is {}", book.join("index.html").display())?)
}

/// Writes the pages as a release's archive holds them. Its verifier is built by then.
pub(crate) fn release(project: &Project, folder: &Path) -> Result<(), Failure> {
    let list = "run --quiet --release --locked --package verifier --bin verifier -- check --list --format json";
    let list = cargo(project).args(list.split(' ')).capture()?;
    let sources = sources(|name| std::env::var(name).ok());
    // Whoever unpacks it has no checkout.
    let sources = sources.ok_or_else(|| {
        Failure::new(
            "the variable GITHUB_REPOSITORY is not set, so links to the sources would lead nowhere: set it to owner/name",
        )
    })?;
    write(&in_a_release(&project.root, &list, sources)?, folder)
}

/// Where GitHub has the sources: of a tag, where one is built.
fn sources(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let name = variable("GITHUB_REPOSITORY")?;
    let is_tag = variable("GITHUB_REF_TYPE").is_some_and(|kind| kind == "tag");
    let tag = variable("GITHUB_REF_NAME").filter(|_| is_tag);
    let revision = tag.unwrap_or_else(|| "HEAD".to_owned());
    Some(format!("https://github.com/{name}/blob/{revision}"))
}

/// A file of the book's source: its path there, and what is in it.
struct Page {
    path: PathBuf,
    text: String,
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
}

/// The book's pages in `docs`, and beside it the one that people read first.
fn in_a_release(root: &Path, list: &str, sources: String) -> Result<Vec<Page>, Failure> {
    let mut files = pages(root, list, Some(sources.clone()))?;
    for page in &mut files {
        page.path = Path::new("docs").join(&page.path);
    }
    let summary = read(&root.join("docs").join(SUMMARY))?;
    let book = links::Book { listed: links::listed(&summary), sources: Some(sources) };
    let text = links::beside_the_book(&read(&root.join(README))?, "docs", &book);
    files.push(Page { path: README.into(), text });
    Ok(files)
}

/// The book's source. `list` is what `verifier check --list --format json` prints, `sources` the URL of the sources.
fn pages(root: &Path, list: &str, sources: Option<String>) -> Result<Vec<Page>, Failure> {
    let summary = read(&root.join("docs").join(SUMMARY))?;
    let book = links::Book { listed: links::listed(&summary), sources };
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

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}

fn write(pages: &[Page], into: &Path) -> Result<(), Failure> {
    for page in pages {
        let path = into.join(&page.path);
        let folder = path.parent().unwrap_or(into);
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        fs::write(&path, &page.text).map_err(|error| unwritten(&path, &error))?;
    }
    Ok(())
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
        let pages = pages(&project.root, LIST, None).unwrap();
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

    /// The catalogue, with as many checks as the runbook has sections on.
    fn catalogue(root: &Path) -> String {
        let runbook = fs::read_to_string(root.join("RUNBOOK.md")).unwrap();
        let ids = runbook.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
        let checks: Vec<serde_json::Value> = ids
            .filter(|id| id.contains('.'))
            .map(|id| {
                serde_json::json!({"id": id, "severity": "fail", "asserts": "A", "why": "W", "fix": "F",
                    "source": "https://s"})
            })
            .collect();
        assert!(checks.len() > 10, "{checks:?}");
        serde_json::json!({ "checks": checks }).to_string()
    }

    #[test]
    fn no_link_of_a_release_leads_nowhere() {
        let root = Project::find().unwrap().root;
        let sources = "https://github.com/o/n/blob/v1.2.3";
        let files = in_a_release(&root, &catalogue(&root), sources.to_owned()).unwrap();
        let paths: Vec<&Path> = files.iter().map(|page| page.path.as_path()).collect();
        for expected in ["README.md", "docs/README.md", "docs/RUNBOOK.md", "docs/aws.md"] {
            assert!(paths.contains(&Path::new(expected)), "{expected}: {paths:?}");
        }
        let mut links = 0;
        for page in &files {
            for target in links::targets(&page.text) {
                let path = links::joined(page.path.parent().unwrap(), target);
                let is_there = paths.contains(&path.as_path());
                assert!(is_there, "{}: {target} leads to no page", page.path.display());
                links += 1;
            }
        }
        assert!(links > 100, "{links}");
        let text = |name: &str| &files.iter().find(|page| page.path.ends_with(name)).unwrap().text;
        assert!(text("aws.md").contains(&format!("]({sources}/stack/README.md#the-account)")));
    }

    #[test]
    fn sources_are_those_of_the_tag_that_is_built() {
        let of = |kind: &str, name: &str| {
            let variables = [
                ("GITHUB_REPOSITORY", "o/n"),
                ("GITHUB_REF_TYPE", kind),
                ("GITHUB_REF_NAME", name),
            ];
            let value = |asked: &str| variables.iter().find(|(name, _)| *name == asked);
            sources(|asked| value(asked).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of("tag", "v1.2.3").as_deref(), Some("https://github.com/o/n/blob/v1.2.3"));
        assert_eq!(of("branch", "main").as_deref(), Some("https://github.com/o/n/blob/HEAD"));
        assert_eq!(sources(|_| None), None);
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
