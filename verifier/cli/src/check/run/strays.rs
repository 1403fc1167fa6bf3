//! What tells of messages that are no job of the run: refused bodies that were enqueued all the same.

use std::collections::BTreeSet;

use verifier_aws::AwsError;
use verifier_core::account::{Account, Invocation, InvocationEnd, MessageAccount, MessageEnd};
use verifier_core::check::rules::api_reject::Strays;
use verifier_core::check::{LogEvidence, RunId};

use super::follow::CLOCK_SKEW;
use super::{Course, Run};

/// The outcomes of other senders' jobs in the time of a run.
#[derive(Default)]
struct Others {
    /// The messages, or the jobs where lines name no message.
    messages: BTreeSet<String>,
    /// Those of other runs of the verifier.
    of_runs: BTreeSet<String>,
    /// The invocations that were handed them.
    requests: BTreeSet<String>,
}

impl Run<'_> {
    /// Looks for messages that nothing of the run explains: more in the queue than before, and invocations that wrote of no
    /// message. Only where there are any, the log is asked who else sends.
    pub(super) async fn strays(
        &mut self,
        course: &Course,
        log: &LogEvidence,
    ) -> Result<Strays, AwsError> {
        let account = self.account();
        let waiting =
            account.messages.iter().filter(|job| job.end == MessageEnd::StillThere).count() as u64;
        let queued = account.surplus.map(|surplus| surplus.saturating_sub(waiting));
        let silent = self.silent(&account);
        // Jobs of which no line is there may be what those were handed.
        let unseen =
            |job: &&MessageAccount| job.attempts.is_empty() && job.end != MessageEnd::NotAccepted;
        let silent = if silent.len() > account.messages.iter().filter(unseen).count() {
            silent
        } else {
            Vec::new()
        };
        let seen = !self.letters.held.is_empty() || !self.letters.passed_on.is_empty();
        self.others_seen = seen;
        if (queued.unwrap_or_default() == 0 && silent.is_empty()) || log.error.is_some() {
            return Ok(Strays { queued, swallowed: Vec::new(), others_seen: seen });
        }
        let others = self.others(course).await?;
        self.others_seen = seen || !others.messages.is_empty();
        let swallowed = silent.iter().filter(|each| !others.requests.contains(&each.request_id));
        let swallowed = swallowed.map(|each| {
            format!("invocation {} succeeded and wrote of no message", each.request_id)
        });
        Ok(Strays {
            // Runs at the same time each have messages there, which are theirs to account for.
            queued: queued.map(|queued| queued.saturating_sub(others.of_runs.len() as u64)),
            swallowed: swallowed.collect(),
            others_seen: self.others_seen,
        })
    }

    /// The invocations that succeeded since the run began to submit, and of which no line of the run is.
    fn silent(&self, account: &Account) -> Vec<Invocation> {
        let own = account.messages.iter().flat_map(|message| message.requests());
        let refused = self.rejections.iter().flat_map(|each| &each.attempts);
        let refused = refused.map(|attempt| attempt.line.request_id.as_str());
        let explained: BTreeSet<&str> = own.chain(refused).collect();
        let tells = !explained.is_empty();
        let mut invocations: Vec<Invocation> = self.invocations.clone();
        invocations.retain(|each| {
            tells
                && each.end == InvocationEnd::Success
                && each.started_at() >= self.started_at
                && !explained.contains(each.request_id.as_str())
        });
        invocations
    }

    /// Reads who else sends, from every outcome line of the time.
    async fn others(&self, course: &Course) -> Result<Others, AwsError> {
        let mut others = Others::default();
        let since = self.started_at - CLOCK_SKEW;
        let own: BTreeSet<&str> = self.jobs.iter().map(|job| job.job_id.as_str()).collect();
        self.aws
            .log_lines(&course.log_group, None, since, |_, text| {
                let Some(line) = self.reader.read_any(text) else { return };
                let job_id = line.job_id.unwrap_or_default();
                if own.contains(job_id.as_str()) {
                    return;
                }
                match RunId::of_job(&job_id) {
                    Some(run) if run == self.run_id => return,
                    Some(_) => drop(others.of_runs.insert(job_id.clone())),
                    None => {}
                }
                others.requests.insert(line.request_id);
                others.messages.insert(if line.message_id.is_empty() {
                    job_id
                } else {
                    line.message_id
                });
            })
            .await?;
        Ok(others)
    }
}
