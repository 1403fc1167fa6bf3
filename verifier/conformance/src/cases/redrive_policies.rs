//! Redrive policies and redrive allow policies: what may be set.

use serde_json::{Value, json};

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Problem, Verdict, equal};
use crate::refusal::INVALID_PARAMETER;
use crate::refused::{refused, refused_saying, refused_somehow};
use crate::stand::Stand;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.redrive-policy.kept",
        Api("SetQueueAttributes"),
        "A redrive policy is shown as it was set, at creation and later.",
        run!(kept),
    ),
    Case::new(
        "sqs.redrive-policy.taken-away",
        Recorded("test_set_empty_redrive_policy"),
        "An empty redrive policy takes it away.",
        run!(taken_away),
    ),
    Case::new(
        "sqs.redrive-policy.must-be-json",
        Api("SetQueueAttributes"),
        "A redrive policy that is no JSON is refused.",
        run!(must_be_json),
    ),
    Case::new(
        "sqs.redrive-policy.target-must-be-an-arn",
        Recorded("test_invalid_dead_letter_arn_rejected_before_lookup"),
        "A target that is no ARN is refused before it is looked for.",
        run!(target_must_be_an_arn),
    ),
    Case::new(
        "sqs.redrive-policy.target-must-exist",
        Api("SetQueueAttributes"),
        "A target that is not there is refused.",
        run!(target_must_exist),
    ),
    Case::new(
        "sqs.redrive-policy.needs-a-target",
        Api("SetQueueAttributes"),
        "A redrive policy without a target is refused, naming what is missing.",
        run!(needs_a_target),
    ),
    Case::new(
        "sqs.redrive-policy.needs-a-count",
        Api("SetQueueAttributes"),
        "A redrive policy without maxReceiveCount is refused, naming what is missing.",
        run!(needs_a_count),
    ),
    Case::new(
        "sqs.redrive-policy.count-bounds",
        Api("SetQueueAttributes"),
        "maxReceiveCount is 1 to 1,000, as a number or as text.",
        run!(count_bounds),
    ),
    Case::new(
        "sqs.redrive-policy.same-kind-of-queue",
        Guide("sqs-dead-letter-queues"),
        "The dead-letter queue of a FIFO queue is a FIFO queue, and that of a standard queue a standard one.",
        run!(same_kind_of_queue),
    ),
    Case::new(
        "sqs.redrive-allow-policy.kept",
        Api("SetQueueAttributes"),
        "A redrive allow policy is shown as it was set.",
        run!(allow_policy_kept),
    ),
    Case::new(
        "sqs.redrive-allow-policy.deny-all",
        Api("SetQueueAttributes"),
        "With denyAll, no queue may name this one as its dead-letter queue.",
        run!(deny_all),
    ),
    Case::new(
        "sqs.redrive-allow-policy.by-queue",
        Api("SetQueueAttributes"),
        "With byQueue, the named queues may name this one as their dead-letter queue, and no others.",
        run!(by_queue),
    ),
    Case::new(
        "sqs.redrive-allow-policy.must-be-valid",
        Api("SetQueueAttributes"),
        "A permission that there is not, and more than ten queues, are refused.",
        run!(allow_policy_must_be_valid),
    ),
];

fn policy(target: &str, count: impl Into<Value>) -> String {
    json!({"deadLetterTargetArn": target, "maxReceiveCount": count.into()}).to_string()
}

