//! `cfg.redrive`.

use verifier_model::sqs::{RedriveAllowPolicy, RedrivePolicy};

use crate::check::{
    Check, Discovered, Evaluate, Evaluation, QueueEvidence, Severity, are_one, are_swapped,
};
use crate::command::aws;
use crate::resources::Role;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.redrive",
    asserts: "the jobs queue's redrive policy leads to the dead-letter queue, after the expected number of receives; the dead-letter queue accepts that, and leads no further",
    severity: Severity::Fail,
    why: "without it a poison message is retried until it expires, and then is gone without a trace; and looking into a dead-letter queue that leads further moves what is in it",
    fix: "give the jobs queue a RedrivePolicy with the dead-letter queue's ARN and a maxReceiveCount, and the dead-letter queue none",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        let Discovered { jobs, dead_letters, .. } = configuration.discovered;
        match (jobs, dead_letters) {
            // Nothing names a dead-letter queue, so that it follows from the redrive policy, or not at all.
            (Some(jobs), None) if configuration.resources.has_no(Role::DeadLetters) => alone(jobs),
            _ => configuration.of_queues(|jobs, dead_letters| {
                evaluate(jobs, dead_letters, configuration.settings.expect.receives)
            }),
        }
    }),
};

/// Evaluates the redrive policy. `expected_receives` is the `maxReceiveCount` that is wanted; any when `None`.
pub fn evaluate(
    jobs: &QueueEvidence,
    dead_letters: &QueueEvidence,
    expected_receives: Option<u32>,
) -> Evaluation {
    if are_one(jobs, dead_letters) {
        return Evaluation::fail(
            format!("both names are of one queue: {}", jobs.name),
            "two queues: one for jobs, and one for dead letters",
            jobs.name.clone(),
        )
        .with_next(
            "correct the one that is wrong, an output or what names the queue itself; the queues may be right",
        );
    }
    if are_swapped(jobs, dead_letters) {
        let (first, second) = (&jobs.name, &dead_letters.name);
        let what = format!(
            "the queues are swapped: {second}, which is said to be the dead-letter queue, dead-letters to {first}"
        );
        let expected = format!("{second} as the jobs queue and {first} as the dead-letter queue");
        return Evaluation::fail(what, expected, format!("{first} as the jobs queue"))
            .with_next("swap the two outputs or names; the queues themselves are right");
    }
    let Some(policy) = jobs.redrive_policy() else {
        return Evaluation::fail(
            format!("the queue {} has no redrive policy", jobs.name),
            format!("a redrive policy to {}", dead_letters.name),
            jobs.attributes.get("RedrivePolicy").map_or("none", String::as_str),
        )
        .with_next(set_policy(jobs, dead_letters, expected_receives));
    };
    let receives = policy.max_receive_count;
    let evaluation = wrong_target(jobs, dead_letters, &policy)
        .or_else(|| leads_further(dead_letters))
        .or_else(|| refused(jobs, dead_letters))
        .unwrap_or_else(|| match expected_receives.filter(|expected| *expected != receives) {
            Some(expected) => Evaluation::fail(
                format!("maxReceiveCount is {receives}"),
                format!("maxReceiveCount {expected}"),
                receives.to_string(),
            )
            .with_next(set_policy(jobs, dead_letters, expected_receives)),
            None => Evaluation::pass(format!("maxReceiveCount {receives} → {}", dead_letters.name)),
        });
    evaluation
        .with_evidence("maxReceiveCount", receives)
        .with_evidence("deadLetterTargetArn", policy.dead_letter_target_arn)
}

/// Evaluates a queue of which no dead-letter queue is known.
fn alone(jobs: &QueueEvidence) -> Evaluation {
    let found = jobs.attributes.get("RedrivePolicy").filter(|policy| !policy.is_empty());
    let what = match found {
        Some(_) => format!("the redrive policy of {} leads to no queue that is there", jobs.name),
        None => format!("the queue {} has no redrive policy", jobs.name),
    };
    let actual = found.map_or("none", String::as_str);
    Evaluation::fail(what, "a redrive policy that names a dead-letter queue", actual).with_next(
        "create a dead-letter queue beside the jobs queue, and name it in its RedrivePolicy",
    )
}

/// What is wrong with the queue that the policy leads to.
///
/// It has to be another one than the source, of its account and region, and of its kind.
fn wrong_target(
    jobs: &QueueEvidence,
    dead_letters: &QueueEvidence,
    policy: &RedrivePolicy,
) -> Option<Evaluation> {
    let target = &policy.dead_letter_target_arn;
    // The partition, the service, the region and the account.
    let home = |arn: &str| arn.rsplit_once(':').map(|(home, _)| home.to_owned());
    let (what, next) = if target == jobs.arn() {
        (
            format!("the redrive policy of {} leads to the queue itself", jobs.name),
            "name a queue of its own for dead letters in the policy, and in the output".to_owned(),
        )
    } else if home(target) != home(jobs.arn()) {
        (
            format!("the redrive policy of {} leads to another account or region", jobs.name),
            "create a dead-letter queue beside the jobs queue, and name it in the policy"
                .to_owned(),
        )
    } else if target != dead_letters.arn() {
        (
            format!("the redrive policy of {} leads to another queue", jobs.name),
            "make the output and the redrive policy name the same dead-letter queue".to_owned(),
        )
    } else if jobs.is_fifo() != dead_letters.is_fifo() {
        let kind = if jobs.is_fifo() { "FIFO" } else { "standard" };
        (
            format!("{} is a {kind} queue and {} is not", jobs.name, dead_letters.name),
            format!("create a {kind} queue for dead letters, and name it in the policy"),
        )
    } else {
        return None;
    };
    Some(Evaluation::fail(what, dead_letters.arn(), target.clone()).with_next(next))
}

