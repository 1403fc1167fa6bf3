//! Attributes of queues: defaults, bounds, changes, and counts.

use aws_sdk_sqs::types::QueueAttributeName;

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Recorded};
use crate::problem::{Verdict, ensure, equal};
use crate::refusal::{INVALID_ATTRIBUTE_NAME, INVALID_ATTRIBUTE_VALUE};
use crate::refused::{refused, refused_saying};
use crate::stand::Stand;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.attributes.defaults",
        Recorded("test_set_queue_attributes_default_values"),
        "A standard queue has the default of every attribute, and no attribute that only others have.",
        run!(defaults),
    ),
    Case::new(
        "sqs.attributes.defaults-of-fifo",
        Recorded("test_fifo_set_content_based_deduplication_strategy"),
        "A FIFO queue additionally has FifoQueue, ContentBasedDeduplication, DeduplicationScope and FifoThroughputLimit.",
        run!(defaults_of_fifo),
    ),
    Case::new(
        "sqs.attributes.named-only",
        Api("GetQueueAttributes"),
        "GetQueueAttributes returns the attributes that it names, and no others.",
        run!(named_only),
    ),
    Case::new(
        "sqs.attributes.none-named",
        Api("GetQueueAttributes"),
        "Without names, GetQueueAttributes returns no attributes.",
        run!(none_named),
    ),
    Case::new(
        "sqs.attributes.unknown-name",
        Api("GetQueueAttributes"),
        "Asking for an attribute that SQS does not know is refused as InvalidAttributeName.",
        run!(unknown_name),
    ),
    Case::new(
        "sqs.attributes.visibility-timeout-bounds",
        Api("SetQueueAttributes"),
        "VisibilityTimeout is 0 to 43,200 seconds.",
        run!(visibility_timeout_bounds),
    ),
    Case::new(
        "sqs.attributes.delay-bounds",
        Api("SetQueueAttributes"),
        "DelaySeconds is 0 to 900 seconds.",
        run!(delay_bounds),
    ),
    Case::new(
        "sqs.attributes.retention-bounds",
        Api("SetQueueAttributes"),
        "MessageRetentionPeriod is 60 to 1,209,600 seconds.",
        run!(retention_bounds),
    ),
    Case::new(
        "sqs.attributes.message-size-bounds",
        Api("SetQueueAttributes"),
        "MaximumMessageSize is 1,024 to 1,048,576 bytes.",
        run!(message_size_bounds),
    ),
    Case::new(
        "sqs.attributes.wait-time-bounds",
        Api("SetQueueAttributes"),
        "ReceiveMessageWaitTimeSeconds is 0 to 20 seconds.",
        run!(wait_time_bounds),
    ),
    Case::new(
        "sqs.attributes.invalid-value-at-creation",
        Api("CreateQueue"),
        "CreateQueue refuses a value out of bounds as SetQueueAttributes does, and creates nothing.",
        run!(invalid_value_at_creation),
    ),
    Case::new(
        "sqs.attributes.set-changes-what-it-names",
        Recorded("test_create_and_update_queue_attributes"),
        "SetQueueAttributes changes the attributes that it names, and no others.",
        run!(set_changes_what_it_names),
    ),
    Case::new(
        "sqs.attributes.set-all-or-nothing",
        Api("SetQueueAttributes"),
        "When one value is invalid, no attribute changes.",
        run!(set_all_or_nothing),
    ),
    Case::new(
        "sqs.attributes.set-unknown",
        Api("SetQueueAttributes"),
        "Setting an attribute that SQS does not know is refused as InvalidAttributeName.",
        run!(set_unknown),
    ),
    Case::new(
        "sqs.attributes.set-fifo-on-standard",
        Recorded("test_set_unsupported_attribute_standard"),
        "A standard queue stays one: it does not know FifoQueue, neither true nor false.",
        run!(set_fifo_on_standard),
    ),
    Case::new(
        "sqs.attributes.set-fifo-to-false",
        Recorded("test_set_unsupported_attribute_fifo"),
        "A FIFO queue stays one, and says so.",
        run!(set_fifo_to_false),
    ),
    Case::new(
        "sqs.attributes.set-deduplication",
        Recorded("test_fifo_set_content_based_deduplication_strategy"),
        "ContentBasedDeduplication of a FIFO queue can be changed.",
        run!(set_deduplication),
    ),
    Case::new(
        "sqs.attributes.throughput-limit-needs-scope",
        Api("SetQueueAttributes"),
        "perMessageGroupId is allowed only where deduplication is by message group.",
        run!(throughput_limit_needs_scope),
    ),
    Case::new(
        "sqs.attributes.kms-replaces-sse",
        Recorded("test_sse_queue_attributes"),
        "With a KMS key, SqsManagedSseEnabled is false.",
        run!(kms_replaces_sse),
    ),
    Case::new(
        "sqs.attributes.one-encryption-at-a-time",
        Recorded("test_sse_kms_and_sqs_are_mutually_exclusive"),
        "A KMS key and SqsManagedSseEnabled together are refused.",
        run!(one_encryption_at_a_time),
    ),
    Case::new(
        "sqs.attributes.empty-text-takes-away",
        Recorded("test_set_queue_attributes_default_values"),
        "An empty KmsMasterKeyId takes the key away; encryption with SQS's own keys does not come back by itself.",
        run!(empty_text_takes_away),
    ),
    Case::new(
        "sqs.attributes.policy",
        Api("SetQueueAttributes"),
        "A policy is kept as it was set, and an empty one takes it away.",
        run!(policy),
    ),
    Case::new(
        "sqs.attributes.policy-must-be-json",
        Api("SetQueueAttributes"),
        "A policy that is no JSON is refused as InvalidAttributeValue.",
        run!(policy_must_be_json),
    ),
    Case::new(
        "sqs.attributes.counts",
        Api("GetQueueAttributes"),
        "The counts tell messages that can be received from those in flight and those delayed.",
        run!(counts),
    ),
    Case::new(
        "sqs.attributes.timestamps",
        Api("GetQueueAttributes"),
        "CreatedTimestamp and LastModifiedTimestamp are seconds since the epoch, of now.",
        run!(timestamps),
    ),
];

