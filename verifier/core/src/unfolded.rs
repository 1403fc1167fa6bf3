//! What a text holds in another form: JSON in a string, Base64, hexadecimal digits, compressed.
//!
//! A worker may wrap, encode or compress a message before it sends it on. It is that message all the same. What is encrypted, or
//! compressed otherwise, stays closed.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>: a body is text, so that what
//! is not has to be encoded.

use std::io::Read;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde_json::Value;

/// How many forms lie in each other at most.
const DEPTH_MAX: usize = 4;
/// How many texts are looked into at most.
const TEXTS_MAX: usize = 64;
/// How much of what is compressed is read at most.
const INFLATED_MAX: u64 = 4 * 1024 * 1024;
/// The fewest characters that are taken for something encoded.
const ENCODED_MIN: usize = 24;

/// A text, and all that it holds in another form. The text itself comes first.
pub(crate) fn unfolded(text: &str) -> Vec<String> {
    let mut found = vec![text.to_owned()];
    let mut from = 0;
    for _ in 0..DEPTH_MAX {
        let until = found.len();
        for at in from..until {
            let within = held_by(&found[at]);
            let new = within.into_iter().filter(|text| !text.is_empty() && !found.contains(text));
            let new: Vec<String> = new.collect();
            found.extend(new);
            if found.len() >= TEXTS_MAX {
                found.truncate(TEXTS_MAX);
                return found;
            }
        }
        from = until;
    }
    found
}

/// What a text holds in the next form.
fn held_by(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        strings_of(&value, &mut found);
        found.retain(|held| held != text);
    }
    let is_encoded = |c: char| c.is_ascii_alphanumeric() || "+/_-=".contains(c);
    // Encoders may break lines.
    let whole: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if whole.chars().all(is_encoded) {
        found.extend(decoded(&whole));
    }
    let words = text.split(|c: char| !is_encoded(c)).filter(|word| *word != whole);
    found.extend(words.flat_map(decoded));
    found
}

/// The texts in a JSON value that may hold something: others are there as they are.
fn strings_of(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= ENCODED_MIN => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings_of(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings_of(value, found)),
        _ => {}
    }
}

/// The texts that a word is the code of.
fn decoded(word: &str) -> Vec<String> {
    if word.len() < ENCODED_MIN {
        return Vec::new();
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let codes = [&STANDARD, &URL_SAFE].map(|alphabet| GeneralPurpose::new(alphabet, config));
    let of_base64 = codes.iter().filter_map(|code| code.decode(word).ok());
    of_base64.chain(of_hex(word)).flat_map(|bytes| texts_of(&bytes)).collect()
}

/// The bytes that hexadecimal digits are of.
fn of_hex(word: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = word.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?)).collect()
}

/// The text that bytes are, as they are or compressed.
fn texts_of(bytes: &[u8]) -> Vec<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return vec![text.to_owned()];
    }
    let inflated = [
        inflated(MultiGzDecoder::new(bytes)),
        inflated(ZlibDecoder::new(bytes)),
        inflated(DeflateDecoder::new(bytes)),
    ];
    inflated.into_iter().flatten().collect()
}

fn inflated(from: impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    from.take(INFLATED_MAX).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const BODY: &str = r#"{"task":"verifier: good-1","jobId":"vrf-1-2-good-1"}"#;

    fn compressed<W>(mut encoder: W, finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>) -> String
    where
        W: Write,
    {
        encoder.write_all(BODY.as_bytes()).unwrap();
        BASE64_STANDARD.encode(finish(encoder).unwrap())
    }

    #[test]
    fn what_is_wrapped_encoded_or_compressed_is_there_as_it_was() {
        let best = Compression::best();
        let base64 = BASE64_STANDARD.encode(BODY);
        let broken: Vec<&str> =
            base64.as_bytes().chunks(20).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for text in [
            BODY.to_owned(),
            serde_json::json!({"error": "it failed", "job": BODY}).to_string(),
            serde_json::json!({"error": {"of": [BODY]}}).to_string(),
            base64.clone(),
            broken.join("\r\n"),
            format!("failed {}", BASE64_URL_SAFE_NO_PAD.encode(BODY)),
            serde_json::json!({"data": BASE64_URL_SAFE_NO_PAD.encode(BODY)}).to_string(),
            BASE64_STANDARD.encode(&base64),
            BODY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
            BODY.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat(),
            compressed(GzEncoder::new(Vec::new(), best), GzEncoder::finish),
            compressed(ZlibEncoder::new(Vec::new(), best), ZlibEncoder::finish),
            compressed(DeflateEncoder::new(Vec::new(), best), DeflateEncoder::finish),
        ] {
            assert!(unfolded(&text).iter().any(|held| held == BODY), "{text}");
        }
    }

    #[test]
    fn other_texts_are_there_alone() {
        for text in ["", "{}", "failed", r#"{"task":"mail"}"#, "7", "a text of a few words"] {
            assert_eq!(unfolded(text), [text]);
        }
    }

    #[test]
    fn what_unfolds_without_end_is_left_at_a_bound() {
        let many: Vec<String> =
            (0..500).map(|number| BASE64_STANDARD.encode(format!("{BODY}{number}"))).collect();
        assert_eq!(unfolded(&many.join(" ")).len(), TEXTS_MAX);
    }
}
