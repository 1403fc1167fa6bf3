//! What a message must satisfy to be accepted.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.

use super::error::invalid_parameter;
use super::{
    AttributeValue, FifoAttributes, MessageAttribute, QueueAttributes, SendMessage, SqsError,
};

/// The most attributes that a message may have.
const ATTRIBUTES_MAX: usize = 10;
/// The longest name of a message attribute, in characters.
const ATTRIBUTE_NAME_MAX: usize = 256;
/// The longest group or deduplication id, in characters.
const ID_MAX: usize = 128;

/// Why a queue of another kind refuses a parameter.
const NOT_FOR_THIS_KIND: &str =
    "The request include parameter that is not valid for this queue type.";

/// Checks a message that is to be sent to a queue with these attributes.
pub(super) fn check_message(
    message: &SendMessage,
    attributes: &QueueAttributes,
) -> Result<(), SqsError> {
    if message.body.is_empty() {
        return Err(SqsError::MissingParameter("MessageBody".to_owned()));
    }
    let (size, limit) = (message.size_bytes(), attributes.maximum_message_size_bytes);
    if size > limit {
        return Err(SqsError::MessageTooLong(limit));
    }
    if !message.body.chars().all(is_xml_character) {
        return Err(SqsError::InvalidMessageContents);
    }
    check_attributes(message)?;
    in_bounds("DelaySeconds", message.delay_seconds.unwrap_or(0), 0, 900)?;
    check_id("MessageGroupId", message.group_id.as_deref())?;
    check_id("MessageDeduplicationId", message.deduplication_id.as_deref())?;
    match attributes.fifo {
        Some(fifo) => check_for_fifo(message, fifo),
        None => match &message.deduplication_id {
            Some(id) => Err(invalid_parameter("MessageDeduplicationId", id, NOT_FOR_THIS_KIND)),
            None => Ok(()),
        },
    }
}

/// A delay of zero is accepted, although it changes nothing: AWS does so.
fn check_for_fifo(message: &SendMessage, fifo: FifoAttributes) -> Result<(), SqsError> {
    if let Some(delay) = message.delay_seconds.filter(|delay| *delay > 0) {
        return Err(invalid_parameter("DelaySeconds", &delay.to_string(), NOT_FOR_THIS_KIND));
    }
    if message.group_id.is_none() {
        return Err(missing_group_id());
    }
    check_deduplication_id(message, fifo)
}

/// What a batch for a FIFO queue must satisfy as a whole. A missing group id has another code here, as recordings show.
pub(super) fn check_fifo_batch<'a>(
    mut messages: impl Iterator<Item = &'a SendMessage> + Clone,
    fifo: FifoAttributes,
) -> Result<(), SqsError> {
    if messages.clone().any(|message| message.group_id.is_none()) {
        return Err(SqsError::InvalidParameterValue(missing_group_id().to_string()));
    }
    messages.try_for_each(|message| check_deduplication_id(message, fifo))
}

fn missing_group_id() -> SqsError {
    SqsError::MissingParameter("MessageGroupId".to_owned())
}

fn check_deduplication_id(message: &SendMessage, fifo: FifoAttributes) -> Result<(), SqsError> {
    if message.deduplication_id.is_some() || fifo.content_based_deduplication {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            .to_owned(),
    ))
}

fn check_id(parameter: &str, id: Option<&str>) -> Result<(), SqsError> {
    let is_valid =
        |id: &str| !id.is_empty() && id.len() <= ID_MAX && id.chars().all(|c| c.is_ascii_graphic());
    match id {
        Some(id) if !is_valid(id) => Err(invalid_parameter(
            parameter,
            id,
            &format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            ),
        )),
        _ => Ok(()),
    }
}

fn check_attributes(message: &SendMessage) -> Result<(), SqsError> {
    if message.attributes.len() > ATTRIBUTES_MAX {
        return Err(SqsError::InvalidParameterValue(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES_MAX}].",
            message.attributes.len()
        )));
    }
    for (name, attribute) in &message.attributes {
        if !is_attribute_name(name) {
            return Err(SqsError::InvalidParameterValue(format!(
                "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters."
            )));
        }
        check_value(name, attribute)?;
    }
    Ok(())
}

fn check_value(name: &str, attribute: &MessageAttribute) -> Result<(), SqsError> {
    let AttributeValue::Text(text) = &attribute.value else {
        return Ok(());
    };
    if !text.chars().all(is_xml_character) {
        return Err(SqsError::InvalidMessageContents);
    }
    let is_number = attribute.data_type.split('.').next() == Some("Number");
    if is_number && text.parse::<f64>().is_err() {
        return Err(SqsError::InvalidParameterValue(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
fn is_attribute_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let periods = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    !name.is_empty()
        && name.len() <= ATTRIBUTE_NAME_MAX
        && name.chars().all(allowed)
        && !reserved
        && !periods
}

/// The characters that a body may hold, as the API reference lists them.
fn is_xml_character(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Checks a number that a request may leave out.
pub(super) fn in_bounds(parameter: &str, value: u32, min: u32, max: u32) -> Result<u32, SqsError> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let reason = format!("Must be >= {min} and <= {max}, if provided.");
    Err(invalid_parameter(parameter, &value.to_string(), &reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_names_follow_the_rules() {
        for good in ["a", "A-z_0.9", "Awsome", "aws", &"x".repeat(256)] {
            assert!(is_attribute_name(good), "{good}");
        }
        for bad in
            ["", "a b", "é", ".a", "a.", "a..b", "AWS.a", "aws.a", "Amazon.a", &"x".repeat(257)]
        {
            assert!(!is_attribute_name(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_are_numbers_and_texts_have_xml_characters() {
        let check = |data_type: &str, text: &str| {
            let attribute = MessageAttribute {
                data_type: data_type.to_owned(),
                value: AttributeValue::Text(text.to_owned()),
            };
            let message = SendMessage {
                attributes: [("a".to_owned(), attribute)].into(),
                ..SendMessage::new("x")
            };
            check_message(&message, &QueueAttributes::default())
        };
        for number in ["1", "-1.5", "1e9"] {
            assert_eq!(check("Number", number), Ok(()));
        }
        assert_eq!(check("String", "one"), Ok(()));
        for data_type in ["Number", "Number.int"] {
            assert!(matches!(check(data_type, "one"), Err(SqsError::InvalidParameterValue(_))));
        }
        assert_eq!(check("String", "\0"), Err(SqsError::InvalidMessageContents));
    }
}