const STANDARD_DEFAULTS: [(&str, Option<&str>); 11] = [
    ("ApproximateNumberOfMessages", Some("0")),
    ("ApproximateNumberOfMessagesDelayed", Some("0")),
    ("ApproximateNumberOfMessagesNotVisible", Some("0")),
    ("DelaySeconds", Some("0")),
    ("MaximumMessageSize", Some("1048576")),
    ("MessageRetentionPeriod", Some("345600")),
    ("ReceiveMessageWaitTimeSeconds", Some("0")),
    ("VisibilityTimeout", Some("30")),
    ("RedrivePolicy", None),
    ("Policy", None),
    ("SqsManagedSseEnabled", Some("true")),
];

async fn defaults(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.has(&url, &STANDARD_DEFAULTS).await?;
    let none = [
        "FifoQueue",
        "ContentBasedDeduplication",
        "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds",
    ];
    stand.has(&url, &none.map(|name| (name, None))).await
}

async fn defaults_of_fifo(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    stand.has(&url, &STANDARD_DEFAULTS).await?;
    let fifo = [
        ("FifoQueue", Some("true")),
        ("ContentBasedDeduplication", Some("false")),
        ("DeduplicationScope", Some("queue")),
        ("FifoThroughputLimit", Some("perQueue")),
    ];
    stand.has(&url, &fifo).await
}

async fn named_only(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.get_queue_attributes().queue_url(&url);
    let request = request.attribute_names(QueueAttributeName::DelaySeconds);
    let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await?;
    let attributes = answer.attributes.unwrap_or_default();
    let mut names: Vec<&str> = attributes.keys().map(QueueAttributeName::as_str).collect();
    names.sort_unstable();
    equal("the attributes", &names, &vec!["DelaySeconds", "QueueArn"])
}

