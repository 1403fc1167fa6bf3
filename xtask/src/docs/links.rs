//! Links between pages. In the repository they are relative to a file, in the book to a page: pages of `docs` and of the root
//! lie side by side there.

use std::path::{Component, Path, PathBuf};

/// The pages of a book, and where the sources can be read, for links that lead to no page.
pub(super) struct Book {
    pub(super) listed: Vec<Place>,
    /// The URL below which GitHub has the sources; without one, links lead to the checkout that the book is built in.
    pub(super) sources: Option<String>,
}

/// A page of the table of contents, by its path from `docs`: `gate.md`, `../RUNBOOK.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(PathBuf);

impl Place {
    /// Its file, from the root.
    pub(super) fn file(&self) -> PathBuf {
        joined(Path::new("docs"), &self.0.to_string_lossy())
    }

    /// Its file in the book's source.
    pub(super) fn in_the_book(&self) -> PathBuf {
        self.0.strip_prefix("..").unwrap_or(&self.0).to_owned()
    }
}

/// The pages that a table of contents lists.
pub(super) fn listed(summary: &str) -> Vec<Place> {
    targets(summary).map(|target| Place(target.into())).collect()
}

/// The table of contents with the pages where the book has them.
pub(super) fn summary(summary: &str) -> String {
    summary.replace("](../", "](")
}

/// A page with its links as they are in the book.
pub(super) fn within_the_book(text: &str, page: &Place, book: &Book) -> String {
    let file = page.file();
    let from = file.parent().unwrap_or(Path::new(""));
    let in_the_book = page.in_the_book();
    let depth = in_the_book.parent().map_or(0, |folder| folder.components().count());
    rewritten(text, from, &"../".repeat(depth), book)
}

/// A page of the root with its links as they are beside a folder that holds the book's pages.
pub(super) fn beside_the_book(text: &str, folder: &str, book: &Book) -> String {
    rewritten(text, Path::new(""), &format!("{folder}/"), book)
}

/// The page of a check, whose text stands in the runbook, at the root.
pub(super) fn of_a_check(text: &str, book: &Book) -> String {
    rewritten(text, Path::new(""), "../", book)
}

/// A text of a folder of the repository, in a place from which `to` leads to the book.
fn rewritten(text: &str, from: &Path, to: &str, book: &Book) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, target, after)) = next(rest) {
        written.push_str(before);
        let (path, anchor) = target.split_at(target.find('#').unwrap_or(target.len()));
        if path.is_empty() || path.contains("://") {
            written.push_str(path);
        } else {
            written.push_str(&book.link(&joined(from, path), to));
        }
        written.push_str(anchor);
        rest = after;
    }
    written + rest
}

impl Book {
    /// What leads to a file of the repository from a page, from which `to` leads to the book.
    fn link(&self, file: &Path, to: &str) -> String {
        match (self.listed.iter().find(|place| place.file() == file), &self.sources) {
            (Some(place), _) => format!("{to}{}", place.in_the_book().display()),
            (None, _) if file.starts_with("checks") => format!("{to}{}", file.display()),
            (None, Some(url)) => format!("{url}/{}", file.display()),
            // The book is in `target/book`.
            (None, None) => format!("{to}../../{}", file.display()),
        }
    }
}

/// What is before the next link's target, the target, and what is behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("](")? + 2;
    let end = start + text[start..].find(')')?;
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// The files that a text links to, without anchors and other hosts.
pub(super) fn targets(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, target, after) = next(rest)?;
        rest = after;
        Some(target.split('#').next().unwrap_or_default())
    })
    .filter(|target| !target.is_empty() && !target.contains("://"))
}

/// A path with another behind it, in which `..` leads up.
pub(super) fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut joined = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                joined.pop();
            }
            Component::CurDir => {}
            part => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str =
        "[a](../README.md)\n- [b](gate.md)\n  - [c](architecture/clock.md)\n- [d](../RUNBOOK.md)\n";

    #[test]
    fn pages_of_the_root_and_of_the_documentation_lie_side_by_side() {
        let mut book = Book { listed: listed(SUMMARY), sources: None };
        let files: Vec<PathBuf> = book.listed.iter().map(Place::file).collect();
        let expected = ["README.md", "docs/gate.md", "docs/architecture/clock.md", "RUNBOOK.md"];
        assert_eq!(files, expected.map(PathBuf::from));
        let page = |index: usize, text: &str| within_the_book(text, &book.listed[index], &book);
        assert_eq!(page(0, "[x](docs/gate.md#y) [z](https://z)"), "[x](gate.md#y) [z](https://z)");
        assert_eq!(page(1, "[x](../RUNBOOK.md#y) [s](#s)"), "[x](RUNBOOK.md#y) [s](#s)");
        assert_eq!(
            page(2, "[x](../../RUNBOOK.md) [g](../gate.md)"),
            "[x](../RUNBOOK.md) [g](../gate.md)"
        );
        assert_eq!(page(3, "[x](docs/architecture/clock.md)"), "[x](architecture/clock.md)");
        assert_eq!(page(2, "[x](../../stack/lib/site.ts)"), "[x](../../../stack/lib/site.ts)");
        assert_eq!(of_a_check("[x](checks/a.b.md#y)", &book), "[x](../checks/a.b.md#y)");
        book.sources = Some("https://github.com/o/n/blob/HEAD".to_owned());
        let source = within_the_book("[x](../stack/lib/site.ts)", &book.listed[1], &book);
        assert_eq!(source, "[x](https://github.com/o/n/blob/HEAD/stack/lib/site.ts)");
        let beside = beside_the_book("[x](docs/gate.md#y) [z](stack/a.ts) [s](#s)", "docs", &book);
        assert_eq!(
            beside,
            "[x](docs/gate.md#y) [z](https://github.com/o/n/blob/HEAD/stack/a.ts) [s](#s)"
        );
        assert_eq!(summary("[d](../RUNBOOK.md)"), "[d](RUNBOOK.md)");
    }
}
