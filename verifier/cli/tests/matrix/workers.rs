//! Stacks whose worker does to a message, to its batch or to its log what it should not.

use super::mutant::Mutant;

type Checks = &'static [(&'static str, &'static str)];

/// Good jobs end in the dead-letter queue with the failing one.
const TAKEN_ALONG: Checks = &[("job.isolation", "fail")];
/// The failing job is gone and not in the dead-letter queue.
const LOST: Checks = &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")];
/// So it is, and of receives that it may have had there is no line.
const UNWRITTEN: Checks = &[("dlq.attempts", "inconclusive"), ("dlq.arrival", "fail")];

fn worker(name: &'static str, words: &'static str, expected: Checks) -> Mutant {
    // Which good jobs are seen in the dead-letter queue, or are still retried at the end, depends on when they met it.
    let also = [("job.success", "fail"), ("job.success", "warn"), ("clean.leftovers", "warn")];
    Mutant::new(name).with_worker(words).expect(1, expected).or_also(&also).varies()
}

/// The same where jobs meet by chance.
fn without_window(name: &'static str, words: &'static str) -> Mutant {
    worker(name, words, TAKEN_ALONG).with_change(|changes| {
        changes.mapping()["MaximumBatchingWindowInSeconds"] = 0.into();
    })
}

pub(crate) fn mutants() -> Vec<Mutant> {
    let rare = [answers(), alone(), lies(), silences()].concat().into_iter().map(Mutant::rare);
    let common = [ends(), of_one_receive(), of_many(), of_the_failing(), of_good_jobs(), copies()];
    [common.concat(), rare.collect()].concat()
}

/// Invocations that end without an answer.
fn ends() -> Vec<Mutant> {
    vec![
        // Of what comes again nothing is in the log: these workers remember what any of their environments did.
        Mutant::new("the worker fails its batch and hides what comes again")
            .with_worker("filters answers=all-until-last")
            .expect(1, TAKEN_ALONG)
            // It fails its other batches, too, and which jobs those held depends on how they met.
            .or_also(&[("job.success", "fail"), ("api.reject", "inconclusive")]),
        Mutant::new("the worker throws once and hides what comes again")
            .with_worker("remembers without=batchSize failing=throws-at-first failing-last")
            .expect(1, TAKEN_ALONG),
        worker(
            "the worker throws before it logs",
            "failing=throws-silently failing-first",
            TAKEN_ALONG,
        ),
        worker(
            "the worker throws after the others",
            "failing=throws-silently failing-last",
            TAKEN_ALONG,
        ),
        worker("the worker logs and throws first", "failing=throws failing-first", TAKEN_ALONG),
        worker("the worker logs and throws last", "failing=throws failing-last", TAKEN_ALONG),
        worker("the worker throws in any order", "failing=throws", TAKEN_ALONG),
        without_window("the worker throws, and no window gathers batches", "failing=throws"),
        without_window(
            "the worker throws after the others, and no window gathers batches",
            "failing=throws-silently failing-last",
        ),
        worker(
            "the worker throws, and sends further jobs whose ids begin with the job's",
            "failing=throws failing-last follow-ups=0 follow-ups-named={}-2",
            TAKEN_ALONG,
        )
        // It sends them once more where a job comes again, and takes them along as well.
        .or_also(&[("api.reject", "inconclusive"), ("dlq.others", "warn")]),
        // In the order of sending. Where SQS hands them out in another, they may never meet so.
        Mutant::new("the worker throws where the failing job comes first")
            .with_worker("heeds-order")
            .expect(1, TAKEN_ALONG)
            .or_also(&[("job.success", "fail")]),
        Mutant::new("the worker throws where the failing job comes first, in batches of two")
            .with_worker("heeds-order")
            .with_batches_of(2)
            .expect(1, TAKEN_ALONG)
            .or_also(&[("job.success", "fail")]),
        worker(
            "the worker exits before it logs",
            "failing=exits-silently failing-first",
            TAKEN_ALONG,
        ),
        worker(
            "the worker exits after the others",
            "failing=exits-silently failing-last",
            TAKEN_ALONG,
        ),
        worker("the worker logs and exits", "failing=exits", TAKEN_ALONG),
        worker("the worker exits with code 0", "failing=exits-well failing-last", TAKEN_ALONG),
        worker(
            "the worker times out before it logs",
            "failing=hangs-silently failing-first",
            TAKEN_ALONG,
        ),
        worker("the worker times out after the others", "failing=hangs failing-last", TAKEN_ALONG),
        worker(
            "a worker that remembers throws first",
            "failing=throws failing-first remembers",
            TAKEN_ALONG,
        ),
        worker(
            "a worker that remembers throws last",
            "failing=throws failing-last remembers",
            TAKEN_ALONG,
        ),
        worker(
            "a worker that remembers throws in any order",
            "failing=throws remembers",
            TAKEN_ALONG,
        ),
        worker("the worker throws when all is done", "crashes-at-the-end", TAKEN_ALONG),
    ]
}

