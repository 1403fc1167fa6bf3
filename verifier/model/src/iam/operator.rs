//! The operators of conditions.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::error::PolicyError;
use super::pattern::{Meaning, Pattern};
use super::request::Keys;

/// How a key's value is compared, and the values of the policy that it is compared with: one that holds is enough.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Comparison {
    /// `String…`; the patterns of the operators without `Like` have no wildcards.
    Text { wanted: Vec<Pattern>, ignoring_case: bool },
    /// `Arn…`: each of six parts for itself.
    Arn(Vec<ArnPattern>),
    /// `Numeric…`.
    Number(Order, Vec<f64>),
    /// `Date…`.
    Time(Order, Vec<Timestamp>),
    /// `Bool`.
    Bool(Vec<bool>),
    /// `BinaryEquals`.
    Binary(Vec<Vec<u8>>),
    /// `IpAddress` and `NotIpAddress`.
    Address(Vec<Network>),
}

/// How two values have to stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The six parts of an ARN, each a pattern. None where it has fewer: that is no ARN's.
pub(super) type ArnPattern = Option<Vec<Pattern>>;

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    /// How many bits are alike.
    bits: u8,
}

/// A comparison, and whether it must not hold.
pub(super) type Read = (Comparison, bool);

/// Reads the operator of that name, without what stands before and behind it, with its values. None where there is no such
/// operator.
pub(super) fn read(
    name: &str,
    values: &[String],
    variables: bool,
    place: &str,
) -> Result<Option<Read>, PolicyError> {
    let text = |wildcards: bool, ignoring_case: bool| {
        let meaning = Meaning { wildcards, variables };
        let wanted = all(values, |value| Pattern::read(value, meaning, place))?;
        Ok(Comparison::Text { wanted, ignoring_case })
    };
    let number = |order| Ok(Comparison::Number(order, all(values, |value| number(value, place))?));
    let time = |order| Ok(Comparison::Time(order, all(values, |value| time(value, place))?));
    let arn = || Ok(Comparison::Arn(all(values, |value| arn(value, variables, place))?));
    let (comparison, is_negated): (Result<Comparison, PolicyError>, bool) = match name {
        "StringEquals" => (text(false, false), false),
        "StringNotEquals" => (text(false, false), true),
        "StringEqualsIgnoreCase" => (text(false, true), false),
        "StringNotEqualsIgnoreCase" => (text(false, true), true),
        "StringLike" => (text(true, false), false),
        "StringNotLike" => (text(true, false), true),
        "ArnEquals" | "ArnLike" => (arn(), false),
        "ArnNotEquals" | "ArnNotLike" => (arn(), true),
        "NumericEquals" => (number(Order::Equal), false),
        "NumericNotEquals" => (number(Order::Equal), true),
        "NumericLessThan" => (number(Order::Less), false),
        "NumericLessThanEquals" => (number(Order::LessOrEqual), false),
        "NumericGreaterThan" => (number(Order::Greater), false),
        "NumericGreaterThanEquals" => (number(Order::GreaterOrEqual), false),
        "DateEquals" => (time(Order::Equal), false),
        "DateNotEquals" => (time(Order::Equal), true),
        "DateLessThan" => (time(Order::Less), false),
        "DateLessThanEquals" => (time(Order::LessOrEqual), false),
        "DateGreaterThan" => (time(Order::Greater), false),
        "DateGreaterThanEquals" => (time(Order::GreaterOrEqual), false),
        "Bool" => (all(values, |value| boolean(value, place)).map(Comparison::Bool), false),
        "BinaryEquals" => {
            (all(values, |value| binary(value, place)).map(Comparison::Binary), false)
        }
        "IpAddress" => (all(values, |value| network(value, place)).map(Comparison::Address), false),
        "NotIpAddress" => {
            (all(values, |value| network(value, place)).map(Comparison::Address), true)
        }
        _ => return Ok(None),
    };
    comparison.map(|comparison| Some((comparison, is_negated)))
}

