//! Examples of the operations on queues as a whole: creating, attributes, permissions, batches, purging.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

mod world;

use serde_json::{Value, json};
use verifier_model::sqs::{MESSAGE_BYTES_MAX, QueueAttributes, SendMessage, SqsError};
use world::{START, World, request};

fn invalid<T>(message: &str) -> Result<T, SqsError> {
    Err(SqsError::InvalidParameterValue(message.to_owned()))
}

fn attribute(world: &mut World, name: &str) -> Option<String> {
    world.sqs.attributes("jobs", world.now).unwrap().remove(name)
}

// Tags.

#[test]
fn a_queue_has_at_most_fifty_tags_and_takes_all_of_a_request_or_none() {
    let mut world = World::new();
    world.sqs.create_queue_as_requested("jobs", &request(&[]), START).unwrap();
    let tags = |keys: std::ops::Range<u32>| {
        keys.map(|key| (key.to_string(), String::new()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(world.sqs.tag("jobs", tags(0..50)), Ok(()));
    assert_eq!(world.sqs.tag("jobs", tags(40..50)), Ok(()), "they are there already");
    assert_eq!(world.sqs.tag("jobs", tags(49..51)), invalid("Too many tags added for queue jobs."));
    world.sqs.untag("jobs", &["0".to_owned(), "none".to_owned()]).unwrap();
    assert_eq!(world.sqs.tag("jobs", tags(50..51)), Ok(()));
    assert_eq!(world.sqs.tags("jobs").unwrap().len(), 50);
}

// Creating.

#[test]
fn creating_again_compares_only_the_attributes_that_the_request_names() {
    let mut world = World::new();
    let mut create = |attributes: &[(&str, &str)]| {
        world.sqs.create_queue_as_requested("jobs", &request(attributes), START)
    };
    assert_eq!(create(&[("DelaySeconds", "1"), ("VisibilityTimeout", "60")]), Ok(true));
    assert_eq!(create(&[]), Ok(false));
    assert_eq!(create(&[("DelaySeconds", "1")]), Ok(false));
    let refused = create(&[("DelaySeconds", "2"), ("VisibilityTimeout", "60")]).unwrap_err();
    // As recorded.
    assert_eq!(
        refused.to_string(),
        "A queue already exists with the same name and a different value for attribute DelaySeconds"
    );
    assert_eq!((refused.code(), refused.query_code()), ("QueueNameExists", "QueueAlreadyExists"));
}

#[test]
fn a_standard_queue_cannot_even_be_told_that_it_is_not_fifo() {
    let mut world = World::new();
    assert_eq!(
        world.sqs.create_queue_as_requested("jobs", &request(&[("FifoQueue", "false")]), START),
        Err(SqsError::InvalidAttributeName("FifoQueue".to_owned()))
    );
}

// Attributes.

#[test]
fn every_number_has_its_bounds() {
    let mut world = World::with_jobs(&[]);
    let mut set = |name: &str, value: &str| {
        world.sqs.set_attributes("jobs", &request(&[(name, value)]), START)
    };
    for (name, min, max) in [
        ("VisibilityTimeout", 0, 43_200),
        ("DelaySeconds", 0, 900),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ] {
        for good in [min, max] {
            assert_eq!(set(name, &good.to_string()), Ok(()), "{name} {good}");
        }
        let refused = Err(SqsError::InvalidAttributeValue(name.to_owned()));
        for bad in [(min - 1).to_string(), (max + 1).to_string(), "x".to_owned(), String::new()] {
            assert_eq!(set(name, &bad), refused, "{name} {bad}");
        }
    }
    assert_eq!(set("Nothing", "1"), Err(SqsError::InvalidAttributeName("Nothing".to_owned())));
    // Computed attributes cannot be set.
    assert!(set("QueueArn", "x").is_err());
    assert_eq!(set("Policy", "{"), Err(SqsError::InvalidAttributeValue("Policy".to_owned())));
    assert_eq!(
        set("SqsManagedSseEnabled", "yes").unwrap_err().to_string(),
        "Invalid value for the parameter SqsManagedSseEnabled."
    );
}

#[test]
fn one_kind_of_encryption_takes_the_place_of_the_other() {
    let mut world = World::with_jobs(&[]);
    world.set("jobs", "KmsMasterKeyId", "alias/key");
    assert_eq!(attribute(&mut world, "SqsManagedSseEnabled").as_deref(), Some("false"));
    assert_eq!(attribute(&mut world, "KmsMasterKeyId").as_deref(), Some("alias/key"));
    world.set("jobs", "SqsManagedSseEnabled", "true");
    assert_eq!(attribute(&mut world, "KmsMasterKeyId"), None);
    let both = request(&[("KmsMasterKeyId", "alias/key"), ("SqsManagedSseEnabled", "true")]);
    let refused = world.sqs.set_attributes("jobs", &both, START).unwrap_err();
    // As recorded.
    assert_eq!(refused.code(), "InvalidAttributeName");
    assert_eq!(
        refused.to_string(),
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
    );
}

#[test]
fn a_redrive_policy_names_an_existing_queue() {
    let mut world = World::with_jobs(&[]);
    for (target, reason) in [
        ("dummy", "Invalid value for deadLetterTargetArn."),
        ("arn:aws:sqs:eu-central-1:000000000000:none", "Dead letter target does not exist."),
        ("arn:aws:sqs:us-east-1:000000000000:jobs", "Dead letter target does not exist."),
    ] {
        let policy = format!(r#"{{"deadLetterTargetArn": "{target}", "maxReceiveCount": 42}}"#);
        let refused = invalid(&format!(
            "Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"
        ));
        let changes = request(&[("RedrivePolicy", &policy)]);
        assert_eq!(world.sqs.set_attributes("jobs", &changes, START), refused);
        let created = world.sqs.create_queue_as_requested("other", &changes, START);
        assert_eq!(created.map(|_| ()), refused);
    }
    assert!(!world.sqs.has_queue("other"));
}

#[test]
fn a_dead_letter_queue_may_choose_its_sources() {
    let mut world = World::with_jobs(&[]);
    world.create("dlq", &[]);
    let target = world.sqs.arn("dlq");
    let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": 3}).to_string();
    let set = |world: &mut World| {
        world.sqs.set_attributes("jobs", &request(&[("RedrivePolicy", &policy)]), START)
    };
    let by_queue =
        |arn: String| json!({"redrivePermission": "byQueue", "sourceQueueArns": [arn]}).to_string();
    for refusing in
        [r#"{"redrivePermission":"denyAll"}"#.to_owned(), by_queue(world.sqs.arn("other"))]
    {
        world.set("dlq", "RedriveAllowPolicy", &refusing);
        assert!(matches!(set(&mut world), Err(SqsError::InvalidParameterValue(_))), "{refusing}");
    }
    let jobs = by_queue(world.sqs.arn("jobs"));
    world.set("dlq", "RedriveAllowPolicy", &jobs);
    assert_eq!(set(&mut world), Ok(()));
    // An empty text takes the policy away.
    world.set("jobs", "RedrivePolicy", "");
    assert_eq!(attribute(&mut world, "RedrivePolicy"), None);
}

#[test]
fn the_sources_of_a_dead_letter_queue_are_listed() {
    let mut world = World::with_dead_letter_queue(3);
    world.create("another", &[]);
    world.create("unrelated", &[]);
    world.redrive("another", "dlq", 1);
    assert_eq!(world.sqs.dead_letter_source_queues("dlq").unwrap(), ["another", "jobs"]);
    assert!(world.sqs.dead_letter_source_queues("jobs").unwrap().is_empty());
    assert_eq!(world.sqs.dead_letter_source_queues("none"), Err(SqsError::QueueDoesNotExist));
    world.sqs.delete_queue("another", world.now).unwrap();
    assert_eq!(world.sqs.dead_letter_source_queues("dlq").unwrap(), ["jobs"]);
}

// Purging.

#[test]
fn a_queue_is_purged_once_a_minute_at_most() {
    let mut world = World::with_jobs(&[]);
    world.sqs.purge("jobs", world.now).unwrap();
    world.send("jobs", "a");
    world.wait_millis(59_999);
    let refused = world.sqs.purge("jobs", world.now).unwrap_err();
    // As recorded.
    assert_eq!(
        refused.to_string(),
        "Only one PurgeQueue operation on jobs is allowed every 60 seconds."
    );
    assert_eq!(
        (refused.code(), refused.query_code(), refused.status()),
        ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403)
    );
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    world.wait_millis(1);
    world.sqs.purge("jobs", world.now).unwrap();
    assert_eq!(world.counts("jobs"), (0, 0, 0));
}

// Batches.

fn entry(id: &str, body: impl Into<String>) -> (String, Result<SendMessage, SqsError>) {
    (id.to_owned(), Ok(SendMessage::new(body)))
}

#[test]
fn an_entry_that_fails_does_not_keep_the_others_from_being_sent() {
    let mut world = World::with_jobs(&[]);
    let unreadable = SqsError::InvalidParameterValue("no base64".to_owned());
    let entries = vec![
        entry("a", "one"),
        entry("b", "\0"),
        ("c".to_owned(), Err(unreadable.clone())),
        entry("d", "two"),
    ];
    let outcomes = world.sqs.send_batch("jobs", entries, world.now).unwrap();
    let ids: Vec<&str> = outcomes.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert!(outcomes[0].1.is_ok() && outcomes[3].1.is_ok());
    assert_eq!(outcomes[1].1, Err(SqsError::InvalidMessageContents));
    assert_eq!(outcomes[2].1, Err(unreadable));
    assert_eq!(world.counts("jobs"), (2, 0, 0));
}

#[test]
fn the_entries_of_a_batch_together_may_have_exactly_the_limit() {
    // The limit of the batch is that of the service, also where the queue's is smaller.
    let mut world = World::with_jobs(&[("MaximumMessageSize", "524288")]);
    let half = MESSAGE_BYTES_MAX / 2;
    let batch = |bytes: usize| vec![entry("a", "x".repeat(half)), entry("b", "x".repeat(bytes))];
    let outcomes = world.sqs.send_batch("jobs", batch(half), world.now).unwrap();
    assert!(outcomes.iter().all(|(_, sent)| sent.is_ok()));
    let refused = world.sqs.send_batch("jobs", batch(half + 1), world.now).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."
    );
    assert_eq!(refused.query_code(), "AWS.SimpleQueueService.BatchRequestTooLong");
    assert_eq!(world.counts("jobs"), (2, 0, 0));
}

#[test]
fn a_batch_with_wrong_ids_sends_nothing() {
    let mut world = World::with_jobs(&[]);
    let mut send = |entries| world.sqs.send_batch("jobs", entries, START);
    assert_eq!(
        send(vec![]).unwrap_err().to_string(),
        "There should be at least one SendMessageBatchRequestEntry in the request."
    );
    assert_eq!(
        send(vec![entry("a", "x"), entry("a", "y")]),
        Err(SqsError::BatchEntryIdsNotDistinct("a".to_owned()))
    );
    assert_eq!(send(vec![entry("a b", "x")]), Err(SqsError::InvalidBatchEntryId));
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    assert_eq!(send(eleven), Err(SqsError::TooManyEntriesInBatchRequest(11)));
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    assert_eq!(
        world.sqs.send_batch("none", vec![entry("a", "x")], START),
        Err(SqsError::QueueDoesNotExist)
    );
}

// Permissions.

fn add(
    world: &mut World,
    label: &str,
    accounts: &[&str],
    actions: &[&str],
) -> Result<(), SqsError> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    world.sqs.add_permission("jobs", label, &owned(accounts), &owned(actions), world.now)
}

fn policy(world: &mut World) -> Value {
    serde_json::from_str(&attribute(world, "Policy").unwrap()).unwrap()
}

#[test]
fn permissions_come_and_go_as_recorded() {
    let mut world = World::with_jobs(&[]);
    let arn = world.sqs.arn("jobs");
    add(
        &mut world,
        "crossaccountpermission",
        &["668614515564", "111111111111"],
        &["ReceiveMessage"],
    )
    .unwrap();
    assert_eq!(
        policy(&mut world),
        json!({
            "Version": "2008-10-17",
            "Id": format!("{arn}/SQSDefaultPolicy"),
            "Statement": [{
                "Sid": "crossaccountpermission",
                "Effect": "Allow",
                "Principal": {"AWS": [
                    "arn:aws:iam::668614515564:root",
                    "arn:aws:iam::111111111111:root",
                ]},
                "Action": "SQS:ReceiveMessage",
                "Resource": arn,
            }],
        })
    );
    world.sqs.remove_permission("jobs", "crossaccountpermission", world.now).unwrap();
    assert_eq!(attribute(&mut world, "Policy"), None);
    add(&mut world, "crossaccountpermission", &["111111111111"], &["ReceiveMessage"]).unwrap();
    let principal = "arn:aws:iam::111111111111:root";
    assert_eq!(policy(&mut world)["Statement"][0]["Principal"]["AWS"], principal);
    assert_eq!(
        add(&mut world, "crossaccountpermission", &["111111111111"], &["ReceiveMessage"]),
        invalid(
            "Value crossaccountpermission for parameter Label is invalid. Reason: Already exists."
        )
    );
    add(&mut world, "crossaccountpermission2", &["111111111111"], &["ReceiveMessage"]).unwrap();
    let labels = |policy: Value| -> Vec<String> {
        let statements = policy["Statement"].as_array().unwrap().clone();
        statements.iter().map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels(policy(&mut world)), ["crossaccountpermission", "crossaccountpermission2"]);
    world.sqs.remove_permission("jobs", "crossaccountpermission", world.now).unwrap();
    assert_eq!(labels(policy(&mut world)), ["crossaccountpermission2"]);
    world.sqs.remove_permission("jobs", "crossaccountpermission2", world.now).unwrap();
    assert_eq!(
        world.sqs.remove_permission("jobs", "crossaccountpermission2", world.now),
        invalid(
            "Value crossaccountpermission2 for parameter Label is invalid. Reason: can't find label."
        )
    );
}

#[test]
fn a_permission_joins_a_policy_that_is_there() {
    let mut world = World::with_jobs(&[]);
    world.set(
        "jobs",
        "Policy",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"tls","Effect":"Deny"}]}"#,
    );
    add(&mut world, "more", &["111111111111"], &["SendMessage", "GetQueueUrl"]).unwrap();
    let policy = policy(&mut world);
    assert_eq!(policy["Version"], "2012-10-17");
    assert_eq!(policy["Statement"][0]["Sid"], "tls");
    assert_eq!(policy["Statement"][1]["Action"], json!(["SQS:SendMessage", "SQS:GetQueueUrl"]));
}

