//! The messages that were seen: `verifier.dlq.list/1`.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::dead_letters::DeadLetter;

use super::{age, looked, messages, notes, origin, short};
use crate::dlq::Seen;
use crate::report::words::iso;
use crate::shell::clean;

/// From how many columns on a message has one line.
const WIDE: usize = 110;
/// The fewest columns that lines are made for.
const NARROW_MIN: usize = 60;

/// The list for a terminal of that many columns; without any, a message is a line.
pub(super) fn human(seen: &Seen, width: Option<usize>) -> String {
    let mut text =
        format!("{}: {}", clean::line(&seen.queue).bold(), messages(seen.messages.len()));
    if seen.looked_at > seen.messages.len() {
        // Writing to a String cannot fail.
        let _ = write!(text, " of {} that were seen", seen.looked_at);
    }
    text.push('\n');
    text.push_str(&origin(seen));
    let narrow = width.filter(|width| *width < WIDE).map(|width| width.max(NARROW_MIN));
    let header = ["MESSAGE ID", "AGE", "EXPIRES IN", "RECEIVES", "SIZE", "REASON"];
    if !seen.messages.is_empty() {
        let header = lines(header.map(str::to_owned), narrow);
        let _ = writeln!(text, "{}", header.dimmed());
    }
    for message in &seen.messages {
        let line = lines(cells(seen, message), narrow);
        if seen.expires_soon(message) {
            let _ = writeln!(text, "{}", line.yellow());
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    if seen.soon_gone() > 0 {
        let warning = format!("{} of them will be gone within 24 h", seen.soon_gone());
        let _ = writeln!(text, "{}", warning.yellow().bold());
    }
    text + &notes(seen)
}

fn cells(seen: &Seen, message: &DeadLetter) -> [String; 6] {
    let mark = if seen.expires_soon(message) { "!" } else { "" };
    [
        clean::line(&message.message_id),
        age(message.age(seen.at)),
        format!("{}{mark}", age(seen.time_to_expiry(message))),
        message.receive_count.map_or("?".to_owned(), |count| count.to_string()),
        size(message.size_bytes()),
        short(&seen.cause(message).in_words()),
    ]
}

/// A message in one line, or on a narrow terminal in two, of which none is longer than the terminal is wide.
fn lines([id, age, expiry, receives, size, reason]: [String; 6], narrow: Option<usize>) -> String {
    let Some(width) = narrow else {
        return format!("{id:<36}  {age:<12}  {expiry:<12}  {receives:<8}  {size:<9}  {reason}");
    };
    let first = format!("{id:<36} {age:<10} {expiry}");
    let second = format!("  {receives:<8} {size:<8} {reason}");
    let cut = |line: String| {
        let mut shown: String = line.chars().take(width).collect();
        if shown.len() < line.len() {
            shown.pop();
            shown.push('…');
        }
        shown.trim_end().to_owned()
    };
    format!("{}\n{}", cut(first), cut(second))
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes.div_ceil(1024)) }
}

pub(super) fn json(seen: &Seen) -> Value {
    let mut document = looked("verifier.dlq.list/1", seen);
    let shown = seen.messages.iter().map(|message| {
        let cause = seen.cause(message);
        json!({
            "messageId": message.message_id,
            "sentAt": message.sent_at.map(iso),
            "ageSeconds": message.age(seen.at).map(|age| age.as_secs()),
            "expiresInSeconds": seen.time_to_expiry(message).map(|left| left.as_secs()),
            "expiresSoon": seen.expires_soon(message),
            "receiveCount": message.receive_count,
            "sizeBytes": message.size_bytes(),
            "reason": cause.told(),
            "inferredReason": cause.inferred(),
            "possibleReasons": cause.possible(),
            "sourceArn": message.source_arn,
            "service": message.service(),
        })
    });
    document.insert("messages".to_owned(), shown.collect());
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let cells = || {
            ["0b9c2a5e-8f1d-4d6e-9a3b-2f6b1c0d4e5f", "13 d 14 h", "10 h 14 min!", "4", "100 KiB"]
                .map(str::to_owned)
        };
        let row = |width| {
            let [id, age, expiry, receives, size] = cells();
            lines([id, age, expiry, receives, size, "a long reason ".repeat(9)], width)
        };
        for width in [60, 80, 109] {
            let shown = row(Some(width));
            assert_eq!(shown.lines().count(), 2);
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{shown}");
            // What somebody acts on is whole.
            assert!(shown.contains("0b9c2a5e-8f1d-4d6e-9a3b-2f6b1c0d4e5f 13 d 14 h  10 h 14 min!"));
        }
        assert_eq!(row(None).lines().count(), 1);
    }
}