impl Comparison {
    /// Whether a key's value is as one of the policy's values wants it.
    pub(super) fn holds(&self, value: &str, keys: &Keys) -> bool {
        match self {
            Self::Text { wanted, ignoring_case } => wanted.iter().any(|each| {
                if *ignoring_case {
                    each.matches_ignoring_case(value, keys)
                } else {
                    each.matches(value, keys)
                }
            }),
            Self::Arn(wanted) => {
                let parts: Vec<&str> = value.splitn(6, ':').collect();
                wanted.iter().flatten().any(|each| {
                    parts.len() == 6
                        && each.iter().zip(&parts).all(|(each, part)| each.matches(part, keys))
                })
            }
            Self::Number(order, wanted) => {
                let value = value.parse::<f64>().ok();
                value.is_some_and(|value| wanted.iter().any(|each| order.is_of(&value, each)))
            }
            Self::Time(order, wanted) => {
                let value = time(value, "").ok();
                value.is_some_and(|value| wanted.iter().any(|each| order.is_of(&value, each)))
            }
            Self::Bool(wanted) => wanted.iter().any(|each| value.eq_ignore_ascii_case(word(*each))),
            Self::Binary(wanted) => {
                let value = STANDARD.decode(value).ok();
                value.is_some_and(|value| wanted.contains(&value))
            }
            Self::Address(wanted) => {
                let value = value.parse::<IpAddr>().ok();
                value.is_some_and(|value| wanted.iter().any(|each| each.has(value)))
            }
        }
    }
}

impl Order {
    fn is_of<T: PartialOrd>(self, value: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => value == wanted,
            Self::Less => value < wanted,
            Self::LessOrEqual => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEqual => value >= wanted,
        }
    }
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        fn bits(address: IpAddr) -> (u128, u8) {
            match address {
                IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
                IpAddr::V6(address) => (u128::from(address), 128),
            }
        }
        let ((first, width), (second, other)) = (bits(self.address), bits(address));
        let differ = first ^ second;
        width == other && (self.bits == 0 || differ >> (128 - u32::from(self.bits)) == 0)
    }
}

fn all<T>(
    values: &[String],
    read: impl Fn(&str) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    values.iter().map(|value| read(value)).collect()
}

const fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn number(value: &str, place: &str) -> Result<f64, PolicyError> {
    let refused = || PolicyError::new(place, format!("{value:?} is no number"));
    value.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(refused)
}

pub(super) fn boolean(value: &str, place: &str) -> Result<bool, PolicyError> {
    let is = |wanted: bool| value.eq_ignore_ascii_case(word(wanted)).then_some(wanted);
    let refused = || PolicyError::new(place, format!("{value:?} is neither true nor false"));
    is(true).or(is(false)).ok_or_else(refused)
}

fn binary(value: &str, place: &str) -> Result<Vec<u8>, PolicyError> {
    let refused = |_| PolicyError::new(place, format!("{value:?} is no base64"));
    STANDARD.decode(value).map_err(refused)
}

/// A time as one of W3C's forms of ISO 8601, or in seconds since 1970.
///
/// Source: <https://www.w3.org/TR/NOTE-datetime>.
fn time(value: &str, place: &str) -> Result<Timestamp, PolicyError> {
    let seconds = |value: &str| {
        let seconds: f64 = value.parse().ok().filter(|seconds: &f64| seconds.abs() > 9999.0)?;
        jiff::SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|since| Timestamp::from_duration(since).ok())
    };
    let date = |value: &str| {
        let whole = match value.len() {
            4 => format!("{value}-01-01"),
            7 => format!("{value}-01"),
            _ => value.to_owned(),
        };
        whole.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    let refused = || PolicyError::new(place, format!("{value:?} is no time: 2026-01-31T12:00:00Z"));
    let is_day = value.len() <= 10;
    value
        .parse()
        .ok()
        .or_else(|| seconds(value))
        .or_else(|| is_day.then(|| date(value))?)
        .ok_or_else(refused)
}

fn network(value: &str, place: &str) -> Result<Network, PolicyError> {
    let refused =
        || PolicyError::new(place, format!("{value:?} is no address or range: 203.0.113.0/24"));
    let (address, bits) = match value.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (value, None),
    };
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(width), str::parse).map_err(|_| refused())?;
    if bits > width { Err(refused()) } else { Ok(Network { address, bits }) }
}

/// The parts of an ARN between its first five colons and after them; a colon within `${…}` is none of them.
fn arn(value: &str, variables: bool, place: &str) -> Result<ArnPattern, PolicyError> {
    let mut parts = vec![String::new()];
    let mut is_in_variable = false;
    for character in value.chars() {
        match character {
            '{' if parts.last().is_some_and(|part| part.ends_with('$')) => is_in_variable = true,
            '}' => is_in_variable = false,
            _ => {}
        }
        if character == ':' && !is_in_variable && parts.len() < 6 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    if parts.len() < 6 {
        return Ok(None);
    }
    let meaning = Meaning { wildcards: true, variables };
    parts.iter().map(|part| Pattern::read(part, meaning, place)).collect::<Result<_, _>>().map(Some)
}
