//! What happened as Mermaid's sequence diagram: who handed which job to whom.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use contract::Outcome as JobOutcome;
use verifier_chaos::{
    ChaosReport, Event, Expectation, History, Id, InvocationEnd, Operation, Queue,
};

use super::words::seconds;
use crate::report::job_summary::mermaid;

/// More steps than that make a diagram that nobody reads.
const STEPS_MAX: usize = 20;
/// How many jobs of a batch are named.
const NAMES_MAX: usize = 3;

/// A step, and how much one understands without it: 0 is needed.
struct Step {
    at: u64,
    dispensable: u8,
    text: String,
}

/// The diagram. If something is violated, it shows the jobs that it is about.
pub(super) fn diagram(history: &History, report: &ChaosReport) -> String {
    let violating = report.findings.iter().filter(|finding| finding.allowance.is_none());
    let jobs: HashSet<&str> = violating.filter_map(|finding| finding.job.as_deref()).collect();
    let mut drawing = Drawing { jobs, job_of: HashMap::new(), ops: HashMap::new() };
    let mut steps: Vec<Step> = Vec::new();
    for line in &history.lines {
        if let Some((dispensable, text)) = drawing.step(&line.event) {
            steps.push(Step { at: line.at, dispensable, text });
        }
    }
    for least in (1..=2).rev() {
        if steps.len() > STEPS_MAX {
            steps.retain(|step| step.dispensable < least);
        }
    }
    let mut diagram = String::from(
        "sequenceDiagram\n  participant C as client\n  participant A as API\n  participant Q as jobs queue\n  participant W as worker\n  participant D as dead-letter queue",
    );
    // Writing to a String cannot fail.
    for Step { at, text, .. } in steps.iter().take(STEPS_MAX) {
        let _ = write!(diagram, "\n  {text} ({})", seconds(*at));
    }
    if let Some(more) = steps.len().checked_sub(STEPS_MAX).filter(|more| *more > 0) {
        let _ = write!(diagram, "\n  Note over C,D: {more} more");
    }
    diagram
}

struct Drawing<'h> {
    /// The jobs that are shown; all if there are none.
    jobs: HashSet<&'h str>,
    job_of: HashMap<&'h str, &'h str>,
    ops: HashMap<u64, &'h str>,
}

impl<'h> Drawing<'h> {
    fn step(&mut self, event: &'h Event) -> Option<(u8, String)> {
        match event {
            Event::Invoke { op, operation: Operation::Submit { job, nature, .. } } => {
                self.ops.insert(*op, job);
                let nature = match nature {
                    Expectation::Healthy => "",
                    Expectation::Flaky => " (flaky)",
                    Expectation::Poison => " (poison)",
                };
                self.shown(job).map(|name| (0, format!("C->>A: {name}{nature}")))
            }
            Event::Invoke { operation: Operation::Redrive, .. } => {
                Some((0, "Note over Q,D: redrive".to_owned()))
            }
            Event::Invoke { operation: Operation::Purge, .. } => {
                Some((0, "Note over Q: purge".to_owned()))
            }
            Event::Ok { op, .. } => self.answer(*op, 2, "-->>", "accepted"),
            Event::Fail { op, .. } => self.answer(*op, 0, "--x", "refused"),
            Event::Info { op, .. } => self.answer(*op, 0, "--x", "not answered"),
            Event::Sent { message, job } => {
                let name = self.learn(message, job)?;
                Some((2, format!("A->>Q: {name}")))
            }
            Event::Received { message, job, .. } => {
                self.learn(message, job);
                None
            }
            Event::Invoked { messages, .. } => {
                let names = self.names(messages)?;
                Some((1, format!("Q->>W: {names}")))
            }
            Event::Throttled { messages: Some(messages) } => {
                let names = self.names(messages)?;
                Some((0, format!("Q-xW: {names} throttled")))
            }
            Event::Attempt { message, job, outcome, .. } => {
                let name = self.learn(message, job)?;
                Some(match outcome {
                    JobOutcome::Succeeded => (0, format!("W-->>Q: {name} succeeded")),
                    JobOutcome::Failed => (0, format!("W--xQ: {name} failed")),
                })
            }
            Event::Ended { how, .. } if *how != InvocationEnd::Responded => {
                let how = match how {
                    InvocationEnd::TimedOut => "timed out",
                    InvocationEnd::Crashed => "crashed",
                    _ => "failed",
                };
                Some((0, format!("Note over W: the invocation {how}")))
            }
            _ => self.end(event),
        }
    }

