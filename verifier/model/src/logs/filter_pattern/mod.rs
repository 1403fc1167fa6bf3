//! Filter patterns: which log events `FilterLogEvents` selects.
//!
//! A pattern has one of four forms: terms of unstructured text; a regular expression, `%…%`; conditions on the properties of
//! JSON, `{…}`; and conditions on fields that blanks separate, `[…]`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.

mod condition;
mod expression;
mod fields;
mod json;
mod reason;
mod regular_expression;
mod scan;
mod terms;

use serde_json::Value;
use thiserror::Error;

use self::expression::Expression;
use self::fields::Fields;
use self::json::Property;
use self::scan::Scan;
use self::terms::Terms;

/// How many regular expressions a pattern may have.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html#regex-expressions>.
const REGULAR_EXPRESSIONS_MAX: usize = 2;

/// A pattern that is not well formed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Invalid character(s) in term '{pattern}': {reason}")]
pub struct FilterPatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What was expected.
    pub reason: String,
}

/// A filter pattern, read once and applied to many events.
#[derive(Clone, Debug)]
pub struct FilterPattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Terms(Terms),
    Json(Expression<Property>),
    Fields(Fields),
}

impl FilterPattern {
    /// Reads a pattern. The empty pattern selects every event.
    pub fn parse(pattern: &str) -> Result<Self, FilterPatternError> {
        let mut scan = Scan::of(pattern.trim());
        let kind = match scan.peek() {
            Some('{') => json::parse(&mut scan).map(Kind::Json),
            Some('[') => fields::parse(&mut scan).map(Kind::Fields),
            _ => terms::parse(&mut scan).map(Kind::Terms),
        };
        let kind = kind.and_then(|kind| match scan.peek() {
            Some(_) => Err("there is more behind the pattern's end"),
            None if scan.regular_expressions() > REGULAR_EXPRESSIONS_MAX => {
                Err("a pattern has at most two regular expressions")
            }
            None => Ok(kind),
        });
        kind.map(Self).map_err(|reason| FilterPatternError {
            pattern: pattern.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// Whether the pattern selects an event with this message.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(expression) => serde_json::from_str::<Value>(message)
                .is_ok_and(|event| expression.holds(&|property| property.holds(&event))),
            Kind::Fields(fields) => fields.matches(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        FilterPattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_must_all_occur_and_are_case_sensitive() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR code", "code: ERROR"));
        assert!(!matches("ERROR code", "ERROR"));
        assert!(!matches("error", "ERROR"));
        assert!(matches(r#""run-1 \"x\"""#, r#"a run-1 "x" b"#));
        assert!(matches("?ERROR ?WARN", "WARN"));
        assert!(!matches("?ERROR ?WARN", "INFO"));
        assert!(!matches("ERROR -Exiting", "ERROR Exiting"));
        assert!(!matches(r#""ERROR" - "Exiting""#, "ERROR Exiting"));
        assert!(matches(r#"ERROR -"not this""#, "ERROR this"));
    }

    #[test]
    fn a_regular_expression_is_found_anywhere_unless_it_is_anchored() {
        for (pattern, message) in [
            ("%AUTHORIZED%", "UNAUTHORIZED access"),
            ("%^[hc]at%", "cat and mouse"),
            ("%[hc]at$%", "a hat"),
            ("%colou?r%", "color"),
            ("%a{3,5}%", "aaaa"),
            (r"%127\.0\.0\.\d+%", "from 127.0.0.12"),
            ("%gra|ey%", "grey"),
            (r"%\x41B%", "xABx"),
            (r"ERROR %\d\d\d%", "ERROR 503"),
        ] {
            assert!(matches(pattern, message), "{pattern}");
        }
        assert!(!matches("%^at%", "cat"));
        assert!(!matches(r"ERROR %\d\d\d%", "ERROR 50"));
    }

    #[test]
    fn selectors_compare_properties() {
        let event = r#"{"level":"INFO","fields":{"runId":"vr-1","receiveCount":3,"ok":true},"list":[{"a":1}],"none":null,"off":false}"#;
        for pattern in [
            r#"{ $.fields.runId = "vr-1" }"#,
            r#"{$.fields.runId="vr-*"}"#,
            "{ $.fields.runId = *-1 }",
            "{ $.fields.runId = %^vr-[0-9]$% }",
            "{ $.fields.runId != %^vx% }",
            "{ $.fields.receiveCount = 3 }",
            "{ $.fields.receiveCount = * }",
            "{ $.fields.receiveCount < +1e3 }",
            "{ $.fields.receiveCount >= 3 && $.level = INFO }",
            "{ $.fields.receiveCount > 9 || $.level = \"INFO\" }",
            r#"{ $.level != "WARN" }"#,
            "{ $.list[0].a = 1 }",
            "{ $.fields.ok = \"true\" }",
            "{ $.fields.ok IS TRUE }",
            "{ $.off IS FALSE }",
            "{ $.none IS NULL }",
            "{ $.absent NOT EXISTS }",
            "{ $.list EXISTS }",
            "{ $.none EXISTS && $.level EXISTS }",
        ] {
            assert!(matches(pattern, event), "{pattern}");
        }
        for pattern in [
            r#"{ $.fields.runId = "vr-2" }"#,
            "{ $.fields.receiveCount < 3 }",
            "{ $.absent = 1 }",
            "{ $.absent != 1 }",
            "{ $.absent IS NULL }",
            "{ $.absent IS FALSE }",
            "{ $.absent EXISTS }",
            "{ $.none NOT EXISTS }",
            "{ $.fields.ok IS FALSE }",
            "{ $.list.0.a = 1 }",
            "{ $.list[1].a = 1 }",
            "{ $.list != 1 }",
            "{ $.level[0] = INFO }",
            "{ $.fields.receiveCount >= 3 && $.level = WARN }",
        ] {
            assert!(!matches(pattern, event), "{pattern}");
        }
        assert!(!matches("{ $.a = 1 }", "not JSON"));
        assert!(!matches("{ $.a NOT EXISTS }", "not JSON"));
    }

    /// The documentation's event, and what its conditions come to.
    #[test]
    fn parentheses_come_before_and_and_and_before_or() {
        let event = r#"{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},
            {"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}"#;
        for (pattern, expected) in [
            (r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#, true),
            (
                r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#,
                false,
            ),
            (
                r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nonmatch }"#,
                true,
            ),
            (
                r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nonmatch }"#,
                false,
            ),
            ("{ (($.user.id=1)&&($.coordinates[0][1]=1)) }", true),
        ] {
            assert_eq!(matches(pattern, event), expected, "{pattern}");
        }
    }

    /// The documentation's log of a web server.
    #[test]
    fn fields_are_separated_by_blanks_and_kept_together_by_quotes_and_brackets() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 404 1534"#;
        for (pattern, expected) in [
            ("[ip, user, username, timestamp, request, status_code, bytes]", true),
            ("[ip, user, username, timestamp, request, status_code]", false),
            ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", true),
            ("[ip, user, username, timestamp, request, status_code = 200, bytes]", false),
            ("[ip, user, username, timestamp, request = *gif*, status_code = 4*, bytes]", true),
            ("[..., status_code = 4* && status_code != 403, bytes]", true),
            ("[..., status_code = 4* && bytes > 2000, bytes]", false),
            ("[ip, user, ..., status_code=404, bytes]", true),
            ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", true),
            ("[ip, user, ...]", true),
            ("[ip=10.*, ...]", false),
            ("[..., request=*.gif*, status_code=4*,]", true),
        ] {
            assert_eq!(matches(pattern, line), expected, "{pattern}");
        }
        for (pattern, line, expected) in [
            ("[w1=ERROR, ...]", "ERROR message", true),
            ("[w1=ERROR || w1=WARN, w2]", "WARN message", true),
            ("[w1=ERROR || w1=WARN, w2]", "INFO message", false),
            ("[w1=!ERROR&&w1=!WARN, w2]", "INFO message", true),
            ("[w1=!ERROR&&w1=!WARN, w2]", "WARN message", false),
            (r#"[level = "ERROR", ..., code >= 500]"#, "ERROR in x 503", true),
            ("[a, ..., b]", "one", false),
            ("[..., b]", "one", true),
        ] {
            assert_eq!(matches(pattern, line), expected, "{pattern} {line}");
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in [
            "\"open",
            "a-b",
            "{ $.a",
            "{ }",
            "{ a = 1 }",
            "{ $.a }",
            "{ $.a = }",
            "{ $. = 1 }",
            "{ $.a = 1 $.b = 2 }",
            "{ ($.a = 1 }",
            "{ $.a = 1) }",
            "{ $.a IS }",
            "{ $.a IS MAYBE }",
            "{ $.a NOT }",
            "{ $.a = 1 } more",
            "?",
            "-",
            "{ $.a[ = 1 }",
            "{ $.a[x] = 1 }",
            "{ $.a[0]b = 1 }",
            "{ $.[0] = 1 }",
            "{ $.a$b = 1 }",
            "[]",
            "[a, ..., b, ...]",
            "[a = ]",
            "[a = 1 || ]",
            "[a",
            "[a b]",
            "[a] b",
            "[a, b = 1 && c = 2]x",
            "%open",
            "%%",
            "%a(b)%",
            "%a!%",
            "%é%",
            "%[a%",
            "%a% %b% %c%",
            "{ $.a = %b }",
        ] {
            assert!(FilterPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
