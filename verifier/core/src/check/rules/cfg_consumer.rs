//! `cfg.consumer`.

use serde_json::{Value, json};

use crate::check::{
    Check, Evaluate, Evaluation, FunctionEvidence, MappingEvidence, Need, QueueEvidence, Severity,
    Verdict,
};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.consumer",
    asserts: "exactly one event source mapping reads the jobs queue, is enabled, takes every message and reports batch item failures; none reads the dead-letter queue",
    severity: Severity::Fail,
    why: "without ReportBatchItemFailures the response of the worker is ignored: failed messages are deleted, or good ones are retried with them; and a filter deletes what it does not match",
    fix: "enable the mapping, set FunctionResponseTypes to ReportBatchItemFailures, and remove filters and other consumers",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_run: true,
    needs: &[Need::DeadLetterMappings],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        let discovered = configuration.discovered;
        configuration.of_jobs(|jobs| {
            configuration.unless_mistaken(|| {
                let evaluation = evaluate(
                    jobs,
                    &discovered.mappings,
                    &discovered.dead_letter_mappings,
                    discovered.worker.as_ref(),
                );
                shared(jobs, evaluation, !discovered.mappings.is_empty(), &discovered.rivals)
            })
        })
    }),
};

/// Evaluates the mappings that read the jobs queue, those that read the dead-letter queue, and the state of the function that the
/// only mapping invokes.
pub fn evaluate(
    jobs: &QueueEvidence,
    mappings: &[MappingEvidence],
    of_dead_letters: &[MappingEvidence],
    worker: Option<&FunctionEvidence>,
) -> Evaluation {
    let name = &jobs.name;
    let evaluation = match mappings {
        [] => Evaluation::fail(
            format!("no event source mapping reads {name}"),
            "one enabled mapping",
            "none",
        )
        .with_next("add an event source mapping from the jobs queue to the worker".to_owned()),
        [mapping] => broken(jobs, mapping)
            .or_else(|| worker.and_then(outdated))
            .or_else(|| of_dead_letters.iter().find_map(|other| drains(jobs, other)))
            .or_else(|| doubtful(jobs, mapping))
            .unwrap_or_else(|| sound(mapping)),
        several => Evaluation::fail(
            format!("{} event source mappings read {name}", several.len()),
            "one",
            several.iter().map(MappingEvidence::function_name).collect::<Vec<_>>().join(", "),
        )
        .with_next(several_mappings(jobs)),
    };
    let shown = |all: &[MappingEvidence]| all.iter().map(shown).collect::<Vec<_>>();
    evaluation
        .with_evidence("mappings", shown(mappings))
        .with_evidence("deadLetterMappings", shown(of_dead_letters))
}

/// The same evaluation, unless functions read the queue beside the one that was named: each takes some of the messages, so that
/// what they do is not seen. Where the named one does not read it (`reads`), they are the only ones.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>, a message goes to one of its consumers.
fn shared(
    jobs: &QueueEvidence,
    evaluation: Evaluation,
    reads: bool,
    rivals: &[MappingEvidence],
) -> Evaluation {
    let names: Vec<&str> = rivals.iter().map(MappingEvidence::function_name).collect();
    if !rivals.is_empty() && !reads {
        let what = format!("the function that is named does not read {}", jobs.name);
        return Evaluation::fail(what, "a mapping to that function", names.join(", "))
            .with_next("name one of those with --function, or leave it out");
    }
    if rivals.is_empty() || evaluation.verdict != Verdict::Pass {
        return evaluation;
    }
    let what = format!(
        "{} is read by {}, too: each takes some of the messages, and what becomes of those is not followed",
        jobs.name,
        names.join(", ")
    );
    let evidence = evaluation.evidence;
    let shared = Evaluation::fail(what, "one mapping that reads the queue", names.join(", "))
        .with_verdict(Verdict::Warn)
        .with_next(several_mappings(jobs));
    Evaluation { evidence, ..shared }
}

/// The mappings that count: one that is disabled reads nothing, so beside another it is none.
pub fn that_read(mappings: Vec<MappingEvidence>) -> Vec<MappingEvidence> {
    let is_off = |mapping: &MappingEvidence| mapping.state == "Disabled";
    if mappings.iter().all(is_off) {
        return mappings;
    }
    mappings.into_iter().filter(|mapping| !is_off(mapping)).collect()
}