async fn none_named(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let answer = stand.sqs.get_queue_attributes().queue_url(&url).send().await?;
    equal("how many attributes:", &answer.attributes.unwrap_or_default().len(), &0)
}

async fn unknown_name(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.get_queue_attributes().queue_url(&url);
    let request = request.attribute_names(QueueAttributeName::from("NoSuchAttribute"));
    refused(request.send().await, INVALID_ATTRIBUTE_NAME)
}

/// Values within bounds are kept, and those beyond, or without a number, are refused.
async fn bounds(stand: &Stand, name: &str, good: [&str; 2], bad: &[&str]) -> Verdict {
    let url = stand.queue(&[]).await?;
    for value in good {
        stand.set(&url, &[(name, value)]).await?;
        stand.has(&url, &[(name, Some(value))]).await?;
    }
    for value in bad {
        let message = format!("Invalid value for the parameter {name}.");
        let answer = stand.set(&url, &[(name, value)]).await;
        refused_saying(answer, INVALID_ATTRIBUTE_VALUE, &message)?;
    }
    Ok(())
}

async fn visibility_timeout_bounds(stand: &Stand) -> Verdict {
    bounds(stand, "VisibilityTimeout", ["0", "43200"], &["-1", "43201", "soon", ""]).await
}

async fn delay_bounds(stand: &Stand) -> Verdict {
    bounds(stand, "DelaySeconds", ["900", "0"], &["-1", "901", "1.5"]).await
}

async fn retention_bounds(stand: &Stand) -> Verdict {
    bounds(stand, "MessageRetentionPeriod", ["60", "1209600"], &["59", "1209601"]).await
}

async fn message_size_bounds(stand: &Stand) -> Verdict {
    bounds(stand, "MaximumMessageSize", ["1024", "1048576"], &["1023", "1048577"]).await
}

async fn wait_time_bounds(stand: &Stand) -> Verdict {
    bounds(stand, "ReceiveMessageWaitTimeSeconds", ["20", "0"], &["-1", "21"]).await
}

async fn invalid_value_at_creation(stand: &Stand) -> Verdict {
    let name = stand.name();
    let answer = stand.create(&name, &[("VisibilityTimeout", "43201")]).await;
    refused(answer, INVALID_ATTRIBUTE_VALUE)?;
    let found = stand.sqs.get_queue_url().queue_name(&name).send().await;
    refused(found, crate::refusal::NO_QUEUE)
}

async fn set_changes_what_it_names(stand: &Stand) -> Verdict {
    let attributes = [
        ("MessageRetentionPeriod", "604800"),
        ("ReceiveMessageWaitTimeSeconds", "10"),
        ("VisibilityTimeout", "20"),
    ];
    let url = stand.queue(&attributes).await?;
    let changes =
        [("MaximumMessageSize", "2048"), ("VisibilityTimeout", "69"), ("DelaySeconds", "420")];
    stand.set(&url, &changes).await?;
    let expected = [
        ("MessageRetentionPeriod", Some("604800")),
        ("ReceiveMessageWaitTimeSeconds", Some("10")),
        ("MaximumMessageSize", Some("2048")),
        ("VisibilityTimeout", Some("69")),
        ("DelaySeconds", Some("420")),
    ];
    stand.has(&url, &expected).await
}

async fn set_all_or_nothing(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let answer = stand.set(&url, &[("DelaySeconds", "5"), ("VisibilityTimeout", "-1")]).await;
    refused(answer, INVALID_ATTRIBUTE_VALUE)?;
    stand.has(&url, &[("DelaySeconds", Some("0")), ("VisibilityTimeout", Some("30"))]).await
}

async fn set_unknown(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let answer = stand.set(&url, &[("NoSuchAttribute", "1")]).await;
    refused_saying(answer, INVALID_ATTRIBUTE_NAME, "Unknown Attribute NoSuchAttribute.")
}

