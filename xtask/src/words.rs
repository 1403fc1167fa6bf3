//! Words that are gone: `xtask/words.toml` lists them, and the step `lint` finds where one came back.

use std::collections::BTreeMap;
use std::fs;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use regex::{Regex, RegexBuilder};
use toml::de::{DeTable, DeValue};

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;

const LIST: &str = "xtask/words.toml";

/// Where words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Output,
    Documentation,
    Identifier,
}

impl Scope {
    fn read(name: &str) -> Option<Self> {
        match name {
            "output" => Some(Self::Output),
            "documentation" => Some(Self::Documentation),
            "identifier" => Some(Self::Identifier),
            _ => None,
        }
    }
}

/// An entry of the list.
struct Term {
    pattern: Regex,
    scope: Vec<Scope>,
    instead: String,
    except: Vec<Regex>,
}

/// A piece of a file, and where it is looked at.
type Piece = (Scope, String);

/// Every place where a word of the list is, each in a line.
pub(crate) fn violations(project: &Project) -> Result<Vec<String>, Failure> {
    let read = |path: &str| {
        fs::read_to_string(project.root.join(path))
            .map_err(|error| Failure::new(format!("{path} cannot be read: {error}")))
    };
    let terms = terms(&read(LIST)?)?;
    let files = program("git", &project.root).args(["ls-files"]).capture()?;
    let mut found = Vec::new();
    for path in files.lines().filter(|path| is_looked_at(path)) {
        found.extend(in_pieces(&terms, path, &[(Scope::Identifier, path.to_owned())]));
        // What is no text, such as a picture, has no words; what is deleted and not yet committed neither.
        let Ok(text) = read(path) else { continue };
        found.extend(in_pieces(&terms, path, &pieces(path, &text)?));
    }
    Ok(found)
}

/// Whether a file is ours to word: not the list, what the list is about, what others wrote, and recordings of AWS.
fn is_looked_at(path: &str) -> bool {
    const LEFT_OUT: [&str; 9] = [
        LIST,
        "xtask/src/words.rs",
        "CHANGELOG.md",
        "verifier/core/src/check/renamed.rs",
        "verifier/cli/src/shell/renamed.rs",
        "verifier/model/tests/recordings/",
        "verifier/conformance/known/",
        "docs/CHANGELOG.md",
        "LICENSE",
    ];
    !LEFT_OUT.iter().any(|left_out| path.starts_with(left_out))
}

fn terms(list: &str) -> Result<Vec<Term>, Failure> {
    let wrong = |what: &str| Failure::new(format!("{LIST}: {what}"));
    let table = DeTable::parse(list).map_err(|error| wrong(&error.to_string()))?.into_inner();
    let Some(DeValue::Array(entries)) = table.get("term").map(toml::Spanned::get_ref) else {
        return Err(wrong("expected [[term]]"));
    };
    let mut terms = Vec::new();
    for entry in entries {
        let DeValue::Table(entry) = entry.get_ref() else { return Err(wrong("expected a table")) };
        let entry: BTreeMap<&str, Vec<&str>> = entry
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), strings(value.get_ref())))
            .collect();
        let of = |key: &str| entry.get(key).map(Vec::as_slice).unwrap_or_default();
        let ([pattern], [instead]) = (of("pattern"), of("instead")) else {
            return Err(wrong("a term needs pattern and instead"));
        };
        let scope: Option<Vec<Scope>> = of("scope").iter().map(|name| Scope::read(name)).collect();
        let scope = scope.filter(|scope| !scope.is_empty()).ok_or_else(|| {
            wrong(&format!("{pattern} needs a scope of output, documentation and identifier"))
        })?;
        let regex = |pattern: &str| {
            let built = RegexBuilder::new(pattern).case_insensitive(true).build();
            built.map_err(|error| wrong(&error.to_string()))
        };
        terms.push(Term {
            pattern: regex(&format!(r"\b(?:{pattern})\b"))?,
            scope,
            instead: (*instead).to_owned(),
            except: of("except").iter().map(|each| regex(each)).collect::<Result<_, _>>()?,
        });
    }
    Ok(terms)
}

/// A string, or those of a list.
fn strings<'a>(value: &'a DeValue<'_>) -> Vec<&'a str> {
    match value {
        DeValue::String(text) => vec![text.as_ref()],
        DeValue::Array(all) => all.iter().flat_map(|each| strings(each.get_ref())).collect(),
        _ => Vec::new(),
    }
}

fn in_pieces(terms: &[Term], path: &str, pieces: &[Piece]) -> Vec<String> {
    let mut found = Vec::new();
    for (scope, text) in pieces {
        let words = words(text);
        for term in terms.iter().filter(|term| term.scope.contains(scope)) {
            if let Some(word) = term.find(&words) {
                let shown: String = text.trim().chars().take(120).collect();
                found.push(format!("{path}: {word:?} is gone, write {}: {shown}", term.instead));
            }
        }
    }
    found
}

impl Term {
    /// The first match that no exception covers.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut matches = self.pattern.find_iter(text);
        let is_excused = |found: &regex::Match<'_>| {
            let mut excuses = self.except.iter().flat_map(|except| except.find_iter(text));
            excuses.any(|excuse| excuse.start() <= found.start() && found.end() <= excuse.end())
        };
        matches.find(|found| !is_excused(found)).map(|found| found.as_str())
    }
}

/// A text with the parts of its names as words: `is_dead_letter` and `DeadLetter` are `dead letter`.
fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        if character.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        let is_space = matches!(character, '_' | '-') || character.is_whitespace();
        words.push(if is_space { ' ' } else { character });
        before = character;
    }
    words
}