    fn end(&mut self, event: &'h Event) -> Option<(u8, String)> {
        match event {
            Event::Effect { message, job, .. } => {
                let name = self.learn(message, job)?;
                Some((1, format!("Note over W: {name} is done")))
            }
            Event::Deleted { queue, message } => {
                let name = self.shown(self.job_of.get(message.as_str()).copied()?)?;
                let place = if *queue == Queue::Jobs { "Q" } else { "D" };
                Some((1, format!("Note over {place}: {name} deleted")))
            }
            Event::DeadLettered { message, job, .. } => {
                let name = self.learn(message, job)?;
                Some((0, format!("Q->>D: {name}")))
            }
            Event::Moved { from, to, job } => {
                self.learn(from, job);
                let name = self.learn(to, job)?;
                Some((0, format!("D->>Q: {name} moved back")))
            }
            Event::Fault { fault, operation, messages, .. } => {
                let is_shown = |message: &Id| {
                    let job = self.job_of.get(message.as_str());
                    job.is_some_and(|job| self.shown(job).is_some())
                };
                if !messages.is_empty() && !messages.iter().any(is_shown) {
                    return None;
                }
                let operation = mermaid(operation);
                Some((0, format!("Note over C,D: ⚡ {} at {operation}", fault.kind())))
            }
            Event::Changed { setting } => {
                Some((0, format!("Note over C,D: ⚡ {}", setting.kind())))
            }
            Event::Drained { complete, .. } => {
                let how = if *complete { "drained" } else { "not drained" };
                Some((0, format!("Note over C,D: {how}")))
            }
            _ => None,
        }
    }

    fn answer(&self, op: u64, dispensable: u8, arrow: &str, what: &str) -> Option<(u8, String)> {
        let name = self.shown(self.ops.get(&op).copied()?)?;
        Some((dispensable, format!("A{arrow}C: {name} {what}")))
    }

    fn learn(&mut self, message: &'h str, job: &'h str) -> Option<String> {
        self.job_of.insert(message, job);
        self.shown(job)
    }

    /// The name of a job, if it is shown.
    fn shown(&self, job: &str) -> Option<String> {
        (self.jobs.is_empty() || self.jobs.contains(job)).then(|| mermaid(job))
    }

    /// The names of a batch in which one is shown.
    fn names(&self, messages: &[verifier_chaos::Id]) -> Option<String> {
        let jobs: Vec<&str> = messages
            .iter()
            .filter_map(|message| self.job_of.get(message.as_str()).copied())
            .collect();
        if !jobs.iter().any(|job| self.shown(job).is_some()) {
            return None;
        }
        let mut names: Vec<String> = jobs.iter().take(NAMES_MAX).map(|job| mermaid(job)).collect();
        if let Some(more) = jobs.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
            names.push(format!("{more} more"));
        }
        Some(names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn of(outcome: &crate::chaos::Outcome) -> String {
        let (history, report) = outcome.evaluated.as_ref().unwrap();
        diagram(history, report)
    }

    #[test]
    fn a_violation_is_shown_by_its_jobs_alone() {
        insta::assert_snapshot!(of(&sample::violating()));
    }

    #[test]
    fn it_stays_small_and_says_what_is_left_out() {
        for outcome in
            [sample::passing(), sample::violating(), sample::stopped(), sample::hostile()]
        {
            let diagram = of(&outcome);
            let steps = diagram.lines().filter(|line| line.ends_with(" s)")).count();
            assert!(steps <= STEPS_MAX, "{diagram}");
        }
        assert!(of(&sample::passing()).contains(" more"));
    }

    #[test]
    fn no_name_steers_the_diagram() {
        let diagram = of(&sample::hostile());
        let known = ["C-", "A-", "Q-", "W-", "D-", "Note over "];
        for line in &diagram.lines().collect::<Vec<_>>()[6..] {
            let step = line.strip_prefix("  ").unwrap();
            assert!(known.iter().any(|start| step.starts_with(start)), "{line}");
            assert!(!step.contains(['<', ';', '#', '%']), "{line}");
        }
    }
}
