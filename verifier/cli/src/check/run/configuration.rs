//! How the stack is configured, and whether jobs may be put into it.

use std::time::Duration;

use verifier_aws::AwsError;
use verifier_core::check::rules::{
    cfg_access, cfg_alarm, cfg_consumer, cfg_encryption, cfg_experiment, cfg_logs, cfg_receives,
    cfg_redrive, cfg_retention, cfg_tls, cfg_visibility, stack_owns, stack_ready,
};
use verifier_core::check::{Evaluation, QueueEvidence, StackEvidence, Verdict};
use verifier_core::settings::queue_name;

use super::{JobPlan, OF_JOBS, Run};

/// How many batches Lambda works on at once before it scales, unless the mapping bounds them.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>, "Lambda starts reading five batches at a time".
const FIRST_BATCHES: usize = 5;

impl Run<'_> {
    /// Settles every check that is about configuration alone.
    pub(super) fn evaluate_configuration(&mut self, stack: &StackEvidence) {
        let outputs = &self.options.settings.outputs;
        let names: Vec<&str> = [&outputs.jobs_queue, &outputs.dead_letter_queue]
            .iter()
            .filter_map(|output| stack.outputs.get(*output))
            .map(|value| queue_name(value))
            .collect();
        let owns = if names.is_empty() {
            Evaluation::not_run("no output names a queue")
        } else {
            let api = outputs.api_url.as_ref().and_then(|output| stack.outputs.get(output));
            let job_url = self.options.settings.job_url(&stack.outputs);
            let urls: Vec<&str> = api.into_iter().chain(&job_url).map(String::as_str).collect();
            stack_owns::evaluate(stack, &names, &urls, &self.discovery.mappings)
        };
        self.settle(&stack_owns::CHECK, owns);
        let queues = self.discovery.jobs.clone().zip(self.discovery.dead_letters.clone());
        self.evaluate_queues(queues.as_ref());
        let consumer = match &self.discovery.jobs {
            Some(_) if self.are_mistaken() => mistaken(),
            Some(jobs) => cfg_consumer::evaluate(
                jobs,
                &self.discovery.mappings,
                &self.discovery.dead_letter_mappings,
                self.discovery.worker.as_ref(),
            ),
            None => no_queues(),
        };
        self.settle(&cfg_consumer::CHECK, consumer);
        self.evaluate_observability();
        let receives = self.discovery.jobs.as_ref().map_or_else(no_queues, cfg_receives::evaluate);
        self.settle(&cfg_receives::CHECK, receives);
        let now = self.clock.now();
        let lease = match (&self.discovery.jobs, &self.discovery.lease) {
            (Some(jobs), Some(Ok(tag))) => cfg_experiment::evaluate(jobs, tag.as_deref(), now),
            (_, Some(Err(error))) => unknown(error),
            _ => no_queues(),
        };
        self.settle(&cfg_experiment::CHECK, lease);
    }

    fn evaluate_queues(&mut self, queues: Option<&(QueueEvidence, QueueEvidence)>) {
        let redrive = queues.map_or_else(no_queues, |(jobs, dead_letters)| {
            cfg_redrive::evaluate(jobs, dead_letters, self.options.settings.expect.receives)
        });
        self.settle(&cfg_redrive::CHECK, redrive);
        let discovery = &self.discovery;
        let visibility = match (&discovery.jobs, discovery.mappings.as_slice(), &discovery.worker) {
            (Some(jobs), [mapping], Some(worker)) => {
                cfg_visibility::evaluate(jobs, mapping, worker)
            }
            _ => no_consumer(),
        };
        self.settle(&cfg_visibility::CHECK, visibility);
        let retention = queues.map_or_else(no_queues, |(jobs, dead_letters)| {
            if are_mistaken(jobs, dead_letters) {
                return mistaken();
            }
            let window = match self.discovery.mappings.as_slice() {
                [mapping] => mapping.batching_window,
                _ => Duration::ZERO,
            };
            cfg_retention::evaluate(jobs, dead_letters, window)
        });
        self.settle(&cfg_retention::CHECK, retention);
        let encryption = queues.map_or_else(no_queues, |(jobs, dead_letters)| {
            cfg_encryption::evaluate(&[jobs, dead_letters])
        });
        self.settle(&cfg_encryption::CHECK, encryption);
        let tls = queues.map_or_else(no_queues, |(jobs, dead_letters)| {
            cfg_tls::evaluate(&[jobs, dead_letters])
        });
        self.settle(&cfg_tls::CHECK, tls);
        let access = queues.map_or_else(no_queues, |(jobs, dead_letters)| {
            cfg_access::evaluate(&[jobs, dead_letters])
        });
        self.settle(&cfg_access::CHECK, access);
    }

    fn are_mistaken(&self) -> bool {
        let queues = self.discovery.jobs.as_ref().zip(self.discovery.dead_letters.as_ref());
        queues.is_some_and(|(jobs, dead_letters)| are_mistaken(jobs, dead_letters))
    }

    fn evaluate_observability(&mut self) {
        let discovery = &self.discovery;
        let logs = match (&discovery.worker, &discovery.log_group) {
            (Some(worker), Some(Ok(group))) => cfg_logs::evaluate(worker, group.as_ref()),
            (_, Some(Err(error))) => unknown(error),
            _ => no_consumer(),
        };
        let alarm = match (&discovery.dead_letters, &discovery.alarms) {
            _ if self.are_mistaken() => mistaken(),
            (Some(dead_letters), Some(Ok(alarms))) => cfg_alarm::evaluate(dead_letters, alarms),
            (_, Some(Err(error))) => unknown(error),
            _ => no_queues(),
        };
        self.settle(&cfg_logs::CHECK, logs);
        self.settle(&cfg_alarm::CHECK, alarm);
    }

    /// What the jobs will go through; or why none may be submitted.
    ///
    /// A stack that is not ready, not its own or not configured to dead-letter would keep what is put into it, or put it into another stack's queue. That counts also where the check that says so is not to be reported.
    pub(super) fn course(&self, stack: &StackEvidence) -> Result<JobPlan, String> {
        if !self.options.selection.wants_any(&OF_JOBS) {
            return Err(
                "no job was submitted, since no check of those asked for needs one".to_owned()
            );
        }
        for check in [stack_ready::CHECK, stack_owns::CHECK, cfg_consumer::CHECK] {
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
        let mapping = discovery.mappings.first().ok_or_else(gone)?;
        // A receive count other than the expected one fails its check, and endangers nobody.
        let policy = jobs
            .redrive_policy()
            .filter(|policy| policy.dead_letter_target_arn == dead_letters.arn())
            .ok_or_else(|| {
                format!("no job was submitted, since {} did not pass", cfg_redrive::CHECK.id)
            })?;
        Ok(JobPlan {
            job_url: self.options.settings.job_url(&stack.outputs).ok_or_else(gone)?,
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
}

fn no_queues() -> Evaluation {
    Evaluation::not_run("the outputs lead to no jobs queue or no dead-letter queue")
}

fn mistaken() -> Evaluation {
    Evaluation::not_run("the outputs do not tell the two queues apart, as cfg.redrive says")
}

/// Whether the outputs of the two queues are swapped, or one: what is said of either is about another queue then.
fn are_mistaken(jobs: &QueueEvidence, dead_letters: &QueueEvidence) -> bool {
    cfg_redrive::are_swapped(jobs, dead_letters) || cfg_redrive::are_one(jobs, dead_letters)
}

fn no_consumer() -> Evaluation {
    Evaluation::not_run("the jobs queue has not exactly one consumer")
}

/// That AWS did not tell what one check is about.
fn unknown(error: &AwsError) -> Evaluation {
    Evaluation::inconclusive(error.to_string()).with_next(error.next())
}
