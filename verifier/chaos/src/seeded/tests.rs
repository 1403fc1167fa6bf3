use std::fmt::Write;

use super::*;
use crate::{AnomalySet, Event, explore};

/// How many schedules may be needed to come across a bug.
const SCHEDULES_MAX: u64 = 10_000;
/// The most operations that a shrunk schedule may have.
const OPERATIONS_MAX: usize = 6;

/// Prints the table of `cargo xtask mutants`.
#[test]
fn every_seeded_bug_is_found_alone_and_shrunk() {
    let mut table = format!(
        "\n{:<22} {:>9} {:>11} {:>8} {:>5}  seeded bug\n",
        "anomaly", "schedules", "operations", "shrunk", "runs"
    );
    for bug in SeededBug::all() {
        let expected = AnomalySet::of(&[bug.anomaly]);
        let run = &mut |schedule: &Schedule| bug.simulate(schedule);
        let exploration = explore(1, SCHEDULES_MAX, run).unwrap();
        let failure = exploration.failure.unwrap();
        let shrunk = failure.shrunk.clone().unwrap();
        assert_eq!(failure.violations, expected, "{bug:?} {failure:?}");
        // Not even allowed ones are left beside it.
        let found: AnomalySet =
            shrunk.report.findings.iter().map(|finding| finding.anomaly).collect();
        assert_eq!(found, expected, "{bug:?}");
        assert!(shrunk.schedule.operations() <= OPERATIONS_MAX, "{:?}", shrunk.schedule);
        let ends = shrunk.history.lines.last().map(|line| &line.event);
        assert!(matches!(ends, Some(Event::Drained { .. })), "the drain is never shrunk");
        writeln!(
            table,
            "{:<22} {:>9} {:>11} {:>8} {:>5}  {}",
            bug.anomaly,
            exploration.schedules,
            failure.schedule.operations(),
            shrunk.schedule.operations(),
            shrunk.runs,
            bug.description()
        )
        .unwrap();
    }
    let count = SeededBug::all().count();
    println!("{table}\n{count} of {count} found, each alone");
}
