//! What a caller of SQS needs of KMS, where a queue is encrypted with a key of the account's own.
//!
//! SQS uses the key with the caller's rights. SQS's own keys need none, and neither does the AWS managed key
//! `alias/aws/sqs`, whose policy lets all use it who may use SQS.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::permission::{Permission, ResourceKind};
use super::queue_key::QueueKey;
use super::resources::Resources;

/// The actions on a queue's key that an action on the queue needs.
fn on_key(action: &str) -> &'static [&'static str] {
    match action {
        "sqs:ReceiveMessage" => &["kms:Decrypt"],
        "sqs:SendMessage" => &["kms:Decrypt", "kms:GenerateDataKey"],
        _ => &[],
    }
}

/// What is needed on the keys of queues of these kinds, sorted.
fn needed(permissions: &[Permission], kinds: &[ResourceKind]) -> BTreeSet<&'static str> {
    let on_queue = permissions.iter().filter(|permission| kinds.contains(&permission.resource));
    on_queue.flat_map(|permission| on_key(permission.action)).copied().collect()
}

/// The statements on the keys of the stack's queues: none where nothing is received or sent, or where there is no key.
pub(super) fn statements(permissions: &[Permission], resources: &Resources) -> Vec<Value> {
    use ResourceKind::{DeadLetterQueue, JobsQueue, Queues};

    let of_jobs = (&resources.jobs_queue_key, needed(permissions, &[JobsQueue, Queues]));
    let of_dead_letters =
        (&resources.dead_letter_queue_key, needed(permissions, &[DeadLetterQueue, Queues]));
    let statement = |sid: &str, (key, actions): (&Option<QueueKey>, BTreeSet<&str>)| {
        let key = key.as_ref().filter(|_| !actions.is_empty())?;
        Some(json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions,
            "Resource": [key.arn],
            "Condition": key.condition(),
        }))
    };
    if of_jobs.0 == of_dead_letters.0 {
        let actions = &of_jobs.1 | &of_dead_letters.1;
        return statement("QueuesKey", (of_jobs.0, actions)).into_iter().collect();
    }
    let jobs = statement("JobsQueueKey", of_jobs);
    let dead_letters = statement("DeadLetterQueueKey", of_dead_letters);
    jobs.into_iter().chain(dead_letters).collect()
}

