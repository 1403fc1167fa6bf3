//! What GitHub Actions reads: annotations, and a log in which no text is a command.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::io::{self, Write};

use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::for_stdout;

/// GitHub shows that many annotations of a kind and step, and drops the others without a word.
///
/// Source: <https://docs.github.com/en/rest/checks/runs> and the runner's own limit.
pub(crate) const ANNOTATIONS_MAX: usize = 10;

/// Begins and ends the stretch in which the log obeys no commands; nobody else may know it.
pub(crate) fn token() -> String {
    format!("verifier-{:032x}", fastrand::u128(..))
}

/// A text for people in the log, in which nothing is a command: neither by what it says nor while it is shown.
pub(crate) fn log(token: &str, text: &[u8], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "::stop-commands::{token}")?;
    guarded(text, out)?;
    writeln!(out, "::{token}::")
}

/// A text for people, in which nothing is a command while the log obeys none.
pub(crate) fn guarded(text: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let text = for_stdout(&String::from_utf8_lossy(text));
    out.write_all(clean::without_commands(&text).as_bytes())
}

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    pub(crate) title: String,
    pub(crate) message: String,
}

impl Note {
    pub(crate) fn error(title: &str, message: &str) -> Self {
        Self { kind: Kind::Error, title: title.to_owned(), message: message.to_owned() }
    }

    pub(crate) fn warning(title: &str, message: &str) -> Self {
        Self { kind: Kind::Warning, ..Self::error(title, message) }
    }

    /// Of what kept a command from its work.
    pub(crate) fn failure(title: &str, failure: &Failure) -> Self {
        let next = failure.next.as_ref().map(|next| format!("\nnext: {next}"));
        Self::error(title, &format!("{}{}", failure.what, next.unwrap_or_default()))
    }
}

/// Annotates, and says in the last of the annotations of a kind which there is no room for. GitHub counts those errors, too, that
/// were there before.
pub(crate) fn annotate_all(
    notes: &[Note],
    errors_before: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for kind in [Kind::Error, Kind::Warning] {
        let before = if kind == Kind::Error { errors_before } else { 0 };
        let max = ANNOTATIONS_MAX.saturating_sub(before);
        let of_kind: Vec<&Note> = notes.iter().filter(|note| note.kind == kind).collect();
        let shown = if of_kind.len() > max { max.saturating_sub(1) } else { of_kind.len() };
        for note in &of_kind[..shown] {
            annotate(note, out)?;
        }
        let rest: Vec<&str> = of_kind[shown..].iter().map(|note| note.title.as_str()).collect();
        if !rest.is_empty() {
            let (title, message) = (format!("{} more", rest.len()), rest.join(", "));
            annotate(&Note { kind, title, message }, out)?;
        }
    }
    Ok(())
}

/// A kind of annotation, by the name of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Error,
    Warning,
}

fn annotate(note: &Note, out: &mut dyn Write) -> io::Result<()> {
    let command = match note.kind {
        Kind::Error => "error",
        Kind::Warning => "warning",
    };
    writeln!(out, "::{command} title={}::{}", property(&note.title), data(&note.message))
}

/// A message as the runner reads it. Its lines are kept; what else is harmful is shown.
fn data(text: &str) -> String {
    let text = clean::lines(text).replace("##[", "##\\u{5b}");
    text.replace('%', "%25").replace('\n', "%0A")
}

/// A property's value, which a colon or a comma would end.
fn property(text: &str) -> String {
    data(&clean::line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shell::clean::tests::{assert_clean, hostile};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn annotations_are_a_line_each_and_ten_of_a_kind_at_most(text in hostile(), count in 0..30_usize) {
            let notes = vec![Note::error(&text, &text); count];
            let mut shown = Vec::new();
            annotate_all(&notes, 0, &mut shown).unwrap();
            let shown = String::from_utf8(shown).unwrap();
            assert_clean(&shown);
            prop_assert_eq!(shown.lines().count(), count.min(10));
            for line in shown.lines() {
                prop_assert!(line.starts_with("::error title=") && !line.contains("##["), "{line:?}");
            }
        }
    }
}
