//! Intrinsic functions that few templates use: `Fn::Cidr`, and those of the transform `AWS::LanguageExtensions`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::evaluate::as_text;
use super::{Evaluator, TemplateError, TemplatePath};

/// How many blocks may be asked for.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html>.
const BLOCKS: std::ops::RangeInclusive<u32> = 1..=256;
/// How many bits of an IPv6 block are the hosts', where it is not said.
const BITS_OF_IPV6: u32 = 64;

impl Evaluator<'_> {
    /// The value of a function that is none of the usual ones.
    pub(super) fn other_function(
        &self,
        function: &str,
        argument: &Value,
        place: &TemplatePath,
    ) -> Result<Option<Value>, TemplateError> {
        let bad = |problem: String| TemplateError::BadFunction {
            place: place.to_string(),
            function: function.to_owned(),
            problem,
        };
        match function {
            "Fn::Cidr" => {
                let argument = self.value(argument, place)?.unwrap_or_default();
                blocks(&argument).map(Some).map_err(bad)
            }
            "Fn::Length" => {
                let list = self.value(argument, place)?;
                let list = list.as_ref().and_then(Value::as_array);
                let list = list.ok_or_else(|| bad("takes a list".to_owned()))?;
                Ok(Some(list.len().into()))
            }
            "Fn::ToJsonString" => {
                let value = self.value(argument, place)?;
                let value = value.filter(|value| value.is_array() || value.is_object());
                let value = value.ok_or_else(|| bad("takes an object or a list".to_owned()))?;
                Ok(Some(Value::String(value.to_string())))
            }
            "Fn::Transform" => {
                let text = |name: &str| argument.pointer(name).map(ToString::to_string);
                let name = text("/Name").unwrap_or_default();
                let location = text("/Parameters/Location").unwrap_or_default();
                Err(bad(format!(
                    "{name} {location} is not done here: put what it makes in its place, or for AWS::Include name a file beside the template as its Location"
                )))
            }
            _ => Err(bad("is not supported by the emulator".to_owned())),
        }
    }
}

/// The blocks of `[ipBlock, count, cidrBits]`, one after the other.
fn blocks(argument: &Value) -> Result<Value, String> {
    let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |index: usize| items.get(index).and_then(as_text);
    let block = text(0).ok_or("takes a block of addresses, a number and the bits of hosts")?;
    let parsed = block.split_once('/').and_then(|(address, prefix)| {
        Some((address.parse::<IpAddr>().ok()?, prefix.parse::<u32>().ok()?))
    });
    let (address, prefix) =
        parsed.ok_or_else(|| format!("takes a block such as 10.0.0.0/16, found {block}"))?;
    let number = |index: usize| text(index).and_then(|text| text.parse::<u32>().ok());
    let count = number(1).filter(|count| BLOCKS.contains(count));
    let count = count.ok_or("takes a number of blocks from 1 to 256")?;
    let of_address = if address.is_ipv4() { 32 } else { 128 };
    let default = address.is_ipv6().then_some(BITS_OF_IPV6);
    let bits = number(2).or(default).ok_or("takes the number of bits that are the hosts'")?;
    let fits = prefix <= of_address && bits <= of_address - prefix && {
        let free = of_address - prefix - bits;
        free >= 32 || u64::from(count) <= 1 << free
    };
    if !fits {
        return Err(format!("has no {count} blocks of {bits} bits in {block}"));
    }
    let first = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let own = u128::MAX.checked_shl(of_address - prefix).unwrap_or(0);
    let first = first & own;
    let made = (0..count).map(|index| {
        let at = first.wrapping_add(u128::from(index).checked_shl(bits).unwrap_or(0));
        let address = if address.is_ipv4() {
            IpAddr::V4(Ipv4Addr::from(u32::try_from(at).unwrap_or_default()))
        } else {
            IpAddr::V6(Ipv6Addr::from(at))
        };
        Value::from(format!("{address}/{}", of_address - bits))
    });
    Ok(made.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_follow_one_another() {
        for (argument, expected) in [
            (json!(["10.0.0.0/16", 2, 8]), json!(["10.0.0.0/24", "10.0.1.0/24"])),
            (
                json!(["192.168.0.0/24", "6", "5"]),
                json!([
                    "192.168.0.0/27",
                    "192.168.0.32/27",
                    "192.168.0.64/27",
                    "192.168.0.96/27",
                    "192.168.0.128/27",
                    "192.168.0.160/27",
                ]),
            ),
            (json!(["2001:db8::/56", 2]), json!(["2001:db8::/64", "2001:db8:0:1::/64"])),
            (json!(["10.0.0.7/32", 1, 0]), json!(["10.0.0.7/32"])),
            (json!(["0.0.0.0/0", 1, 32]), json!(["0.0.0.0/0"])),
        ] {
            assert_eq!(blocks(&argument), Ok(expected), "{argument}");
        }
        for argument in [
            json!(["10.0.0.0/24", 2, 8]),
            json!(["10.0.0.0", 2, 4]),
            json!(["10.0.0.0/16", 0, 4]),
            json!(["10.0.0.0/16", 257, 4]),
            json!(["10.0.0.0/16", 2]),
            json!(["10.0.0.0/16", 2, 33]),
            json!("10.0.0.0/16"),
        ] {
            assert!(blocks(&argument).is_err(), "{argument}");
        }
    }

    proptest! {
        #[test]
        fn as_many_blocks_as_asked_for_and_none_twice(
            address: u32, prefix in 0_u32..=32, count in 1_u32..=256, bits in 0_u32..=32,
        ) {
            let block = format!("{}/{prefix}", Ipv4Addr::from(address));
            if let Ok(made) = blocks(&json!([block, count, bits])) {
                let made: std::collections::BTreeSet<String> =
                    made.as_array().unwrap().iter().map(ToString::to_string).collect();
                prop_assert_eq!(made.len(), count as usize);
            }
        }
    }
}
