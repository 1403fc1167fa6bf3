//! Leaving nothing behind.

use std::collections::BTreeMap;

use contract::Outcome;
use verifier_core::account::{MessageAccount, MessageEnd};
use verifier_core::check::rules::clean_residue::{self, Residue};
use verifier_core::check::{JobEvidence, QueueEvidence, Rejection};

use super::Run;
use super::follow::CLOCK_SKEW;

impl Run<'_> {
    /// Removes what the run created and what older runs left, and hands back what it held. To be called once, however
    /// the run ended.
    pub(crate) async fn clean_up(&mut self) {
        let created: Vec<&JobEvidence> =
            self.jobs.iter().filter(|job| may_be_queued(job)).collect();
        let strays = self.rejections.iter().filter(|rejection| is_queued(rejection));
        let strays: Vec<String> = strays.map(|rejection| rejection.job_id.clone()).collect();
        let mut residue = Residue { created: created.len() + strays.len(), ..Residue::default() };
        // Should there be no time to find out, all of it may be left.
        self.left_behind = created.iter().map(|job| name(job)).collect();
        self.left_behind.extend(strays);
        if let Some(queue) = self.discovery.dead_letters.clone() {
            // What is in hand first: there may be little time.
            self.delete_own(&queue, &mut residue).await;
            self.hand_back_foreign(&queue, &mut residue).await;
            let own = self.own_message_ids();
            self.letters.end_search(&own).await;
            self.delete_own(&queue, &mut residue).await;
            self.hand_back_foreign(&queue, &mut residue).await;
            residue.receives_of_others += self.letters.passed_on.values().sum::<u32>();
        }
        self.learn_what_was_done().await;
        let account = self.account();
        let left: Vec<String> = self
            .jobs
            .iter()
            .zip(&account.messages)
            .filter(|(job, message)| may_be_left(job, message, account.surplus))
            .map(|(job, _)| name(job))
            .collect();
        residue.left.extend(left);
        residue.surplus = account.surplus;
        residue.others_seen = self.others_seen;
        let strays = self.rejections.iter().filter(|stray| may_stray(stray, &residue));
        let strays: Vec<String> = strays
            .map(|stray| format!("the body {}, which was to be refused", stray.job_id))
            .collect();
        residue.left.extend(strays);
        let suspects = self.suspects.iter().filter(|_| !self.others_seen);
        residue.left.extend(suspects.map(|id| {
            format!(
                "{id} in the dead-letter queue, which seems to be a body that was to be refused"
            )
        }));
        self.left_behind = [residue.left.clone(), residue.not_handed_back.clone()].concat();
        self.left_behind.extend(clean_residue::up_to(&residue));
        self.settle(&clean_residue::CHECK, clean_residue::judge(&residue));
    }

    /// Deletes the run's own messages and those of runs that are over, together.
    async fn delete_own(&mut self, queue: &QueueEvidence, residue: &mut Residue) {
        let own = std::mem::take(&mut self.letters.own);
        let leftovers = std::mem::take(&mut self.letters.leftovers);
        let all = || own.values().chain(leftovers.values());
        let handles: Vec<String> = all().map(|letter| letter.receipt_handle.clone()).collect();
        let failed: BTreeMap<String, String> =
            self.aws.delete(queue, &handles).await.into_iter().collect();
        for letter in all() {
            let id = letter.message_id.clone();
            match failed.get(&letter.receipt_handle) {
                None if own.contains_key(&id) => residue.deleted.push(id),
                None => residue.swept.push(id),
                Some(reason) => residue.left.push(format!("{id} in {}: {reason}", queue.name)),
            }
        }
    }

    async fn hand_back_foreign(&mut self, queue: &QueueEvidence, residue: &mut Residue) {
        let held = std::mem::take(&mut self.letters.held);
        let handles: Vec<(String, u32)> =
            held.values().map(|held| (held.letter.receipt_handle.clone(), 0)).collect();
        let failed: BTreeMap<String, String> =
            self.aws.change_visibility(queue, &handles).await.into_iter().collect();
        residue.handed_back += held.len() - failed.len();
        residue.receives_of_others += held.values().map(|held| held.receives).sum::<u32>();
        for (message_id, held) in held {
            if let Some(reason) = failed.get(&held.letter.receipt_handle) {
                residue.not_handed_back.push(format!("{message_id} in {}: {reason}", queue.name));
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
        let since = self.began_at() - CLOCK_SKEW;
        // Without an answer, what may be left stays named.
        let run_id = self.run_id.to_string();
        if let Ok(lines) = self.aws.outcomes(&worker.log_group, &run_id, since, &self.reader).await
        {
            self.attribute(&lines.outcomes);
        }
    }
}

/// Whether a job's message may still be queued, by its account: nothing tells where it ended, and the queue is not known to
/// hold no more than before.
fn may_be_left(job: &JobEvidence, message: &MessageAccount, surplus: Option<u64>) -> bool {
    let has_ended = match message.end {
        MessageEnd::DoneOnce | MessageEnd::DoneMoreThanOnce { .. } => true,
        // Its own message may still wait for its other receives, where it was a copy that was dead-lettered.
        MessageEnd::DeadLettered => message.dead_lettered.is_some() || message.message_id.is_none(),
        MessageEnd::NotAccepted
        | MessageEnd::Copied
        | MessageEnd::StillThere
        | MessageEnd::Unaccounted => false,
    };
    may_be_queued(job) && !has_ended && surplus != Some(0)
}

/// Whether a body that was to be refused is known to have become a message.
fn is_queued(rejection: &Rejection) -> bool {
    let accepted =
        rejection.exchange.answer.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status));
    accepted || rejection.dead_letter.is_some() || !rejection.attempts.is_empty()
}

/// Whether a body that was to be refused may still be on a queue.
fn may_stray(rejection: &Rejection, residue: &Residue) -> bool {
    let done = rejection.attempts.iter().any(|attempt| attempt.line.outcome == Outcome::Succeeded);
    let known = |id: &String| residue.deleted.contains(id);
    is_queued(rejection) && !done && !rejection.dead_letter.as_ref().is_some_and(known)
}

/// Whether a job's message may have come to be: it was accepted, or what became of it is not known.
pub(super) fn may_be_queued(job: &JobEvidence) -> bool {
    let refused =
        job.exchange.answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status));
    job.message_id.is_some() || !refused
}

fn name(job: &JobEvidence) -> String {
    match &job.message_id {
        Some(message_id) => format!("{message_id} ({})", job.job_id),
        None => format!("the job {}, if it was enqueued", job.job_id),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use verifier_core::check::{Answer, Exchange};
    use verifier_core::time::Timestamp;

    use super::*;

    fn job(answer: Result<u16, &str>, message_id: Option<&str>) -> JobEvidence {
        JobEvidence {
            job_id: "j".to_owned(),
            fails: false,
            submitted_at: Timestamp::default(),
            exchange: Exchange {
                method: "POST",
                url: String::new(),
                latency: Duration::ZERO,
                answer: answer
                    .map(|status| Answer { status, ..Answer::default() })
                    .map_err(str::to_owned),
            },
            message_id: message_id.map(str::to_owned),
            requests: 1,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn only_a_refusal_proves_that_nothing_was_enqueued() {
        assert!(may_be_queued(&job(Ok(202), Some("m"))));
        assert!(may_be_queued(&job(Ok(202), None)));
        assert!(may_be_queued(&job(Ok(503), None)));
        assert!(may_be_queued(&job(Err("timed out"), None)));
        assert!(!may_be_queued(&job(Ok(400), None)));
    }
}
