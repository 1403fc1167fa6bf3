//! `cfg.visibility`.

use std::time::Duration;

use crate::check::{
    Check, Evaluate, Evaluation, FunctionEvidence, MappingEvidence, QueueEvidence, Severity,
    Verdict, no_consumer,
};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.visibility",
    asserts: "the jobs queue's visibility timeout is at least six times the worker's timeout plus the batching window",
    severity: Severity::Fail,
    why: "a message that becomes visible while its batch is still being worked on, or retried after throttling, is received twice and dead-lettered early",
    fix: "raise the queue's visibility timeout, or lower the worker's timeout or the mapping's batching window",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| match &configuration.discovered.jobs {
        Some(jobs) => configuration.of_consumer(|mapping, worker| evaluate(jobs, mapping, worker)),
        None => no_consumer(),
    }),
};

/// Evaluates the visibility timeout against AWS's advice.
pub fn evaluate(
    jobs: &QueueEvidence,
    mapping: &MappingEvidence,
    worker: &FunctionEvidence,
) -> Evaluation {
    let Some(visibility) = jobs.visibility_timeout() else {
        return Evaluation::inconclusive(format!(
            "the visibility timeout of {} is not known",
            jobs.name
        ));
    };
    let advised = worker.timeout * 6 + mapping.batching_window;
    let (actual, wanted) = (visibility.as_secs(), advised.as_secs());
    let formula = format!(
        "6 × {} s worker timeout + {} s batching window",
        worker.timeout.as_secs(),
        mapping.batching_window.as_secs()
    );
    let evaluation = if visibility >= advised {
        Evaluation::pass(format!("{actual} s ≥ {wanted} s ({formula})"))
    } else {
        // Below the function's own timeout every slow message is received twice. Lambda refuses to create such a mapping, but a
        // timeout that is changed later is not refused.
        let is_below = visibility < worker.timeout;
        let below = if is_below { ", even below the worker's timeout" } else { "" };
        let attribute = format!("VisibilityTimeout={wanted}");
        let command = ["sqs", "set-queue-attributes", "--queue-url", &jobs.url];
        Evaluation::fail(
            format!("the visibility timeout is {actual} s{below}"),
            format!("at least {wanted} s ({formula})"),
            format!("{actual} s"),
        )
        .with_verdict(if is_below { Verdict::Fail } else { Verdict::Warn })
        .with_next(aws(jobs.arn(), &[&command[..], &["--attributes", &attribute]].concat()))
    };
    evaluation
        .with_evidence("visibilityTimeoutSeconds", seconds(visibility))
        .with_evidence("workerTimeoutSeconds", seconds(worker.timeout))
        .with_evidence("batchingWindowSeconds", seconds(mapping.batching_window))
        .with_evidence("advisedSeconds", wanted)
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(visibility: &str, timeout: u64, window: u64) -> Verdict {
        let jobs = QueueEvidence {
            attributes: [("VisibilityTimeout".to_owned(), visibility.to_owned())].into(),
            ..QueueEvidence::default()
        };
        let mapping = MappingEvidence {
            batching_window: Duration::from_secs(window),
            ..MappingEvidence::default()
        };
        let worker = FunctionEvidence {
            timeout: Duration::from_secs(timeout),
            ..FunctionEvidence::default()
        };
        evaluate(&jobs, &mapping, &worker).verdict
    }

    #[test]
    fn the_boundary_passes_a_second_less_warns_and_below_the_workers_timeout_it_fails() {
        assert_eq!(verdict("55", 9, 1), Verdict::Pass);
        assert_eq!(verdict("54", 9, 1), Verdict::Warn);
        assert_eq!(verdict("9", 9, 1), Verdict::Warn);
        assert_eq!(verdict("8", 9, 1), Verdict::Fail);
        assert_eq!(verdict("0", 9, 1), Verdict::Fail);
        assert_eq!(verdict("", 9, 1), Verdict::Inconclusive);
    }
}
