//! Stacks whose submitter puts on the queue what it should not, or answers otherwise than it does.

use serde_json::json;

use super::mutant::Mutant;
use super::sound::{TEXT_OF_RUN, TEXT_WITHOUT_COUNT};

type Checks = &'static [(&'static str, &'static str)];

fn submitter(name: &'static str, words: &'static str, code: i32, expected: Checks) -> Mutant {
    // Where the API does not name its messages, the run ends while the failing jobs may be at the worker for the first time.
    let also = [
        ("clean.leftovers", "warn"),
        ("dlq.attempts", "warn"),
        ("dlq.attempts", "inconclusive"),
        ("dlq.others", "info"),
    ];
    Mutant::new(name).with_submitter(words).expect(code, expected).or_also(&also)
}

pub(crate) fn mutants() -> Vec<Mutant> {
    let rare = [refusals(), answers()].concat().into_iter().map(Mutant::rare);
    [sends(), unnamed(), renamed(), enqueued(), rewritten(), rare.collect()].concat()
}

/// What becomes of jobs.
fn sends() -> Vec<Mutant> {
    let twice: Checks = &[("job.success", "fail"), ("dlq.arrival", "fail")];
    vec![
        submitter("every job is sent twice", "twice", 1, twice).varies(),
        submitter("good jobs are sent twice", "good-twice", 1, &[("job.success", "fail")]).varies(),
        submitter("the failing job is sent twice", "failing-twice", 1, &[("dlq.arrival", "fail")])
            .varies(),
        submitter(
            "good jobs are sent again a little later",
            "good-twice=30",
            1,
            &[("job.success", "fail")],
        )
        .varies(),
        submitter(
            "good jobs are sent again much later",
            "good-twice=900",
            3,
            &[("api.reject", "inconclusive"), ("clean.leftovers", "warn")],
        )
        .varies(),
        submitter(
            "the failing job is sent again much later",
            "failing-twice=900",
            3,
            &[("api.reject", "inconclusive"), ("clean.leftovers", "warn")],
        )
        .varies(),
        submitter(
            "good jobs are sent late",
            "good-delay=900",
            3,
            &[("job.success", "inconclusive")],
        )
        .varies(),
        submitter(
            "the failing job is sent late",
            "failing-delay=900",
            3,
            &[("dlq.attempts", "inconclusive"), ("dlq.arrival", "inconclusive")],
        )
        .varies(),
        submitter(
            "jobs are wrapped",
            "wrapped-jobs",
            1,
            &[("job.success", "fail"), ("dlq.arrival", "fail")],
        )
        .varies(),
        submitter("jobs are changed", "changed", 1, &[("dlq.arrival", "fail")]),
        submitter(
            "jobs are enqueued and answered 503",
            "first=503 retry-after=1 enqueues-first",
            1,
            &[("job.accept", "fail")],
        ),
        submitter(
            "the message of the job before is named",
            "tells=the-one-before",
            1,
            &[("job.accept", "fail"), ("job.success", "fail")],
        )
        .or_also(&[("job.isolation", "fail"), ("dlq.attempts", "fail"), ("dlq.arrival", "fail")])
        .varies(),
        submitter("good jobs go to the DLQ", "good-dead", 1, &[("job.success", "fail")]),
        submitter("the failing job goes to the DLQ", "failing-dead", 1, &[("dlq.arrival", "fail")]),
        submitter(
            "jobs go to the DLQ as well",
            "copied",
            1,
            &[("job.success", "fail"), ("dlq.arrival", "fail")],
        ),
        submitter(
            "the failing job is never sent",
            "failing-dropped",
            1,
            &[("dlq.arrival", "fail")],
        )
        // One message is named for both failing jobs.
        .or_also(&[("job.accept", "fail")]),
        submitter(
            "good jobs are never sent",
            "good-dropped",
            1,
            &[("job.accept", "fail"), ("job.success", "fail")],
        ),
    ]
}

