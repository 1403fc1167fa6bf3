//! Terms of unstructured text: each has to occur, `?term` is one of several, and `-term` must not occur.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-unstructured-log-events.html>.

use super::reason::Reason;
use super::regular_expression::RegularExpression;
use super::scan::Scan;

#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    RegularExpression(RegularExpression),
}

impl Terms {
    pub(super) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.occurs(message))
            && (self.any.is_empty() || self.any.iter().any(|term| term.occurs(message)))
            && !self.none.iter().any(|term| term.occurs(message))
    }
}

impl Term {
    fn occurs(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text),
            Self::RegularExpression(expression) => expression.matches(message),
        }
    }
}

pub(super) fn parse(scan: &mut Scan<'_>) -> Result<Terms, Reason> {
    let mut terms = Terms::default();
    while scan.peek().is_some() {
        let list = if scan.takes("?") {
            &mut terms.any
        } else if scan.takes("-") {
            &mut terms.none
        } else {
            &mut terms.all
        };
        list.push(term(scan)?);
    }
    Ok(terms)
}

fn term(scan: &mut Scan<'_>) -> Result<Term, Reason> {
    if scan.takes("\"") {
        return scan.quoted().map(Term::Text);
    }
    if scan.takes("%") {
        return scan.regular_expression().map(Term::RegularExpression);
    }
    let word = scan.word(|_| false);
    // AWS wants anything but letters, digits and underscores in quotes.
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(
            "a term with other characters than letters, digits and _ must stand in double quotes",
        );
    }
    Ok(Term::Text(word.to_owned()))
}
