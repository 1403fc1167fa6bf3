//! All queues of one account and region, and the operations on queues as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::invalid_parameter;
use super::event::QueueEvent;
use super::move_task::MoveTask;
use super::queue::Queue;
use super::redrive_policy::BAD_TARGET;
use super::{Counts, Message, QueueAttributes, SequenceNumber, SqsError};
use crate::time::Timestamp;

/// How long the name of a deleted queue stays blocked.
const NAME_BLOCKED_AFTER_DELETION: Duration = Duration::from_mins(1);

/// The longest name of a queue, in characters; `.fifo` counts.
const QUEUE_NAME_MAX: usize = 80;
/// How many tags a queue may have.
const TAGS_MAX: usize = 50;

/// Whether a queue may have so many tags.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>.
pub fn check_tags(name: &str, count: usize) -> Result<(), SqsError> {
    if count <= TAGS_MAX {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue(format!("Too many tags added for queue {name}.")))
}

/// The service: every queue by name.
#[derive(Clone, Debug)]
pub struct Sqs {
    region: String,
    pub(super) account_id: String,
    queues: BTreeMap<String, Queue>,
    random: fastrand::Rng,
    next_queue_uid: u64,
    /// Until when the names of deleted queues are blocked.
    deleted_until: BTreeMap<String, Timestamp>,
    pub(super) changed: BTreeSet<String>,
    /// The next place in the order of FIFO queues; one for all of them, so that it ascends in each.
    pub(super) sequence_number: SequenceNumber,
    /// In the order in which they were started.
    pub(super) move_tasks: Vec<MoveTask>,
    /// What happened to messages, where somebody looks on.
    pub(super) events: Option<Vec<QueueEvent>>,
}

/// What CloudWatch's metrics of a queue are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueActivity {
    /// How many messages it holds.
    pub counts: Counts,
    /// When the message came into it that has been there longest.
    pub oldest_entered_at: Option<Timestamp>,
    /// How many messages were ever sent to it by senders, and neither by a redrive policy nor by a message move task.
    pub sent: u64,
}

impl Sqs {
    /// A service without queues. Equal seeds give equal message ids.
    pub fn new(region: impl Into<String>, account_id: impl Into<String>, seed: u64) -> Self {
        Self {
            region: region.into(),
            account_id: account_id.into(),
            queues: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
            next_queue_uid: 1,
            deleted_until: BTreeMap::new(),
            changed: BTreeSet::new(),
            sequence_number: SequenceNumber::FIRST,
            move_tasks: Vec::new(),
            events: None,
        }
    }

