//! Which queues of an account are dead-letter queues.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::{DeadLetter, Depth, QueueArn};
use crate::evidence::QueueEvidence;

/// A message that is kept for less than this is warned of.
pub const EXPIRES_SOON: Duration = Duration::from_hours(24);

/// A dead-letter queue and the queues whose messages it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// The queue; `None` where a redrive policy names one that is not there.
    pub queue: Option<QueueEvidence>,
    /// Its ARN.
    pub arn: String,
    /// The ARNs of the queues whose redrive policies name it.
    pub sources: Vec<String>,
    /// The names of the functions that put what they have failed there, when they were invoked asynchronously.
    pub functions: Vec<String>,
}

/// When messages of a queue expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// There are none.
    Empty,
    /// Nobody has looked at them: the first goes at an unknown time, the last one then.
    Unknown {
        /// When a message that came just now would go.
        not_later_than: Option<Timestamp>,
    },
    /// By when those were sent that were looked at.
    Known {
        /// How old the oldest is.
        oldest: Option<Duration>,
        /// How many go within a day.
        soon: usize,
        /// Whether all were looked at.
        is_complete: bool,
    },
}

/// What names a dead-letter queue.
#[derive(Default)]
struct Named {
    sources: BTreeSet<String>,
    functions: BTreeSet<String>,
}

/// The dead-letter queues among all queues of an account and region: those that a redrive policy names or a function, and those
/// that say by a redrive allow policy that they are some. `functions` are the names of functions, each with an ARN where what it
/// fails goes, by its dead-letter queue or its destination for failures. The fullest come first.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>, `RedrivePolicy`
/// and `RedriveAllowPolicy`, and <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
pub fn dead_letter_queues(
    queues: Vec<QueueEvidence>,
    functions: &[(String, String)],
) -> Vec<DeadLetterQueue> {
    // Queues are asked at the same time, and answer in any order.
    let mut by_target: BTreeMap<String, Named> = BTreeMap::new();
    for queue in &queues {
        if let Some(policy) = queue.redrive_policy() {
            let of_it = by_target.entry(policy.dead_letter_target_arn).or_default();
            of_it.sources.insert(queue.arn().to_owned());
        }
    }
    // A topic or a bus takes them, too, and keeps none.
    for (function, arn) in functions.iter().filter(|(_, arn)| QueueArn::parse(arn).is_some()) {
        by_target.entry(arn.clone()).or_default().functions.insert(function.clone());
    }
    let found = |queue: Option<QueueEvidence>, arn: String, named: Named| DeadLetterQueue {
        queue,
        arn,
        sources: named.sources.into_iter().collect(),
        functions: named.functions.into_iter().collect(),
    };
    let mut all = Vec::new();
    for queue in queues {
        let named = by_target.remove(queue.arn());
        if named.is_none() && !queue.attributes.contains_key("RedriveAllowPolicy") {
            continue;
        }
        let arn = queue.arn().to_owned();
        all.push(found(Some(queue), arn, named.unwrap_or_default()));
    }
    all.extend(by_target.into_iter().map(|(arn, named)| found(None, arn, named)));
    all.sort_by_key(|each| (std::cmp::Reverse(each.depth().total()), each.arn.clone()));
    all
}

impl DeadLetterQueue {
    /// What it counts.
    pub fn depth(&self) -> Depth {
        self.queue.as_ref().map(Depth::of).unwrap_or_default()
    }

    /// When its messages expire as far as that is known without looking at them.
    pub fn unseen_expiry(&self, now: Timestamp) -> Expiry {
        if self.depth().total() == 0 {
            return Expiry::Empty;
        }
        let retention = self.queue.as_ref().and_then(QueueEvidence::retention);
        Expiry::Unknown { not_later_than: retention.map(|retention| now + retention) }
    }

