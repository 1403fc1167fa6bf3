//! What is shown is cleaned here, and nowhere else: no text of a stack's may steer a terminal, hide, turn text around, or become
//! a command of a workflow.
//!
//! Views clean each value with [`fn@line`] or [`lines`] before they colour it. Everything that leaves the process as text goes
//! through [`shown`] as well (a whole file through [`document`]), which leaves nothing but line breaks and colours. JSON stays exact: [`json`] escapes by `\u`, as JSON does.
//!
//! Sources: <https://www.w3.org/TR/xml/#charsets>, <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>,
//! <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt> (`Default_Ignorable_Code_Point`).

use std::borrow::Cow;
use std::fmt::Write;

pub(crate) use verifier_core::harmful::is_harmful;

/// A text on one line: what is harmful is shown as an escape, such as `\u{202e}` or `\n`.
pub(crate) fn line(text: &str) -> String {
    cleaned(text, |_| false)
}

/// A text as one word of a command that is printed to be typed: quoted for a shell where it has to be, on one line.
pub(crate) fn word(text: &str) -> String {
    let text = line(text);
    shlex::try_quote(&text).map_or_else(|_| text.replace('\0', ""), Cow::into_owned)
}

/// A text that may have several lines.
pub(crate) fn lines(text: &str) -> String {
    cleaned(text, |c| c == '\n')
}

/// A whole file of text: Markdown, HTML or XML.
pub(crate) fn document(text: &str) -> String {
    cleaned(text, |c| matches!(c, '\n' | '\t'))
}

fn cleaned(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) && !is_kept(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// What goes to a terminal or to a log: a document in which colours are kept. Only values that were cleaned before may stand in
/// it, since a colour of theirs looks like one of ours.
pub(crate) fn shown(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        clean.push_str(&document(&rest[..at]));
        let after = &rest[at + 2..];
        let length =
            after.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        if after[length..].starts_with('m') {
            clean.push_str(&rest[at..=at + 2 + length]);
            rest = &after[length + 1..];
        } else {
            clean.push_str(&document("\u{1b}"));
            rest = &rest[at + 1..];
        }
    }
    clean.push_str(&document(rest));
    clean
}

/// JSON that says the same and holds nothing that is harmful, nor what GitHub takes for a command at any place of a line.
/// Outside of its strings JSON has neither.
pub(crate) fn json(text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if text.bytes().all(is_plain) && !text.contains("##[") {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let breaks_command = c == '[' && clean.ends_with("##");
        if breaks_command || (is_harmful(c) && !matches!(c, '\n' | '\r' | '\t')) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(clean, "\\u{unit:04x}");
            }
        } else {
            clean.push(c);
        }
    }
    clean
}

/// XML or HTML that says the same, without what GitHub takes for a command.
pub(crate) fn xml(text: &str) -> String {
    document(text).replace("##[", "##&#91;")
}

/// Text in which GitHub's runner finds no command: `::name` at the beginning of a line, after whatever nobody sees, or `##[name`
/// anywhere. Both are shown, with one character as an escape.
///
/// Source: `ActionCommand.TryParseV2` and `TryParse` of <https://github.com/actions/runner>.
pub(crate) fn without_commands(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            safe.push('\n');
        }
        let start = line.len() - visible(line).len();
        let (before, rest) = line.split_at(start);
        safe.push_str(before);
        let rest = match rest.strip_prefix("::") {
            Some(rest) => {
                safe.push_str("\\u{3a}:");
                rest
            }
            None => rest,
        };
        safe.push_str(&rest.replace("##[", "##\\u{5b}"));
    }
    safe
}

