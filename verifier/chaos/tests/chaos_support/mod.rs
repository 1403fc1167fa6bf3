//! Schedules, drawn by proptest, and what a sound stack makes of them.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, reason = "clippy allows it in test functions only")]

use proptest::prelude::*;
use verifier_chaos::{
    History, JobKind, Limits, Parts, RedriveBy, ReferenceRedriver, ReferenceRules, ReferenceSubmit,
    ReferenceWorker, Schedule, StackTerms, Step, simulate_within,
};
use verifier_model::faults::FaultRule;

/// A schedule from its text.
pub(crate) fn schedule(text: &str) -> Schedule {
    Schedule::parse(text.as_bytes()).expect("the schedule is good")
}

/// What happens on a sound stack.
pub(crate) fn history_of(schedule: &Schedule) -> History {
    history_within(schedule, Limits::default())
}

/// The same within limits.
pub(crate) fn history_within(schedule: &Schedule, limits: Limits) -> History {
    let mut parts = Parts {
        submit: &mut ReferenceSubmit,
        worker: &mut ReferenceWorker,
        rules: &mut ReferenceRules,
        redriver: &mut ReferenceRedriver,
    };
    simulate_within(schedule, limits, &mut parts).expect("the schedule can be run")
}

/// The history as text.
pub(crate) fn text_of(history: &History) -> String {
    let mut bytes = Vec::new();
    history.write(&mut bytes).expect("memory can be written to");
    String::from_utf8(bytes).expect("JSON is text")
}

/// Any job.
fn job_kind() -> impl Strategy<Value = JobKind> {
    prop_oneof![
        3 => Just(JobKind::Good),
        1 => (1..1_500_u64).prop_map(|milliseconds| JobKind::Slow { milliseconds }),
        2 => (0..5_u32).prop_map(|fails| JobKind::Flaky { fails }),
        2 => Just(JobKind::Poison),
        1 => Just(JobKind::Malformed),
        1 => Just(JobKind::CutOff),
    ]
}

/// Any step; its name is set later.
fn step() -> impl Strategy<Value = Step> {
    let name = String::new;
    prop_oneof![
        4 => (0..30_000_u64, job_kind(), 1..3_u32).prop_map(move |(at_milliseconds, job, times)| {
            Step::Submit { name: name(), at_milliseconds, job, times }
        }),
        1 => (0..30_000_u64, 1..7_u32, 0..500_u64, job_kind()).prop_map(
            move |(at_milliseconds, count, every_milliseconds, job)| Step::Burst {
                name: name(),
                at_milliseconds,
                count,
                every_milliseconds,
                job,
            }
        ),
        1 => (0..500_000_u64, any::<bool>()).prop_map(|(at_milliseconds, by_task)| Step::Redrive {
            at_milliseconds,
            by: if by_task { RedriveBy::MoveTask } else { RedriveBy::Client },
        }),
    ]
}

/// Stacks of other figures than the template's.
fn stack() -> impl Strategy<Value = StackTerms> {
    (1..6_u32, 30..120_u32, 1..=10_u32, 0..5_u32, prop::option::of(2..6_u32)).prop_map(
        |(max, visibility, batch_size, window, maximum_concurrency)| StackTerms {
            max_receive_count: max,
            visibility_timeout_seconds: visibility,
            // Ten slow jobs in one batch are done in time.
            function_timeout_seconds: 16,
            batch_size,
            maximum_batching_window_seconds: window,
            maximum_concurrency,
            // Six slow batches may stand in line for two slots.
            slack_seconds: 90,
            ..StackTerms::default()
        },
    )
}

/// Schedules without faults.
pub(crate) fn calm_schedules() -> impl Strategy<Value = Schedule> {
    (any::<u64>(), stack(), prop::collection::vec(step(), 0..10)).prop_map(
        |(seed, stack, mut steps)| {
            for (number, step) in steps.iter_mut().enumerate() {
                if let Step::Submit { name, .. } | Step::Burst { name, .. } = step {
                    *name = format!("j{number}");
                }
            }
            Schedule { seed, stack, steps, ..Schedule::default() }
        },
    )
}

/// Rules such as random schedules have.
fn rules() -> impl Strategy<Value = Vec<FaultRule>> {
    prop::collection::vec(any::<u64>(), 0..3).prop_map(|seeds| {
        seeds.into_iter().flat_map(|seed| Schedule::generate(seed).faults).collect()
    })
}

/// Schedules with faults.
pub(crate) fn schedules() -> impl Strategy<Value = Schedule> {
    (calm_schedules(), rules(), 0..500_000_u64).prop_map(|(schedule, faults, undo)| Schedule {
        faults,
        undo_at_milliseconds: undo,
        ..schedule
    })
}
