//! Patterns of policies: text with `*`, `?` and variables.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use std::fmt::{self, Write};

use super::error::PolicyError;
use super::request::Keys;

/// Text that stands for texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `*`: any characters, and none.
    Many,
    /// `?`: any single one.
    One,
    /// `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A pattern whose variables have values, character by character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Character(char),
    Many,
    One,
}

/// What a text means besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `*` and `?` stand for others.
    pub(super) wildcards: bool,
    /// `${key}` stands for a value of the request: in policies of version `2012-10-17`.
    pub(super) variables: bool,
}

impl Pattern {
    /// Reads one; an error where a variable is not closed, or no variable.
    pub(super) fn read(text: &str, meaning: Meaning, place: &str) -> Result<Self, PolicyError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if meaning.variables && rest.starts_with("${") {
                let end = rest.find('}').ok_or_else(|| {
                    PolicyError::new(place, format!("the variable in {text:?} is not closed"))
                })?;
                pieces.push(variable(&rest[2..end], place)?);
                rest = &rest[end + 1..];
                continue;
            }
            match first {
                '*' if meaning.wildcards => pieces.push(Piece::Many),
                '?' if meaning.wildcards => pieces.push(Piece::One),
                _ => match pieces.last_mut() {
                    Some(Piece::Text(text)) => text.push(first),
                    _ => pieces.push(Piece::Text(first.to_string())),
                },
            }
            rest = &rest[first.len_utf8()..];
        }
        Ok(Self(pieces))
    }

    /// Whether it stands for `text`. One of its variables that has no value stands for nothing.
    pub(super) fn matches(&self, text: &str, keys: &Keys) -> bool {
        self.marks(keys).is_some_and(|marks| matches(&marks, &text.chars().collect::<Vec<_>>()))
    }

    /// As `matches`, whatever the case of either.
    pub(super) fn matches_ignoring_case(&self, text: &str, keys: &Keys) -> bool {
        let lower = |character: char| character.to_lowercase();
        let Some(marks) = self.marks(keys) else { return false };
        let marks: Vec<Mark> = marks
            .into_iter()
            .flat_map(|mark| match mark {
                Mark::Character(character) => lower(character).map(Mark::Character).collect(),
                other => vec![other],
            })
            .collect();
        matches(&marks, &text.chars().flat_map(lower).collect::<Vec<_>>())
    }

    fn marks(&self, keys: &Keys) -> Option<Vec<Mark>> {
        let characters = |text: &str| text.chars().map(Mark::Character).collect::<Vec<_>>();
        let marks = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(characters(text)),
            Piece::Many => Some(vec![Mark::Many]),
            Piece::One => Some(vec![Mark::One]),
            // A value's own asterisk stands for itself.
            Piece::Variable { key, default } => {
                keys.single(key).or(default.as_deref()).map(characters)
            }
        });
        marks.collect::<Option<Vec<_>>>().map(|marks| marks.concat())
    }
}

/// As it is written in a policy.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Many => f.write_char('*'),
            Piece::One => f.write_char('?'),
            Piece::Variable { key, default: None } => write!(f, "${{{key}}}"),
            Piece::Variable { key, default: Some(default) } => write!(f, "${{{key}, '{default}'}}"),
        })
    }
}

/// What stands between `${` and `}`.
fn variable(text: &str, place: &str) -> Result<Piece, PolicyError> {
    let refused = || PolicyError::new(place, format!("${{{text}}} is no policy variable"));
    if matches!(text, "*" | "?" | "$") {
        return Ok(Piece::Text(text.to_owned()));
    }
    let (key, default) = match text.split_once(',') {
        None => (text, None),
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            (key, Some(quoted.ok_or_else(refused)?.to_owned()))
        }
    };
    let key = key.trim();
    if key.is_empty() || !key.contains(':') {
        return Err(refused());
    }
    Ok(Piece::Variable { key: key.to_owned(), default })
}

