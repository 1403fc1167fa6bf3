//! Results for the views' tests.

use std::time::Duration;

use verifier_chaos::{Event, Experiment, History, Limits, Operation, evaluate};
use verifier_core::check::Overall;

use crate::chaos::{Builtin, Outcome, Sim, Steady};

/// An experiment that passes.
pub(super) fn passing() -> Outcome {
    of("redrive-under-fire", Limits::default(), |_| {})
}

/// One with a violation, and with an anomaly that is allowed.
pub(super) fn violating() -> Outcome {
    // Without the change that allows it, the deleted poison is a violation.
    of("careless-mapping", Limits::default(), |history| {
        history.lines.retain(|line| !matches!(line.event, Event::Changed { .. }));
    })
}

/// One that its guard broke off.
pub(super) fn stopped() -> Outcome {
    let limits = Limits { milliseconds: Some(50_000), client_calls: None };
    of("mapping-flap", limits, |_| {})
}

/// One whose jobs have names that try to steer whoever reads them.
pub(super) fn hostile() -> Outcome {
    const NAME: &str = "</td><script>alert(1)</script>\n::error::x](http://x) \" onload='x' click ##[error]y \u{202e}\u{1b}[2J\u{ffff}";
    let mut outcome = of("careless-mapping", Limits::default(), |history| {
        history.lines.retain(|line| !matches!(line.event, Event::Changed { .. }));
        for line in &mut history.lines {
            match &mut line.event {
                Event::Invoke { operation: Operation::Submit { job, .. }, .. }
                | Event::Sent { job, .. }
                | Event::Received { job, .. }
                | Event::Attempt { job, .. }
                | Event::Effect { job, .. }
                | Event::DeadLettered { job, .. }
                    if job.as_str() == "early" =>
                {
                    *job = NAME.into();
                }
                _ => {}
            }
        }
    });
    NAME.clone_into(&mut outcome.target);
    NAME.clone_into(&mut outcome.again);
    outcome
}

fn of(name: &str, limits: Limits, change: impl FnOnce(&mut History)) -> Outcome {
    let experiment: Experiment = Builtin::named(name).unwrap().experiment().unwrap();
    let mut history = Sim::sound().simulate(&experiment.schedule(), limits).unwrap();
    change(&mut history);
    let report = evaluate(&history);
    let steady = Steady { overall: Overall::Pass, summary: "all is well".to_owned() };
    Outcome {
        experiment: Some(experiment),
        before: Some(steady.clone()),
        after: Some(steady),
        evaluated: Some((history, report)),
        wall: Duration::from_millis(12),
        ..Outcome::of("sim", format!("verifier chaos run {name}"))
    }
}