async fn set_fifo_on_standard(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for value in ["true", "false"] {
        let answer = stand.set(&url, &[("FifoQueue", value)]).await;
        refused_saying(answer, INVALID_ATTRIBUTE_NAME, "Unknown Attribute FifoQueue.")?;
    }
    Ok(())
}

async fn set_fifo_to_false(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    refused_saying(
        stand.set(&url, &[("FifoQueue", "false")]).await,
        INVALID_ATTRIBUTE_VALUE,
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )
}

async fn set_deduplication(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("ContentBasedDeduplication", "true")]).await?;
    stand.has(&url, &[("ContentBasedDeduplication", Some("true"))]).await?;
    stand.set(&url, &[("ContentBasedDeduplication", "false")]).await?;
    stand.has(&url, &[("ContentBasedDeduplication", Some("false"))]).await
}

async fn throughput_limit_needs_scope(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let limit = ("FifoThroughputLimit", "perMessageGroupId");
    crate::refused::refused_somehow(stand.set(&url, &[limit]).await)?;
    stand.set(&url, &[limit, ("DeduplicationScope", "messageGroup")]).await?;
    let expected = [(limit.0, Some(limit.1)), ("DeduplicationScope", Some("messageGroup"))];
    stand.has(&url, &expected).await
}

async fn kms_replaces_sse(stand: &Stand) -> Verdict {
    let key = [("KmsMasterKeyId", "testKeyId"), ("KmsDataKeyReusePeriodSeconds", "6000")];
    let url = stand.queue(&key).await?;
    let expected = [
        ("KmsMasterKeyId", Some("testKeyId")),
        ("KmsDataKeyReusePeriodSeconds", Some("6000")),
        ("SqsManagedSseEnabled", Some("false")),
    ];
    stand.has(&url, &expected).await
}

async fn one_encryption_at_a_time(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let both = [("KmsMasterKeyId", "testKeyId"), ("SqsManagedSseEnabled", "true")];
    refused_saying(
        stand.set(&url, &both).await,
        INVALID_ATTRIBUTE_NAME,
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
    )
}

async fn empty_text_takes_away(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("KmsMasterKeyId", "testKeyId")]).await?;
    stand.set(&url, &[("KmsMasterKeyId", "")]).await?;
    let expected = [("KmsMasterKeyId", None), ("SqsManagedSseEnabled", Some("false"))];
    stand.has(&url, &expected).await
}

async fn policy(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let arn = stand.arn(&url).await?;
    let account = arn.split(':').nth(4).unwrap_or_default();
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "own-account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "SQS:SendMessage",
            "Resource": arn,
        }],
    });
    stand.set(&url, &[("Policy", &policy.to_string())]).await?;
    let kept = stand.attribute(&url, "Policy").await?.unwrap_or_default();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap_or_default();
    equal("the policy", &kept, &policy)?;
    stand.set(&url, &[("Policy", "")]).await?;
    stand.has(&url, &[("Policy", None)]).await
}

async fn policy_must_be_json(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refused(stand.set(&url, &[("Policy", "{")]).await, INVALID_ATTRIBUTE_VALUE)
}

async fn counts(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for body in ["one", "two", "three"] {
        stand.send(&url, body).await?;
    }
    let delayed = stand.sqs.send_message().queue_url(&url).message_body("four");
    delayed.delay_seconds(60).send().await?;
    stand.take_by(1, || stand.receive(&url).max_number_of_messages(1)).await?;
    let expected = [
        ("ApproximateNumberOfMessages", Some("2")),
        ("ApproximateNumberOfMessagesNotVisible", Some("1")),
        ("ApproximateNumberOfMessagesDelayed", Some("1")),
    ];
    stand.has(&url, &expected).await
}

async fn timestamps(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since_epoch.unwrap_or_default().as_secs();
    for name in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        let value = stand.attribute(&url, name).await?.unwrap_or_default();
        let close = value.parse::<u64>().is_ok_and(|seconds| now.abs_diff(seconds) < 300);
        ensure(close, format!("{name} about {now}"), value)?;
    }
    Ok(())
}
