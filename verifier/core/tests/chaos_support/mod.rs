//! Schedules, and what a sound stack makes of them.
#![allow(dead_code, reason = "each test uses a part of it")]

use verifier_core::chaos::{
    History, Parts, ReferenceRedriver, ReferenceRules, ReferenceSubmit, ReferenceWorker, Schedule,
    simulate,
};

/// A schedule from its text.
pub(crate) fn schedule(text: &str) -> Schedule {
    Schedule::parse(text.as_bytes()).expect("the schedule is good")
}

/// What happens on a sound stack.
pub(crate) fn history_of(schedule: &Schedule) -> History {
    let mut parts = Parts {
        submit: &mut ReferenceSubmit,
        worker: &mut ReferenceWorker,
        rules: &mut ReferenceRules,
        redriver: &mut ReferenceRedriver,
    };
    simulate(schedule, &mut parts).expect("the schedule can be run")
}

/// The history as text.
pub(crate) fn text_of(history: &History) -> String {
    let mut bytes = Vec::new();
    history.write(&mut bytes).expect("memory can be written to");
    String::from_utf8(bytes).expect("JSON is text")
}
