//! The mutation matrix: broken stacks, each of which must be caught by the right check, with the right exit code, and by
//! no other check that should not. `cargo xtask matrix` prints it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod functions;
mod mutant;
mod services;

use mutant::Mutant;

/// The fewest mutants that the matrix may have.
const MUTANTS_MIN: usize = 120;

fn mutants() -> Vec<Mutant> {
    [configuration::mutants(), functions::mutants(), services::mutants()].concat()
}

#[test]
fn every_mutant_is_caught_by_the_right_check() {
    let mutants = mutants();
    assert!(mutants.len() >= MUTANTS_MIN, "{}", mutants.len());
    let mut escaped = Vec::new();
    println!("{:<44} {:>4}  {}", "mutant", "exit", "checks that did not pass");
    for mutant in &mutants {
        let found = mutant.check();
        let is_caught = mutant.is_caught_by(&found);
        let mark = if is_caught { ' ' } else { '!' };
        println!("{mark}{:<43} {:>4}  {}", mutant.name, found.code, found.shown());
        if !is_caught {
            escaped.push(format!("{}: expected {}", mutant.name, mutant.expected.shown()));
        }
    }
    println!("{} mutants, {} caught", mutants.len(), mutants.len() - escaped.len());
    assert!(escaped.is_empty(), "{escaped:#?}");
}

#[test]
fn the_names_of_mutants_are_distinct() {
    let mutants = mutants();
    let names: std::collections::BTreeSet<&str> =
        mutants.iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), mutants.len());
}

#[test]
fn the_functions_that_mutants_are_made_of_are_sound_without_their_defect() {
    let sound = |function, script| Mutant::new("none").with_function(function, script, "").passes();
    for mutant in [sound("worker", "worker-mutant.py"), sound("submit-job", "submit-mutant.py")] {
        assert_eq!(mutant.check(), mutant.expected);
    }
}
