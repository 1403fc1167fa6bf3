//! Reading a pattern from left to right.

use super::condition::{Comparison, Operand};
use super::reason::Reason;
use super::regular_expression::RegularExpression;

/// What is left of a pattern.
pub(super) struct Scan<'a> {
    rest: &'a str,
    regular_expressions: usize,
    depth: usize,
}

/// How deep parentheses may stand in each other: a pattern has at most 1,024 characters, and is read by recursion.
const DEPTH_MAX: usize = 100;

impl<'a> Scan<'a> {
    pub(super) fn of(pattern: &'a str) -> Self {
        Self { rest: pattern, regular_expressions: 0, depth: 0 }
    }

    /// How many regular expressions were read.
    pub(super) fn regular_expressions(&self) -> usize {
        self.regular_expressions
    }

    /// Behind an opening parenthesis.
    pub(super) fn enter(&mut self) -> Result<(), Reason> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            Err("parentheses stand too deep in each other")
        } else {
            Ok(())
        }
    }

    /// Before a closing parenthesis.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The next character that is no blank.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Whether this text is next; it is read then.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        self.peek();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Everything up to a character that ends it, or to a blank.
    pub(super) fn word(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        self.peek();
        let end = self.rest.find(|c: char| c.is_whitespace() || is_end(c));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// Text up to the closing quote, behind the opening one; a backslash escapes the next character.
    pub(super) fn quoted(&mut self) -> Result<String, Reason> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[index + 1..];
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        Err("a double quote is not closed")
    }

    /// A regular expression, behind its opening `%`.
    pub(super) fn regular_expression(&mut self) -> Result<RegularExpression, Reason> {
        let (text, rest) =
            self.rest.split_once('%').ok_or("a regular expression stands between two %")?;
        self.rest = rest;
        self.regular_expressions += 1;
        RegularExpression::parse(text)
    }

    pub(super) fn comparison(&mut self) -> Result<Comparison, Reason> {
        let operators = [
            ("!=", Comparison::NotEqual),
            ("=!", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = operators.into_iter().find(|(text, _)| self.takes(text));
        found.map(|(_, comparison)| comparison).ok_or("expected a comparison")
    }

    /// What is compared with, up to a character that ends it where it is not quoted.
    pub(super) fn operand(&mut self, ends: &[char]) -> Result<Operand, Reason> {
        if self.takes("\"") {
            return self.quoted().map(Operand::Text);
        }
        if self.takes("%") {
            return self.regular_expression().map(Operand::RegularExpression);
        }
        let word = self.word(|c| matches!(c, '&' | '|') || ends.contains(&c));
        if word.is_empty() {
            return Err("expected a value after the comparison");
        }
        Ok(word.parse().map_or_else(|_| Operand::Text(word.to_owned()), Operand::Number))
    }
}
