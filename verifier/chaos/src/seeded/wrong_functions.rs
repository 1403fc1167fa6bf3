//! Functions with a bug.

use contract::{Job, Outcome};

use crate::simulator::{
    Answer, Record, ReferenceSubmit, ReferenceWorker, Submit, Work, WorkEffect, Worker,
    batch_response,
};
use crate::{Anomaly, Id};

/// A submit function with the bug for an anomaly, if there is one in it.
pub(super) struct WrongSubmit(pub(super) Anomaly);

/// A worker with the bug for an anomaly, if there is one in it.
pub(super) struct WrongWorker(pub(super) Anomaly);

fn directive(job: &Job, name: &str) -> bool {
    job.extra.get("chaos").is_some_and(|directives| directives.get(name).is_some())
}

fn is_slow(job: &Job) -> bool {
    directive(job, "sleepMs")
}

fn is_flaky(job: &Job) -> bool {
    directive(job, "failTimes")
}

fn lines_all_succeeded(work: &Work) -> bool {
    work.lines.iter().all(|line| line.outcome == Outcome::Succeeded)
}

fn is_slow_record(record: &Record<'_>) -> bool {
    Job::parse(record.body.as_bytes()).is_ok_and(|job| is_slow(&job))
}

impl Submit for WrongSubmit {
    fn submit(&mut self, body: &str, send: &mut dyn FnMut(String) -> Option<Id>) -> Answer {
        let job = Job::parse(body.as_bytes());
        match (self.0, job) {
            (Anomaly::AckedNotEnqueued, Ok(job)) if is_slow(&job) => {
                Answer { status: 202, message_id: None }
            }
            (Anomaly::Recovered, Ok(job)) if is_slow(&job) => {
                send(body.to_owned());
                Answer { status: 500, message_id: None }
            }
            (Anomaly::RejectedButEnqueued, Err(error)) => {
                send(body.to_owned());
                Answer { status: error.status(), message_id: None }
            }
            (Anomaly::Phantom, Ok(mut job)) if is_flaky(&job) => {
                job.job_id = job.job_id.map(|id| format!("{id}-again"));
                send(serde_json::to_string(&job).unwrap_or_default());
                ReferenceSubmit.submit(body, send)
            }
            _ => ReferenceSubmit.submit(body, send),
        }
    }
}

impl Worker for WrongWorker {
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work {
        let mut work = ReferenceWorker.work(records, request_id);
        let mut garbles = false;
        // It may have ended before it came to all of them.
        for (index, record) in records.iter().enumerate().take(work.lines.len()) {
            let job = Job::parse(record.body.as_bytes()).ok();
            if let Some(job) = job {
                garbles |= directive(&job, "malformedResponse");
                self.spoil(&mut work, index, record, &job);
            }
        }
        // An effect belongs behind those of the records before it.
        work.effects.sort_by_key(|effect| effect.record);
        let lines = work.lines.iter().enumerate();
        let failed = lines.filter(|(index, line)| {
            line.outcome == Outcome::Failed || self.names_too(&work, *index, records)
        });
        let named = failed.map(|(index, _)| records[index].message_id);
        work.response = Ok(batch_response(named.chain(garbles.then_some(""))));
        if self.0 == Anomaly::InnocentDlq && lines_all_succeeded(&work) {
            let is_silent = |index: usize| is_slow_record(&records[index]);
            work.effects.retain(|effect| !is_silent(effect.record));
            let mut indices = 0..;
            work.lines.retain(|_| !indices.next().is_some_and(is_silent));
        }
        work
    }
}

impl WrongWorker {
    fn spoil(&self, work: &mut Work, index: usize, record: &Record<'_>, job: &Job) {
        let fails = work.lines[index].outcome == Outcome::Failed;
        let effect = |key: &str| WorkEffect { record: index, key: key.to_owned() };
        match self.0 {
            Anomaly::Lost if fails && is_flaky(job) && record.receive_count >= 2 => {
                work.lines[index].outcome = Outcome::Succeeded;
            }
            Anomaly::DuplicatedEffect if is_slow(job) => work.effects.push(effect("once more")),
            Anomaly::PoisonAsSuccess if job.fail => {
                work.lines[index].outcome = Outcome::Succeeded;
                work.effects.push(effect("poison"));
            }
            Anomaly::UncausedFailure if is_slow(job) && record.receive_count == 1 => {
                work.lines[index].outcome = Outcome::Failed;
                work.effects.retain(|effect| effect.record != index);
            }
            Anomaly::EffectAndDlq if job.fail => work.effects.push(effect("poison")),
            _ => {}
        }
    }

    /// Whether a message is named as failed although it did not.
    fn names_too(&self, work: &Work, index: usize, records: &[Record<'_>]) -> bool {
        if self.0 == Anomaly::ContradictedOutcome {
            let record = &records[index];
            return lines_all_succeeded(work)
                && is_slow_record(record)
                && record.receive_count == 1;
        }
        if self.0 == Anomaly::InnocentDlq {
            return lines_all_succeeded(work) && is_slow_record(&records[index]);
        }
        let mate = index.checked_sub(1).map(|before| work.lines[before].outcome);
        self.0 == Anomaly::BatchPoisoned
            && mate == Some(Outcome::Failed)
            && records[index].receive_count == 1
    }
}
