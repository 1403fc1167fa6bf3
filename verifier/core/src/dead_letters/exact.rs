//! JSON as it is written: numbers with all their digits, and texts with the halves of characters that JSON allows.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// How deep a body may nest. What is made of it is compared and dropped by functions that recurse as deep, on a thread that may
/// have no more than 2 MiB of stack.
pub(super) const DEPTH_MAX: usize = 500;
/// Marks half of a character, which no text of Rust can hold: a code point that Unicode never assigns.
const HALF: char = '\u{fdd0}';

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exact {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    List(Vec<Exact>),
    Object(BTreeMap<String, Exact>),
}

/// A number, as it is written and as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    /// As it is written.
    pub(super) text: String,
    is_negative: bool,
    /// Its digits without zeros at either end; none at all for zero.
    digits: String,
    /// Where the point is: the number is 0.digits times ten to the power of this.
    exponent: i64,
}

/// Why a text is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is no JSON.
    NoJson,
    /// It is JSON, as far as that is known, and it cannot be said what.
    Unreadable(String),
}

impl Decimal {
    /// Reads a number of JSON; `None` where it is none, or one whose exponent has too many digits.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::of(text);
        let number = reader.number().ok()?;
        (reader.at == text.len()).then_some(number)
    }

    fn of(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { text: text.to_owned(), is_negative: false, digits, exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
        let exponent = power.checked_add(point)?;
        Some(Self { text: text.to_owned(), is_negative, digits, exponent })
    }

    /// Compares the numbers, however they are written.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size =
            || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            -1 => size().reverse(),
            _ => size(),
        })
    }

    /// Whether a double keeps all of its digits: it has no more than fifteen, and is neither too large nor too small.
    pub(super) fn is_plain(&self) -> bool {
        self.digits.len() <= 15 && self.exponent.abs() <= 300
    }

    /// Whether it is a whole number.
    pub(super) fn is_whole(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|digits| self.exponent >= digits)
    }

    /// The double that is next to it; infinite where it is too large for one.
    pub(super) fn double(&self) -> f64 {
        self.text.parse().unwrap_or(f64::INFINITY)
    }
}

impl Exact {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Result<Self, Unread> {
        let mut reader = Reader::of(text);
        let value = reader.value(0)?;
        reader.skip_blanks();
        if reader.at != reader.bytes.len() {
            return Err(Unread::NoJson);
        }
        if reader.has_half && reader.has_mark {
            let what = "it holds half of a character beside one that Unicode does not have";
            return Err(Unread::Unreadable(what.to_owned()));
        }
        Ok(value)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether a text holds half of a character, and whether one holds what marks that.
    has_half: bool,
    has_mark: bool,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, has_half: false, has_mark: text.contains(HALF) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unread> {
        if self.peek() != Some(byte) {
            return Err(Unread::NoJson);
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Exact) -> Result<Exact, Unread> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Unread::NoJson);
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Exact, Unread> {
        if depth > DEPTH_MAX {
            let what = format!("it nests deeper than {DEPTH_MAX}");
            return Err(Unread::Unreadable(what));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text().map(Exact::Text),
            Some(b't') => self.word("true", Exact::Bool(true)),
            Some(b'f') => self.word("false", Exact::Bool(false)),
            Some(b'n') => self.word("null", Exact::Null),
            _ => self.number().map(Exact::Number),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Exact, Unread> {
        self.at += 1;
        let mut members = BTreeMap::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Exact::Object(members));
        }
        loop {
            self.skip_blanks();
            let key = self.text()?;
            self.skip_blanks();
            self.expect(b':')?;
            members.insert(key, self.value(depth + 1)?);
            self.skip_blanks();
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.expect(b'}')?;
        Ok(Exact::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Exact, Unread> {
        self.at += 1;
        let mut values = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Exact::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.expect(b']')?;
        Ok(Exact::List(values))
    }

    fn digits(&mut self) -> Result<(), Unread> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(Unread::NoJson) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Decimal, Unread> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        let unreadable =
            || Unread::Unreadable(format!("its number {text} has too large an exponent"));
        Decimal::of(&text).ok_or_else(unreadable)
    }

    fn text(&mut self) -> Result<String, Unread> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.peek().ok_or(Unread::NoJson)? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    let mut buffer = [0; 4];
                    for c in self.escaped()? {
                        text.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    }
                }
                0..0x20 => return Err(Unread::NoJson),
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        String::from_utf8(text).map_err(|_| Unread::NoJson)
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Result<Vec<char>, Unread> {
        let byte = self.peek().ok_or(Unread::NoJson)?;
        self.at += 1;
        let c = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unit(),
            _ => return Err(Unread::NoJson),
        };
        Ok(vec![c])
    }

