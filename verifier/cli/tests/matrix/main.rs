//! The matrix: broken stacks, each of which must be caught by the right check, with the right exit code, and by no other
//! check that should not; and unusual stacks that are sound, which must pass. `cargo xtask matrix` prints it.
//!
//! The tests leave out rows that are like others, unless `VERIFIER_MATRIX_ALL` is in the environment.
//! `VERIFIER_MATRIX_NAMES` chooses rows, a name a line. `VERIFIER_MATRIX_RUNS` says how often the
//! rows that vary and the sound ones are run under jitter besides, and `VERIFIER_MATRIX_SEED` where its chance begins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod drawn;
mod jitter;
mod mutant;
mod pages;
mod run;
mod services;
mod sound;
mod submitters;
mod workers;

use std::collections::BTreeSet;

use mutant::Mutant;

/// The fewest broken stacks that the matrix may have, and the fewest that are unusual and sound.
const MUTANTS_MIN: usize = 140;
const SOUND_MIN: usize = 40;

/// All rows: the broken stacks first.
fn rows() -> Vec<Mutant> {
    let all = [
        configuration::mutants(),
        pages::mutants(),
        workers::mutants(),
        submitters::mutants(),
        services::mutants(),
        sound::stacks(),
    ];
    let (sound, broken): (Vec<Mutant>, Vec<Mutant>) =
        all.concat().into_iter().partition(Mutant::is_sound);
    [broken, sound].concat()
}

#[test]
fn every_row_is_evaluated_as_it_must_be() {
    let wrong = run::all(&rows(), &run::Asked::of_environment());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_matrix_is_as_large_as_it_has_to_be_and_its_names_are_distinct() {
    let rows = rows();
    let sound = rows.iter().filter(|row| row.is_sound()).count();
    assert!(sound >= SOUND_MIN, "{sound} sound stacks");
    assert!(rows.len() - sound >= MUTANTS_MIN, "{} mutants", rows.len() - sound);
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn the_functions_that_mutants_are_made_of_are_sound_without_their_defect() {
    let sound = |function, script| Mutant::new("none").with_function(function, script, "").passes();
    for mutant in [sound("worker", "worker-kinds.py"), sound("submit-job", "submit-kinds.py")] {
        assert_eq!(mutant.check(None), mutant.expected);
    }
}
