//! What an operation came to: `verifier dlq`, `redrive` and `chaos rollback`, in each of their formats.
//!
//! In GitHub Actions that is a log in which no text becomes a command, an annotation for whatever needs attention, and a part
//! of the job summary.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::github::{self, Kind, Note};
use super::job_summary::{BYTES_MAX, append_to_summary, block, cut, inline, job_summary};
use super::json;
use crate::shell::args::ResultFormat;
use crate::shell::failure::Failure;
use crate::shell::output::{print, print_commands};
use crate::shell::print::first_lost;

/// Shows what an operation came to. `what` is the command, and `notes` is what needs attention.
pub(crate) fn show<J: Serialize>(
    format: ResultFormat,
    what: &str,
    human: impl Fn(&mut dyn Write) -> io::Result<()>,
    json: impl FnOnce() -> J,
    notes: impl FnOnce() -> Vec<Note>,
) -> Result<(), Failure> {
    match format {
        ResultFormat::Human => print(|out| human(out)),
        ResultFormat::Json => print(|out| json::pretty(&json(), out)),
        ResultFormat::Github => {
            let (mut text, notes) = (Vec::new(), notes());
            let printed = print_commands(|out| {
                human(&mut text)?;
                github::log(&github::token(), &text, out)?;
                github::annotate_all(&notes, 0, out)
            });
            let summary = job_summary().map_or(Ok(()), |path| {
                let text = String::from_utf8_lossy(&text);
                append_to_summary(&path, |room| markdown(what, &text, &notes, room))
            });
            first_lost([printed, summary])
        }
    }
}

/// Annotates that a command could not do its work, where that is the format; how it ends says so anyway.
pub(crate) fn annotate_failure(format: ResultFormat, what: &str, failure: &Failure) {
    if format != ResultFormat::Github {
        return;
    }
    let notes = [Note::failure(&format!("verifier {what}"), failure)];
    // What cannot be printed is said on stderr by whoever gets the failure.
    let _ = print_commands(|out| github::annotate_all(&notes, 0, out));
    if let Some(path) = job_summary() {
        let _ = append_to_summary(&path, |room| markdown(what, "", &notes, room));
    }
}

/// The part of the job summary. What was printed stands in a block, where nothing has a meaning.
fn markdown(what: &str, human: &str, notes: &[Note], room: usize) -> String {
    let mark = match notes.iter().map(|note| note.kind).min() {
        Some(Kind::Error) => "❌",
        Some(Kind::Warning) => "⚠️",
        None => "✅",
    };
    let mut text = format!("### {mark} verifier {what}\n\n");
    for note in notes.iter().take(github::ANNOTATIONS_MAX) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "* {}: {}", inline(&note.title), inline(&note.message));
    }
    if notes.len() > github::ANNOTATIONS_MAX {
        let _ = writeln!(text, "* {} more", notes.len() - github::ANNOTATIONS_MAX);
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    let human = anstream::adapter::strip_str(human).to_string();
    if !human.is_empty() {
        block(&mut text, "text", human.trim_end());
    }
    cut(text, room.min(BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_begins_with_what_needs_attention() {
        let notes = [Note::error("not sent", "m-1: refused | @all #1")];
        let text = markdown("redrive", "```\n### x", &notes, BYTES_MAX);
        assert_eq!(
            text,
            "### ❌ verifier redrive\n\n* not sent: <code>m-1: refused &#124; &#64;all &#35;1</code>\n\n````text\n```\n### x\n````\n\n"
        );
        assert_eq!(markdown("dlq list", "", &[], BYTES_MAX), "### ✅ verifier dlq list\n\n");
    }

    #[test]
    fn it_keeps_to_its_room_and_to_ten_notes() {
        let notes: Vec<Note> =
            (0..40).map(|number| Note::warning("n", &number.to_string())).collect();
        let text = markdown("dlq list", &"x\n".repeat(1_000), &notes, 700);
        assert!(text.len() <= 700 && text.contains("* 30 more"), "{text}");
    }
}
