//! `cfg.retention`.

use std::time::Duration;

use crate::check::{Check, Evaluate, Evaluation, QueueEvidence, Severity, age_in_words};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.retention",
    asserts: "the jobs queue keeps messages until their retries are over, and the dead-letter queue keeps them longer than the jobs queue does",
    severity: Severity::Fail,
    why: "a message that expires during its retries is gone without a trace; and on a standard queue a message's age goes on from its first enqueue, so one that was retried for long expires as soon as it is dead-lettered, before an operator has looked",
    fix: "raise the jobs queue's MessageRetentionPeriod above maxReceiveCount visibility timeouts, and the dead-letter queue's above the jobs queue's; the most is 14 days",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        configuration.of_queues(|jobs, dead_letters| {
            configuration
                .unless_mistaken(|| evaluate(jobs, dead_letters, configuration.batching_window()))
        })
    }),
};

/// How long a queue keeps messages where nobody says.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
const DEFAULT: Duration = Duration::from_hours(96);
/// The shortest that a queue can be told to keep messages.
const LEAST: Duration = Duration::from_mins(1);
/// The longest that a queue keeps messages.
const MOST: Duration = Duration::from_hours(336);

/// Evaluates how long the two queues keep messages. `batching_window` is how long the consumer gathers a batch.
pub fn evaluate(
    jobs: &QueueEvidence,
    dead_letters: &QueueEvidence,
    batching_window: Duration,
) -> Evaluation {
    let (Some(source), Some(target)) = (jobs.retention(), dead_letters.retention()) else {
        return Evaluation::inconclusive(format!(
            "the retention of {} or of {} is not known",
            jobs.name, dead_letters.name
        ));
    };
    let retries = retries(jobs, batching_window);
    let (kept, dead) = (age_in_words(source), age_in_words(target));
    let evaluation = if let Some((needed, formula)) =
        retries.clone().filter(|(needed, _)| source <= *needed)
    {
        Evaluation::fail(
            format!(
                "the jobs queue keeps messages for {} s, and a failing one is retried for {} s",
                source.as_secs(),
                needed.as_secs()
            ),
            format!("more than {} s ({formula})", needed.as_secs()),
            format!("{} s", source.as_secs()),
        )
        .with_next(outlasting(jobs, dead_letters, needed))
    } else if jobs.is_fifo() {
        // A FIFO queue's messages begin a new life in the dead-letter queue.
        Evaluation::pass(format!("{dead}, counted again from when a FIFO queue's message arrives"))
    } else if target > source {
        Evaluation::pass(format!("{dead} in the dead-letter queue, {kept} in the jobs queue"))
    } else {
        Evaluation::fail(
            format!(
                "the dead-letter queue keeps messages for {dead}, and the jobs queue for {kept}"
            ),
            format!("more than {} s", source.as_secs()),
            format!("{} s", target.as_secs()),
        )
        .with_next(if source < MOST {
            keep(dead_letters, MOST)
        } else {
            // There is nothing above it.
            shorten(jobs, retries.map_or(Duration::ZERO, |(needed, _)| needed))
        })
    };
    evaluation
        .with_evidence("jobsRetentionSeconds", source.as_secs())
        .with_evidence("deadLetterRetentionSeconds", target.as_secs())
}

/// How long a message that always fails stays in the jobs queue, and how that is computed; `None` without a redrive policy.
fn retries(jobs: &QueueEvidence, batching_window: Duration) -> Option<(Duration, String)> {
    let receives = jobs.redrive_policy()?.max_receive_count;
    let visibility = jobs.visibility_timeout()?;
    let needed = visibility * receives + jobs.delay() + batching_window;
    let formula = format!(
        "{receives} receives × {} s visibility timeout + {} s delay + {} s batching window",
        visibility.as_secs(),
        jobs.delay().as_secs(),
        batching_window.as_secs()
    );
    Some((needed, formula))
}

/// What lets the jobs queue keep messages for longer than they are retried, and the dead-letter queue for longer still.
/// Neither gets shorter.
fn outlasting(jobs: &QueueEvidence, dead_letters: &QueueEvidence, needed: Duration) -> String {
    let second = Duration::from_secs(1);
    let least = (needed + second).max(LEAST);
    let target = dead_letters.retention().unwrap_or(MOST);
    // A FIFO queue's messages begin a new life in the dead-letter queue.
    let bound = if jobs.is_fifo() { MOST } else { MOST.saturating_sub(second) };
    if least > bound {
        return format!("lower maxReceiveCount or the visibility timeout of {}", jobs.name);
    }
    let wanted = if least <= DEFAULT { DEFAULT } else { least };
    if jobs.is_fifo() || wanted < target {
        keep(jobs, wanted)
    } else if least < target {
        keep(jobs, target.saturating_sub(second))
    } else {
        format!("{} && {}", keep(dead_letters, MOST), keep(jobs, wanted))
    }
}

/// What to do about a jobs queue that keeps messages as long as any can, which takes what is older from it.
fn shorten(jobs: &QueueEvidence, needed: Duration) -> String {
    let least = needed.as_secs() + 1;
    let look = ["sqs", "get-queue-attributes", "--queue-url", &jobs.url, "--attribute-names"];
    let look = aws(jobs.arn(), &[&look[..], &["ApproximateNumberOfMessages"]].concat());
    format!(
        "lower MessageRetentionPeriod of {} below {} s, but not below {least} s: SQS deletes what is older then, so look first how much there is: {look}",
        jobs.name,
        MOST.as_secs()
    )
}