    /// The queues that operations have changed since this was last asked: whoever waits for a message in one of them
    /// has to look again, also at when [`Sqs::next_available_at`] is.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// The ARN of a queue of that name, whether it exists or not.
    pub fn arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{queue}", self.region, self.account_id)
    }

    /// The name of the queue of that ARN, if it exists here.
    pub fn queue_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.arn("")).filter(|name| self.has_queue(name))
    }

    /// The names of all queues, in order.
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.keys().map(String::as_str)
    }

    /// Whether there is a queue of that name.
    pub fn has_queue(&self, queue: &str) -> bool {
        self.queues.contains_key(queue)
    }

    /// Creates a queue; creating it again with equal attributes changes nothing.
    ///
    /// A dead-letter queue need not exist yet, so that the queues of a template can be created in any order.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
    pub fn create_queue(
        &mut self,
        name: &str,
        attributes: QueueAttributes,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.advance(now);
        check_name(name, attributes.fifo.is_some())?;
        if let Some(existing) = self.queues.get(name) {
            let (old, new) = (existing.attributes.to_map(), attributes.to_map());
            let differs = old.keys().chain(new.keys()).find(|key| old.get(*key) != new.get(*key));
            return match differs {
                None => Ok(()),
                Some(key) => Err(SqsError::QueueNameExists { attribute: key.clone() }),
            };
        }
        let uid = self.next_queue_uid;
        self.next_queue_uid += 1;
        self.queues.insert(name.to_owned(), Queue::new(uid, attributes, now));
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Creates a queue as a `CreateQueue` request says. If it exists, the attributes that the request names must be
    /// equal, and nothing changes.
    ///
    /// Returns whether the queue is new.
    pub fn create_queue_as_requested(
        &mut self,
        name: &str,
        request: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<bool, SqsError> {
        let attributes = QueueAttributes::from_request(request)?;
        check_name(name, attributes.fifo.is_some())?;
        if self.deleted_until.get(name).is_some_and(|until| now < *until) {
            return Err(SqsError::QueueDeletedRecently);
        }
        self.check_redrive_policy(name, &attributes, request)?;
        if let Some(existing) = self.queues.get(name) {
            let (old, new) = (existing.attributes.to_map(), attributes.to_map());
            return match request.keys().find(|key| old.get(*key) != new.get(*key)) {
                None => Ok(false),
                Some(key) => Err(SqsError::QueueNameExists { attribute: key.clone() }),
            };
        }
        self.create_queue(name, attributes, now)?;
        Ok(true)
    }

    /// Deletes a queue with all its messages. For 60 seconds, requests cannot create another of that name.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>.
    pub fn delete_queue(&mut self, name: &str, now: Timestamp) -> Result<(), SqsError> {
        self.advance(now);
        self.queues.remove(name).ok_or(SqsError::QueueDoesNotExist)?;
        self.deleted_until.retain(|_, until| *until > now);
        self.deleted_until.insert(name.to_owned(), now + NAME_BLOCKED_AFTER_DELETION);
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Whether any queue has a policy.
    pub fn has_policies(&self) -> bool {
        self.queues.values().any(|queue| queue.attributes.policy.is_some())
    }

    /// A queue's configured attributes.
    pub fn configuration(&self, name: &str) -> Result<&QueueAttributes, SqsError> {
        self.queues.get(name).map(|queue| &queue.attributes).ok_or(SqsError::QueueDoesNotExist)
    }

    /// Changes some of a queue's attributes: all of them or, when one is invalid, none.
    pub fn set_attributes(
        &mut self,
        name: &str,
        changes: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.advance(now);
        let attributes = self.queue_mut(name, now)?.attributes.changed_by(changes)?;
        self.check_redrive_policy(name, &attributes, changes)?;
        self.queue_mut(name, now)?.reconfigure(attributes, now);
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Every attribute of a queue, configured and computed, as `GetQueueAttributes` shows them.
    pub fn attributes(
        &mut self,
        name: &str,
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, SqsError> {
        let arn = self.arn(name);
        let counts = self.counts(name, now)?;
        let queue = self.queue_mut(name, now)?;
        let mut map = queue.attributes.to_map();
        let mut put = |name: &str, value: String| {
            map.insert(name.to_owned(), value);
        };
        put("QueueArn", arn);
        put("CreatedTimestamp", queue.created_at.as_seconds().to_string());
        put("LastModifiedTimestamp", queue.modified_at.as_seconds().to_string());
        put("ApproximateNumberOfMessages", counts.visible.to_string());
        put("ApproximateNumberOfMessagesNotVisible", counts.not_visible.to_string());
        put("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
        Ok(map)
    }

    /// A queue's tags.
    pub fn tags(&self, name: &str) -> Result<&BTreeMap<String, String>, SqsError> {
        self.queues.get(name).map(|queue| &queue.tags).ok_or(SqsError::QueueDoesNotExist)
    }

    /// Adds tags to a queue: all of them or, where that would be more than 50, none.
    pub fn tag(&mut self, name: &str, tags: BTreeMap<String, String>) -> Result<(), SqsError> {
        let queue = self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)?;
        let new = tags.keys().filter(|key| !queue.tags.contains_key(*key)).count();
        check_tags(name, queue.tags.len() + new)?;
        queue.tags.extend(tags);
        Ok(())
    }

    /// Takes tags from a queue by their keys, as far as it has them.
    pub fn untag(&mut self, name: &str, keys: &[String]) -> Result<(), SqsError> {
        let queue = self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)?;
        for key in keys {
            queue.tags.remove(key);
        }
        Ok(())
    }

    /// The names of the queues whose dead-letter queue this is, in order.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>.
    pub fn dead_letter_source_queues(&self, name: &str) -> Result<Vec<String>, SqsError> {
        self.configuration(name)?;
        let arn = self.arn(name);
        let names_it = |queue: &Queue| {
            let policy = queue.attributes.redrive_policy.as_ref();
            policy.is_some_and(|policy| policy.dead_letter_target_arn == arn)
        };
        let sources = self.queues.iter().filter(|(_, queue)| names_it(queue));
        Ok(sources.map(|(source, _)| source.clone()).collect())
    }

    /// How many messages a queue holds.
    pub fn counts(&mut self, name: &str, now: Timestamp) -> Result<Counts, SqsError> {
        self.advance(now);
        Ok(self.queue_mut(name, now)?.counts())
    }

    /// What a queue holds and was sent. Unlike the operations it moves no message of a message move task, so it may be
    /// asked for any time from the last operation on.
    pub fn activity(&mut self, name: &str, now: Timestamp) -> Result<QueueActivity, SqsError> {
        let queue = self.queue_mut(name, now)?;
        Ok(QueueActivity {
            counts: queue.counts(),
            oldest_entered_at: queue.oldest_entered_at(),
            sent: queue.sent,
        })
    }

    /// When time alone will next change what [`Sqs::activity`] counts; `None` if there is nothing that waits or ages.
    pub fn next_change_at(&self, name: &str) -> Option<Timestamp> {
        self.queues.get(name).and_then(Queue::next_change_at)
    }

    /// When time alone will next make a message of the queue available; `None` if nothing waits.
    ///
    /// On a FIFO queue it may be too early, never too late: whoever waits looks then, and asks again.
    pub fn next_available_at(&self, name: &str) -> Option<Timestamp> {
        self.queues.get(name).and_then(Queue::next_available_at)
    }

    /// The messages in a queue, in no particular order. For checking invariants; SQS itself has no such operation.
    pub fn messages(&self, name: &str) -> impl Iterator<Item = &Message> {
        self.queues.get(name).into_iter().flat_map(Queue::messages)
    }

    /// The message of a receipt handle, if it is still there; whether the handle may still be used or not.
    pub fn message_of_receipt(&self, name: &str, receipt_handle: &str) -> Option<&Message> {
        self.queues.get(name)?.message_of_receipt(receipt_handle)
    }

    /// Checks the dead-letter queue of a queue that is there, as [`Sqs::set_attributes`] would: for queues that were created
    /// in any order, and may name one that came later.
    ///
    /// # Errors
    ///
    /// If there is no such queue, or its dead-letter queue is not there, of another kind, or does not allow it.
    pub fn check_dead_letter_queue(&self, name: &str) -> Result<(), SqsError> {
        let attributes = self.configuration(name)?;
        let texts = attributes.redrive_policy.iter();
        let request = texts.map(|policy| ("RedrivePolicy".to_owned(), policy.to_json())).collect();
        self.check_redrive_policy(name, attributes, &request)
    }

    /// Checks the dead-letter queue that a request names: it must exist, be of the same kind, and accept the queue.
    ///
    /// That the last is checked here is documented; the words of that refusal are our own.
    fn check_redrive_policy(
        &self,
        name: &str,
        attributes: &QueueAttributes,
        request: &BTreeMap<String, String>,
    ) -> Result<(), SqsError> {
        let (Some(policy), Some(text)) = (&attributes.redrive_policy, request.get("RedrivePolicy"))
        else {
            return Ok(());
        };
        let invalid = |reason| Err(invalid_parameter("RedrivePolicy", text, reason));
        if !policy.has_queue_arn() {
            return invalid(BAD_TARGET);
        }
        let target = self.queue_of_arn(&policy.dead_letter_target_arn);
        let Some(target) = target.and_then(|target| self.queues.get(target)) else {
            return invalid("Dead letter target does not exist.");
        };
        if target.attributes.fifo.is_some() != attributes.fifo.is_some() {
            return invalid("Dead-letter queue must be same type of queue as the source.");
        }
        let source = self.arn(name);
        let allows = &target.attributes.redrive_allow_policy;
        if allows.as_ref().is_some_and(|policy| !policy.allows(&source)) {
            return invalid(
                "The dead-letter queue's RedriveAllowPolicy does not allow this queue.",
            );
        }
        Ok(())
    }

    pub(super) fn queue_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut Queue, SqsError> {
        let queue = self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)?;
        queue.settle(now);
        Ok(queue)
    }

    pub(super) fn new_id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid().to_string()
    }
}

fn check_name(name: &str, fifo: bool) -> Result<(), SqsError> {
    let base = if fifo { name.strip_suffix(".fifo") } else { Some(name) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_valid = |base: &str| !base.is_empty() && base.chars().all(allowed);
    if base.is_some_and(is_valid) && name.len() <= QUEUE_NAME_MAX {
        return Ok(());
    }
    let rule = if fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    };
    Err(SqsError::InvalidParameterValue(rule.to_owned()))
}