fn shown(mapping: &MappingEvidence) -> Value {
    json!({
        "uuid": mapping.uuid,
        "function": mapping.function_name(),
        "state": mapping.state,
        "batchSize": mapping.batch_size,
        "batchingWindowSeconds": mapping.batching_window.as_secs(),
        "functionResponseTypes": mapping.response_types,
        "filters": mapping.filters,
        "lastProcessingResult": mapping.last_processing_result,
        "maximumConcurrency": mapping.maximum_concurrency,
    })
}

fn sound(mapping: &MappingEvidence) -> Evaluation {
    let reports = if mapping.reports_batch_item_failures() {
        "reports batch item failures"
    } else {
        "a message fails with its batch"
    };
    Evaluation::pass(format!(
        "{} {}, batch size {}, {reports}",
        mapping.function_name(),
        mapping.state,
        mapping.batch_size
    ))
}

/// What keeps the mapping from working as it has to.
fn broken(jobs: &QueueEvidence, mapping: &MappingEvidence) -> Option<Evaluation> {
    let queue = &jobs.name;
    if !mapping.is_enabled() {
        let reason = mapping.state_reason.as_deref().filter(|reason| !reason.is_empty());
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let (function, state) = (mapping.function_name(), &mapping.state);
        return Some(
            Evaluation::fail(
                format!("the mapping from {queue} to {function} is {state}{reason}"),
                "Enabled",
                state.clone(),
            )
            .with_next(update(jobs, mapping, &["--enabled"])),
        );
    }
    (mapping.batch_size == 0).then(|| {
        Evaluation::fail("the mapping has no batch size", "a batch size of 1 or more", "0")
            .with_next(update(jobs, mapping, &["--batch-size", "10"]))
    })
}

/// That a function does not run the code that was deployed last, or that this is not known yet.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>.
fn outdated(worker: &FunctionEvidence) -> Option<Evaluation> {
    let name = &worker.name;
    let look = ["lambda", "get-function-configuration", "--function-name", name];
    let look = aws(&worker.arn, &look);
    let because =
        |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let state = worker.state.as_ref().map(|(state, reason)| (state.as_str(), because(reason)));
    let update =
        worker.last_update.as_ref().map(|(state, reason)| (state.as_str(), because(reason)));
    let evaluation = match (state, update) {
        (Some(("Failed", why)), _) => Evaluation::fail(
            format!("the function {name} cannot be invoked, since it is in the state Failed{why}"),
            "Active",
            "Failed",
        ),
        (_, Some(("Failed", why))) => Evaluation::fail(
            format!(
                "the last update of the function {name} failed{why}, so it runs the code from before"
            ),
            "LastUpdateStatus Successful",
            "Failed",
        ),
        (_, Some(("InProgress", _))) => Evaluation::inconclusive(format!(
            "the function {name} is being updated, and which code jobs meet is not known"
        )),
        (Some((state @ ("Pending" | "Inactive"), why)), _) => Evaluation::inconclusive(format!(
            "the function {name} is {state}{why}, and does not take jobs before it is Active"
        )),
        _ => return None,
    };
    Some(evaluation.with_next(look))
}

/// That a mapping reads the dead-letter queue: what fails is taken out before anybody has seen it.
fn drains(jobs: &QueueEvidence, mapping: &MappingEvidence) -> Option<Evaluation> {
    mapping.is_enabled().then(|| {
        let function = mapping.function_name();
        Evaluation::fail(
            format!("the function {function} reads the dead-letter queue"),
            "no mapping on the dead-letter queue",
            format!("{} {}", mapping.uuid, mapping.state),
        )
        .with_next(update(jobs, mapping, &["--no-enabled"]))
    })
}

/// That the answer of the worker says nothing of single messages. One that deletes those itself that it has done, and throws then,
/// does well all the same, as was usual before partial batch responses: what the jobs come to shows that.
fn silent(jobs: &QueueEvidence, mapping: &MappingEvidence) -> Option<Evaluation> {
    // The answer of one message's batch says nothing that its end does not.
    let is_silent = !mapping.reports_batch_item_failures() && mapping.batch_size != 1;
    let report = ["--function-response-types", "ReportBatchItemFailures"];
    let evaluation = || {
        Evaluation::fail(
            "the mapping does not report batch item failures: the worker has to delete each message itself that it has done",
            "FunctionResponseTypes [ReportBatchItemFailures]",
            format!("[{}]", mapping.response_types.join(", ")),
        )
        .with_verdict(Verdict::Warn)
        .with_next(update(jobs, mapping, &report))
    };
    is_silent.then(evaluation)
}

