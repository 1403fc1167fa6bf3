//! The MD5 digests by which clients check that a message arrived whole.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>,
//! section "Calculating the MD5 message digest for message attributes".

use std::fmt::Write;

use md5::{Digest, Md5};

use super::{AttributeValue, MessageAttributes};

/// The MD5 of a message body, in lower-case hexadecimal.
pub fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// The MD5 of message attributes, in lower-case hexadecimal; `None` when there are none.
///
/// Each attribute, in the order of the names, contributes its name, its data type, one byte for the transport type
/// (1 text, 2 binary) and its value; all but that byte come with their length as four bytes before them.
pub fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        put(&mut digest, name.as_bytes());
        put(&mut digest, attribute.data_type.as_bytes());
        let (transport, value): (u8, &[u8]) = match &attribute.value {
            AttributeValue::Text(text) => (1, text.as_bytes()),
            AttributeValue::Binary(bytes) => (2, bytes),
        };
        digest.update([transport]);
        put(&mut digest, value);
    }
    Some(hex(&digest.finalize()))
}

/// The MD5 of a message's system attributes, of which the trace header is the only one that may be sent.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchResultEntry.html>,
/// `MD5OfMessageSystemAttributes`.
pub fn md5_of_trace_header(header: &str) -> String {
    let mut digest = Md5::new();
    put(&mut digest, b"AWSTraceHeader");
    put(&mut digest, b"String");
    digest.update([1]);
    put(&mut digest, header.as_bytes());
    hex(&digest.finalize())
}

fn put(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::MessageAttribute;

    #[test]
    fn the_body_digest_is_plain_md5() {
        assert_eq!(md5_of_body("Hello world"), "3e25960a79dbc69b674cd4ec67a72c62");
    }

    #[test]
    fn the_attribute_digest_equals_one_that_aws_computed() {
        let attribute = |data_type: &str, text: &str| MessageAttribute {
            data_type: data_type.to_owned(),
            value: AttributeValue::Text(text.to_owned()),
        };
        let attributes = MessageAttributes::from([
            ("Title".to_owned(), attribute("String", "The Whistler")),
            ("Author".to_owned(), attribute("String", "John Grisham")),
            ("WeeksOn".to_owned(), attribute("Number", "6")),
        ]);
        // From a recording of a message that a worker Lambda received.
        assert_eq!(
            md5_of_attributes(&attributes).as_deref(),
            Some("d25a6aea97eb8f585bfa92d314504a92")
        );
        assert_eq!(md5_of_attributes(&MessageAttributes::new()), None);
    }
}