/// What is looked at of a file.
fn pieces(path: &str, text: &str) -> Result<Vec<Piece>, Failure> {
    let lines = |scope| text.lines().map(|line| (scope, line.to_owned())).collect();
    let extension = path.rsplit('.').next().unwrap_or_default();
    match extension {
        "md" | "yml" | "yaml" => Ok(lines(Scope::Documentation)),
        "snap" | "html" => Ok(lines(Scope::Output)),
        "json" if path.ends_with(".schema.json") => Ok(lines(Scope::Output)),
        "rs" => {
            let tokens: TokenStream = text
                .parse()
                .map_err(|error| Failure::new(format!("{path} is no Rust: {error}")))?;
            let mut pieces = Vec::new();
            let is_program = path.contains("/src/") && !path.ends_with("tests.rs");
            let is_help = path.ends_with("args.rs");
            read(tokens, Reading { strings: is_program, help: is_program && is_help }, &mut pieces);
            Ok(pieces)
        }
        _ => Ok(Vec::new()),
    }
}

/// What of Rust code is output.
#[derive(Clone, Copy)]
struct Reading {
    /// Strings; those of tests are none.
    strings: bool,
    /// Documentation, of which clap makes the help.
    help: bool,
}

fn read(tokens: TokenStream, reading: Reading, pieces: &mut Vec<Piece>) {
    let mut is_test = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(name) => pieces.push((Scope::Identifier, name.to_string())),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if reading.strings && text.contains('"') {
                    pieces.push((Scope::Output, text.trim_matches('"').to_owned()));
                }
            }
            TokenTree::Punct(mark) if matches!(mark.as_char(), '#' | '!') => {
                if let Some(TokenTree::Group(group)) = tokens.peek()
                    && group.delimiter() == Delimiter::Bracket
                {
                    let attribute = group.stream().to_string();
                    let is_doc = attribute.starts_with("doc =") || attribute.starts_with("doc=");
                    is_test |= attribute.replace(' ', "") == "cfg(test)";
                    if is_doc {
                        if reading.help {
                            pieces.push((Scope::Output, attribute));
                        }
                        tokens.next();
                    }
                }
            }
            TokenTree::Punct(mark) => is_test &= mark.as_char() != ';',
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                let reading = if is_test && is_body {
                    Reading { strings: false, help: false }
                } else {
                    reading
                };
                is_test &= !is_body;
                read(group.stream(), reading, pieces);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
        [[term]]
        pattern = "letters?"
        scope = ["output", "documentation", "identifier"]
        instead = "message"
        except = ["dead letters?", "letters and digits"]

        [[term]]
        pattern = "for ever"
        scope = ["output"]
        instead = "indefinitely"
    "#;

    fn found(path: &str, text: &str) -> usize {
        let pieces = pieces(path, text).unwrap();
        in_pieces(&terms(SAMPLE).unwrap(), path, &pieces).len()
    }

    #[test]
    fn a_word_that_came_back_is_found_in_its_scope() {
        assert_eq!(found("cli/src/a.rs", r#"fn a() { say("3 letters"); }"#), 1);
        assert_eq!(found("cli/src/a.rs", r#"fn a() { format!("a Letter {}", 1); }"#), 1);
        assert_eq!(found("cli/src/a.rs", "fn held_letter() {}"), 1);
        assert_eq!(found("cli/tests/a.rs", "struct HeldLetters;"), 1);
        assert_eq!(found("cli/src/args.rs", "/// Keeps it for ever.\nstruct A;"), 1);
        assert_eq!(found("README.md", "A letter\n"), 1);
        assert_eq!(found("a.schema.json", r#"{"description": "kept for ever"}"#), 1);
    }

    #[test]
    fn exceptions_other_scopes_and_longer_words_are_left() {
        assert_eq!(found("cli/src/a.rs", r#"fn a() { say("dead-letter queue"); }"#), 0);
        assert_eq!(found("cli/src/a.rs", r#"fn a() { say("letters and digits, lettering"); }"#), 0);
        assert_eq!(found("cli/src/a.rs", "struct DeadLetter; const DEAD_LETTERS: u8 = 1;"), 0);
        // Comments may be worded as their author likes, and so may the strings of tests.
        assert_eq!(found("cli/src/a.rs", "/// A letter, for ever.\nfn a() {} // letter"), 0);
        assert_eq!(found("cli/tests/a.rs", r#"fn a() { say("letter"); }"#), 0);
        let with_tests = r#"#[cfg(test)] mod tests { fn a() { say("letter"); } } fn b() {}"#;
        assert_eq!(found("cli/src/a.rs", with_tests), 0);
        assert_eq!(found("README.md", "for ever"), 0);
    }

    #[test]
    fn what_comes_after_the_tests_is_output_again() {
        let text = r#"#[cfg(test)] use a::b; fn c() { say("letter"); }"#;
        assert_eq!(found("cli/src/a.rs", text), 1);
        let text = r#"#[cfg(test)] mod tests {} fn c() { say("letter"); }"#;
        assert_eq!(found("cli/src/a.rs", text), 1);
    }

    #[test]
    fn a_wrong_list_is_refused() {
        for list in [
            "",
            "[[term]]\npattern = \"a\"",
            "[[term]]\npattern = \"(\"\nscope = [\"output\"]\ninstead = \"b\"",
            "[[term]]\npattern = \"a\"\nscope = [\"outputs\"]\ninstead = \"b\"",
        ] {
            assert!(terms(list).is_err(), "{list}");
        }
    }

    #[test]
    fn the_list_itself_is_right_and_nothing_of_it_came_back() {
        let found = violations(&Project::find().unwrap()).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
