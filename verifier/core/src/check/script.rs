//! What a configuration script sets, read as code.
//!
//! A page's `config.js` is a few assignments. They are read as JavaScript reads them: comments are none, the last assignment
//! counts, and what is no literal is not guessed at. Everything beyond that is [`Undecided`](Script::Undecided).

use std::collections::BTreeMap;

/// What a script sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// It consists of assignments of literals: the texts that names have at its end. Parts of objects have paths.
    Assigns(BTreeMap<String, String>),
    /// It does more than assign literals.
    Undecided {
        /// The texts in its code, comments excluded.
        texts: Vec<String>,
    },
    /// It is no script: a page, or a text or a comment has no end, or its brackets do not match.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Number,
    Mark(char),
    /// What is not read further: a template with an expression, a regular expression, an escape that is rare.
    Other,
}

impl Script {
    /// Reads a script.
    pub fn read(source: &str) -> Self {
        // A page, which servers answer with for what is not there. Only a comment of HTML may begin a script.
        let begins = source.trim_start_matches('\u{feff}').trim_start();
        if begins.starts_with('<') && !begins.starts_with("<!--") {
            return Self::Broken;
        }
        let Some(tokens) = tokens(source) else { return Self::Broken };
        if !brackets_match(&tokens) {
            return Self::Broken;
        }
        let mut reader = Reader { tokens: &tokens, at: 0, values: BTreeMap::new() };
        match reader.statements() {
            Some(()) => Self::Assigns(reader.values),
            None => Self::Undecided {
                texts: tokens
                    .into_iter()
                    .filter_map(|token| match token {
                        Token::Text(text) => Some(text),
                        _ => None,
                    })
                    .collect(),
            },
        }
    }

    /// The same of a JSON document.
    pub fn of_json(document: &str) -> Self {
        fn walk(path: &str, value: &serde_json::Value, values: &mut BTreeMap<String, String>) {
            match value {
                serde_json::Value::String(text) => {
                    drop(values.insert(path.to_owned(), text.clone()));
                }
                serde_json::Value::Object(members) => {
                    for (name, member) in members {
                        walk(&format!("{path}.{name}"), member, values);
                    }
                }
                serde_json::Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        walk(&format!("{path}.{index}"), item, values);
                    }
                }
                _ => {}
            }
        }
        let Ok(value) = serde_json::from_str(document) else { return Self::Broken };
        let mut values = BTreeMap::new();
        walk("", &value, &mut values);
        Self::Assigns(values)
    }
}

/// The tokens of a script; `None` where a text or a comment has no end.
fn tokens(source: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start_matches('\u{feff}');
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once(['\n', '\u{2028}', '\u{2029}']).map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else if matches!(first, '"' | '\'' | '`') {
            let (token, behind) = text(&rest[1..], first)?;
            tokens.push(token);
            rest = behind;
        } else if first.is_alphanumeric() || matches!(first, '_' | '$') {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')));
            let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
            let is_number = first.is_ascii_digit();
            tokens.push(if is_number { Token::Number } else { Token::Name(name.to_owned()) });
            rest = behind;
        } else {
            tokens.push(match first {
                '=' | '.' | ',' | ':' | ';' | '{' | '}' | '[' | ']' | '(' | ')' | '-' => {
                    Token::Mark(first)
                }
                _ => Token::Other,
            });
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(tokens)
}

/// A text up to its quote, and what is behind; `None` where it has no end.
fn text(rest: &str, quote: char) -> Option<(Token, &str)> {
    let (mut value, mut is_plain) = (String::new(), true);
    let mut characters = rest.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            _ if c == quote => {
                let token = if is_plain { Token::Text(value) } else { Token::Other };
                return Some((token, &rest[at + c.len_utf8()..]));
            }
            '\n' | '\r' if quote != '`' => return None,
            '$' if quote == '`' && rest[at + 1..].starts_with('{') => is_plain = false,
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'u' => match unicode(&mut characters) {
                    Some(c) => value.push(c),
                    None => is_plain = false,
                },
                'x' | 'b' | 'f' | 'r' | 'v' | '0'..='9' => is_plain = false,
                other => value.push(other),
            },
            _ => value.push(c),
        }
    }
    None
}

/// A character that is written as four hexadecimal digits.
fn unicode(characters: &mut std::str::CharIndices<'_>) -> Option<char> {
    let digits: String = characters.by_ref().take(4).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

fn brackets_match(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        let Token::Mark(mark) = token else { continue };
        let opening = match mark {
            '{' | '[' | '(' => {
                open.push(*mark);
                continue;
            }
            '}' => '{',
            ']' => '[',
            ')' => '(',
            _ => continue,
        };
        if open.pop() != Some(opening) {
            return false;
        }
    }
    open.is_empty()
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    values: BTreeMap<String, String>,
}

/// How deep literals nest that are read: a configuration's are flat.
const DEPTH_MAX: usize = 16;

