//! Leaving nothing behind.

use std::collections::BTreeMap;

use contract::Outcome;
use verifier_core::account::{MessageAccount, MessageEnd};
use verifier_core::check::rules::{api_reject, clean_leftovers};
use verifier_core::check::{
    CHECKS, Evaluate, JobEvidence, Leftovers, QueueEvidence, Rejection, RoleGrants, Roles, on_time,
};

use super::Run;
use super::follow::{LINES_EARLY, copies_of};

impl Run<'_> {
    /// Removes what the run created and what older runs left, and makes visible again what it held. To be called once, however
    /// the run ended.
    pub(crate) async fn clean_up(&mut self) {
        let created: Vec<&JobEvidence> =
            self.jobs.iter().filter(|job| may_be_queued(job)).collect();
        let strays = self.rejections.iter().filter(|rejection| is_queued(rejection));
        let strays: Vec<String> = strays.map(|rejection| rejection.job_id.clone()).collect();
        self.leftovers.created = created.len() + strays.len();
        // Should there be no time to find out, all of it may be left.
        self.left_behind = created.iter().map(|job| name(job)).collect();
        self.left_behind.extend(strays);
        if let Some(queue) = self.discovery.dead_letters.clone() {
            // What is in hand first: there may be little time.
            self.let_go(&queue).await;
            let own = self.own_message_ids();
            self.messages.end_search(&self.clock, &own).await;
            self.let_go(&queue).await;
            // What fails becomes visible by itself within minutes.
            self.aws.change_visibility(&queue, &self.messages.handles_to_pass_on()).await;
        }
        self.learn_what_was_done().await;
        let leftovers = self.concluded_leftovers();
        self.left_behind = [leftovers.left.clone(), leftovers.not_released.clone()].concat();
        self.left_behind.extend(clean_leftovers::up_to(&leftovers));
        for check in CHECKS {
            if let Evaluate::Leftovers(evaluate) = check.evaluate {
                self.settle(check, evaluate(&leftovers));
            }
        }
    }

    /// Settles what the stack's roles were used for, where the endpoint tells. To be called once, when nothing is left to do.
    pub(crate) fn settle_roles(&mut self, all: Option<&[RoleGrants]>) {
        for check in CHECKS {
            if let Evaluate::Roles(evaluate) = check.evaluate {
                let evaluation = evaluate(&Roles { all, jobs: self.jobs.len() });
                self.settle(check, evaluation);
            }
        }
    }

    /// What is left, by all that is known.
    fn concluded_leftovers(&self) -> Leftovers {
        let account = self.account();
        let mut leftovers = self.leftovers.clone();
        let others = self.messages.others.values().map(|held| held.receives);
        let of_runs = self.messages.passed_on.values().copied();
        leftovers.receives_of_others = others.chain(of_runs).sum();
        leftovers.released = self.messages.others.len() - self.unreleased.len();
        leftovers.of_running_runs = self.messages.passed_on.len();
        leftovers.not_released = self.unreleased.values().cloned().collect();
        leftovers.left.extend(self.undeleted.values().cloned());
        let left = self.jobs.iter().zip(&account.messages);
        let left = left.filter(|(job, message)| may_be_left(job, message, account.surplus));
        leftovers.left.extend(left.map(|(job, _)| name(job)));
        // A request that was repeated made these; nothing tells that they have ended.
        let copies = account.messages.iter().skip(self.jobs.len());
        let copies = copies.filter(|copy| !has_ended(copy) && account.surplus != Some(0));
        leftovers.left.extend(copies.map(|copy| {
            let id = copy.message_id.as_deref().unwrap_or("another message");
            format!("{id} ({}, which was submitted twice)", copy.job_id)
        }));
        let copies_seen = account.messages.len().saturating_sub(self.jobs.len());
        leftovers.created += copies_seen;
        leftovers.created_at_most = leftovers.created + self.copies_unseen(&account);
        let copies = copies_of(&account);
        let copies = self.messages.others.keys().filter(|id| copies.contains(id.as_str()));
        leftovers.left.extend(copies.map(|id| {
            format!("{id} in the dead-letter queue, which holds a job of this run under other ids")
        }));
        leftovers.surplus = account.surplus;
        leftovers.dead_letters = self.unexplained_dead_letters();
        leftovers.unanswered = self.messages.unanswered;
        leftovers.others_seen = self.others_seen;
        let strays = self.rejections.iter().filter(|stray| may_stray(stray, &leftovers));
        let strays: Vec<String> = strays
            .map(|stray| format!("the body {}, which was to be refused", stray.job_id))
            .collect();
        leftovers.left.extend(strays);
        let suspects = self.suspects.iter().filter(|_| !self.others_seen);
        leftovers.left.extend(suspects.map(|id| {
            format!(
                "{id} in the dead-letter queue, which seems to be a body that was to be refused"
            )
        }));
        leftovers
    }

    /// Deletes the run's own messages that are in hand, and makes those of others visible again.
    ///
    /// What is in hand stays so until that is done: should the run be interrupted meanwhile, it is done again.
    pub(super) async fn let_go(&mut self, queue: &QueueEvidence) {
        self.delete_own(queue).await;
        self.release_others(queue).await;
    }

    /// Deletes the run's own messages and those of runs that are over, together.
    async fn delete_own(&mut self, queue: &QueueEvidence) {
        let (own, leftovers) = (self.messages.own.clone(), self.messages.leftovers.clone());
        let all = || own.values().chain(leftovers.values());
        let handles: Vec<String> = all().map(|message| message.receipt_handle.clone()).collect();
        let failed: BTreeMap<String, String> =
            self.aws.delete(queue, &handles).await.into_iter().collect();
        self.messages.own.clear();
        self.messages.leftovers.clear();
        for message in all() {
            let id = message.message_id.clone();
            self.undeleted.remove(&id);
            let done = if own.contains_key(&id) {
                &mut self.leftovers.deleted
            } else {
                &mut self.leftovers.swept
            };
            match failed.get(&message.receipt_handle) {
                None if done.contains(&id) => {}
                None => done.push(id),
                Some(reason) => {
                    let text = format!("{id} in {}: {reason}", queue.name);
                    self.undeleted.insert(id, text);
                }
            }
        }
    }

    async fn release_others(&mut self, queue: &QueueEvidence) {
        let held = self.messages.held.clone();
        let handles: Vec<(String, u32)> =
            held.values().map(|held| (held.message.receipt_handle.clone(), 0)).collect();
        let failed: BTreeMap<String, String> =
            self.aws.change_visibility(queue, &handles).await.into_iter().collect();
        self.messages.held.clear();
        for (message_id, held) in held {
            self.unreleased.remove(&message_id);
            if let Some(reason) = failed.get(&held.message.receipt_handle) {
                let text = format!("{message_id} in {}: {reason}", queue.name);
                self.unreleased.insert(message_id, text);
            }
        }
    }

    /// A run that was interrupted has not read the log, which tells the jobs that are done from those that are left.
    async fn learn_what_was_done(&mut self) {
        let unread =
            self.jobs.iter().any(|job| job.message_id.is_some() && job.attempts.is_empty());
        let Some(worker) = self.discovery.worker.clone().filter(|_| unread) else {
            return;
        };
        let since = self.began_at() - LINES_EARLY;
        // Without an answer, what may be left stays named.
        let run_id = self.run_id.to_string();
        if let Ok(lines) =
            self.aws.outcomes((&worker.log_group, &worker.name), &run_id, since, &self.reader).await
        {
            let lines = on_time(lines, &self.jobs);
            self.attribute(&lines.outcomes);
            self.outcomes = [lines.outcomes, lines.others].concat();
            self.attribute_refused();
        }
    }
}

