//! Regular expressions as filter patterns have them: a part of what others do, and only ASCII.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::reason::Reason;

/// The characters that may stand in one beside letters and digits.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html#regex-expressions>.
const CHARACTERS: &str = ":_#=@/;,-^$?[]{}|\\*+. ";

/// A regular expression, which is looked for anywhere in a text.
#[derive(Clone)]
pub(super) struct RegularExpression(Regex);

impl RegularExpression {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        if text.is_empty() {
            return Err("a regular expression is empty");
        }
        // A character behind a backslash stands for itself, whatever it is otherwise.
        let mut is_escaped = false;
        for c in text.chars() {
            if !(is_escaped || c.is_ascii_alphanumeric() || CHARACTERS.contains(c)) || !c.is_ascii()
            {
                return Err("a regular expression has a character that is not supported");
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        let regex = RegexBuilder::new(text).unicode(false).build();
        regex.map(Self).map_err(|_| "a regular expression is not well formed")
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

impl fmt::Debug for RegularExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "%{}%", self.0.as_str())
    }
}