/// What a worker does to others at one receive of the failing jobs alone, and hides when they come again.
fn of_one_receive() -> Vec<Mutant> {
    // One count that is too high may lag.
    let hidden = |name, words| {
        Mutant::new(name)
            .with_worker(words)
            .expect(3, &[("job.isolation", "inconclusive")])
            // Where a batch waits for a busy worker, what comes again may be handed to one without a line of anything.
            .or_also(&[("api.reject", "inconclusive")])
    };
    vec![
        hidden(
            "the worker fails its first batch, and hides that",
            "remembers without=batchSize,receiveCount answers=all-at-receive-1",
        ),
        hidden(
            "the worker fails its second batch, and hides that",
            "remembers without=batchSize,receiveCount answers=all-at-receive-2",
        ),
        hidden(
            "the worker fails one neighbour at the second receive, and hides that",
            "remembers without=batchSize answers=one-at-receive-2",
        ),
        hidden(
            "the worker fails one neighbour at the second receive, and has no ids",
            "remembers without=batchSize,receiveCount,messageId,requestId answers=one-at-receive-2",
        )
        .rare(),
        hidden(
            "the worker fails its second batch, and filters what comes again",
            "filters answers=all-at-receive-2",
        )
        .rare(),
        worker(
            "the worker fails its second batch, and logs that again",
            "without=batchSize,receiveCount answers=all-at-receive-2",
            TAKEN_ALONG,
        ),
        Mutant::new("the worker fails its first batch at once, and hides that")
            .with_worker("remembers first-batch-again")
            .expect(3, &[("api.reject", "inconclusive")])
            .or_also(&[("job.isolation", "inconclusive"), ("dlq.attempts", "warn")]),
        // One job that comes again may be one of which SQS lost the delete.
        Mutant::new("the worker fails one neighbour at the last receive")
            .with_worker("remembers without=batchSize,receiveCount answers=one-at-receive-3")
            .expect(3, &[("api.reject", "inconclusive")])
            .or_also(&[("job.success", "inconclusive"), ("job.isolation", "inconclusive")])
            // Where the failing jobs are in two batches by then, it fails a neighbour of each.
            .or_else(1, &[("api.reject", "inconclusive"), ("job.isolation", "fail")])
            .or_also(&[("job.success", "fail")]),
    ]
}

/// What a worker does only where several fail, or where there are many.
fn of_many() -> Vec<Mutant> {
    let lost: Checks = &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")];
    // Where messages come late, no batch may ever hold so many.
    let many = |name, words| {
        let also = [("job.success", "fail"), ("job.success", "warn"), ("dlq.attempts", "warn")];
        Mutant::new(name).with_worker(words).expect(1, TAKEN_ALONG).or_also(&also)
    };
    vec![
        worker("a batch of which all failed is dropped", "answers=none-where-all-failed", lost),
        worker("a batch of one is dropped", "answers=none-where-one-is", lost),
        worker(
            "large: a batch of which all failed is dropped",
            "answers=none-where-all-failed",
            lost,
        )
        .with_batches_of(100)
        .rare(),
        worker("the last failed item alone is reported", "answers=last-failed", lost),
        worker("the first failed item alone is reported", "answers=first-failed", lost),
        worker(
            "the last failed item alone is reported, and lines have no ids",
            "answers=last-failed without=batchSize,receiveCount,messageId,requestId",
            UNWRITTEN,
        )
        .rare(),
        worker("the worker throws where two fail", "throws-at-two", TAKEN_ALONG)
            .or_also(&[("dlq.attempts", "warn")]),
        many("the worker throws above three messages", "throws-above=3"),
        many("the worker throws where a batch is full", "throws-above=4"),
    ]
}