/// Whether marks stand for characters. The last `*` alone is gone back to, so it takes time by the product of both at most.
fn matches(marks: &[Mark], text: &[char]) -> bool {
    let (mut at_mark, mut at_text) = (0, 0);
    let mut last_many: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match marks.get(at_mark) {
            Some(Mark::Many) => {
                last_many = Some((at_mark, at_text));
                at_mark += 1;
            }
            Some(Mark::One) => (at_mark, at_text) = (at_mark + 1, at_text + 1),
            Some(Mark::Character(character)) if *character == text[at_text] => {
                (at_mark, at_text) = (at_mark + 1, at_text + 1);
            }
            _ => {
                let Some((mark, begin)) = last_many else { return false };
                // It stands for one more character.
                last_many = Some((mark, begin + 1));
                (at_mark, at_text) = (mark + 1, begin + 1);
            }
        }
    }
    marks[at_mark..].iter().all(|mark| *mark == Mark::Many)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Meaning = Meaning { wildcards: true, variables: true };

    fn pattern(text: &str) -> Pattern {
        Pattern::read(text, ALL, "Resource").unwrap()
    }

    #[test]
    fn wildcards_stand_for_any_characters() {
        let none = Keys::default();
        for (text, value, expected) in [
            ("arn:aws:sqs:*:*:jobs", "arn:aws:sqs:eu-west-1:123456789012:jobs", true),
            ("arn:aws:sqs:*:*:jobs", "arn:aws:sqs:eu-west-1:123456789012:jobs-dlq", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "ä", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "anything", true),
            ("Jobs", "jobs", false),
        ] {
            assert_eq!(pattern(text).matches(value, &none), expected, "{text} {value}");
        }
        assert!(pattern("SQS:Send*").matches_ignoring_case("sqs:SendMessage", &none));
    }

    #[test]
    fn a_variable_has_its_value_or_its_default_or_stands_for_nothing() {
        let keys = Keys::default().with("aws:username", "a*b").with_all("aws:TagKeys", []);
        let matches = |text: &str, value: &str| pattern(text).matches(value, &keys);
        assert!(matches("home/${AWS:UserName}/?", "home/a*b/x"));
        assert!(!matches("home/${aws:username}", "home/axb"), "its asterisk is one");
        assert!(!matches("home/${aws:userid}", "home/"), "it has no value");
        assert!(!matches("home/${aws:TagKeys}", "home/"));
        assert!(matches("${aws:PrincipalTag/team, 'all teams'}", "all teams"));
        assert!(matches("${*}${?}${$}", "*?$"));
        assert!(!matches("${*}", "anything"));
    }

    #[test]
    fn what_is_no_variable_is_refused_and_before_2012_it_is_text() {
        for text in ["${aws:username", "${}", "${username}", "${aws:x, unquoted}"] {
            assert!(Pattern::read(text, ALL, "Resource").is_err(), "{text}");
        }
        let old = Meaning { variables: false, ..ALL };
        let pattern = Pattern::read("${aws:username}", old, "Resource").unwrap();
        assert!(pattern.matches("${aws:username}", &Keys::default()));
    }

    /// What a pattern means, said without going back.
    fn plainly(marks: &[Mark], text: &[char]) -> bool {
        match (marks.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Mark::Many, rest)), None) => plainly(rest, text),
            (Some((Mark::Many, rest)), Some((_, others))) => {
                plainly(rest, text) || plainly(marks, others)
            }
            (Some((Mark::One, rest)), Some((_, others))) => plainly(rest, others),
            (Some((Mark::Character(wanted), rest)), Some((first, others))) => {
                wanted == first && plainly(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_what_it_means(text in "[ab*?]{0,8}", value in "[ab]{0,8}") {
            let marks = pattern(&text).marks(&Keys::default()).unwrap();
            let characters: Vec<char> = value.chars().collect();
            prop_assert_eq!(matches(&marks, &characters), plainly(&marks, &characters));
        }
    }
}
