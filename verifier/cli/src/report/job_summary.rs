//! The job summary of GitHub Actions: where it is, how much fits in, and texts in its Markdown.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files;

/// The most that a step's summary may have; the upload of more is refused as a whole.
///
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>.
pub(crate) const BYTES_MAX: usize = 1024 * 1024;

/// What GitHub makes a link or a mention of by itself, whatever is escaped: only code is left alone.
///
/// Source: <https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls>.
const LINKS: [&str; 5] = ["@", "#", "://", "www.", "gh-"];
/// Stands where something was left out.
pub(crate) const CUT: &str = "\n\n*The rest was cut: a summary may have 1,024 KB.*\n";

/// A name that is nothing else to Mermaid.
pub(crate) fn mermaid(name: &str) -> String {
    let known = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    name.chars().map(known).collect()
}

/// A fenced block. The fence is longer than any in the text, so that none ends it.
pub(crate) fn block(text: &mut String, language: &str, content: &str) {
    let content = clean::lines(content);
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}{language}\n{content}\n{fence}\n");
}

/// A text in a line or in a cell of a table, without any meaning to Markdown or HTML. What GitHub would link is code.
pub(crate) fn inline(text: &str) -> String {
    let text = clean::line(text);
    let lower = text.to_ascii_lowercase();
    let escaped = escaped(&text);
    let is_linked = LINKS.iter().any(|link| lower.contains(link));
    if is_linked { format!("<code>{escaped}</code>") } else { escaped }
}

fn escaped(text: &str) -> String {
    let mut shown = String::new();
    // What begins a line may begin a list, a rule or an underlined heading.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (index, c) in text.char_indices() {
        let begins_block = matches!(c, '-' | '+' | '=') && index == 0
            || matches!(c, '.' | ')')
                && index == digits
                && digits > 0
                && !text[index + 1..].starts_with(|next: char| next != ' ');
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' | '$' => {
                // Writing to a String cannot fail, here and below.
                let _ = write!(shown, "&#{};", u32::from(c));
            }
            // A link by itself is found by it.
            ':' if text[index..].starts_with("://") => shown.push_str("&#58;"),
            _ if begins_block => {
                let _ = write!(shown, "&#{};", u32::from(c));
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// At most that many bytes, and a note where something is missing. Without room for the note there is nothing.
pub(crate) fn cut(mut text: String, room: usize) -> String {
    if text.len() <= room {
        return text;
    }
    let Some(mut end) = room.checked_sub(CUT.len()) else {
        return String::new();
    };
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A line that is cut in the middle, or a fence that is left open, would swallow the note.
    end = text[..end].rfind("\n\n").unwrap_or_default();
    text.truncate(end);
    text.push_str(CUT);
    text
}

/// The file that GitHub shows with the job, where there is one.
pub(crate) fn job_summary() -> Option<PathBuf> {
    std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Fails where the job summary cannot be appended to, before anything has taken its time. Nothing is written.
pub(crate) fn check_summary() -> Result<Option<PathBuf>, Failure> {
    let path = job_summary();
    if let Some(path) = &path {
        files::check_append(path).map_err(|error| files::failed("job summary", path, &error))?;
    }
    Ok(path)
}

/// Appends a text to the job summary, in at most as many bytes as there is room for.
pub(crate) fn append_to_summary(
    path: &Path,
    text: impl FnOnce(usize) -> String,
) -> Result<(), Failure> {
    let taken = std::fs::metadata(path).map_or(0, |file| file.len());
    let room = BYTES_MAX.saturating_sub(usize::try_from(taken).unwrap_or(usize::MAX));
    let appended = files::append(path, clean::document(&text(room)).as_bytes());
    appended.map_err(|error| files::failed("job summary", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_fences_stays_in_its_block() {
        let mut text = String::new();
        block(&mut text, "sh", "echo ````x````");
        assert_eq!(text, "`````sh\necho ````x````\n`````\n\n");
    }

    #[test]
    fn nothing_is_linked_mentioned_or_listed_by_a_text() {
        for (text, shown) in [
            ("@all", "<code>&#64;all</code>"),
            ("fixes #1 | x", "<code>fixes &#35;1 &#124; x</code>"),
            ("http://x.example/a", "<code>http&#58;//x.example/a</code>"),
            ("see www.x.example", "<code>see www.x.example</code>"),
            ("GH-1", "<code>GH-1</code>"),
            ("1. one", "1&#46; one"),
            ("- one", "&#45; one"),
            ("180.7 s, 60 s: 3", "180.7 s, 60 s: 3"),
        ] {
            assert_eq!(inline(text), shown);
        }
    }
}
