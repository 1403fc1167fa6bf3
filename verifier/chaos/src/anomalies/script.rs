//! Histories that read like a script, for the examples of each anomaly.
//!
//! Every job has one message at a time, named after it; a redrive gives it another one.

use std::collections::HashMap;

use contract::Outcome;
use verifier_model::faults::Fault;

use crate::checker::{ChaosReport, evaluate};
use crate::history::{
    Content, Event, Expectation, Header, History, InvocationEnd, Line, Operation, Queue,
};
use crate::observation::Observation;
use crate::{Anomaly, AnomalySet, Id};

/// A history in the making.
pub(super) struct Script {
    history: History,
    now: u64,
    operations: u64,
    invocations: u64,
    redrives: HashMap<String, u64>,
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            history: History { header: Header::sample(), lines: Vec::new() },
            now: 0,
            operations: 0,
            invocations: 0,
            redrives: HashMap::new(),
        }
    }

    /// One of a target that sees only that.
    pub(super) fn that_observes(observations: &'static [Observation]) -> Self {
        let mut script = Self::new();
        script.history.header.observes = observations.into();
        script
    }

    /// One of a target that reports receives so much later.
    pub(super) fn that_tells_late(milliseconds: u64) -> Self {
        let mut script = Self::new();
        script.history.header.terms.told_late_milliseconds = milliseconds;
        script
    }

    /// One job, `a`, that has used up its receives, at the moment when it is due in the dead-letter queue.
    pub(super) fn that_fails_to_the_end(nature: Expectation) -> Self {
        let mut script = Self::new();
        script.submit("a", nature);
        for attempt in 0..3 {
            script.at(attempt * 60_000).receive("a").attempt("a", Outcome::Failed);
        }
        script.at(180_000);
        script
    }

    /// What the checker says.
    pub(super) fn report(&self) -> ChaosReport {
        evaluate(&self.history)
    }

    /// What the checker finds, each anomaly once.
    pub(super) fn found(&self) -> Vec<Anomaly> {
        let report = self.report();
        let found: AnomalySet = report.findings.iter().map(|finding| finding.anomaly).collect();
        for finding in &report.findings {
            assert!(!finding.lines.is_empty() && finding.lines.is_sorted(), "{finding:?}");
            assert!(
                finding.lines.iter().all(|line| (2..self.history.lines.len() + 2).contains(line))
            );
        }
        found.iter().collect()
    }

    pub(super) fn at(&mut self, milliseconds: u64) -> &mut Self {
        self.now = milliseconds;
        self
    }

    fn push(&mut self, event: Event) -> &mut Self {
        self.history.lines.push(Line { at: self.now, event });
        self
    }

    fn message(&self, job: &str) -> Id {
        format!("{job}-m{}", self.redrives.get(job).unwrap_or(&0)).into()
    }

    /// Submitted, accepted and sent.
    pub(super) fn submit(&mut self, job: &str, nature: Expectation) -> &mut Self {
        self.invoke(job, nature).sent(job).ok(job)
    }

    /// The same, of a job that fails at so many of its first receives.
    pub(super) fn submit_failing(
        &mut self,
        job: &str,
        nature: Expectation,
        times: u32,
    ) -> &mut Self {
        self.submit(job, nature);
        let submit = self.history.lines.iter_mut().rev().find_map(|line| match &mut line.event {
            Event::Invoke { operation: Operation::Submit { fails, .. }, .. } => Some(fails),
            _ => None,
        });
        *submit.unwrap() = Some(times);
        self
    }

    pub(super) fn invoke(&mut self, job: &str, nature: Expectation) -> &mut Self {
        let op = self.operations;
        self.operations += 1;
        let content = content(&format!("body of {job}"), None);
        self.push(Event::Invoke {
            op,
            operation: Operation::Submit {
                job: job.into(),
                nature,
                content,
                fails: None,
                ends_batch: false,
            },
        })
    }

    /// The latest operation on a job.
    fn op(&self, wanted: &str) -> u64 {
        let ops = self.history.lines.iter().rev().filter_map(|line| match &line.event {
            Event::Invoke { op, operation: Operation::Submit { job, .. } }
                if job.as_str() == wanted =>
            {
                Some(*op)
            }
            _ => None,
        });
        ops.into_iter().next().unwrap()
    }

    pub(super) fn ok(&mut self, job: &str) -> &mut Self {
        self.push(Event::Ok { op: self.op(job), message: None })
    }

    pub(super) fn fail(&mut self, job: &str) -> &mut Self {
        self.push(Event::Fail { op: self.op(job), reason: "400".into() })
    }

    pub(super) fn info(&mut self, job: &str) -> &mut Self {
        self.push(Event::Info { op: self.op(job), reason: "timeout".into() })
    }

    pub(super) fn sent(&mut self, job: &str) -> &mut Self {
        self.push(Event::Sent { message: self.message(job), job: job.into() })
    }

    pub(super) fn receive(&mut self, job: &str) -> &mut Self {
        let (message, job) = (self.message(job), job.into());
        self.push(Event::Received { queue: Queue::Jobs, message, job, receive_count: 1 })
    }

    /// A fault strikes no message in particular.
    pub(super) fn strike(&mut self, fault: Fault) -> &mut Self {
        self.push(Event::Fault { fault, operation: "x".into(), messages: Vec::new(), rule: 1 })
    }

    pub(super) fn throttle(&mut self, job: &str) -> &mut Self {
        self.push(Event::Throttled { messages: Some(vec![self.message(job)]) })
    }

    /// An invocation that has not ended yet.
    pub(super) fn begin(&mut self, job: &str) -> &mut Self {
        self.invocations += 1;
        let invocation = format!("i{}", self.invocations).into();
        self.push(Event::Invoked { invocation, messages: vec![self.message(job)] })
    }

    pub(super) fn attempt(&mut self, job: &str, outcome: Outcome) -> &mut Self {
        self.batch(&[(job, outcome)])
    }

    /// A batch of which each message is kept or deleted by its own outcome.
    pub(super) fn batch(&mut self, batch: &[(&str, Outcome)]) -> &mut Self {
        self.invocation(batch, |outcome| outcome == Outcome::Failed)
    }

    /// A batch of which every message is kept.
    pub(super) fn whole_batch_fails(&mut self, batch: &[(&str, Outcome)]) -> &mut Self {
        self.invocation(batch, |_| true)
    }

    fn invocation(
        &mut self,
        batch: &[(&str, Outcome)],
        keeps: impl Fn(Outcome) -> bool,
    ) -> &mut Self {
        self.invocations += 1;
        let invocation: Id = format!("i{}", self.invocations).into();
        let messages = batch.iter().map(|(job, _)| self.message(job)).collect();
        self.push(Event::Invoked { invocation: invocation.clone(), messages });
        for (job, outcome) in batch {
            self.line(&invocation, job, *outcome);
            if *outcome == Outcome::Succeeded
                && self.history.header.observes.contains(&Observation::Effects)
            {
                self.effect(job, job);
            }
        }
        self.push(Event::Ended {
            invocation: invocation.clone(),
            how: InvocationEnd::Responded,
            named: None,
        });
        for (job, outcome) in batch {
            if keeps(*outcome) {
                let (invocation, message) = (invocation.clone(), self.message(job));
                self.push(Event::Kept { invocation, message });
            } else {
                self.delete(job);
            }
        }
        self
    }

    fn line(&mut self, invocation: &Id, job: &str, outcome: Outcome) -> &mut Self {
        self.push(Event::Attempt {
            invocation: invocation.clone(),
            message: self.message(job),
            job: job.into(),
            outcome,
            logged_at: 0,
        })
    }

    /// The outcome line of the latest invocation comes again.
    pub(super) fn repeat_line(&mut self, job: &str) -> &mut Self {
        let invocation = format!("i{}", self.invocations).into();
        self.line(&invocation, job, Outcome::Succeeded)
    }

    /// The one effect of a job, with what a store knows it again by.
    pub(super) fn effect(&mut self, job: &str, token: &str) -> &mut Self {
        let message = self.message(job);
        let token = Some(token.into());
        self.push(Event::Effect { job: job.into(), message, key: "work".into(), token })
    }

    /// An effect that the worker's line tells.
    pub(super) fn told_effect(&mut self, job: &str, key: &str) -> &mut Self {
        let message = self.message(job);
        self.push(Event::Effect { job: job.into(), message, key: key.into(), token: None })
    }

    pub(super) fn delete(&mut self, job: &str) -> &mut Self {
        self.push(Event::Deleted { queue: Queue::Jobs, message: self.message(job) })
    }

    pub(super) fn dead_letter(&mut self, job: &str) -> &mut Self {
        self.dead_letter_with(job, &format!("body of {job}"), None)
    }

    pub(super) fn dead_letter_with(
        &mut self,
        job: &str,
        body: &str,
        attributes: Option<&str>,
    ) -> &mut Self {
        let content = content(body, attributes);
        self.push(Event::DeadLettered { message: self.message(job), job: job.into(), content })
    }

    /// A whole redrive of one job, the only one in the dead-letter queue.
    pub(super) fn redrive(&mut self, job: &str) -> &mut Self {
        self.redrive_start(1).copy(job);
        let number = self.redrives[job];
        let from = format!("{job}-m{}", number - 1).into();
        self.push(Event::Deleted { queue: Queue::DeadLetter, message: from }).redrive_end(1, 0)
    }

    /// From now on, the job's message is another one of it.
    pub(super) fn another_message(&mut self, job: &str) -> &mut Self {
        *self.redrives.entry(job.to_owned()).or_default() += 1;
        self
    }

    pub(super) fn redrive_start(&mut self, before: u64) -> &mut Self {
        self.push(Event::RedriveStarted { op: 99, before })
    }

    /// The job's message is copied and not taken out of the dead-letter queue.
    pub(super) fn copy(&mut self, job: &str) -> &mut Self {
        let from = self.message(job);
        *self.redrives.entry(job.to_owned()).or_default() += 1;
        self.push(Event::Moved { from, to: self.message(job), job: job.into() })
    }

    pub(super) fn redrive_end(&mut self, moved: u64, remaining: u64) -> &mut Self {
        self.push(Event::RedriveEnded { op: 99, moved, remaining })
    }

    pub(super) fn drained(&mut self) -> &mut Self {
        self.push(Event::Drained { complete: true, remaining: 0 })
    }

    pub(super) fn not_drained(&mut self) -> &mut Self {
        self.push(Event::Drained { complete: false, remaining: 1 })
    }
}

fn content(body: &str, attributes: Option<&str>) -> Content {
    Content { md5_of_body: body.into(), md5_of_attributes: attributes.map(Id::from) }
}