/// That receives from the dead-letter queue move messages on to a third one.
fn leads_further(dead_letters: &QueueEvidence) -> Option<Evaluation> {
    let name = &dead_letters.name;
    let policy = dead_letters.attributes.get("RedrivePolicy");
    let policy = policy.filter(|_| dead_letters.moves_what_is_received())?;
    // An empty text takes the policy away.
    let remove = ["--attributes", r#"{"RedrivePolicy":""}"#];
    let evaluation = Evaluation::fail(
        format!(
            "the dead-letter queue {name} has a redrive policy of its own: looking into it moves messages to a third queue"
        ),
        format!("{name} without a redrive policy"),
        policy.clone(),
    );
    Some(evaluation.with_next(set_attributes(dead_letters, &remove)))
}

/// That the dead-letter queue does not accept the jobs queue as its source.
///
/// SQS refuses such a redrive policy, but the other queue's permission may be changed later.
fn refused(jobs: &QueueEvidence, dead_letters: &QueueEvidence) -> Option<Evaluation> {
    let text = dead_letters.attributes.get("RedriveAllowPolicy").filter(|text| !text.is_empty())?;
    let allows = RedriveAllowPolicy::parse(text).is_ok_and(|policy| policy.allows(jobs.arn()));
    if allows {
        return None;
    }
    let allowed =
        serde_json::json!({"redrivePermission": "byQueue", "sourceQueueArns": [jobs.arn()]});
    let wanted = serde_json::json!({"RedriveAllowPolicy": allowed.to_string()}).to_string();
    let evaluation = Evaluation::fail(
        format!("{} does not accept {} as a source", dead_letters.name, jobs.name),
        format!("a RedriveAllowPolicy that allows {}", jobs.arn()),
        text.clone(),
    );
    Some(evaluation.with_next(set_attributes(dead_letters, &["--attributes", &wanted])))
}

fn set_policy(jobs: &QueueEvidence, dead_letters: &QueueEvidence, receives: Option<u32>) -> String {
    /// What this repository's own stack has.
    const RECEIVES: u32 = 3;
    let max_receive_count = receives.unwrap_or(RECEIVES);
    let policy =
        RedrivePolicy { dead_letter_target_arn: dead_letters.arn().to_owned(), max_receive_count };
    let wanted = serde_json::json!({"RedrivePolicy": policy.to_json()}).to_string();
    set_attributes(jobs, &["--attributes", &wanted])
}

fn set_attributes(queue: &QueueEvidence, attributes: &[&str]) -> String {
    let command = ["sqs", "set-queue-attributes", "--queue-url", &queue.url];
    aws(queue.arn(), &[&command[..], attributes].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn arn(name: &str) -> String {
        format!("arn:aws:sqs:eu-central-1:111111111111:{name}")
    }

    fn queue(name: &str, policy: Option<&str>) -> QueueEvidence {
        let mut attributes = std::collections::BTreeMap::from([("QueueArn".to_owned(), arn(name))]);
        attributes.extend(policy.map(|policy| ("RedrivePolicy".to_owned(), policy.to_owned())));
        QueueEvidence { name: name.to_owned(), url: String::new(), attributes }
    }

    fn verdict(policy: Option<&str>, expected: Option<u32>) -> Verdict {
        evaluate(&queue("jobs", policy), &queue("dlq", None), expected).verdict
    }

    #[test]
    fn the_right_queue_after_any_or_the_expected_count_passes() {
        let policy = Some(
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:111111111111:dlq","maxReceiveCount":3}"#,
        );
        assert_eq!(verdict(policy, None), Verdict::Pass);
        assert_eq!(verdict(policy, Some(3)), Verdict::Pass);
        let as_text = Some(
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:111111111111:dlq","maxReceiveCount":"3"}"#,
        );
        assert_eq!(verdict(as_text, Some(3)), Verdict::Pass);
    }

    #[test]
    fn swapped_outputs_are_said_and_no_command_is_printed() {
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn("d"));
        let (jobs, dead_letters) = (queue("j", Some(&policy)), queue("d", None));
        let evaluation = evaluate(&dead_letters, &jobs, None);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.summary.contains("the queues are swapped"));
        assert!(!evaluation.next.unwrap().contains("aws "));
        assert!(!are_swapped(&jobs, &dead_letters));
        // Each leads to the other: neither is the other's mistake.
        let back = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn("j"));
        assert!(!are_swapped(&queue("d", Some(&back)), &jobs));
    }

    #[test]
    fn one_queue_in_both_outputs_is_said_and_no_command_is_printed() {
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn("d"));
        for queue in [queue("j", Some(&policy)), queue("d", None)] {
            let evaluation = evaluate(&queue, &queue, None);
            assert_eq!(evaluation.verdict, Verdict::Fail);
            assert!(evaluation.summary.contains("both names are of one queue"));
            assert!(!evaluation.next.unwrap().contains("aws "));
        }
        assert!(!are_one(&queue("j", None), &queue("d", None)));
    }

    #[test]
    fn no_policy_another_queue_and_another_count_fail() {
        assert_eq!(verdict(None, None), Verdict::Fail);
        assert_eq!(verdict(Some("{}"), None), Verdict::Fail);
        let other = Some(
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:111111111111:other","maxReceiveCount":3}"#,
        );
        assert_eq!(verdict(other, None), Verdict::Fail);
        let policy = Some(
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:111111111111:dlq","maxReceiveCount":4}"#,
        );
        assert_eq!(verdict(policy, Some(3)), Verdict::Fail);
    }

    fn to(target: &str) -> String {
        RedrivePolicy { dead_letter_target_arn: target.to_owned(), max_receive_count: 3 }.to_json()
    }

    #[test]
    fn a_target_elsewhere_of_another_kind_or_the_source_itself_fails_and_says_so() {
        let other_region = arn("dlq").replace("eu-central-1", "eu-west-1");
        let other_account = arn("dlq").replace("111111111111", "222222222222");
        for (jobs, target, output, said) in [
            ("jobs", arn("jobs"), "jobs", "both names are of one queue"),
            ("jobs", arn("jobs"), "dlq", "the queue itself"),
            ("jobs", other_region, "dlq", "another account or region"),
            ("jobs", other_account, "dlq", "another account or region"),
            ("jobs", arn("dlq.fifo"), "dlq.fifo", "is a standard queue"),
            ("jobs.fifo", arn("dlq"), "dlq", "is a FIFO queue"),
        ] {
            let evaluation = evaluate(&queue(jobs, Some(&to(&target))), &queue(output, None), None);
            assert_eq!(evaluation.verdict, Verdict::Fail, "{said}");
            assert!(evaluation.summary.contains(said), "{}", evaluation.summary);
        }
        let fifo = evaluate(
            &queue("jobs.fifo", Some(&to(&arn("dlq.fifo")))),
            &queue("dlq.fifo", None),
            None,
        );
        assert_eq!(fifo.verdict, Verdict::Pass);
    }

    #[test]
    fn a_dead_letter_queue_that_leads_further_fails_and_an_emptied_policy_does_not() {
        let jobs = queue("jobs", Some(&to(&arn("dlq"))));
        let verdict = |policy: &str| evaluate(&jobs, &queue("dlq", Some(policy)), None).verdict;
        assert_eq!(verdict(&to(&arn("third"))), Verdict::Fail);
        // One that cannot be read moves messages all the same, for all that is known.
        assert_eq!(verdict("{"), Verdict::Fail);
        assert_eq!(verdict(""), Verdict::Pass);
    }

    #[test]
    fn a_dead_letter_queue_has_to_accept_the_jobs_queue() {
        let jobs = queue("jobs", Some(&to(&arn("dlq"))));
        for (policy, expected) in [
            (r#"{"redrivePermission":"allowAll"}"#.to_owned(), Verdict::Pass),
            (r#"{"redrivePermission":"denyAll"}"#.to_owned(), Verdict::Fail),
            (
                format!(
                    r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#,
                    arn("jobs")
                ),
                Verdict::Pass,
            ),
            (
                format!(
                    r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#,
                    arn("other")
                ),
                Verdict::Fail,
            ),
        ] {
            let mut dead_letters = queue("dlq", None);
            dead_letters.attributes.insert("RedriveAllowPolicy".to_owned(), policy.clone());
            let evaluation = evaluate(&jobs, &dead_letters, None);
            assert_eq!(evaluation.verdict, expected, "{policy}");
            assert_eq!(evaluation.next.is_some(), expected == Verdict::Fail);
        }
    }

    #[test]
    fn what_to_do_next_is_a_command_that_sets_it() {
        let next = evaluate(&queue("jobs", None), &queue("dlq", None), Some(4)).next.unwrap();
        assert!(next.starts_with("aws sqs set-queue-attributes --queue-url "), "{next}");
        let words = shlex::split(&next).unwrap();
        let attributes: serde_json::Value = serde_json::from_str(&words[6]).unwrap();
        let policy = attributes["RedrivePolicy"].as_str().unwrap();
        assert_eq!(RedrivePolicy::parse(policy).unwrap().max_receive_count, 4);
        assert_eq!(words[7..], ["--region", "eu-central-1"]);
    }
}