    /// When its messages expire, by those that were looked at.
    pub fn seen_expiry(
        &self,
        messages: &[DeadLetter],
        is_complete: bool,
        now: Timestamp,
    ) -> Expiry {
        if messages.is_empty() {
            return self.unseen_expiry(now);
        }
        let retention = self.queue.as_ref().and_then(QueueEvidence::retention);
        let goes_soon = |message: &&DeadLetter| {
            let left = retention.and_then(|retention| message.time_to_expiry(now, retention));
            left.is_some_and(|left| left < EXPIRES_SOON)
        };
        Expiry::Known {
            oldest: messages.iter().filter_map(|message| message.age(now)).max(),
            soon: messages.iter().filter(goes_soon).count(),
            is_complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, visible: u64, policy: Option<(&str, String)>) -> QueueEvidence {
        let mut attributes = BTreeMap::from([
            ("QueueArn".to_owned(), format!("arn:aws:sqs:r:123456789012:{name}")),
            ("ApproximateNumberOfMessages".to_owned(), visible.to_string()),
            ("MessageRetentionPeriod".to_owned(), "345600".to_owned()),
        ]);
        attributes.extend(policy.map(|(name, value)| (name.to_owned(), value)));
        QueueEvidence { name: name.to_owned(), url: name.to_owned(), attributes }
    }

    fn to(name: &str) -> (&'static str, String) {
        let policy = format!(
            r#"{{"deadLetterTargetArn":"arn:aws:sqs:r:123456789012:{name}","maxReceiveCount":3}}"#
        );
        ("RedrivePolicy", policy)
    }

    #[test]
    fn those_that_policies_name_are_found_with_their_sources_the_fullest_first() {
        let allow = Some(("RedriveAllowPolicy", r#"{"redrivePermission":"allowAll"}"#.to_owned()));
        let found = dead_letter_queues(
            vec![
                queue("b", 0, Some(to("dlq"))),
                queue("a", 9, Some(to("dlq"))),
                queue("c", 0, Some(to("gone"))),
                queue("dlq", 3, None),
                queue("parked", 7, allow),
                queue("plain", 8, None),
            ],
            &[],
        );
        let shown: Vec<(&str, usize, bool)> = found
            .iter()
            .map(|each| {
                (each.arn.rsplit(':').next().unwrap(), each.sources.len(), each.queue.is_some())
            })
            .collect();
        assert_eq!(shown, [("parked", 0, true), ("dlq", 2, true), ("gone", 1, false)]);
        assert!(found[1].sources.is_sorted(), "in whatever order they answered");
    }

    #[test]
    fn a_queue_that_only_functions_name_is_one_too() {
        let arn = |service: &str, name: &str| format!("arn:aws:{service}:r:123456789012:{name}");
        let functions = [
            ("charge".to_owned(), arn("sqs", "events")),
            ("charge".to_owned(), arn("sqs", "events")),
            ("bill".to_owned(), arn("sqs", "dlq")),
            ("notify".to_owned(), arn("sns", "topic")),
        ];
        let queues = vec![
            queue("a", 0, Some(to("dlq"))),
            queue("dlq", 3, None),
            queue("events", 2, None),
            queue("topic", 9, None),
        ];
        let found = dead_letter_queues(queues, &functions);
        let shown: Vec<(&str, usize, &[String])> = found
            .iter()
            .map(|each| {
                let name = each.arn.rsplit(':').next().unwrap();
                (name, each.sources.len(), each.functions.as_slice())
            })
            .collect();
        assert_eq!(
            shown,
            [("dlq", 1, &["bill".to_owned()][..]), ("events", 0, &["charge".to_owned()])]
        );
    }

    #[test]
    fn expiry_is_known_of_what_was_looked_at_only() {
        let now = Timestamp::from_millis(1_000_000_000);
        let days = |days: u64| Duration::from_hours(24 * days);
        let full =
            &dead_letter_queues(vec![queue("a", 0, Some(to("dlq"))), queue("dlq", 2, None)], &[])
                [0];
        assert_eq!(
            full.unseen_expiry(now),
            Expiry::Unknown { not_later_than: Some(now + days(4)) }
        );
        let message = |age| DeadLetter { sent_at: Some(now - age), ..DeadLetter::default() };
        let seen = full.seen_expiry(
            &[message(days(1)), message(days(3) + Duration::from_secs(1))],
            true,
            now,
        );
        let oldest = Some(days(3) + Duration::from_secs(1));
        assert_eq!(seen, Expiry::Known { oldest, soon: 1, is_complete: true });
        let empty =
            &dead_letter_queues(vec![queue("a", 0, Some(to("dlq"))), queue("dlq", 0, None)], &[])
                [0];
        assert_eq!(empty.unseen_expiry(now), Expiry::Empty);
    }
}
