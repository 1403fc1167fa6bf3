//! Settings that are being proposed, each with why it is so, and whether that is sure.

use serde_json::Value;

use crate::harmful::is_harmful;
use crate::settings::{KEYS, Settings, in_toml};

/// Settings, and what there is to say about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The settings.
    pub settings: Settings,
    notes: Vec<Note>,
}

/// What there is to say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    key: &'static str,
    text: String,
    is_unsure: bool,
}

/// A key that is not sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    /// The key, as in `outputs.api_url`.
    pub key: &'static str,
    /// The line of the file that it is in, from 1.
    pub line: usize,
    /// What is not known.
    pub why: String,
}

/// A file, and what of it is not sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file: TOML.
    pub text: String,
    /// What is not sure, in the order of the lines.
    pub unsure: Vec<Unsure>,
}

impl Draft {
    /// Says why a key is as it is.
    pub(crate) fn say(&mut self, key: &'static str, text: impl Into<String>) {
        self.notes.push(Note { key, text: text.into(), is_unsure: false });
    }

    /// Says what is not known of a key.
    pub(crate) fn doubt(&mut self, key: &'static str, text: impl Into<String>) {
        self.notes.push(Note { key, text: text.into(), is_unsure: true });
    }

    /// Takes back what was said of a key, which is known better by now.
    pub(crate) fn forget(&mut self, key: &str) {
        self.notes.retain(|note| note.key != key);
    }

    /// The file: every key that is not as by default, or of which there is something to say.
    pub fn file(&self, about: &str) -> Written {
        // Every field is a string, a number, a flag, or a list or table of those, which JSON can say.
        let values = serde_json::to_value(&self.settings).unwrap_or_default();
        let mut lines: Vec<String> = about.lines().map(comment).collect();
        let mut unsure = Vec::new();
        let mut section = "";
        for key in KEYS.iter() {
            let (of_section, name) = key.parts();
            let value: &Value = &values[of_section][name];
            let notes: Vec<&Note> = self.notes.iter().filter(|note| note.key == key.name).collect();
            if *value == key.default && notes.is_empty() {
                continue;
            }
            if section != of_section {
                lines.extend([String::new(), format!("[{of_section}]")]);
                section = of_section;
            }
            for note in &notes {
                let mark = if note.is_unsure { "? " } else { "" };
                lines.push(comment(&format!("{mark}{}", note.text)));
            }
            lines.push(format!("{name} = {}", in_toml(value)));
            let line = lines.len();
            let doubts = notes.into_iter().filter(|note| note.is_unsure);
            unsure.extend(doubts.map(|note| Unsure {
                key: note.key,
                line,
                why: note.text.clone(),
            }));
        }
        Written { text: lines.join("\n") + "\n", unsure }
    }
}

/// A line of comment. TOML forbids control characters in it, and what turns text around or cannot be seen is shown as an escape.
///
/// Source: <https://toml.io/en/v1.0.0#comment>.
fn comment(text: &str) -> String {
    let mut shown = String::from("# ");
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if is_harmful(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::InForce;

    #[test]
    fn what_hides_or_turns_text_around_is_written_as_an_escape() {
        let mut draft = Draft::default();
        draft.settings.outcomes.success = vec!["a\u{202e}b\u{2028}\u{e0001}\u{1b}".to_owned()];
        draft.doubt("outcomes.success", "\u{202e}turned\u{1b}[31m");
        let written = draft.file("of \u{202e}");
        assert!(!written.text.contains(|c| c != '\n' && is_harmful(c)), "{}", written.text);
        let read = InForce::read("verifier.toml", &written.text).expect("settings");
        assert_eq!(read.settings(), &draft.settings);
    }

    #[test]
    fn the_file_holds_what_is_different_and_says_what_is_not_sure() {
        let mut draft = Draft::default();
        draft.settings.outputs.jobs_queue = "Orders".to_owned();
        draft.settings.expect.receives = Some(5);
        draft.say("outputs.jobs_queue", "the only queue with a dead-letter queue");
        draft.doubt("jobs.failing", "which job fails\nis not known");
        let written = draft.file("Settings.");
        let expected = r#"# Settings.

[outputs]
# the only queue with a dead-letter queue
jobs_queue = "Orders"

[jobs]
# ? which job fails is not known
failing = '{"task":"verifier: {name}","fail":true,"jobId":"{job_id}","runId":"{run_id}"}'

[expect]
receives = 5
"#;
        assert_eq!(written.text, expected);
        let why = "which job fails\nis not known".to_owned();
        assert_eq!(written.unsure, [Unsure { key: "jobs.failing", line: 9, why }]);
        let read = InForce::read("verifier.toml", &written.text).expect("settings");
        assert_eq!(read.settings(), &draft.settings);
    }
}
