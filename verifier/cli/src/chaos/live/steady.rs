//! Whether a live stack is as it should be: by `verifier check`.

use std::time::Duration;

use verifier_chaos::SteadyState;
use verifier_core::check::{Overall, Selection, Verdict};

use super::stack::Live;
use crate::chaos::Steady;
use crate::check::{Options, Report, Run};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;

/// How long cleaning up may take after an interruption.
const CLEAN_UP: Duration = Duration::from_secs(10);

impl Live {
    /// Makes the checks of a steady state.
    pub(crate) async fn steady_state(
        &self,
        state: &SteadyState,
        interrupt: &Interrupt,
    ) -> Result<Steady, Failure> {
        let selection = Selection::new(state.checks.clone(), Vec::new())
            .map_err(|error| Failure::usage(error.to_string()))?;
        let options = Options {
            wanted: self.wanted.clone(),
            strict: false,
            allow_moves: false,
            selection,
            settings: self.settings.clone(),
        };
        let reader = self.settings.outcomes.reader().map_err(Failure::usage)?;
        let mut unseen = |_| {};
        let (aws, clock) = (&self.place.aws, self.place.clock.clone());
        let mut run = Run::new(aws, &self.http, clock, options, reader, &mut unseen);
        let stopped = tokio::select! {
            proceeded = run.proceed() => proceeded.err(),
            () = interrupt.asked() => Some(Failure::environment("it was interrupted")),
        };
        let _ = tokio::time::timeout(CLEAN_UP, run.clean_up()).await;
        // An experiment proves what becomes of messages, whatever its roles were used for.
        run.settle_roles(None);
        let report = run.finish(stopped);
        Ok(Steady { overall: report.overall, summary: summary(&report) })
    }
}

/// What was found, in a line.
fn summary(report: &Report) -> String {
    let passed = report.count(Verdict::Pass);
    if report.overall == Overall::Pass {
        return format!("{passed} checks passed");
    }
    if let Some(stopped) = &report.stopped {
        return stopped.what.clone();
    }
    let wrong = report.checks.iter().filter(|settled| {
        matches!(settled.evaluation.verdict, Verdict::Fail | Verdict::Inconclusive)
    });
    let wrong: Vec<String> = wrong
        .map(|settled| format!("{}: {}", settled.check.id, settled.evaluation.summary))
        .collect();
    wrong.join("; ")
}