/// Answers by which Lambda takes another set of messages for failed than the worker means.
fn answers() -> Vec<Mutant> {
    let whole = |name, words| worker(name, words, TAKEN_ALONG);
    let none = |name, words| worker(name, words, LOST);
    vec![
        whole("the whole batch is failed at the last receive", "answers=all-at-last"),
        whole("every item is reported", "answers=all"),
        whole("every item of the failing batch is reported", "answers=all-where-one-fails"),
        whole("an identifier of nobody is reported", "answers=wrong-id"),
        whole("an empty identifier is reported", "answers=empty-id"),
        whole("a null identifier is reported", "answers=null-id"),
        whole("a number is reported", "answers=number-id"),
        whole("the receipt handle is reported", "answers=receipt"),
        whole("the job's id is reported", "answers=job-id"),
        whole("the identifier has another key", "answers=wrong-key"),
        whole("identifiers are reported bare", "answers=bare-ids"),
        whole("the answer is a list", "answers=list"),
        whole("the answer is a text", "answers=text"),
        whole("the answer is torn", "answers=torn"),
        none("no item is reported", "answers=none"),
        none("the answer is null", "answers=null"),
        none("the answer is an empty object", "answers=empty"),
        none("the list is null", "answers=null-list"),
        none("the answer is empty", "answers=nothing"),
        none("the list has another key", "answers=wrong-list"),
        worker(
            "the others are reported",
            "answers=the-others",
            &[("job.isolation", "fail"), ("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
        ),
    ]
}

/// What else a worker does with the failing job.
fn of_the_failing() -> Vec<Mutant> {
    vec![
        worker("the failing job is logged and acknowledged", "failing=acknowledged", LOST),
        worker(
            "the failing job is acknowledged at last",
            "failing=acknowledged-at-last",
            &[("dlq.arrival", "fail")],
        ),
        worker("the failing job is swallowed", "failing=swallowed", UNWRITTEN),
        worker(
            "the failing job succeeds at last",
            "failing=succeeds-at-last",
            &[("dlq.attempts", "fail"), ("dlq.arrival", "fail")],
        ),
        worker("the failing job is moved by the worker", "failing=moved", LOST),
        worker("the failing job is moved early, by its policy", "failing=moved-by-policy", LOST),
        worker("the failing job is copied as well", "failing=copied", &[("dlq.arrival", "fail")]),
        worker(
            "the failing job is copied, wrapped",
            "failing=copied-wrapped",
            &[("dlq.arrival", "fail")],
        ),
        worker("the failing job is restored", "failing=put-back", LOST),
        worker("the failing job is deleted by the worker", "failing=deleted", LOST),
    ]
}

/// What a worker does with jobs that it could do.
fn of_good_jobs() -> Vec<Mutant> {
    let success: Checks = &[("job.success", "fail")];
    vec![
        worker("good jobs are failed at first", "good=fails-first", TAKEN_ALONG),
        worker("one good job is failed at first", "good=one-fails-first", TAKEN_ALONG),
        worker("good jobs are failed at first, silently", "good=fails-first-silently", TAKEN_ALONG),
        worker("good jobs are failed always", "good=fails-always", TAKEN_ALONG),
        worker("good jobs are done and reported", "good=reported", TAKEN_ALONG),
        worker("good jobs are done and reported at first", "good=reported-first", TAKEN_ALONG),
        worker("good jobs throw at first, when done", "good=throws-first", TAKEN_ALONG),
        worker("good jobs throw at first, silently", "good=throws-first-silently", TAKEN_ALONG),
        worker("good jobs are done twice in a receive", "good=done-twice", success),
        // Nothing tells that from a line that is written twice.
        Mutant::new("good jobs are done twice at once in a receive")
            .with_worker("good=done-twice-at-once")
            .expect(3, &[("job.success", "inconclusive")]),
        worker(
            "good jobs are reported at first, unwritten",
            "good=unwritten-first without=batchSize",
            success,
        ),
        worker(
            "some good jobs are deferred in silence",
            "good=some-deferred-silently without=batchSize",
            success,
        ),
        worker("good jobs are swallowed", "good=swallowed", success),
        // Nothing tells that from a line that comes late.
        Mutant::new("one good job is swallowed")
            .with_worker("good=swallowed-once")
            .expect(3, &[("job.success", "inconclusive")]),
        worker("good jobs are copied to the DLQ", "good=copied", success),
        worker("one good job is copied to the DLQ", "good=one-copied", success),
        worker("good jobs are copied to the DLQ, wrapped", "good=copied-wrapped", success),
        worker("good jobs are restored", "good=put-back", success),
        worker("good jobs are restored for later", "good=put-back-later", &[])
            .expect(3, &[("api.reject", "inconclusive")]),
        worker(
            "good jobs are done, reported, and then silent",
            "good=reported-first then-silent",
            &[("api.reject", "inconclusive"), ("job.isolation", "fail")],
        ),
    ]
}

/// Copies of jobs in the dead-letter queue that do not name those as the jobs do.
fn copies() -> Vec<Mutant> {
    let success: Checks = &[("job.success", "fail")];
    let closed = |name, words| {
        Mutant::new(name).with_worker(words).expect(3, &[("dlq.others", "inconclusive")]).varies()
    };
    vec![
        worker("good jobs are copied to the DLQ, compressed", "good=copied-encoded", success),
        worker(
            "good jobs are copied to the DLQ, in an attribute",
            "good=copied-in-attribute",
            success,
        ),
        worker("good jobs are copied to the DLQ, under other ids", "good=copied-renamed", success),
        worker(
            "good jobs are copied to the DLQ, closed",
            "good=copied-closed",
            &[("dlq.others", "fail")],
        ),
        // It may be of another sender.
        closed("one good job is copied to the DLQ, closed", "good=one-copied-closed"),
        closed("the failing job is copied to the DLQ, closed", "failing=copied-closed"),
        worker(
            "the failing job is copied to the DLQ, compressed",
            "failing=copied-encoded",
            &[("dlq.arrival", "fail")],
        ),
    ]
}

/// The same with batches of one message, where nobody shares the fate of another.
fn alone() -> Vec<Mutant> {
    let alone = |name, words, expected| worker(name, words, expected).with_batches_of(1);
    let success: Checks = &[("job.success", "fail")];
    vec![
        alone("alone: good jobs are failed at first", "good=fails-first", success),
        alone("alone: good jobs are failed always", "good=fails-always", success),
        alone("alone: good jobs are done and reported", "good=reported", success),
        alone("alone: every item is reported", "answers=all", success),
        alone("alone: the worker throws when all is done", "crashes-at-the-end", success),
        alone("alone: good jobs throw at first, silently", "good=throws-first-silently", success),
        alone("alone: good jobs are copied to the DLQ", "good=copied", success),
        alone("alone: good jobs are restored", "good=put-back", success),
        alone("alone: the failing job is acknowledged", "failing=acknowledged", LOST),
        alone("alone: the failing job is moved by the worker", "failing=moved", LOST),
        alone(
            "alone: good jobs are done, reported, and then silent",
            "good=reported-first then-silent",
            &[("api.reject", "inconclusive"), ("job.success", "fail")],
        ),
    ]
}

/// Logs that tell what is not.
fn lies() -> Vec<Mutant> {
    vec![
        worker("the log says that all succeeded", "says=succeeded", &[("dlq.attempts", "fail")]),
        worker(
            "the log says that all succeeded, and all fail",
            "says=succeeded answers=all",
            &[("job.isolation", "fail"), ("dlq.attempts", "fail")],
        ),
        worker("the log says that all failed", "says=failed", TAKEN_ALONG),
        worker("the log counts receives one too high", "counts=1", &[("dlq.attempts", "fail")]),
        worker("the log counts receives one too low", "counts=-1", &[("dlq.attempts", "fail")]),
    ]
}

/// Logs that do not tell enough.
fn silences() -> Vec<Mutant> {
    // Of a worker that writes no line of any job nothing is known.
    let open: Checks = &[("job.success", "inconclusive"), ("dlq.attempts", "inconclusive")];
    let unknown = |name, words| worker(name, words, open).expect(3, open);
    let nothing: Checks = &[("job.success", "fail"), ("dlq.attempts", "inconclusive")];
    // Of every job that was received once there is no line, and of the first receives of others.
    let first = |name, words| unknown(name, words).varies();
    let success: Checks = &[("job.success", "fail")];
    vec![
        unknown("the log says nothing", "says-nothing"),
        worker("the log says nothing of good jobs", "says-nothing-of-good", success),
        first("the log says nothing of first receives", "says-nothing-first"),
        unknown("lines are cut", "shape=cut"),
        unknown("lines are text", "shape=text"),
        unknown("lines have another shape", "shape=nested"),
        unknown("lines name neither job nor message", "without=jobId,messageId"),
        unknown("lines name no run", "without=runId"),
        unknown("lines have no outcome", "without=outcome"),
        unknown("lines have no event", "without=event"),
        unknown("lines have unknown outcomes", "says=finished"),
        worker("the worker does not start", "does-not-start", nothing),
        worker(
            "lines come with the next invocation, and the worker throws",
            "holds-lines failing=throws failing-last",
            TAKEN_ALONG,
        )
        .or_also(&[("job.success", "inconclusive"), ("dlq.attempts", "inconclusive")]),
    ]
}
