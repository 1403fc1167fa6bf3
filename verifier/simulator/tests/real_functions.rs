//! The functions that are deployed, in the simulator.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;

use verifier_chaos::{
    Exploration, History, Limits, Parts, ReferenceRedriver, ReferenceRules, ReferenceSubmit,
    ReferenceWorker, Schedule, explore, fault_operations,
};
use verifier_simulator::simulate;

/// How many seeds are tried; `cargo xtask soak chaos` asks for more.
fn seeds(default: u64) -> u64 {
    let asked = std::env::var("VERIFIER_CHAOS_SEEDS").ok();
    asked.map_or(default, |asked| asked.parse().expect("VERIFIER_CHAOS_SEEDS is a number"))
}

fn real(schedule: &Schedule) -> History {
    simulate(schedule, Limits::default()).expect("the schedule can be run")
}

fn reference(schedule: &Schedule) -> History {
    let mut parts = Parts {
        submit: &mut ReferenceSubmit,
        worker: &mut ReferenceWorker,
        rules: &mut ReferenceRules,
        redriver: &mut ReferenceRedriver,
    };
    verifier_chaos::simulate(schedule, &mut parts).expect("the schedule can be run")
}

fn bytes(history: &History) -> Vec<u8> {
    let mut bytes = Vec::new();
    history.write(&mut bytes).expect("memory can be written to");
    bytes
}

/// Explores so many seeds, prints what struck where, and fails on any anomaly beyond what is allowed.
#[test]
fn sound_code_has_no_anomaly_beyond_what_its_faults_allow() {
    let count = seeds(2_000);
    let mut run = |schedule: &Schedule| simulate(schedule, Limits::default());
    let Exploration { schedules, unknown, failure, coverage } =
        explore(0, count, &mut run).unwrap();
    println!("{:<28} {:<26} {:>9}", "fault or change", "operation", "struck");
    for ((kind, operation), struck) in &coverage {
        println!("{kind:<28} {operation:<26} {struck:>9}");
    }
    let failure = failure.map(|failure| (failure.violations, failure.shrunk));
    assert_eq!((schedules, unknown, failure), (count, 0, None));
    let struck: BTreeSet<(&str, &str)> =
        coverage.keys().map(|(kind, operation)| (*kind, operation.as_str())).collect();
    let missed: Vec<_> =
        fault_operations().into_iter().filter(|pair| !struck.contains(pair)).collect();
    assert_eq!(missed, [], "cells that no schedule reached");
    println!("{} cells, none empty; {count} seeds without a violation", struck.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_those_of_the_reference() {
    for seed in 0..1_000 {
        let schedule = Schedule::generate(seed);
        let first = bytes(&real(&schedule));
        assert_eq!(first, bytes(&real(&schedule)), "seed {seed}");
        assert_eq!(
            first,
            bytes(&reference(&schedule)),
            "seed {seed}: the reference is another function"
        );
    }
}
