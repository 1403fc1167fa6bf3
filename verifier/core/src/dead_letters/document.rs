//! What a filter is applied to: a message as JMESPath's library has it, without two numbers becoming one.
//!
//! The library compares numbers as doubles, and takes those for one that differ in the last bit. Where that would take two numbers
//! of a message and of its filter for one, each is replaced by its place in their order. That is not possible where a function
//! makes a number or a text of one: such a filter cannot be evaluated on that message.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jmespath::ast::Ast;
use jmespath::{Rcvar, Variable};
use serde_json::Number;
use verifier_model::time::Timestamp;

use super::DeadLetter;
use super::exact::{Decimal, Exact, Unread};
use super::functions::{calls, literals, looks_at, looks_at_all, with_literals};

/// Functions that calculate with numbers.
const CALCULATING: [&str; 6] = ["abs", "avg", "ceil", "floor", "sum", "to_number"];

/// How many digits of a number an error shows.
const NUMBER_SHOWN_MAX: usize = 40;

/// An expression and a message, so that one may be applied to the other.
pub(super) struct Applicable {
    /// `None` where it is applied as it is.
    pub(super) ast: Option<Ast>,
    pub(super) document: Rcvar,
}

/// What an expression does with numbers besides comparing them.
struct Uses {
    calculates: bool,
    measures: bool,
    writes: bool,
    reads: bool,
}

impl Uses {
    fn of(ast: &Ast) -> Self {
        let calls = calls(ast);
        let has = |name: &str| calls.iter().any(|(called, _)| *called == name);
        Self {
            calculates: CALCULATING.into_iter().any(has),
            measures: has("length"),
            writes: has("to_string"),
            reads: has("to_number"),
        }
    }

    /// Whether only the order of numbers counts.
    const fn is_order(&self) -> bool {
        !self.calculates && !self.measures && !self.writes
    }

    /// The number of those that is not what a function would make of it.
    fn not_kept<'a>(&self, numbers: &[&'a Decimal]) -> Option<&'a Decimal> {
        let is_lost = |number: &&&Decimal| {
            self.calculates && !number.is_plain()
                || self.writes && !is_written_as_it_is(number)
                || self.measures && !number.is_plain() && !number.is_whole()
        };
        numbers.iter().find(is_lost).copied()
    }
}

/// An expression and a message for each other, or why it cannot be told what the expression gives for it.
pub(super) fn applicable(
    ast: &Ast,
    message: &DeadLetter,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Applicable, String> {
    let document = document(ast, message, reason, now)?;
    let mut numbers = Vec::new();
    collect(&document, &mut numbers);
    let uses = Uses::of(ast);
    let own: Vec<Decimal> = literals(ast).into_iter().flat_map(|value| numbers_of(value)).collect();
    let of_texts: Vec<Decimal> = if uses.reads { read_texts(&document) } else { Vec::new() };
    let mut all: Vec<&Decimal> = numbers;
    all.extend(&own);
    all.extend(&of_texts);
    all.sort_by(|a, b| a.compare(b));
    all.dedup_by(|a, b| a.compare(b) == Ordering::Equal);
    if let Some(number) = (!uses.is_order()).then(|| uses.not_kept(&all)).flatten() {
        return Err(format!(
            "its functions would not keep all digits of the number {}: compare that without a function, or choose the message by its messageId",
            short(&number.text)
        ));
    }
    let Some(number) = taken_for_another(&all) else {
        return Ok(Applicable { ast: None, document: Rcvar::new(variable(&document, &as_it_is)) });
    };
    if !uses.is_order() {
        return Err(format!(
            "beside functions that make numbers, it does not tell the number {} from others: compare that without such a function, or choose the message by its messageId",
            short(&number.text)
        ));
    }
    let place = |number: &Decimal| {
        Number::from(all.partition_point(|other| other.compare(number) == Ordering::Less))
    };
    let ast = with_literals(ast, &|value| placed(value, &place));
    Ok(Applicable { ast: Some(ast), document: Rcvar::new(variable(&document, &place)) })
}

/// Whether an expression has a number that is not kept as it was written, as one with more digits than any type has.
pub(super) fn lost_literal(expression: &str) -> Option<String> {
    let mut rest = expression.chars();
    let mut literal: Option<String> = None;
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (&mut literal, quote) {
            (Some(text), _) if c == '\\' => {
                text.push(c);
                text.extend(rest.next());
            }
            (Some(text), _) if c == '`' => {
                let text = std::mem::take(text).replace("\\`", "`");
                literal = None;
                let value = Exact::read(&text).ok();
                let mut numbers = Vec::new();
                if let Some(value) = &value {
                    collect(value, &mut numbers);
                }
                if let Some(lost) = numbers.into_iter().find(|number| !is_written_as_it_is(number))
                {
                    return Some(short(&lost.text));
                }
            }
            (Some(text), _) => text.push(c),
            (None, Some(_)) if c == '\\' => drop(rest.next()),
            (None, Some(end)) if c == end => quote = None,
            (None, None) if c == '`' => literal = Some(String::new()),
            (None, None) if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
    }
    None
}

/// As much of a number as is shown.
fn short(number: &str) -> String {
    match number.char_indices().nth(NUMBER_SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &number[..end]),
        None => number.to_owned(),
    }
}