/// Jobs that are sent twice, which lines do not tell from others.
fn unnamed() -> Vec<Mutant> {
    vec![
        // Their lines do not tell a second message of a job from others that carry the run's id.
        submitter(
            "good jobs are sent twice, and lines name no job",
            "good-twice",
            3,
            &[("job.success", "inconclusive")],
        )
        .with_worker("without=jobId")
        .varies(),
        submitter(
            "good jobs are sent twice to a worker that knows its jobs",
            "good-twice",
            3,
            &[("api.reject", "inconclusive")],
        )
        .or_also(&[("job.isolation", "inconclusive"), ("job.success", "inconclusive")])
        // Another environment may be handed the copy first, and do it in place of the message that the API named.
        .or_else(1, &[("api.reject", "inconclusive"), ("job.success", "fail")])
        .with_worker("knows-jobs")
        .varies(),
        // The copy of the failing job has its name.
        submitter(
            "every job is sent again under another id",
            "renamed",
            1,
            &[("dlq.arrival", "fail")],
        )
        .or_also(&[("job.success", "inconclusive"), ("api.reject", "inconclusive")])
        .varies(),
        submitter(
            "good jobs are sent again under another id",
            "good-renamed",
            3,
            &[("job.success", "inconclusive")],
        )
        .or_also(&[("api.reject", "inconclusive")])
        .varies(),
        submitter(
            "every job is sent again under no id, and lines have no sizes",
            "renamed unnamed",
            1,
            &[("dlq.arrival", "fail")],
        )
        .or_also(&[("job.success", "inconclusive"), ("api.reject", "inconclusive")])
        .with_worker("without=batchSize")
        .varies(),
    ]
}

/// Jobs that are sent again under another id, or none, and done twice.
fn renamed() -> Vec<Mutant> {
    let open = |name, words| {
        submitter(name, words, 3, &[("job.success", "inconclusive")])
            .or_also(&[("api.reject", "inconclusive"), ("api.reject", "warn")])
            .varies()
    };
    let doubted = |name, words| {
        submitter(name, words, 0, &[("job.success", "warn")])
            .or_else(3, &[("job.success", "inconclusive")])
            .or_also(&[("api.reject", "inconclusive"), ("api.reject", "warn")])
            .varies()
    };
    vec![
        open("good jobs are sent again under another id, and lines are text", "good-renamed")
            .with_worker("shape=text-without-count")
            .with_settings(TEXT_WITHOUT_COUNT),
        open("good jobs are sent again under no id, and lines are text", "good-renamed unnamed")
            .with_worker("shape=text-without-count")
            .with_settings(TEXT_WITHOUT_COUNT),
        open("good jobs are sent again under no run, and lines are text", "good-renamed unnamed")
            .with_worker("shape=text-of-run")
            .with_settings(TEXT_OF_RUN),
        doubted("a good job is sent again under another id", "good-renamed=good-2"),
        doubted(
            "some good jobs are sent again under another id and the run's",
            "good-renamed=1,2,5,7 of-the-run",
        ),
        doubted("alone: good jobs are sent again under another id", "good-renamed")
            .with_batches_of(1),
        doubted(
            "alone: good jobs are sent again under no id, and lines are text",
            "good-renamed unnamed",
        )
        .with_worker("shape=text-without-count")
        .with_settings(TEXT_WITHOUT_COUNT)
        .with_batches_of(1),
        Mutant::new("good jobs are sent to the DLQ as well, under other ids")
            .with_submitter("good-renamed to-the-dlq")
            .expect(1, &[("job.success", "fail"), ("clean.leftovers", "warn")]),
        submitter(
            "good jobs are sent to the DLQ as well, under ids made of theirs",
            "good-renamed to-the-dlq derived of-the-run",
            1,
            &[("job.success", "fail")],
        ),
        doubted(
            "good jobs are sent again on another queue of the worker's",
            "good-renamed to-audits",
        )
        .with_worker("audits-logged")
        .with_audits(),
    ]
}