fn keep(queue: &QueueEvidence, retention: Duration) -> String {
    let attribute = format!("MessageRetentionPeriod={}", retention.as_secs());
    let command = ["sqs", "set-queue-attributes", "--queue-url", &queue.url];
    aws(queue.arn(), &[&command[..], &["--attributes", &attribute]].concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::check::Verdict;

    fn queue(name: &str, seconds: &str) -> QueueEvidence {
        QueueEvidence {
            name: name.to_owned(),
            attributes: [("MessageRetentionPeriod".to_owned(), seconds.to_owned())].into(),
            ..QueueEvidence::default()
        }
    }

    fn verdict(jobs: &str, dead_letters: &str) -> Verdict {
        evaluate(&queue("jobs", jobs), &queue("dlq", dead_letters), Duration::ZERO).verdict
    }

    #[test]
    fn longer_passes_and_as_long_fails() {
        assert_eq!(verdict("345600", "1209600"), Verdict::Pass);
        assert_eq!(verdict("345600", "345601"), Verdict::Pass);
        assert_eq!(verdict("345600", "345600"), Verdict::Fail);
        assert_eq!(verdict("345600", "60"), Verdict::Fail);
        assert_eq!(verdict("345600", ""), Verdict::Inconclusive);
    }

    #[test]
    fn a_fifo_queues_messages_begin_anew() {
        let evaluation =
            evaluate(&queue("jobs.fifo", "345600"), &queue("dlq.fifo", "345600"), Duration::ZERO);
        assert_eq!(evaluation.verdict, Verdict::Pass);
    }

    fn retried(retention: u64, delay: u64, window: u64, name: &str) -> Evaluation {
        let mut jobs = queue(name, &retention.to_string());
        for (attribute, value) in [
            ("VisibilityTimeout", "60".to_owned()),
            ("DelaySeconds", delay.to_string()),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:d","maxReceiveCount":3}"#.to_owned()),
        ] {
            jobs.attributes.insert(attribute.to_owned(), value);
        }
        evaluate(&jobs, &queue("dlq", "1209600"), Duration::from_secs(window))
    }

    #[test]
    fn a_retention_has_to_outlast_the_retries_of_either_kind_of_queue() {
        for name in ["jobs", "jobs.fifo"] {
            for (retention, delay, window, expected) in [
                (150, 0, 0, Verdict::Fail),
                (180, 0, 0, Verdict::Fail),
                (181, 0, 0, Verdict::Pass),
                (181, 0, 1, Verdict::Fail),
                (182, 0, 1, Verdict::Pass),
                (300, 120, 1, Verdict::Fail),
                (302, 120, 1, Verdict::Pass),
            ] {
                let evaluation = retried(retention, delay, window, name);
                assert_eq!(evaluation.verdict, expected, "{retention} {delay} {window}");
            }
        }
        assert!(retried(150, 0, 0, "jobs").next.unwrap().contains("MessageRetentionPeriod=345600"));
    }

    /// The retentions of both queues after the commands of a suggestion, in which queues have their names as URLs.
    fn followed(next: &str, mut kept: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        for command in next.split(" && ") {
            let words = shlex::split(command).unwrap();
            let behind = |option: &str| {
                words.iter().position(|word| word == option).map(|at| words[at + 1].as_str())
            };
            let seconds = behind("--attributes")
                .and_then(|text| text.strip_prefix("MessageRetentionPeriod="));
            let (queue, seconds) =
                (behind("--queue-url").unwrap(), seconds.unwrap().parse().unwrap());
            let before = kept.insert(queue.to_owned(), seconds);
            assert!(before.unwrap() <= seconds, "{next} shortens {queue}");
        }
        kept
    }

    #[test]
    fn what_is_suggested_ends_the_finding_and_shortens_nothing() {
        let queue = |name: &str, seconds: u64| QueueEvidence {
            url: name.to_owned(),
            ..queue(name, &seconds.to_string())
        };
        for name in ["jobs", "jobs.fifo"] {
            for (visibility, receives) in [(60, 3), (43_200, 1), (43_200, 10), (43_200, 27)] {
                for kept in [60, 150, 345_600, 600_000, 1_209_599, 1_209_600] {
                    for dead in [60, 61, 200, 345_600, 345_601, 600_000, 1_209_600] {
                        let of = |kept, dead| {
                            let mut jobs = queue(name, kept);
                            let policy = format!(
                                r#"{{"deadLetterTargetArn":"arn:d","maxReceiveCount":{receives}}}"#
                            );
                            jobs.attributes.insert("RedrivePolicy".to_owned(), policy);
                            jobs.attributes
                                .insert("VisibilityTimeout".to_owned(), visibility.to_string());
                            evaluate(&jobs, &queue("dlq", dead), Duration::ZERO)
                        };
                        let evaluation = of(kept, dead);
                        let Some(next) =
                            evaluation.next.filter(|_| evaluation.verdict == Verdict::Fail)
                        else {
                            continue;
                        };
                        if next.starts_with("lower MessageRetentionPeriod") {
                            assert_eq!(kept, 1_209_600);
                            assert!(next.contains("SQS deletes what is older"), "{next}");
                            continue;
                        }
                        let after = followed(
                            &next,
                            [(name.to_owned(), kept), ("dlq".to_owned(), dead)].into(),
                        );
                        let after = of(after[name], after["dlq"]);
                        assert_eq!(
                            after.verdict,
                            Verdict::Pass,
                            "{name} {kept} {dead}: {next}: {}",
                            after.summary
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_no_retention_outlasts_is_said() {
        let mut jobs = queue("jobs", "1209600");
        for (attribute, value) in [
            ("VisibilityTimeout", "43200"),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:d","maxReceiveCount":28}"#),
        ] {
            jobs.attributes.insert(attribute.to_owned(), value.to_owned());
        }
        let next = evaluate(&jobs, &queue("dlq", "1209600"), Duration::ZERO).next.unwrap();
        assert!(next.starts_with("lower maxReceiveCount"), "{next}");
    }
}
