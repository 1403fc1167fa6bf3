//! The queues that dead letters came from: a dead-letter queue may have several sources.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Attribute, DeadLetter, QueueArn};

/// The message attribute in which an import keeps the queue that a message came from. SQS sets `DeadLetterQueueSourceArn`
/// itself, and nobody else can.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
pub const SOURCE_ATTRIBUTE: &str = "verifier.source-queue-arn";
/// How many attributes a message may have.
const ATTRIBUTES_MAX: usize = 10;

/// The queues whose redrive policies name a dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Their ARNs; `None` where they could not be asked for.
    pub all: Option<Vec<String>>,
    /// The one whose messages alone are selected, where the user named one.
    pub selected: Option<String>,
}

/// Why the source of a message cannot be kept in an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoRoom {
    /// It has as many attributes as a message may have.
    #[error("it has {ATTRIBUTES_MAX} attributes, and no message has more")]
    Attributes,
    /// It is as large as the queue allows.
    #[error("with the attribute it has {size_bytes} bytes, and the queue takes {bytes_max}")]
    Bytes {
        /// How large it would be.
        size_bytes: usize,
        /// How large a message of the queue may be.
        bytes_max: usize,
    },
}

impl Sources {
    /// Whether a message is selected: it came from the queue that was named, where one was. One that does not say where it
    /// came from did not come from there as far as is known.
    pub fn selects(&self, message: &DeadLetter) -> bool {
        self.selected.is_none() || self.selected == message.source_arn
    }

    /// Whether that queue is the only source: then a message that does not say where it came from can go nowhere else.
    pub fn is_only(&self, arn: &str) -> bool {
        matches!(self.all.as_deref(), Some([only]) if only == arn)
    }

    /// Whether several queues share the dead-letter queue, or may do so.
    pub fn may_be_shared(&self) -> bool {
        self.all.as_ref().is_none_or(|all| all.len() > 1)
    }
}

/// How many messages came from which queue, in the order of their ARNs; last those that do not say.
pub fn source_counts<'a>(
    messages: impl IntoIterator<Item = &'a DeadLetter>,
) -> Vec<(Option<String>, usize)> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for message in messages {
        *counts.entry(message.source_arn.clone()).or_default() += 1;
    }
    let unknown = counts.remove(&None).map(|count| (None, count));
    counts.into_iter().chain(unknown).collect()
}

/// Takes the attribute that an import has added from a message that was received. What SQS says of the source counts more.
pub fn take_source(message: &mut DeadLetter) {
    let Some(attribute) = message.attributes.get(SOURCE_ATTRIBUTE) else { return };
    let Some(arn) = attribute.string_value.as_deref().and_then(QueueArn::parse) else { return };
    message.attributes.remove(SOURCE_ATTRIBUTE);
    message.source_arn.get_or_insert_with(|| arn.to_string());
}

/// A message with its source in an attribute, as an import sends it to a queue that takes messages of so many bytes. One
/// without a source stays as it is.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
pub fn with_source(message: &DeadLetter, bytes_max: usize) -> Result<DeadLetter, NoRoom> {
    let mut message = message.clone();
    let Some(arn) = &message.source_arn else { return Ok(message) };
    if message.attributes.len() >= ATTRIBUTES_MAX {
        return Err(NoRoom::Attributes);
    }
    let attribute = Attribute::text("String", arn.clone());
    message.attributes.insert(SOURCE_ATTRIBUTE.to_owned(), attribute);
    let size_bytes = message.size_bytes();
    if size_bytes > bytes_max {
        return Err(NoRoom::Bytes { size_bytes, bytes_max });
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "arn:aws:sqs:eu-west-1:123456789012:A";
    const B: &str = "arn:aws:sqs:eu-west-1:123456789012:B";

    fn of(source: Option<&str>) -> DeadLetter {
        DeadLetter {
            source_arn: source.map(str::to_owned),
            body: "b".to_owned(),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn only_what_came_from_the_named_queue_is_selected_and_nothing_is_guessed() {
        let sources = Sources { all: Some(vec![A.to_owned()]), selected: Some(A.to_owned()) };
        assert!(sources.selects(&of(Some(A))));
        assert!(!sources.selects(&of(Some(B))) && !sources.selects(&of(None)));
        assert!(sources.is_only(A) && !sources.is_only(B) && !sources.may_be_shared());
        let any = Sources::default();
        assert!(any.selects(&of(None)) && any.selects(&of(Some(B))));
        assert!(!any.is_only(A) && any.may_be_shared());
    }

    #[test]
    fn sources_are_counted_and_the_unknown_comes_last() {
        let messages = [of(None), of(Some(B)), of(Some(A)), of(Some(B))];
        let expected = [(Some(A.to_owned()), 1), (Some(B.to_owned()), 2), (None, 1)];
        assert_eq!(source_counts(&messages), expected);
    }

    #[test]
    fn a_source_goes_through_an_attribute_and_leaves_nothing_behind() {
        let message = of(Some(A));
        let mut received = with_source(&message, 1000).unwrap();
        assert_eq!(received.attributes[SOURCE_ATTRIBUTE].string_value.as_deref(), Some(A));
        received.source_arn = None;
        take_source(&mut received);
        assert_eq!(received, message);
        // What SQS says counts more.
        let mut moved =
            DeadLetter { source_arn: Some(B.to_owned()), ..with_source(&message, 1000).unwrap() };
        take_source(&mut moved);
        assert_eq!(moved, of(Some(B)));
        assert_eq!(with_source(&of(None), 1).unwrap(), of(None));
    }

    #[test]
    fn an_attribute_of_that_name_which_is_no_arn_is_somebody_elses() {
        let mut message = of(None);
        message.attributes.insert(SOURCE_ATTRIBUTE.to_owned(), Attribute::text("String", "mine"));
        let before = message.clone();
        take_source(&mut message);
        assert_eq!(message, before);
    }

    #[test]
    fn without_room_it_is_refused() {
        let mut full = of(Some(A));
        for number in 0..ATTRIBUTES_MAX {
            full.attributes.insert(format!("a{number}"), Attribute::text("String", "v"));
        }
        assert_eq!(with_source(&full, 1000), Err(NoRoom::Attributes));
        full.attributes.remove("a0");
        assert!(with_source(&full, 1000).is_ok());
        let size = with_source(&of(Some(A)), 1000).unwrap().size_bytes();
        assert!(with_source(&of(Some(A)), size).is_ok());
        assert!(matches!(with_source(&of(Some(A)), size - 1), Err(NoRoom::Bytes { .. })));
    }
}
