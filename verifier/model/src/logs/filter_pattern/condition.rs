//! A comparison with a text, a number or a regular expression.

use std::cmp::Ordering;

use super::regular_expression::RegularExpression;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// Text, in which `*` stands for any run of characters.
    Text(String),
    Number(f64),
    RegularExpression(RegularExpression),
}

impl Comparison {
    /// Whether a text compares so with an operand. Only numbers have an order.
    pub(super) fn holds_of_text(self, text: &str, operand: &Operand) -> bool {
        let equals = match operand {
            Operand::Text(pattern) => wildcard_matches(pattern, text),
            Operand::RegularExpression(expression) => expression.matches(text),
            Operand::Number(number) => return self.holds_of_digits(text, *number),
        };
        match self {
            Self::Equal => equals,
            Self::NotEqual => !equals,
            _ => false,
        }
    }

    /// Whether a number compares so with an operand, by its digits where that is a text.
    pub(super) fn holds_of_number(self, number: f64, digits: &str, operand: &Operand) -> bool {
        match operand {
            Operand::Number(other) => self.holds(number.partial_cmp(other)),
            _ => self.holds_of_text(digits, operand),
        }
    }

    fn holds_of_digits(self, text: &str, number: f64) -> bool {
        match text.parse::<f64>() {
            Ok(found) => self.holds(found.partial_cmp(&number)),
            Err(_) => self == Self::NotEqual,
        }
    }

    fn holds(self, ordering: Option<Ordering>) -> bool {
        use Ordering::{Equal, Greater, Less};
        matches!(
            (self, ordering),
            (Self::Equal, Some(Equal))
                | (Self::NotEqual, Some(Less | Greater))
                | (Self::Less, Some(Less))
                | (Self::LessOrEqual, Some(Less | Equal))
                | (Self::Greater, Some(Greater))
                | (Self::GreaterOrEqual, Some(Greater | Equal))
        )
    }
}

/// Whether the text has the pattern's pieces, which `*` separates, in order.
fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_in_order() {
        assert!(wildcard_matches("a*b*c", "a-x-b-y-c"));
        assert!(wildcard_matches("*", ""));
        assert!(wildcard_matches("*b", "ab"));
        assert!(!wildcard_matches("a*b*c", "a-c-b"));
        assert!(!wildcard_matches("ab*", "ba"));
    }

    #[test]
    fn a_text_is_compared_with_a_number_by_its_digits_and_has_no_order_otherwise() {
        let number = Operand::Number(500.0);
        assert!(Comparison::GreaterOrEqual.holds_of_text("503", &number));
        assert!(Comparison::Equal.holds_of_text("500.0", &number));
        assert!(!Comparison::Equal.holds_of_text("five", &number));
        assert!(Comparison::NotEqual.holds_of_text("five", &number));
        let text = Operand::Text("a".to_owned());
        assert!(!Comparison::Less.holds_of_text("A", &text));
    }
}