/// A line from the first character that one sees: blanks, colours and variation selectors are not.
fn visible(line: &str) -> &str {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c.is_whitespace()
                || is_harmful(c) && c != '\u{1b}'
                || matches!(c, '\u{fe00}'..='\u{fe0f}')
        });
        let Some(colour) = rest.strip_prefix('\u{1b}') else {
            return rest;
        };
        let end = colour.find('m').map_or(0, |end| end + 1);
        rest = &colour[end..];
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that hostile texts are made of.
    const PIECES: [&str; 26] = [
        "::error::x",
        "##[error]y",
        "::stop-commands::z",
        "\r",
        "\n",
        "\t",
        " ",
        "\u{1b}[2J",
        "\u{1b}[31m",
        "\u{1b}]0;title\u{7}",
        "\u{9b}2J",
        "\u{7f}",
        "\u{8}",
        "\u{0}",
        "\u{ffff}",
        "\u{fffe}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{2028}",
        "\u{e0041}",
        "\u{ad}",
        "]]>",
        "<script>&\"'",
        "@user #1 |`",
    ];

    /// Any text, mostly a hostile one.
    pub(crate) fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            3 => proptest::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
            1 => any::<String>(),
            1 => "[#:\\[\\] a-z]{0,6}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    /// Fails where a text that is printed or written holds anything that is harmful, but line breaks and tabs.
    pub(crate) fn assert_clean(text: &str) {
        let found = text.chars().find(|c| is_harmful(*c) && !matches!(c, '\n' | '\t'));
        assert_eq!(found, None, "{text:?}");
    }

    /// Whether GitHub's runner takes a line for a command.
    pub(crate) fn is_command(line: &str) -> bool {
        line.trim_start_matches(|c: char| c.is_whitespace() || is_harmful(c)).starts_with("::")
            || line.contains("##[")
    }

    /// What a view for people prints, without its own colours.
    pub(crate) fn plain(text: &str) -> String {
        anstream::adapter::strip_str(&shown(text)).to_string()
    }

    /// Fails where a terminal, or a log of GitHub's, would do anything but show it. Each value is clean before the whole is.
    pub(crate) fn assert_shown(text: &str) {
        assert_clean(&plain(text));
        assert_eq!(plain(text), anstream::adapter::strip_str(text).to_string());
        assert!(!without_commands(&plain(text)).split('\n').any(is_command), "{text:?}");
    }

    #[test]
    fn harm_is_shown_and_not_done() {
        assert_eq!(line("a\u{1b}[2Jb\n::error::c\r"), r"a\u{1b}[2Jb\n::error::c\r");
        assert_eq!(line("x\u{202e}y\u{ffff}\u{e0041}"), r"x\u{202e}y\u{ffff}\u{e0041}");
        assert_eq!(lines("a\n\tb"), "a\n\\tb");
        for kept in ["3 × 60 s → ✓", "ℹ️ ü 日本 🎉", "\u{fffd}"] {
            assert_eq!(line(kept), kept);
        }
    }

    #[test]
    fn colours_are_kept_and_nothing_else_of_a_terminal() {
        assert_eq!(shown("\u{1b}[1;31mred\u{1b}[0m\n"), "\u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(shown("\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}"), r"\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}");
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\u{202e}##[error]\u{7f}\u{e0041}\u{ffff}é";
        let json = json(&serde_json::to_string(text).unwrap());
        assert!(json.contains(r"\u202e") && json.contains(r"\udb40\udc41"), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn commands_are_shown_and_not_obeyed() {
        assert_eq!(without_commands("a\n  ::error::x\nb ::c"), "a\n  \\u{3a}:error::x\nb ::c");
        assert_eq!(without_commands("a ##[error]x"), "a ##\\u{5b}error]x");
        assert_eq!(without_commands("\u{1b}[1m::error::x"), "\u{1b}[1m\\u{3a}:error::x");
        assert_eq!(without_commands("one: two\n"), "one: two\n");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in hostile()) {
            assert!(!line(&text).chars().any(is_harmful));
            assert_clean(&lines(&text));
            assert_clean(&xml(&text));
            assert_clean(&anstream::adapter::strip_str(&shown(&text)).to_string());
            assert!(!without_commands(&shown(&text)).split('\n').any(is_command));
        }

        #[test]
        fn json_is_the_same_document(text in hostile()) {
            let json = json(&serde_json::to_string(&text).unwrap());
            assert_clean(&json);
            assert!(!json.contains("##["));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