/// What may keep jobs from being worked on.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html>: SQS messages that match no filter are
/// deleted.
fn doubtful(jobs: &QueueEvidence, mapping: &MappingEvidence) -> Option<Evaluation> {
    if let Some(silent) = silent(jobs, mapping) {
        return Some(silent);
    }
    let (what, expected, actual, next) = if let Some(error) = &mapping.filters_error {
        (
            format!("the mapping has filters that cannot be read: {error}"),
            "no filter",
            error.clone(),
            update(jobs, mapping, &["--filter-criteria", "{}"]),
        )
    } else if !mapping.filters.is_empty() {
        let filters = mapping.filters.join(" or ");
        (
            format!(
                "the mapping takes only messages that match {filters}; others are deleted unseen"
            ),
            "no filter",
            filters,
            update(jobs, mapping, &["--filter-criteria", "{}"]),
        )
    } else {
        let problem = mapping.last_processing_result.as_deref();
        let problem = problem.filter(|result| result.starts_with("PROBLEM"))?;
        let uuid = ["lambda", "get-event-source-mapping", "--uuid", &mapping.uuid];
        (
            format!("the mapping's last poll came to nothing: {problem}"),
            "OK",
            problem.to_owned(),
            aws(jobs.arn(), &uuid),
        )
    };
    let evaluation = Evaluation::fail(what, expected, actual);
    Some(evaluation.with_verdict(Verdict::Warn).with_next(next))
}

fn update(jobs: &QueueEvidence, mapping: &MappingEvidence, change: &[&str]) -> String {
    let command = ["lambda", "update-event-source-mapping", "--uuid", &mapping.uuid];
    aws(jobs.arn(), &[&command[..], change].concat())
}

