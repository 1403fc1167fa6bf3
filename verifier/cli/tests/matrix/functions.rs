//! Stacks whose worker or submitter has a defect.

use super::mutant::Mutant;

fn worker(defect: &'static str, code: i32, expected: &[(&str, &str)]) -> Mutant {
    Mutant::new(defect).with_function("worker", "worker-mutant.py", defect).expect(code, expected)
}

fn submitter(
    name: &'static str,
    defect: &'static str,
    code: i32,
    expected: &[(&str, &str)],
) -> Mutant {
    Mutant::new(name).with_function("submit-job", "submit-mutant.py", defect).expect(code, expected)
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [workers(), submitters()].concat()
}

fn workers() -> Vec<Mutant> {
    vec![
        worker("acknowledges-everything", 1, &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")]),
        worker("fails-the-neighbours", 1, &[("job.success", "warn"), ("job.neighbours", "fail")]),
        worker("fails-everything", 1, &[("job.success", "warn"), ("job.neighbours", "fail")]),
        worker("works-twice", 0, &[("job.success", "warn"), ("job.neighbours", "warn")]),
        worker(
            "says-nothing",
            1,
            &[("job.success", "fail"), ("dlq.attempts", "warn"), ("clean.residue", "warn")],
        ),
        worker("says-the-poison-succeeded", 1, &[("dlq.attempts", "fail")]),
        worker(
            "says-the-good-failed",
            1,
            &[("job.success", "fail"), ("job.neighbours", "fail"), ("clean.residue", "warn")],
        ),
        worker(
            "forgets-the-run",
            1,
            &[("job.success", "fail"), ("dlq.attempts", "warn"), ("clean.residue", "warn")],
        ),
        worker(
            "writes-text",
            1,
            &[("job.success", "fail"), ("dlq.attempts", "warn"), ("clean.residue", "warn")],
        ),
        worker("counts-from-zero", 1, &[("job.neighbours", "fail"), ("dlq.attempts", "fail")]),
        worker("crashes-on-the-poison", 0, &[("dlq.attempts", "warn")])
            .with_change(|changes| changes.mapping()["BatchSize"] = 1.into()),
        worker("hangs-on-the-poison", 0, &[("dlq.attempts", "warn")])
            .with_change(|changes| changes.mapping()["BatchSize"] = 1.into()),
        worker("does-not-start", 1, &[("job.success", "fail"), ("dlq.attempts", "warn")]),
        worker("dead-letters-by-itself", 1, &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")]),
        worker("names-a-stranger", 1, &[("job.success", "warn"), ("job.neighbours", "fail")]),
        worker("uses-the-wrong-key", 1, &[("job.success", "warn"), ("job.neighbours", "fail")]),
        worker(
            "fails-the-wrong-one",
            1,
            &[
                ("job.success", "warn"),
                ("job.neighbours", "fail"),
                ("dlq.attempts", "warn"),
                ("dlq.arrival", "fail"),
            ],
        ),
    ]
}

fn submitters() -> Vec<Mutant> {
    vec![
        submitter(
            "every submission breaks",
            "breaks",
            1,
            &[("api.reject", "inconclusive"), ("job.accept", "fail")],
        ),
        submitter(
            "jobs are lost after the 202",
            "loses-the-job",
            1,
            &[("job.success", "fail"), ("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
        ),
        submitter(
            "good jobs are lost after the 202",
            "loses-the-good",
            1,
            &[("job.success", "fail"), ("clean.residue", "warn")],
        ),
        submitter(
            "jobs go to the DLQ at once",
            "uses-the-dead-letter-queue",
            1,
            &[("job.success", "fail"), ("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
        ),
        submitter(
            "jobs get other ids",
            "renames-the-job",
            1,
            &[("api.reject", "inconclusive"), ("job.accept", "fail"), ("clean.residue", "warn")],
        ),
        submitter(
            "jobs lose their run",
            "forgets-the-run",
            1,
            &[
                ("job.success", "fail"),
                ("dlq.attempts", "warn"),
                ("dlq.arrival", "fail"),
                ("clean.residue", "warn"),
            ],
        ),
        submitter(
            "the poison is healed",
            "heals-the-poison",
            1,
            &[("dlq.attempts", "fail"), ("dlq.arrival", "fail")],
        ),
        submitter(
            "good jobs are poisoned",
            "poisons-the-good",
            1,
            &[("job.success", "fail"), ("job.neighbours", "fail")],
        )
        .or_also(&[("clean.residue", "warn")]),
        submitter(
            "jobs are sent twice",
            "sends-twice",
            1,
            &[("job.success", "fail"), ("job.neighbours", "warn"), ("dlq.attempts", "fail")],
        ),
        submitter(
            "the answer names no message",
            "names-no-message",
            1,
            &[("api.reject", "inconclusive"), ("job.accept", "fail"), ("clean.residue", "warn")],
        ),
        submitter(
            "the answer names another message",
            "names-another-message",
            1,
            &[("job.success", "fail"), ("dlq.arrival", "fail")],
        ),
        submitter(
            "jobs are accepted with 200",
            "answers-200",
            1,
            &[("api.reject", "inconclusive"), ("job.accept", "fail"), ("clean.residue", "warn")],
        ),
        submitter(
            "jobs are sent, and refused",
            "fails-after-sending",
            1,
            &[("api.reject", "inconclusive"), ("job.accept", "fail"), ("clean.residue", "warn")],
        ),
        submitter(
            "oversize jobs are accepted",
            "accepts-the-oversize",
            1,
            &[("api.reject", "fail")],
        ),
        submitter("any task is accepted", "accepts-any-task", 1, &[("api.reject", "fail")]),
        submitter("bad bodies break the API", "breaks-on-bad-bodies", 1, &[("api.reject", "fail")]),
        submitter("refusals are not JSON", "refuses-without-json", 1, &[("api.reject", "fail")]),
    ]
}