impl Reader<'_> {
    fn next_is(&mut self, mark: char) -> bool {
        let is = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Some(name.clone())
            }
            _ => None,
        }
    }

    fn statements(&mut self) -> Option<()> {
        while self.at < self.tokens.len() {
            if self.next_is(';') {
                continue;
            }
            match self.tokens.get(self.at)? {
                // A directive such as 'use strict'.
                Token::Text(_) => self.at += 1,
                _ => self.assignment()?,
            }
            // Without a semicolon a statement ends where another begins, which is with a name.
            let ends = self.at == self.tokens.len()
                || matches!(self.tokens[self.at], Token::Mark(';') | Token::Name(_));
            ends.then_some(())?;
        }
        Some(())
    }

    fn assignment(&mut self) -> Option<()> {
        let mut path = self.name()?;
        if matches!(path.as_str(), "const" | "let" | "var") {
            path = self.name()?;
        }
        // The global object has several names.
        if matches!(path.as_str(), "window" | "globalThis" | "self") {
            path = String::new();
        }
        loop {
            if self.next_is('.') {
                path = format!("{path}.{}", self.name()?);
            } else if self.next_is('[') {
                let Some(Token::Text(name)) = self.tokens.get(self.at) else { return None };
                path = format!("{path}.{name}");
                self.at += 1;
                self.next_is(']').then_some(())?;
            } else {
                break;
            }
        }
        self.next_is('=').then_some(())?;
        let path = path.trim_start_matches('.').to_owned();
        let below = format!("{path}.");
        self.values.retain(|name, _| *name != path && !name.starts_with(&below));
        self.value(&path, DEPTH_MAX)
    }

    fn value(&mut self, path: &str, depth: usize) -> Option<()> {
        depth.checked_sub(1)?;
        if self.next_is('{') {
            return self.members(path, depth);
        }
        if self.next_is('[') {
            return self.items(path, depth);
        }
        self.next_is('-');
        match self.tokens.get(self.at)? {
            Token::Text(text) => drop(self.values.insert(path.to_owned(), text.clone())),
            Token::Number => {
                // Its fraction.
                while matches!(self.tokens.get(self.at + 1), Some(Token::Mark('.') | Token::Number))
                {
                    self.at += 1;
                }
            }
            Token::Name(word)
                if matches!(word.as_str(), "true" | "false" | "null" | "undefined") => {}
            _ => return None,
        }
        self.at += 1;
        Some(())
    }

    fn members(&mut self, path: &str, depth: usize) -> Option<()> {
        while !self.next_is('}') {
            let name = match self.tokens.get(self.at)? {
                Token::Name(name) | Token::Text(name) => name.clone(),
                _ => return None,
            };
            self.at += 1;
            self.next_is(':').then_some(())?;
            self.value(&format!("{path}.{name}"), depth - 1)?;
            if !self.next_is(',') && self.tokens.get(self.at) != Some(&Token::Mark('}')) {
                return None;
            }
        }
        Some(())
    }

    fn items(&mut self, path: &str, depth: usize) -> Option<()> {
        let mut index = 0;
        while !self.next_is(']') {
            self.value(&format!("{path}.{index}"), depth - 1)?;
            index += 1;
            if !self.next_is(',') && self.tokens.get(self.at) != Some(&Token::Mark(']')) {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assigned(source: &str) -> Option<Vec<(String, String)>> {
        match Script::read(source) {
            Script::Assigns(values) => Some(values.into_iter().collect()),
            _ => None,
        }
    }

    fn one(name: &str, text: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), text.to_owned())]
    }

    #[test]
    fn assignments_of_literals_are_read_in_every_spelling() {
        for source in [
            "window.J = \"u\";",
            "window.J='u'",
            "globalThis[\"J\"] = `u`;",
            "const J = 'u';",
            "'use strict'; self.J = 'u'; // the end",
            "/* a */ window.J = 'u'\nwindow.N = 3.5\nwindow.T = true;",
            "window.J = 'old';\nwindow.J = 'u';",
            "\u{feff}window.J = '\\u0075';",
        ] {
            assert_eq!(assigned(source), Some(one("J", "u")), "{source}");
        }
        assert_eq!(assigned("window.C = { jobs: 'u', n: [1, -2,], };"), Some(one("C.jobs", "u")));
        assert_eq!(assigned("window.C = {jobs: 'u'}; window.C = {};"), Some(Vec::new()));
    }

    #[test]
    fn what_is_in_a_comment_is_not_set() {
        assert_eq!(assigned("// window.J = 'u';"), Some(Vec::new()));
        assert_eq!(assigned("/* window.J = 'u'; */"), Some(Vec::new()));
        assert_eq!(assigned("window.J = 'http://a//b';"), Some(one("J", "http://a//b")));
    }

    #[test]
    fn what_is_more_than_literals_is_undecided_and_what_has_no_end_is_broken() {
        for source in [
            "window.J = 'a' + 'b';",
            "window.J = `${a}`;",
            "if (x) window.J = 'u';",
            "export const J = 'u';",
            "window.J = f('u');",
            "window.J ||= 'u';",
        ] {
            assert!(matches!(Script::read(source), Script::Undecided { .. }), "{source}");
        }
        for source in [
            "<!doctype html><p>",
            "\n<html>",
            "window.J = 'u",
            "window.J = 'u\n';",
            "/* window.J = 'u';",
            "window.C = {J: 'u';",
            "x)",
        ] {
            assert_eq!(Script::read(source), Script::Broken, "{source}");
        }
    }

    #[test]
    fn json_is_read_as_json() {
        let values = Script::of_json(r#"{"a":{"jobs":"u"},"n":1}"#);
        assert_eq!(values, Script::Assigns([(".a.jobs".to_owned(), "u".to_owned())].into()));
        assert_eq!(Script::of_json("{"), Script::Broken);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_a_literal_as_it_was_written(text in any::<String>(), name in "[a-zA-Z_$][a-zA-Z0-9_$]{0,8}") {
            let _ = Script::read(&text);
            let reserved = ["const", "let", "var", "window", "globalThis", "self"];
            prop_assume!(!reserved.contains(&name.as_str()));
            let literal = serde_json::to_string(&text).expect("a text");
            // JSON's other escapes are rare, and leave a script undecided.
            prop_assume!(!literal.contains("\\b") && !literal.contains("\\f") && !literal.contains("\\r"));
            prop_assert_eq!(assigned(&format!("window.{name} = {literal};")), Some(one(&name, &text)));
        }
    }
}