#[test]
fn a_permission_is_complete_and_grants_no_owners_action() {
    let mut world = World::with_jobs(&[]);
    let missing = |parameter: &str| Err(SqsError::MissingParameter(parameter.to_owned()));
    assert_eq!(add(&mut world, "", &["1"], &["SendMessage"]), missing("Label"));
    assert_eq!(add(&mut world, "l", &["1"], &[]), missing("Actions"));
    assert_eq!(
        add(&mut world, "l", &[], &["SendMessage"]),
        invalid("Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.")
    );
    assert_eq!(
        add(&mut world, "l", &["1"], &["RemovePermission"]),
        invalid(
            "Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."
        )
    );
    let refused = add(&mut world, "l", &["1"], &["SendMessage"; 8]).unwrap_err();
    assert_eq!(refused.to_string(), "8 Actions were found, maximum allowed is 7.");
    assert_eq!((refused.code(), refused.status()), ("OverLimit", 403));
    assert_eq!(attribute(&mut world, "Policy"), None);
}

// Deleting.

#[test]
fn the_name_of_a_deleted_queue_stays_blocked_for_a_minute() {
    let mut world = World::with_jobs(&[]);
    world.sqs.delete_queue("jobs", world.now).unwrap();
    let create = |world: &mut World, name: &str| {
        world.sqs.create_queue_as_requested(name, &request(&[]), world.now)
    };
    world.wait_millis(59_999);
    assert_eq!(create(&mut world, "jobs"), Err(SqsError::QueueDeletedRecently));
    assert_eq!(create(&mut world, "other"), Ok(true));
    world.wait_millis(1);
    assert_eq!(create(&mut world, "jobs"), Ok(true));
}

#[test]
fn attributes_are_asked_for_by_names_that_there_are() {
    let check = |names: &[&str]| QueueAttributes::check_names(names.iter().copied());
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&["All", "FifoQueue", "Policy"]), Ok(()));
    let unknown = SqsError::InvalidAttributeName("NoSuchAttribute".to_owned());
    assert_eq!(check(&["QueueArn", "NoSuchAttribute"]), Err(unknown));
    // Whatever a queue shows can be asked for.
    let mut world = World::with_jobs(&[("KmsMasterKeyId", "key")]);
    let shown = world.sqs.attributes("jobs", START).unwrap();
    assert_eq!(QueueAttributes::check_names(shown.keys().map(String::as_str)), Ok(()));
}