/// Bodies that are refused and put on the queue all the same.
fn enqueued() -> Vec<Mutant> {
    let reject: Checks = &[("api.reject", "fail")];
    let lax = |name, words| submitter(name, words, 1, reject).varies();
    vec![
        lax("refused bodies are enqueued", "enqueues=refused"),
        lax("a malformed body is enqueued", "enqueues=malformed"),
        lax("a body without a task is enqueued", "enqueues=missing-task"),
        lax("a body with a task of a wrong type is enqueued", "enqueues=wrong-type"),
        // They may as well be notes of what was refused.
        submitter(
            "refused bodies are sent to another queue",
            "enqueues=refused to-audits",
            3,
            &[("api.reject", "inconclusive")],
        )
        .varies()
        .with_another_queue(),
        // They may as well be results.
        Mutant::new("jobs are sent to another queue, too")
            .with_submitter("audits=same")
            .with_another_queue()
            .with_arguments(&["--strict"])
            .expect(1, &[("job.success", "warn")]),
        Mutant::new("jobs are sent to another queue's dead-letter queue, too")
            .with_submitter("audits=same")
            .with_another_queue()
            .with_change(|changes| {
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                let another = json!({"Fn::GetAtt": ["Another", "Arn"]});
                let policy = json!({"deadLetterTargetArn": another, "maxReceiveCount": 3});
                let source =
                    json!({"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": policy}});
                resources.insert("SourceOfAnother".to_owned(), source);
            })
            .expect(0, &[("job.success", "warn")]),
        Mutant::new("jobs are sent to a queue whose mapping is disabled, too")
            .with_submitter("audits=same")
            .with_another_queue()
            .with_change(|changes| {
                let mut mapping = changes.mapping().clone();
                mapping["EventSourceArn"] = json!({"Fn::GetAtt": ["Another", "Arn"]});
                mapping["Enabled"] = false.into();
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                resources["Another"]["Properties"]["VisibilityTimeout"] = 60.into();
                let mapping =
                    json!({"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping});
                resources.insert("MappingOfAnother".to_owned(), mapping);
            })
            .expect(0, &[("job.success", "warn")]),
        lax("refused bodies are enqueued with a delay", "enqueues=refused later=300"),
        lax("refused bodies are enqueued wrapped", "enqueues=refused wrapped"),
        lax("refused bodies are enqueued encoded", "enqueues=refused encoded"),
        lax("refused bodies are enqueued without a name", "enqueues=refused named"),
        lax("refused bodies are enqueued encoded, later", "enqueues=refused encoded later=600"),
        lax("refused bodies are enqueued as jobs of their own", "enqueues=refused as-jobs"),
        lax(
            "refused bodies are enqueued much later as jobs, under ids made of theirs",
            "enqueues=refused as-jobs derived later=30",
        ),
        lax("one refused body is enqueued as a job of its own", "enqueues=missing-task as-jobs"),
        lax(
            "refused bodies are jobs of their own, and lines have no sizes",
            "enqueues=refused as-jobs",
        )
        .with_worker("without=batchSize"),
        lax("refused bodies go to the DLQ", "enqueues=refused to-the-dlq"),
        lax("refused bodies go to the DLQ wrapped", "enqueues=refused to-the-dlq wrapped"),
        lax("refused bodies are enqueued and swallowed", "enqueues=refused")
            .with_worker("swallows-what-is-no-job"),
        lax("refused bodies are enqueued encoded and swallowed", "enqueues=refused encoded")
            .with_worker("swallows-what-is-no-job"),
        lax("one refused body is enqueued and swallowed", "enqueues=wrong-type encoded")
            .with_worker("swallows-what-is-no-job"),
        lax("refused bodies are swallowed, and lines have no sizes", "enqueues=refused")
            .with_worker("swallows-what-is-no-job without=batchSize"),
        lax(
            "refused bodies are swallowed in batches of ten, and lines are text",
            "enqueues=refused",
        )
        .with_worker("swallows-what-is-no-job shape=text-without-count")
        .with_settings(TEXT_WITHOUT_COUNT)
        .with_batches_of(10),
        lax("refused bodies are enqueued a second later and swallowed", "enqueues=refused later=1")
            .with_worker("swallows-what-is-no-job without=batchSize"),
    ]
}

/// Those where lines, or the time, do not tell as much.
fn rewritten() -> Vec<Mutant> {
    let lax = |name, words| submitter(name, words, 1, &[("api.reject", "fail")]).varies();
    let text = |name, words| {
        lax(name, words).with_worker("shape=text-without-count").with_settings(TEXT_WITHOUT_COUNT)
    };
    vec![
        text(
            "refused bodies are jobs of their own, and lines are text",
            "enqueues=refused as-jobs",
        ),
        text(
            "refused bodies are jobs without an id, and lines are text",
            "enqueues=refused as-jobs unnamed",
        ),
        lax(
            "refused bodies are jobs of no run, and lines are text",
            "enqueues=refused as-jobs unnamed",
        )
        .with_worker("shape=text-of-run")
        .with_settings(TEXT_OF_RUN),
        text(
            "alone: refused bodies are jobs of their own, and lines are text",
            "enqueues=refused as-jobs",
        )
        .with_batches_of(1),
        submitter(
            "refused bodies are enqueued as jobs of their own at first alone",
            "enqueues=refused as-jobs once",
            3,
            &[("api.reject", "inconclusive")],
        )
        .or_also(&[("job.success", "warn"), ("job.success", "inconclusive")])
        .varies(),
        submitter(
            "refused bodies are enqueued behind the answer, and lines have no sizes",
            "enqueues=refused as-jobs behind-the-answer",
            1,
            &[("api.reject", "fail")],
        )
        .with_worker("without=batchSize")
        .or_also(&[("job.success", "warn"), ("api.reject", "inconclusive")])
        // Those that come when jobs were done may be further work.
        .or_else(3, &[("job.success", "inconclusive")])
        .varies(),
    ]
}

/// Refusals that are none.
fn refusals() -> Vec<Mutant> {
    let reject: Checks = &[("api.reject", "fail")];
    let refuses = |name, words| submitter(name, words, 1, reject);
    vec![
        refuses("refusals are text", "refuses=with-text"),
        refuses("refusals are a list", "refuses=with-a-list"),
        refuses("refusals are empty", "refuses=with-nothing"),
        refuses("refusals say 404", "refuses=404"),
        refuses("refusals say 403", "refuses=403"),
        refuses("refusals say 500", "refuses=500"),
        refuses("refusals say 200", "refuses=200").or_also(&[("clean.leftovers", "warn")]),
        refuses("refusals say 302", "refuses=302"),
        refuses("bad bodies make the submitter throw", "throws=refused"),
        refuses("malformed bodies are accepted", "accepts=malformed")
            .or_also(&[("clean.leftovers", "warn")]),
        refuses("bodies without a task are accepted", "accepts=missing-task")
            .or_also(&[("clean.leftovers", "warn")]),
        refuses("tasks of a wrong type are accepted", "accepts=wrong-type")
            .or_also(&[("clean.leftovers", "warn")]),
        refuses("large bodies are accepted", "accepts=oversize")
            .or_also(&[("clean.leftovers", "warn")]),
        submitter("refusals say 429", "refuses=429", 3, &[("api.reject", "inconclusive")]),
    ]
}

/// Answers to jobs that are none.
fn answers() -> Vec<Mutant> {
    let accept: Checks = &[("job.accept", "fail")];
    let told = |name, words| {
        submitter(name, words, 1, accept)
            .or_also(&[("api.reject", "inconclusive"), ("clean.leftovers", "warn")])
    };
    vec![
        told("good jobs are refused", "refuses-good"),
        told("the failing job is refused", "refuses-failing"),
        told("the submitter throws when it has sent", "throws=after-sending"),
        told("job and message are swapped", "swapped"),
        told("the message id is empty", "tells=nothing"),
        told("the message id is null", "tells=null"),
        told("the message id is a number", "tells=a-number"),
        told("the answer is text", "tells-text"),
        told("the answer is a list of jobs", "tells-a-list"),
        told("jobs are accepted with 201", "status=201"),
        told("jobs are accepted with 500 at first", "first=500"),
        submitter(
            "another message is named",
            "tells=another",
            1,
            &[("job.accept", "fail"), ("job.success", "fail"), ("dlq.arrival", "fail")],
        ),
    ]
}
