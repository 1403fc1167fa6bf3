//! How the stack is configured, and whether jobs may be put into it.

use verifier_core::check::rules::{cfg_consumer, cfg_redrive, stack_owns, stack_ready};
use verifier_core::check::{
    CHECKS, Configuration, Evaluate, QueueEvidence, StackEvidence, Verdict,
};

use super::{Entrance, JobPlan, Run};

/// How many batches Lambda works on at once before it scales, unless the mapping bounds them.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>, "Lambda starts reading five batches at a time".
const FIRST_BATCHES: usize = 5;

/// Why no job was submitted where nothing is known that takes any.
const NOWHERE: &str = "no job was submitted, since nothing says where: name the API with --api and say api.jobs_path in verifier.toml, or resources.job_url, or send jobs to the queue itself with jobs.submit = \"sqs\"";

impl Run<'_> {
    /// Settles every check that is about configuration alone.
    pub(super) fn evaluate_configuration(&mut self, stack: Option<&StackEvidence>) {
        let now = self.clock.now();
        for check in CHECKS {
            let Evaluate::Configuration(evaluate) = check.evaluate else { continue };
            let (settings, discovered) = (&self.options.settings, &self.discovery);
            let resources = &self.resources;
            let of = Configuration { stack, resources, settings, discovered, now };
            let evaluation = evaluate(&of);
            self.settle(check, evaluation);
        }
    }

    /// What the jobs will go through; or why none may be submitted.
    ///
    /// A stack that is not ready, not its own or not configured to dead-letter would keep what is put into it, or put it into another stack's queue. That counts also where the check that says so is not to be reported.
    pub(super) fn course(&self) -> Result<JobPlan, String> {
        if !self.options.selection.needs_jobs() {
            return Err(
                "no job was submitted, since no check of those asked for needs one".to_owned()
            );
        }
        let of_stack = [stack_ready::CHECK, stack_owns::CHECK];
        let of_stack = of_stack.iter().filter(|_| self.resources.is_of_stack());
        for check in of_stack.chain([&cfg_consumer::CHECK]) {
            // A consumer that one has doubts about is one, and what the jobs come to shows whether it works.
            if !matches!(self.verdicts.get(check.id), Some(Verdict::Pass | Verdict::Warn)) {
                return Err(format!("no job was submitted, since {} did not pass", check.id));
            }
        }
        let gone = || "no job was submitted, since the stack could not be resolved".to_owned();
        let discovery = &self.discovery;
        let (jobs, dead_letters) =
            discovery.jobs.clone().zip(discovery.dead_letters.clone()).ok_or_else(gone)?;
        if dead_letters.moves_what_is_received() && !self.options.allow_moves {
            return Err(format!(
                "no job was submitted, since looking for it in {} would move messages of others on ({}); --allow-moves looks all the same",
                dead_letters.name,
                cfg_redrive::CHECK.id
            ));
        }
        let entrance = self.entrance(&jobs).ok_or_else(|| {
            if self.resources.is_of_stack() { gone() } else { NOWHERE.to_owned() }
        })?;
        let mapping = discovery.mappings.first().ok_or_else(gone)?;
        // A receive count other than the expected one fails its check, and endangers nobody.
        let policy = jobs
            .redrive_policy()
            .filter(|policy| policy.dead_letter_target_arn == dead_letters.arn())
            .ok_or_else(|| {
                format!("no job was submitted, since {} did not pass", cfg_redrive::CHECK.id)
            })?;
        Ok(JobPlan {
            entrance,
            log_group: discovery
                .worker
                .as_ref()
                .map(|worker| worker.log_group.clone())
                .ok_or_else(gone)?,
            function: discovery
                .worker
                .as_ref()
                .map(|worker| worker.name.clone())
                .ok_or_else(gone)?,
            max_receive_count: policy.max_receive_count,
            visibility_timeout: jobs.visibility_timeout().ok_or_else(gone)?,
            batch_size: mapping.batch_size,
            batching_window: mapping.batching_window,
            first_batches: mapping.maximum_concurrency.map_or(FIRST_BATCHES, |most| {
                FIRST_BATCHES.min(usize::try_from(most).unwrap_or(FIRST_BATCHES))
            }),
            jobs,
            dead_letters,
        })
    }

    /// How jobs get to the queue; `None` where nothing is known that takes any.
    fn entrance(&self, jobs: &QueueEvidence) -> Option<Entrance> {
        let settings = &self.options.settings;
        if settings.jobs.are_sent() {
            let is_one_group = jobs.is_fifo() && settings.jobs.are_one_group();
            return Some(Entrance::Queue { is_one_group });
        }
        settings.job_url(self.resources.urls()).map(Entrance::Url)
    }
}
