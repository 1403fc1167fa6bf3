//! The two protocols of CloudWatch: JSON, which the AWS command line speaks, and CBOR, which the SDKs speak.
//!
//! Both carry the same values, so the service works on JSON alone. What JSON lacks are timestamps: they are numbers of
//! seconds there and have a tag in CBOR.
//!
//! Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.

use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};
use verifier_model::cloudwatch::CloudWatchError;

use crate::paths;
use crate::reply::{Reply, aws_json, reply, with_header};

const JSON: &str = "1.0";
/// The tag of a time in seconds since 1970.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc8949.html#section-3.4.2>.
const TIME_TAG: u64 = 1;

/// How a request is written, and its answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Cbor,
}

/// The operation and the protocol of a request, if it is one for CloudWatch.
pub(crate) fn recognise<'a>(target: &'a str, path: &'a str) -> Option<(&'a str, Protocol)> {
    let json = target.strip_prefix(paths::CLOUDWATCH).and_then(|rest| rest.strip_prefix('.'));
    let cbor = || Some((paths::cloudwatch_operation(path)?, Protocol::Cbor));
    json.map(|action| (action, Protocol::Json)).or_else(cbor)
}

/// Reads a request's body.
pub(crate) fn decode(protocol: Protocol, body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match protocol {
        Protocol::Json => serde_json::from_slice(body).map_err(|problem| problem.to_string()),
        Protocol::Cbor => {
            let value = ciborium::from_reader(body);
            from_cbor(value.map_err(|problem: ciborium::de::Error<_>| problem.to_string())?)
        }
    }
}

/// A success.
pub(crate) fn success(protocol: Protocol, body: &Value) -> Reply {
    match protocol {
        Protocol::Json => aws_json::success(JSON, body),
        Protocol::Cbor => cbor(200, body),
    }
}

/// An error.
pub(crate) fn refusal(protocol: Protocol, refusal: &CloudWatchError) -> Reply {
    let (status, code) = (refusal.status(), refusal.code());
    let response = error(protocol, status, code, &refusal.to_string());
    // Clients that knew CloudWatch before these protocols still look for the older codes.
    with_header(response, "x-amzn-query-error", &format!("{};Sender", refusal.query_code()))
}

/// An error that is not one of the service's own.
pub(crate) fn error(protocol: Protocol, status: u16, code: &str, message: &str) -> Reply {
    match protocol {
        Protocol::Json => aws_json::error(JSON, status, code, message),
        Protocol::Cbor => {
            let shape = format!("com.amazonaws.cloudwatch#{code}");
            cbor(status, &serde_json::json!({"__type": shape, "message": message}))
        }
    }
}

fn cbor(status: u16, body: &Value) -> Reply {
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    let _ = ciborium::into_writer(&to_cbor("", body), &mut bytes);
    with_header(reply(status, "application/cbor", bytes), "smithy-protocol", "rpc-v2-cbor")
}

fn from_cbor(value: Cbor) -> Result<Value, String> {
    Ok(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => value.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Float(number) => number.into(),
        Cbor::Integer(number) => {
            let number = i64::try_from(number).map_err(|_| "a number is too large".to_owned())?;
            number.into()
        }
        Cbor::Tag(TIME_TAG, time) => from_cbor(*time)?,
        Cbor::Array(items) => items.into_iter().map(from_cbor).collect::<Result<_, _>>()?,
        Cbor::Map(entries) => {
            let entry = |(name, value)| match name {
                Cbor::Text(name) => Ok((name, from_cbor(value)?)),
                _ => Err("a member's name is not text".to_owned()),
            };
            Value::Object(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
        _ => return Err("CloudWatch has no values of such a type".to_owned()),
    })
}

/// Every member that is a time has a name that ends so.
fn is_time(member: &str) -> bool {
    member.ends_with("Timestamp") || member.ends_with("Timestamps")
}

fn to_cbor(member: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Number(number) if is_time(member) => Cbor::Tag(
            TIME_TAG,
            Box::new(Cbor::Float(not_below(number.as_f64().unwrap_or_default()))),
        ),
        Value::Number(number) => number_to_cbor(number),
        Value::Array(items) => {
            Cbor::Array(items.iter().map(|item| to_cbor(member, item)).collect())
        }
        Value::Object(members) => {
            let entry =
                |(name, value): (&String, &Value)| (Cbor::Text(name.clone()), to_cbor(name, value));
            Cbor::Map(members.iter().map(entry).collect())
        }
    }
}

/// SDKs cut a time down to whole milliseconds, and the number nearest to one may lie a hair below it.
fn not_below(seconds: f64) -> f64 {
    if seconds.fract() > 0.0 { seconds.next_up() } else { seconds }
}

fn number_to_cbor(number: &Number) -> Cbor {
    match number.as_i64() {
        Some(number) => Cbor::Integer(number.into()),
        None => Cbor::Float(number.as_f64().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn knows_its_requests_in_both_protocols_and_no_others() {
        let json = "GraniteServiceVersion20100801.DescribeAlarms";
        assert_eq!(recognise(json, "/"), Some(("DescribeAlarms", Protocol::Json)));
        let cbor = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        assert_eq!(recognise("", cbor), Some(("DescribeAlarms", Protocol::Cbor)));
        for (target, path) in [("AmazonSQS.SendMessage", "/"), ("", "/"), ("", "/service/Other")] {
            assert_eq!(recognise(target, path), None, "{target} {path}");
        }
    }

    #[test]
    fn what_is_written_as_cbor_is_read_back_and_times_have_their_tag() {
        let value = json!({"Threshold": 1.5, "Period": 60, "StateUpdatedTimestamp": 1.25e9, "Timestamps": [1.0, 2.0], "Name": "a", "On": true, "None": null});
        let encoded = to_cbor("", &value);
        assert_eq!(from_cbor(encoded.clone()), Ok(value));
        let Cbor::Map(entries) = encoded else { panic!("a map") };
        let tagged = entries.iter().filter(|(_, value)| matches!(value, Cbor::Tag(1, _))).count();
        assert_eq!(tagged, 1);
        assert!(from_cbor(Cbor::Bytes(vec![1])).is_err());
    }

    #[test]
    fn no_time_loses_a_millisecond_when_it_is_cut_down() {
        for millis in 0..1_000_u32 {
            let seconds = not_below(1_795_517_244.0 + f64::from(millis) / 1_000.0);
            let cut = (seconds.fract() * 1e9).floor() / 1e6;
            assert!(cut >= f64::from(millis) && cut < f64::from(millis) + 0.01, "{millis}: {cut}");
        }
    }
}