/// Whether a job's message may still be queued, by its account: nothing tells where it ended, and the queue is not known to
/// hold no more than before.
fn may_be_left(job: &JobEvidence, message: &MessageAccount, surplus: Option<u64>) -> bool {
    let may_be_there = surplus != Some(0) || is_sent_again_and_again(message);
    may_be_queued(job) && !has_ended(message) && may_be_there
}

/// From how many messages of a job on it is sent again without end.
const ENDLESS: usize = 5;

/// Whether a job is sent again each time that it is worked on, by all that was seen: then it is in the queue, whatever that was counted
/// to hold at some moment.
fn is_sent_again_and_again(message: &MessageAccount) -> bool {
    message.copies.len() >= ENDLESS
}

/// Whether an account tells where a message ended.
fn has_ended(message: &MessageAccount) -> bool {
    match message.end {
        MessageEnd::DoneOnce | MessageEnd::DoneMoreThanOnce { .. } => true,
        // Its own message may still wait for its other receives, where it was a copy that was dead-lettered.
        MessageEnd::DeadLettered => message.dead_lettered.is_some() || message.message_id.is_none(),
        MessageEnd::NotAccepted
        | MessageEnd::Copied
        | MessageEnd::StillThere
        | MessageEnd::Unaccounted => false,
    }
}