/// What filters see: the body as JSON where it is, or else as text.
fn document(
    ast: &Ast,
    message: &DeadLetter,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Exact, String> {
    let text = |text: &str| Exact::Text(text.to_owned());
    let or_null = |value: Option<Exact>| value.unwrap_or(Exact::Null);
    let number = |number: u64| or_null(Decimal::read(&number.to_string()).map(Exact::Number));
    let body = match Exact::read(&message.body) {
        Ok(body) => body,
        Err(Unread::NoJson) => text(&message.body),
        Err(Unread::Unreadable(what)) if looks_at(ast, "body") || looks_at_all(ast) => {
            return Err(format!("its body cannot be read: {what}"));
        }
        Err(Unread::Unreadable(_)) => Exact::Null,
    };
    let attributes = message.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.clone(), text(value.shown()))).collect();
    let age = message.age(now).map(|age| number(age.as_secs()));
    let members = [
        ("body", body),
        ("attributes", Exact::Object(attributes)),
        ("messageId", text(&message.message_id)),
        ("receiveCount", or_null(message.receive_count.map(|count| number(count.into())))),
        ("ageSeconds", or_null(age)),
        ("reason", or_null(reason.map(text))),
        ("sourceArn", or_null(message.source_arn.as_deref().map(text))),
    ];
    Ok(Exact::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// A field that there is not, by which many name the value.
pub(super) const NULL: &str = "null";
/// The fields of what filters see.
pub(super) const FIELDS: [&str; 7] =
    ["body", "attributes", "messageId", "receiveCount", "ageSeconds", "reason", "sourceArn"];

/// The first of these numbers, which are in their order, that the library may take for the one behind it, or has none for.
fn taken_for_another<'a>(numbers: &[&'a Decimal]) -> Option<&'a Decimal> {
    // The library's tolerance is twice the distance of a double from the next one.
    let is_near = |a: f64, b: f64| (a - b).abs() <= (a.abs() + b.abs()) * 2.0 * f64::EPSILON;
    let pairs = numbers.windows(2).find(|pair| {
        is_near(pair[0].double(), pair[1].double())
            || pair.iter().any(|number| number.double() != 0.0 && !number.double().is_normal())
    });
    let alone = numbers.iter().find(|number| !number.double().is_finite());
    pairs.map(|pair| pair[0]).or(alone.copied())
}

/// Whether JSON's library writes a number that it has read as it was, in whatever notation.
fn is_written_as_it_is(number: &Decimal) -> bool {
    let written = serde_json::from_str::<Number>(&number.text).ok();
    let written = written.and_then(|written| Decimal::read(&written.to_string()));
    written.is_some_and(|written| written.compare(number) == Ordering::Equal)
}

fn as_it_is(number: &Decimal) -> Number {
    serde_json::from_str(&number.text).unwrap_or_else(|_| Number::from(0))
}

fn variable(value: &Exact, number: &dyn Fn(&Decimal) -> Number) -> Variable {
    match value {
        Exact::Null => Variable::Null,
        Exact::Bool(value) => Variable::Bool(*value),
        Exact::Number(decimal) => Variable::Number(number(decimal)),
        Exact::Text(text) => Variable::String(text.clone()),
        Exact::List(values) => Variable::Array(
            values.iter().map(|value| Rcvar::new(variable(value, number))).collect(),
        ),
        Exact::Object(members) => {
            let members = members.iter();
            let of = |(key, value): (&String, &Exact)| {
                (key.clone(), Rcvar::new(variable(value, number)))
            };
            Variable::Object(members.map(of).collect::<BTreeMap<_, _>>())
        }
    }
}

/// A value of an expression with each number's place in its stead.
fn placed(value: &Variable, place: &dyn Fn(&Decimal) -> Number) -> Variable {
    match value {
        Variable::Number(number) => match Decimal::read(&number.to_string()) {
            Some(decimal) => Variable::Number(place(&decimal)),
            None => Variable::Number(number.clone()),
        },
        Variable::Array(values) => {
            Variable::Array(values.iter().map(|value| Rcvar::new(placed(value, place))).collect())
        }
        Variable::Object(members) => {
            let of =
                |(key, value): (&String, &Rcvar)| (key.clone(), Rcvar::new(placed(value, place)));
            Variable::Object(members.iter().map(of).collect())
        }
        other => other.clone(),
    }
}

/// The numbers of a value of an expression.
fn numbers_of(value: &Variable) -> Vec<Decimal> {
    match value {
        Variable::Number(number) => Decimal::read(&number.to_string()).into_iter().collect(),
        Variable::Array(values) => values.iter().flat_map(|value| numbers_of(value)).collect(),
        Variable::Object(members) => members.values().flat_map(|value| numbers_of(value)).collect(),
        _ => Vec::new(),
    }
}

fn collect<'a>(value: &'a Exact, numbers: &mut Vec<&'a Decimal>) {
    match value {
        Exact::Number(number) => numbers.push(number),
        Exact::List(values) => values.iter().for_each(|value| collect(value, numbers)),
        Exact::Object(members) => members.values().for_each(|value| collect(value, numbers)),
        Exact::Null | Exact::Bool(_) | Exact::Text(_) => {}
    }
}

/// The numbers that a function may read in texts.
fn read_texts(value: &Exact) -> Vec<Decimal> {
    match value {
        Exact::Text(text) => Decimal::read(text).into_iter().collect(),
        Exact::List(values) => values.iter().flat_map(read_texts).collect(),
        Exact::Object(members) => members.values().flat_map(read_texts).collect(),
        Exact::Null | Exact::Bool(_) | Exact::Number(_) => Vec::new(),
    }
}