    fn hex(&mut self) -> Result<u16, Unread> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Unread::NoJson)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Unread::NoJson);
        }
        self.at += 4;
        let digits = std::str::from_utf8(digits).map_err(|_| Unread::NoJson)?;
        u16::from_str_radix(digits, 16).map_err(|_| Unread::NoJson)
    }

    /// A unit of UTF-16, or two that make up a character. Half of a character alone is kept as such.
    fn unit(&mut self) -> Result<Vec<char>, Unread> {
        let first = self.hex()?;
        if let Some(c) = char::from_u32(u32::from(first)) {
            self.has_mark |= c == HALF;
            return Ok(vec![c]);
        }
        let start = self.at;
        if self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex()?;
            if let Some(Ok(c)) = char::decode_utf16([first, second]).next() {
                return Ok(vec![c]);
            }
            self.at = start;
        }
        self.has_half = true;
        Ok([HALF].into_iter().chain(format!("{first:04x}").chars()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::read(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_all_of_their_digits() {
        for (less, more) in [
            ("1234567890123456788", "1234567890123456789"),
            ("-1234567890123456789", "-1234567890123456788"),
            ("9007199254740992", "9007199254740993"),
            ("1e399", "1e400"),
            ("-1", "0"),
            ("0", "1e-400"),
            ("0.1", "0.10000000000000001"),
            ("9", "10"),
            ("-0.5", "0.05"),
        ] {
            assert_eq!(number(less).compare(&number(more)), Ordering::Less, "{less} {more}");
            assert_eq!(number(more).compare(&number(less)), Ordering::Greater, "{less} {more}");
        }
        for (one, other) in
            [("1.50", "15e-1"), ("-0", "0.0e7"), ("100", "1E+2"), ("0.001", "1e-3"), ("12e0", "12")]
        {
            assert_eq!(number(one).compare(&number(other)), Ordering::Equal, "{one} {other}");
        }
        for none in ["", "-", "01", "1.", ".5", "1e", "+1", "1 ", "0x1", "1e99999999999999999999"] {
            assert_eq!(Decimal::read(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_json_is_read_and_nothing_else() {
        for json in [
            r#"{"a":[1,2.5e3,{"b":null}],"c":true,"d":"\u00e9\n"}"#,
            "  [ ] ",
            "{}",
            r#""\ud83d\ude00""#,
            "-0.0",
        ] {
            assert!(Exact::read(json).is_ok(), "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
        }
        for other in [
            "",
            "{",
            "[1,]",
            "{a:1}",
            r#"{"a" 1}"#,
            "[1 2]",
            "nul",
            "truth",
            r#""a"#,
            "\"\n\"",
            "1 2",
            "{} x",
            r#""\x""#,
            r#""\u12""#,
            "'a'",
            "NaN",
        ] {
            assert_eq!(Exact::read(other), Err(Unread::NoJson), "{other}");
            assert!(serde_json::from_str::<serde_json::Value>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_other_readers_refuse_is_read() {
        let text = |json: &str| match Exact::read(json) {
            Ok(Exact::Text(text)) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(text(r#""\ud83d\ude00""#), "\u{1f600}");
        let (high, low) = (text(r#""a\ud83db""#), text(r#""a\ude00b""#));
        assert_ne!(high, low);
        assert_ne!(high, "a\u{fffd}b");
        let both = Exact::read("[\"\\ud83d\", \"\u{fdd0}\"]");
        assert!(matches!(both, Err(Unread::Unreadable(_))), "{both:?}");
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Exact::read(&deep(DEPTH_MAX)).is_ok());
        assert!(matches!(Exact::read(&deep(DEPTH_MAX + 2)), Err(Unread::Unreadable(_))));
        assert!(Exact::read(&"9".repeat(400)).is_ok());
    }
}
