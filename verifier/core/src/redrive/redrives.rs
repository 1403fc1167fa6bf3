//! How often a message was redriven: one whose cause is not fixed would go round and round.

use crate::dead_letters::{Attribute, DeadLetter};

use super::Terms;

/// The message attribute in which a redrive counts. SQS counts receives alone, and begins again with each copy.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
pub const REDRIVES_ATTRIBUTE: &str = "verifier.redrives";

/// How often a message may be redriven unless the caller says otherwise.
pub const REDRIVES_MAX: u32 = 5;

/// How many attributes a message may have.
const ATTRIBUTES_MAX: usize = 10;

/// How often a message was redriven, as far as it says; `None` where the attribute is another sender's.
fn redrives(message: &DeadLetter) -> Option<u32> {
    let Some(attribute) = message.attributes.get(REDRIVES_ATTRIBUTE) else { return Some(0) };
    attribute.string_value.as_deref()?.parse().ok()
}

impl Terms {
    /// Why a message is not sent: it was redriven as often as it may be.
    pub fn too_often(&self, message: &DeadLetter) -> Option<String> {
        let (max, redrives) = (self.redrives_max?, redrives(message)?);
        (redrives >= max && self.undone.is_none()).then(|| {
            let times = if redrives == 1 { "once".to_owned() } else { format!("{redrives} times") };
            format!(
                "it was redriven {times} already: fix what it fails of, and raise --redrives-max"
            )
        })
    }

    /// What is sent in place of a message that was received, with the count of its redrives. Where there is no room for that in a
    /// message of so many bytes, the count is beside it, for the journal.
    pub fn counted(
        &self,
        sent: DeadLetter,
        received: &DeadLetter,
        bytes_max: usize,
    ) -> (DeadLetter, Option<u32>) {
        // An undo sends what was there before, as it was.
        if !self.counts_redrives || self.undone.is_some() {
            return (sent, None);
        }
        let Some(redrives) = redrives(received).map(|redrives| redrives.saturating_add(1)) else {
            return (sent, None);
        };
        let mut counted = sent.clone();
        let attribute = Attribute::text("Number", redrives.to_string());
        counted.attributes.insert(REDRIVES_ATTRIBUTE.to_owned(), attribute);
        let fits = counted.attributes.len() <= ATTRIBUTES_MAX && counted.size_bytes() <= bytes_max;
        if fits { (counted, None) } else { (sent, Some(redrives)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redrive::Undone;

    fn terms() -> Terms {
        Terms { redrives_max: Some(2), counts_redrives: true, ..Terms::default() }
    }

    fn message(redrives: Option<&str>) -> DeadLetter {
        let mut message = DeadLetter { body: "b".to_owned(), ..DeadLetter::default() };
        if let Some(redrives) = redrives {
            let attribute = Attribute::text("Number", redrives);
            message.attributes.insert(REDRIVES_ATTRIBUTE.to_owned(), attribute);
        }
        message
    }

    fn counted(message: &DeadLetter, bytes_max: usize) -> (Option<String>, Option<u32>) {
        let (sent, uncounted) = terms().counted(message.clone(), message, bytes_max);
        let attribute = sent.attributes.get(REDRIVES_ATTRIBUTE);
        (attribute.and_then(|attribute| attribute.string_value.clone()), uncounted)
    }

    #[test]
    fn a_message_says_how_often_it_was_redriven() {
        assert_eq!(counted(&message(None), 1000), (Some("1".to_owned()), None));
        assert_eq!(counted(&message(Some("1")), 1000), (Some("2".to_owned()), None));
        assert_eq!(counted(&message(Some("4294967295")), 1000).0.as_deref(), Some("4294967295"));
    }

    #[test]
    fn a_message_without_room_for_it_stays_as_it_is_and_the_journal_says_it() {
        let size = terms().counted(message(None), &message(None), 1000).0.size_bytes();
        assert_eq!(counted(&message(None), size), (Some("1".to_owned()), None));
        assert_eq!(counted(&message(None), size - 1), (None, Some(1)));
        let mut full = message(None);
        for number in 0..ATTRIBUTES_MAX {
            full.attributes.insert(number.to_string(), Attribute::text("String", "x"));
        }
        assert_eq!(counted(&full, 1000), (None, Some(1)));
        full.attributes.remove("9");
        assert_eq!(counted(&full, 1000), (Some("1".to_owned()), None));
    }

    #[test]
    fn an_attribute_of_another_sender_is_left_alone() {
        for theirs in ["", "many", "-1", "1.5"] {
            assert_eq!(counted(&message(Some(theirs)), 1000), (Some(theirs.to_owned()), None));
            assert_eq!(terms().too_often(&message(Some(theirs))), None);
        }
    }

    #[test]
    fn what_was_redriven_as_often_as_it_may_be_stays() {
        assert_eq!(terms().too_often(&message(None)), None);
        assert_eq!(terms().too_often(&message(Some("1"))), None);
        let why = terms().too_often(&message(Some("2"))).unwrap_or_default();
        assert!(why.contains("redriven 2 times") && why.contains("--redrives-max"), "{why}");
        assert_eq!(Terms::default().too_often(&message(Some("9"))), None, "journals of before");
        // What an undo sends takes the place of a copy that was sent wrongly.
        let undo = Terms { undone: Some(Undone::default()), ..terms() };
        assert_eq!(undo.too_often(&message(Some("2"))), None);
    }

    #[test]
    fn nothing_is_added_where_that_was_not_wanted() {
        for terms in [
            Terms { counts_redrives: false, ..terms() },
            Terms { undone: Some(Undone::default()), ..terms() },
        ] {
            let (sent, uncounted) = terms.counted(message(None), &message(None), 1000);
            assert_eq!((sent, uncounted), (message(None), None));
        }
    }
}