/// What is needed on keys that are not known: on those of queues that placeholders stand for, and of all queues of an
/// account.
pub fn needed_on_unknown(permissions: &[Permission], resources: &Resources) -> Vec<&'static str> {
    use ResourceKind::{AllQueues, DeadLetterQueue, JobsQueue, Queues};

    let all = [AllQueues, DeadLetterQueue, JobsQueue, Queues];
    let unknown = if resources.is_of_stack { &all[..1] } else { &all };
    needed(permissions, unknown).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::resources;
    use super::super::{CHAOS, CHECK, DLQ_IMPORT, DLQ_QUEUES, REDRIVE, policy};
    use super::*;
    use crate::evidence::QueueEvidence;

    fn queue(key: &str) -> QueueEvidence {
        let arn = "arn:aws:sqs:eu-central-1:123456789012:Jobs";
        let attributes = [("QueueArn", arn), ("KmsMasterKeyId", key)];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        QueueEvidence { attributes, ..QueueEvidence::default() }
    }

    #[test]
    fn a_key_is_named_in_each_of_its_forms() {
        let here = "arn:aws:kms:eu-central-1:123456789012:";
        let there = "arn:aws:kms:eu-central-1:210987654321:";
        for (id, arn, alias) in [
            ("1234abcd-12ab", format!("{here}key/1234abcd-12ab"), None),
            ("mrk-1234", format!("{here}key/mrk-1234"), None),
            ("alias/jobs", format!("{here}key/*"), Some("alias/jobs")),
            ("alias/aws/other", format!("{here}key/*"), Some("alias/aws/other")),
            (&format!("{there}key/1234abcd"), format!("{there}key/1234abcd"), None),
            (&format!("{there}alias/team/jobs"), format!("{there}key/*"), Some("alias/team/jobs")),
        ] {
            let key = QueueKey { arn, alias: alias.map(str::to_owned) };
            assert_eq!(QueueKey::of(&queue(id)), Some(key), "{id}");
        }
        // Nor is a pattern a key.
        for id in ["*", "key/*", "alias/x*", "arn:aws:kms:*:*:alias/x", "${aws:username}"] {
            assert_eq!(QueueKey::of(&queue(id)), None, "{id}");
        }
        for id in ["", "alias/aws/sqs", &format!("{here}alias/aws/sqs")] {
            assert_eq!(QueueKey::of(&queue(id)), None, "{id}");
        }
        assert_eq!(QueueKey::of(&QueueEvidence::default()), None);
    }

    #[test]
    fn a_key_is_allowed_to_sqs_alone_and_by_its_alias() {
        let of = |id: &str| QueueKey::of(&queue(id)).unwrap().condition();
        let via = json!({"kms:ViaService": "sqs.eu-central-1.amazonaws.com"});
        assert_eq!(of("1234"), json!({"StringEquals": via}));
        let by_alias = json!({"StringEquals": via, "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/jobs"}});
        assert_eq!(of("alias/jobs"), by_alias);
        let of_china = of("arn:aws-cn:kms:cn-north-1:123456789012:key/1");
        let services = ["sqs.cn-north-1.amazonaws.com", "sqs.cn-north-1.amazonaws.com.cn"];
        assert_eq!(of_china["StringEquals"]["kms:ViaService"], json!(services));
    }

    /// The actions on keys, by the statement's id.
    fn allowed(list: &[Permission], jobs: &str, dead_letters: &str) -> Vec<(String, Vec<String>)> {
        let keys = (QueueKey::of(&queue(jobs)), QueueKey::of(&queue(dead_letters)));
        let resources =
            Resources { jobs_queue_key: keys.0, dead_letter_queue_key: keys.1, ..resources() };
        let policy = policy(list, &resources);
        let statements = policy["Statement"].as_array().unwrap().iter();
        let of_keys =
            statements.filter(|statement| statement["Action"][0].to_string().contains("kms:"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        of_keys
            .map(|each| {
                let actions = each["Action"].as_array().unwrap().iter().map(text).collect();
                (text(&each["Sid"]), actions)
            })
            .collect()
    }

    #[test]
    fn who_receives_decrypts_and_who_sends_makes_a_data_key_too() {
        let one = |sid: &str, actions: &[&str]| {
            (sid.to_owned(), actions.iter().map(|&action| action.to_owned()).collect::<Vec<_>>())
        };
        let (decrypt, both) = (["kms:Decrypt"], ["kms:Decrypt", "kms:GenerateDataKey"]);
        // A check sends by the API, whose function has rights of its own.
        assert_eq!(allowed(&CHECK, "a", "b"), [one("DeadLetterQueueKey", &decrypt)]);
        assert_eq!(allowed(&CHECK, "a", "a"), [one("QueuesKey", &decrypt)]);
        assert_eq!(allowed(&CHECK, "a", ""), []);
        let each = [one("JobsQueueKey", &both), one("DeadLetterQueueKey", &decrypt)];
        assert_eq!(allowed(&REDRIVE, "a", "b"), each);
        assert_eq!(allowed(&CHAOS, "a", "b"), each);
        assert_eq!(allowed(&REDRIVE, "a", "a"), [one("QueuesKey", &both)]);
        let to_either = [one("JobsQueueKey", &both), one("DeadLetterQueueKey", &both)];
        assert_eq!(allowed(&DLQ_IMPORT, "a", "b"), to_either);
        assert_eq!(allowed(&REDRIVE, "", "alias/aws/sqs"), []);
    }

    #[test]
    fn keys_that_are_not_known_are_said() {
        let placeholders = Resources::placeholders(None);
        assert_eq!(needed_on_unknown(&CHECK, &placeholders), ["kms:Decrypt"]);
        let both = ["kms:Decrypt", "kms:GenerateDataKey"];
        assert_eq!(needed_on_unknown(&REDRIVE, &placeholders), both);
        assert_eq!(needed_on_unknown(&REDRIVE, &resources()), [""; 0]);
        // Queues of other stacks have keys of their own.
        assert_eq!(needed_on_unknown(&DLQ_QUEUES, &resources()), ["kms:Decrypt"]);
    }
}
