//! Templates in YAML, with CloudFormation's short forms of intrinsic functions.
//!
//! What comes out is what the same template in JSON is, so nothing else knows of YAML. Plain scalars are read as CloudFormation
//! reads them, which is YAML 1.1 with what it leaves out: dates stay text, and aliases and merges are refused.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html>, the short forms of each
//! function below <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>,
//! and <https://yaml.org/type/> for the scalars of YAML 1.1.

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value, json};

use super::TemplateError;

/// The functions that have a short form besides `!Ref`, `!Condition` and `!GetAtt`.
const SHORT_FORMS: [&str; 16] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
];
/// `Transform` has one too, and is a function like the others.
const TRANSFORM: &str = "Transform";
/// How many digits an account id has: one that begins with 0 and is not quoted is another number for YAML.
///
/// Source: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>.
const ACCOUNT_ID_DIGITS: usize = 12;
/// How deep a template may nest.
const DEPTH_MAX: usize = 100;

/// Reads a template in YAML.
///
/// # Errors
///
/// What is not YAML, or what CloudFormation does not take of it, with its line and column.
pub(super) fn parse(text: &str) -> Result<Value, TemplateError> {
    // What is empty after the colon would be no property, and a mark at the beginning no part of a name.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader { events: parser_of(text), depth: 0 };
    loop {
        let (event, at) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd => return Err(malformed(at.start, "it is empty")),
            event => {
                let value = reader.node(event, at)?;
                return reader.only(value);
            }
        }
    }
}

fn parser_of(text: &str) -> Parser<'_, StrInput<'_>> {
    let options: Options = granit_parser::options! { emit_comments: false };
    Parser::new_from_str_with_options(text, options)
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), TemplateError> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(malformed(*error.marker(), &error.info())),
            None => Err(malformed(Marker::new(0, 1, 0), "it ends too early")),
        }
    }

    /// The document's value, if nothing but that document is there.
    fn only(&mut self, value: Value) -> Result<Value, TemplateError> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(value),
                (_, at) => return Err(malformed(at.start, "it has more than one document")),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: Span) -> Result<Value, TemplateError> {
        let at = at.tag_start.unwrap_or(at.start);
        match event {
            Event::Scalar(text, style, _, tag) => scalar(&text, style, tag.as_deref(), at),
            Event::SequenceStart(_, _, tag) => {
                let items = self.nested(at, Self::items)?;
                tagged(tag.as_deref(), Value::Array(items), at)
            }
            Event::MappingStart(_, _, tag) => {
                let fields = self.nested(at, Self::fields)?;
                tagged(tag.as_deref(), Value::Object(fields), at)
            }
            Event::Alias(_) => Err(malformed(
                at,
                "YAML aliases are not allowed in CloudFormation templates; write the value again, or have `aws cloudformation package` write a template without them",
            )),
            _ => Err(malformed(at, "a value is missing")),
        }
    }

    fn nested<T>(
        &mut self,
        at: Marker,
        read: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        if self.depth == DEPTH_MAX {
            return Err(malformed(at, &format!("it nests deeper than {DEPTH_MAX} times")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn items(&mut self) -> Result<Vec<Value>, TemplateError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at)?),
            }
        }
    }

    fn fields(&mut self) -> Result<Map<String, Value>, TemplateError> {
        let mut fields = Map::new();
        loop {
            let (event, at) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(fields),
                // A name is the text that it is written with: an account id in a mapping is one.
                Event::Scalar(text, style, _, None) => name(&text, style, at.start)?,
                _ => return Err(malformed(at.start, "a name has to be text")),
            };
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at)?;
            if fields.insert(name.clone(), value).is_some() {
                return Err(malformed(at.start, &format!("it has {name} twice at one place")));
            }
        }
    }
}

fn name(text: &str, style: ScalarStyle, at: Marker) -> Result<String, TemplateError> {
    if style == ScalarStyle::Plain && text == "<<" {
        return Err(malformed(
            at,
            "CloudFormation does not support hash merges (<<); write the values out",
        ));
    }
    Ok(text.to_owned())
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Marker,
) -> Result<Value, TemplateError> {
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text, at) } else { Ok(text.into()) };
    };
    match tag.core_suffix() {
        Some("str") => Ok(text.into()),
        Some(_) => plain(text, at),
        None => tagged(Some(tag), text.into(), at),
    }
}

/// What a scalar without quotes is.
fn plain(text: &str, at: Marker) -> Result<Value, TemplateError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.len() == ACCOUNT_ID_DIGITS && text.starts_with('0') {
        return Err(malformed(
            at,
            &format!("without quotes, AWS reads {text} as another number; write \"{text}\""),
        ));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Err(malformed(
            at,
            "'null' values are not allowed in templates; give a value, or leave the name out",
        )),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Ok(true.into()),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Ok(false.into())
        }
        _ => Ok(number(text).map_or_else(|| text.into(), Value::Number)),
    }
}

/// The number that a scalar is in YAML 1.1. One that does not fit stays as it is written.
fn number(text: &str) -> Option<Number> {
    let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let digits = unsigned.replace('_', "");
    let of_radix = |radix| i64::from_str_radix(&digits[digits.len().min(2)..], radix).ok();
    let whole = match digits.get(..2) {
        Some("0x") => of_radix(16),
        Some("0b") => of_radix(2),
        // 010 is octal, and 018 is not.
        Some(_) if digits.starts_with('0') => {
            i64::from_str_radix(&digits, 8).or_else(|_| digits.parse()).ok()
        }
        _ => digits.parse().ok(),
    };
    if let Some(whole) = whole {
        return Some(if sign == "-" { -whole } else { whole }.into());
    }
    let is_with_point = digits.contains('.') && is_decimal(&digits);
    is_with_point
        .then(|| format!("{sign}{digits}").parse().ok())
        .flatten()
        .and_then(Number::from_f64)
}

/// Digits, a point and digits, and a signed exponent if there is one.
fn is_decimal(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_right = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or_default();
        !unsigned.is_empty() && is_digits(unsigned)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_is_right && is_digits(whole) && is_digits(fraction)
}

/// A value with a tag: the call of a function where it has a short form's.
fn tagged(tag: Option<&Tag>, value: Value, at: Marker) -> Result<Value, TemplateError> {
    let Some(tag) = tag else { return Ok(value) };
    if matches!(tag.core_suffix(), Some("map" | "seq")) {
        return Ok(value);
    }
    let name = tag.suffix();
    if tag.handle() != "!" {
        return Err(malformed(
            at,
            &format!("CloudFormation does not support the tag {}", tag.original()),
        ));
    }
    match name {
        "Ref" | "Condition" => Ok(json!({name: value})),
        // The attribute's name may have points of its own.
        "GetAtt" => match value.as_str().and_then(|path| path.split_once('.')) {
            Some((logical_id, attribute)) => Ok(json!({"Fn::GetAtt": [logical_id, attribute]})),
            None => Ok(json!({"Fn::GetAtt": value})),
        },
        _ if name == TRANSFORM || SHORT_FORMS.contains(&name) => {
            Ok(json!({format!("Fn::{name}"): value}))
        }
        _ => Err(malformed(at, &format!("!{name} is the short form of no function; fix the name"))),
    }
}

fn malformed(at: Marker, problem: &str) -> TemplateError {
    TemplateError::Malformed(format!("line {}, column {}: {problem}", at.line(), at.col() + 1))
}

#[cfg(test)]
mod tests;
