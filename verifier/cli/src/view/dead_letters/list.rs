//! The letters that were seen: `verifier.dlq.list/1`.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::dead_letters::Letter;

use super::super::words::iso;
use super::{age, letters, looked, notes, origin, short};
use crate::clean;
use crate::dead_letters::Seen;

pub(super) fn human(seen: &Seen) -> String {
    let mut text = format!("{}: {}", clean::line(&seen.queue).bold(), letters(seen.letters.len()));
    if seen.looked_at > seen.letters.len() {
        // Writing to a String cannot fail.
        let _ = write!(text, " of {} that were seen", seen.looked_at);
    }
    text.push('\n');
    text.push_str(&origin(seen));
    if !seen.letters.is_empty() {
        let header =
            row(["MESSAGE ID", "AGE", "EXPIRES IN", "RECEIVES", "SIZE", "REASON"]
                .map(str::to_owned));
        let _ = writeln!(text, "{}", header.dimmed());
    }
    for letter in &seen.letters {
        let line = row(cells(seen, letter));
        if seen.expires_soon(letter) {
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

fn cells(seen: &Seen, letter: &Letter) -> [String; 6] {
    let mark = if seen.expires_soon(letter) { "!" } else { "" };
    [
        clean::line(&letter.message_id),
        age(letter.age(seen.at)),
        format!("{}{mark}", age(seen.time_to_expiry(letter))),
        letter.receive_count.map_or("?".to_owned(), |count| count.to_string()),
        size(letter.size_bytes()),
        seen.reason(letter).map_or("unknown".to_owned(), short),
    ]
}

fn row([id, age, expiry, receives, size, reason]: [String; 6]) -> String {
    format!("{id:<36}  {age:<12}  {expiry:<12}  {receives:<8}  {size:<9}  {reason}")
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes.div_ceil(1024)) }
}

pub(super) fn json(seen: &Seen) -> Value {
    let mut document = looked("verifier.dlq.list/1", seen);
    let shown = seen.letters.iter().map(|letter| {
        json!({
            "messageId": letter.message_id,
            "sentAt": letter.sent_at.map(iso),
            "ageSeconds": letter.age(seen.at).map(|age| age.as_secs()),
            "expiresInSeconds": seen.time_to_expiry(letter).map(|left| left.as_secs()),
            "expiresSoon": seen.expires_soon(letter),
            "receiveCount": letter.receive_count,
            "sizeBytes": letter.size_bytes(),
            "reason": seen.reason(letter),
            "sourceArn": letter.source_arn,
        })
    });
    document.insert("letters".to_owned(), shown.collect());
    document.into()
}