fn several_mappings(jobs: &QueueEvidence) -> String {
    let list = ["lambda", "list-event-source-mappings", "--event-source-arn", jobs.arn()];
    format!("delete those that do not belong to this stack, of: {}", aws(jobs.arn(), &list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> MappingEvidence {
        MappingEvidence {
            state: "Enabled".to_owned(),
            response_types: vec!["ReportBatchItemFailures".to_owned()],
            batch_size: 5,
            ..MappingEvidence::default()
        }
    }

    fn verdict(mappings: &[MappingEvidence]) -> Verdict {
        evaluate(&QueueEvidence::default(), mappings, &[], None).verdict
    }

    #[test]
    fn one_enabled_reporting_mapping_passes() {
        assert_eq!(verdict(&[mapping()]), Verdict::Pass);
    }

    #[test]
    fn none_two_and_a_disabled_one_fail_and_a_silent_one_warns() {
        let disabled = MappingEvidence { state: "Disabled".to_owned(), ..mapping() };
        let silent = MappingEvidence { response_types: Vec::new(), ..mapping() };
        assert_eq!(verdict(&[]), Verdict::Fail);
        assert_eq!(verdict(&[mapping(), mapping()]), Verdict::Fail);
        assert_eq!(verdict(&[disabled]), Verdict::Fail);
        assert_eq!(verdict(std::slice::from_ref(&silent)), Verdict::Warn);
        let off = MappingEvidence { state: "Disabled".to_owned(), ..silent.clone() };
        assert_eq!(verdict(&[off]), Verdict::Fail);
        // Alone in its batch, a message is failed by an error, and by nothing else.
        assert_eq!(verdict(&[MappingEvidence { batch_size: 1, ..silent }]), Verdict::Pass);
    }

    #[test]
    fn a_function_runs_the_code_that_was_deployed_last() {
        let of = |state: Option<&str>, update: Option<&str>| {
            let with = |text: &str| (text.to_owned(), "why".to_owned());
            let worker = FunctionEvidence {
                name: "w".to_owned(),
                state: state.map(with),
                last_update: update.map(with),
                ..FunctionEvidence::default()
            };
            evaluate(&QueueEvidence::default(), &[mapping()], &[], Some(&worker)).verdict
        };
        for sound in [(None, None), (Some("Active"), Some("Successful")), (Some("Active"), None)] {
            assert_eq!(of(sound.0, sound.1), Verdict::Pass, "{sound:?}");
        }
        assert_eq!(of(Some("Active"), Some("Failed")), Verdict::Fail);
        assert_eq!(of(Some("Failed"), Some("Successful")), Verdict::Fail);
        assert_eq!(of(Some("Active"), Some("InProgress")), Verdict::Inconclusive);
        assert_eq!(of(Some("Inactive"), Some("Successful")), Verdict::Inconclusive);
        assert_eq!(of(Some("Pending"), None), Verdict::Inconclusive);
    }

    #[test]
    fn one_that_is_disabled_beside_another_reads_nothing() {
        let disabled =
            MappingEvidence { state: "Disabled".to_owned(), uuid: "d".to_owned(), ..mapping() };
        assert_eq!(that_read(vec![mapping(), disabled.clone()]), [mapping()]);
        assert_eq!(that_read(vec![mapping(), mapping()]).len(), 2);
        // The only one is reported, and so are several of which none reads.
        assert_eq!(that_read(vec![disabled.clone()]).len(), 1);
        assert_eq!(that_read(vec![disabled.clone(), disabled]).len(), 2);
    }

    #[test]
    fn states_between_are_evaluated_by_where_they_lead() {
        let in_state =
            |state: &str| verdict(&[MappingEvidence { state: state.to_owned(), ..mapping() }]);
        for state in ["Creating", "Enabling", "Updating"] {
            assert_eq!(in_state(state), Verdict::Pass, "{state}");
        }
        for state in ["Disabling", "Deleting", ""] {
            assert_eq!(in_state(state), Verdict::Fail, "{state}");
        }
        assert_eq!(verdict(&[MappingEvidence { batch_size: 0, ..mapping() }]), Verdict::Fail);
        assert_eq!(verdict(&[MappingEvidence { batch_size: 1, ..mapping() }]), Verdict::Pass);
    }

    #[test]
    fn filters_and_problems_warn_and_an_ordinary_result_does_not() {
        let filter = r#"{"body":{"kind":["a"]}}"#.to_owned();
        let filtering = MappingEvidence { filters: vec![filter], ..mapping() };
        let evaluation = evaluate(&QueueEvidence::default(), &[filtering], &[], None);
        assert_eq!(evaluation.verdict, Verdict::Warn);
        assert!(
            evaluation.summary.contains(r#"{"body":{"kind":["a"]}}"#),
            "{}",
            evaluation.summary
        );
        assert!(evaluation.next.unwrap().contains("--filter-criteria '{}'"));
        let unread = MappingEvidence { filters_error: Some("KMS".to_owned()), ..mapping() };
        assert_eq!(verdict(&[unread]), Verdict::Warn);
        let came_to = |result: &str| {
            let last_processing_result = Some(result.to_owned());
            verdict(&[MappingEvidence { last_processing_result, ..mapping() }])
        };
        assert_eq!(came_to("PROBLEM: Function call failed"), Verdict::Warn);
        assert_eq!(came_to("No records processed"), Verdict::Pass);
        assert_eq!(came_to("OK"), Verdict::Pass);
    }

    #[test]
    fn whoever_reads_the_dead_letter_queue_fails_unless_it_is_switched_off() {
        let other = |state: &str| MappingEvidence {
            uuid: "u-2".to_owned(),
            state: state.to_owned(),
            function_arn: "arn:aws:lambda:eu-central-1:1:function:drain:live".to_owned(),
            ..MappingEvidence::default()
        };
        let evaluated =
            |state: &str| evaluate(&QueueEvidence::default(), &[mapping()], &[other(state)], None);
        assert_eq!(evaluated("Disabled").verdict, Verdict::Pass);
        let drained = evaluated("Enabled");
        assert_eq!(drained.verdict, Verdict::Fail);
        assert!(drained.summary.contains("the function drain reads"), "{}", drained.summary);
        assert!(drained.next.unwrap().contains("--uuid u-2 --no-enabled"));
    }
}