async fn shown(stand: &Stand, url: &str, name: &str) -> Result<Value, Problem> {
    let text = stand.attribute(url, name).await?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

async fn kept(stand: &Stand) -> Verdict {
    let dead = stand.arn(&stand.queue(&[]).await?).await?;
    let url = stand.queue(&[("RedrivePolicy", &policy(&dead, 3))]).await?;
    let expected = |count: u32| json!({"deadLetterTargetArn": dead, "maxReceiveCount": count});
    equal("RedrivePolicy", &shown(stand, &url, "RedrivePolicy").await?, &expected(3))?;
    stand.set(&url, &[("RedrivePolicy", &policy(&dead, 5))]).await?;
    stand
        .eventually(async || {
            equal("RedrivePolicy", &shown(stand, &url, "RedrivePolicy").await?, &expected(5))
        })
        .await
}

async fn taken_away(stand: &Stand) -> Verdict {
    let dead = stand.arn(&stand.queue(&[]).await?).await?;
    let url = stand.queue(&[("RedrivePolicy", &policy(&dead, 3))]).await?;
    stand.set(&url, &[("RedrivePolicy", "")]).await?;
    stand.has(&url, &[("RedrivePolicy", None)]).await
}

async fn must_be_json(stand: &Stand) -> Verdict {
    refused(stand.try_queue(&[("RedrivePolicy", "{")]).await, INVALID_PARAMETER)
}

async fn target_must_be_an_arn(stand: &Stand) -> Verdict {
    let policy = r#"{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}"#;
    let message = format!(
        "Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."
    );
    let answer = stand.try_queue(&[("RedrivePolicy", policy)]).await;
    refused_saying(answer, INVALID_PARAMETER, &message)
}

async fn target_must_exist(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let missing = format!("{}-missing", stand.arn(&url).await?);
    let policy = policy(&missing, 3);
    let message = format!(
        "Value {policy} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
    );
    let answer = stand.set(&url, &[("RedrivePolicy", &policy)]).await;
    refused_saying(answer, INVALID_PARAMETER, &message)
}

async fn needs_a_target(stand: &Stand) -> Verdict {
    let policy = r#"{"maxReceiveCount":3}"#;
    let message = format!(
        "Value {policy} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: deadLetterTargetArn."
    );
    let answer = stand.try_queue(&[("RedrivePolicy", policy)]).await;
    refused_saying(answer, INVALID_PARAMETER, &message)
}

async fn needs_a_count(stand: &Stand) -> Verdict {
    let dead = stand.arn(&stand.queue(&[]).await?).await?;
    let policy = json!({"deadLetterTargetArn": dead}).to_string();
    let message = format!(
        "Value {policy} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: maxReceiveCount."
    );
    let answer = stand.try_queue(&[("RedrivePolicy", &policy)]).await;
    refused_saying(answer, INVALID_PARAMETER, &message)
}

async fn count_bounds(stand: &Stand) -> Verdict {
    let dead = stand.arn(&stand.queue(&[]).await?).await?;
    let url = stand.queue(&[]).await?;
    for count in [json!(1), json!(1000), json!("7")] {
        stand.set(&url, &[("RedrivePolicy", &policy(&dead, count))]).await?;
    }
    for count in [json!(0), json!(1001), json!(-1), json!("many")] {
        let answer = stand.set(&url, &[("RedrivePolicy", &policy(&dead, count))]).await;
        refused(answer, INVALID_PARAMETER)?;
    }
    Ok(())
}

async fn same_kind_of_queue(stand: &Stand) -> Verdict {
    let standard = stand.queue(&[]).await?;
    let fifo = stand.fifo(&[]).await?;
    for (source, target) in [(&standard, &fifo), (&fifo, &standard)] {
        let policy = policy(&stand.arn(target).await?, 3);
        let answer = stand.set(source, &[("RedrivePolicy", &policy)]).await;
        refused(answer, INVALID_PARAMETER)?;
    }
    Ok(())
}

async fn allow_policy_kept(stand: &Stand) -> Verdict {
    let source = stand.arn(&stand.queue(&[]).await?).await?;
    let policy = json!({"redrivePermission": "byQueue", "sourceQueueArns": [source]});
    let dead = stand.queue(&[("RedriveAllowPolicy", &policy.to_string())]).await?;
    equal("the policy", &shown(stand, &dead, "RedriveAllowPolicy").await?, &policy)?;
    let all = json!({"redrivePermission": "allowAll"});
    stand.set(&dead, &[("RedriveAllowPolicy", &all.to_string())]).await?;
    stand
        .eventually(async || {
            equal("the policy", &shown(stand, &dead, "RedriveAllowPolicy").await?, &all)
        })
        .await
}

async fn deny_all(stand: &Stand) -> Verdict {
    let deny = r#"{"redrivePermission":"denyAll"}"#;
    let dead = stand.queue(&[("RedriveAllowPolicy", deny)]).await?;
    let policy = policy(&stand.arn(&dead).await?, 3);
    refused_somehow(stand.try_queue(&[("RedrivePolicy", &policy)]).await)
}

async fn by_queue(stand: &Stand) -> Verdict {
    let (named, other) = (stand.queue(&[]).await?, stand.queue(&[]).await?);
    let allow = json!({
        "redrivePermission": "byQueue",
        "sourceQueueArns": [stand.arn(&named).await?],
    });
    let dead = stand.queue(&[("RedriveAllowPolicy", &allow.to_string())]).await?;
    let policy = policy(&stand.arn(&dead).await?, 3);
    stand.set(&named, &[("RedrivePolicy", &policy)]).await?;
    refused_somehow(stand.set(&other, &[("RedrivePolicy", &policy)]).await)
}

async fn allow_policy_must_be_valid(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let arn = stand.arn(&url).await?;
    let many: Vec<String> = (0..11).map(|number| format!("{arn}-{number}")).collect();
    for policy in [
        json!({"redrivePermission": "some"}),
        json!({"redrivePermission": "byQueue", "sourceQueueArns": many}),
    ] {
        let answer = stand.set(&url, &[("RedriveAllowPolicy", &policy.to_string())]).await;
        refused_somehow(answer)?;
    }
    Ok(())
}
