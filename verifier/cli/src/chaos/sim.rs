//! The simulated stack.

use verifier_chaos::{
    Anomaly, AnomalySet, History, JobKind, LaneEnd, Limits, Schedule, ScheduleError, Step,
    Timeline, Verdict, evaluate,
};
use verifier_core::check::Overall;
use verifier_simulator::simulate;

use super::outcome::Steady;
use crate::shell::failure::Failure;

/// A stack in-process, under virtual time, with this project's functions. It is the same before every run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sim {
    seeded: Option<Anomaly>,
}

impl Sim {
    /// A stack without a wrong part.
    #[cfg(test)]
    pub(crate) fn sound() -> Self {
        Self::default()
    }

    /// A stack with the seeded bug that makes an anomaly fire.
    pub(crate) fn with(seeded: Option<Anomaly>) -> Result<Self, Failure> {
        match seeded {
            Some(anomaly) if !cfg!(feature = "seeded-bugs") => Err(has_no_bug(anomaly)),
            seeded => Ok(Self { seeded }),
        }
    }

    /// The anomaly of its seeded bug.
    pub(crate) fn seeded(self) -> Option<Anomaly> {
        self.seeded
    }

    /// Whether a good job is done and a poison one dead-lettered, without any anomaly, while nothing goes wrong on purpose.
    pub(crate) fn steady_state(self, schedule: &Schedule) -> Result<Steady, Failure> {
        let submit = |name: &str, job| Step::Submit {
            name: name.to_owned(),
            at_milliseconds: 0,
            job,
            times: 1,
        };
        let probe = Schedule {
            seed: schedule.seed,
            stack: schedule.stack.clone(),
            steps: vec![
                submit("steady-good", JobKind::Good),
                submit("steady-poison", JobKind::Poison),
            ],
            ..Schedule::default()
        };
        let history = self.simulate(&probe, Limits::default())?;
        let report = evaluate(&history);
        let ends: Vec<LaneEnd> = Timeline::of(&history).lanes.iter().map(|lane| lane.end).collect();
        let holds = report.verdict == Verdict::True
            && report.findings.is_empty()
            && ends == [LaneEnd::Done, LaneEnd::DeadLettered];
        let summary = if holds {
            "a good job was done, and a poison one dead-lettered".to_owned()
        } else {
            let found: AnomalySet = report.findings.iter().map(|finding| finding.anomaly).collect();
            format!("a good job and a poison one came to {ends:?}, with {found:?}")
        };
        Ok(Steady { overall: if holds { Overall::Pass } else { Overall::Fail }, summary })
    }

    /// Runs a schedule on it.
    pub(crate) fn simulate(self, schedule: &Schedule, limits: Limits) -> Result<History, Failure> {
        if let Some(anomaly) = self.seeded {
            return seeded(anomaly, schedule, limits);
        }
        into_failure(simulate(schedule, limits))
    }
}

fn into_failure(history: Result<History, ScheduleError>) -> Result<History, Failure> {
    history.map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(feature = "seeded-bugs")]
fn seeded(anomaly: Anomaly, schedule: &Schedule, limits: Limits) -> Result<History, Failure> {
    let bug = verifier_chaos::SeededBug { anomaly };
    into_failure(bug.simulate_within(schedule, limits))
}

#[cfg(not(feature = "seeded-bugs"))]
fn seeded(anomaly: Anomaly, _: &Schedule, _: Limits) -> Result<History, Failure> {
    Err(has_no_bug(anomaly))
}

fn has_no_bug(anomaly: Anomaly) -> Failure {
    Failure {
        next: Some("build the verifier with `--features seeded-bugs`".to_owned()),
        ..Failure::usage(format!("this program has no bug seeded that makes {anomaly} fire"))
    }
}