/// Whether a body that was to be refused is known to have become a message.
pub(super) fn is_queued(rejection: &Rejection) -> bool {
    api_reject::is_accepted(rejection)
        || rejection.dead_letter.is_some()
        || !rejection.attempts.is_empty()
}

/// Whether a body that was to be refused may still be on a queue.
fn may_stray(rejection: &Rejection, leftovers: &Leftovers) -> bool {
    let done = rejection.attempts.iter().any(|attempt| attempt.line.outcome == Outcome::Succeeded);
    let known = |id: &String| leftovers.deleted.contains(id);
    is_queued(rejection) && !done && !rejection.dead_letter.as_ref().is_some_and(known)
}

/// Whether a job's message may have come to be: it was accepted, or a request may have arrived and what became of it is not
/// known.
pub(super) fn may_be_queued(job: &JobEvidence) -> bool {
    let refused =
        job.exchange.answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status));
    job.message_id.is_some() || (job.requests > 0 && !refused)
}

fn name(job: &JobEvidence) -> String {
    match &job.message_id {
        Some(message_id) => format!("{message_id} ({})", job.job_id),
        None if job.requests > 1 => {
            format!("the job {}, up to {} times, if it was enqueued", job.job_id, job.requests)
        }
        None => format!("the job {}, if it was enqueued", job.job_id),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use verifier_core::account::{Account, Expectation, Line, Observed, Submitted, Terms};
    use verifier_core::check::{Answer, Exchange};
    use verifier_model::time::Timestamp;

    use super::*;

    fn job(answer: Result<u16, &str>, message_id: Option<&str>) -> JobEvidence {
        JobEvidence {
            job_id: "j".to_owned(),
            body: String::new(),
            fails: false,
            submitted_at: Timestamp::default(),
            exchange: Exchange {
                method: "POST",
                url: String::new(),
                latency: Duration::ZERO,
                answer: answer
                    .map(|status| Answer { status, ..Answer::default() })
                    .map_err(str::to_owned),
                is_unsent: false,
            },
            message_id: message_id.map(str::to_owned),
            requests: 1,
            unavailable: 0,
            errors: 0,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn a_job_that_is_sent_again_without_end_is_left_whatever_the_queue_was_counted_to_hold() {
        let left = |copies: usize, surplus| {
            let mut line = Line {
                at: Timestamp::default(),
                message_id: None,
                receive_count: Some(1),
                outcome: Outcome::Succeeded,
                reason: None,
                request_id: None,
                batch_size: None,
                is_placed: false,
            };
            let lines = (0..copies).map(|copy| {
                line.message_id = Some(format!("x{copy}"));
                line.clone()
            });
            let submitted = Submitted {
                job_id: "j".to_owned(),
                expectation: Expectation::Succeeds,
                message_id: Some("m".to_owned()),
                submitted_at: Timestamp::default(),
                requests: 1,
                lines: lines.collect(),
                found: Vec::new(),
            };
            let account = Account::of(&Observed {
                terms: Terms {
                    max_receive_count: 3,
                    visibility_timeout: Duration::from_mins(1),
                    delay: Duration::ZERO,
                    batch_size: 5,
                },
                jobs: vec![submitted],
                invocations: Vec::new(),
                before: None,
                after: None,
                counted: Vec::new(),
                strays: 0,
                reads_others: false,
            });
            may_be_left(&job(Ok(202), Some("m")), &account.messages[0], surplus)
        };
        assert_eq!([left(1, Some(0)), left(ENDLESS, Some(0))], [false, true]);
        assert_eq!([left(1, Some(1)), left(1, None)], [true, true]);
    }

    #[test]
    fn only_a_refusal_proves_that_nothing_was_enqueued() {
        assert!(may_be_queued(&job(Ok(202), Some("m"))));
        assert!(may_be_queued(&job(Ok(202), None)));
        assert!(may_be_queued(&job(Ok(503), None)));
        assert!(may_be_queued(&job(Err("timed out"), None)));
        assert!(!may_be_queued(&job(Ok(400), None)));
        let unsent = JobEvidence { requests: 0, ..job(Err("connection refused"), None) };
        assert!(!may_be_queued(&unsent));
    }
}
