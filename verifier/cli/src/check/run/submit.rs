//! The jobs of a run, and the bodies that the API has to refuse.

use std::time::Duration;

use contract::{Job, SubmitResponse};
use futures::future::join_all;
use verifier_core::check::rules::api_reject;
use verifier_core::check::{Exchange, JobEvidence, Rejection};

use super::{Course, Run};

/// How many good jobs go with the poison one.
pub(super) const GOOD_JOBS: usize = 2;
/// What a queue takes at most if it does not say.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const MESSAGE_BYTES_MAX: u64 = 1_048_576;

impl Run<'_> {
    /// Submits the good jobs and the poison one together, so that they may share a batch.
    pub(super) async fn submit(&self, course: &Result<Course, String>) -> Vec<JobEvidence> {
        let Ok(course) = course else {
            return Vec::new();
        };
        let jobs = (0..=GOOD_JOBS).map(|number| self.job(number));
        join_all(jobs.map(|job| self.submit_one(&course.job_url, job))).await
    }

    /// Submits bodies that have to be refused: those that would fit the queue, or the one that would not.
    ///
    /// Those that would fit go before the jobs. Should they get to the queue, they are then dead-lettered before the poison
    /// is, and the run finds them when it looks for that.
    pub(super) async fn submit_rejects(
        &self,
        course: &Result<Course, String>,
        fitting: bool,
    ) -> Vec<Rejection> {
        let wanted = self.options.selection.wants_any(&[api_reject::CHECK]);
        let Some(course) = course.as_ref().ok().filter(|_| wanted) else {
            return Vec::new();
        };
        let most = course.jobs.number("MaximumMessageSize").unwrap_or(MESSAGE_BYTES_MAX);
        let bodies = api_reject::bodies(self.run_id, usize::try_from(most).unwrap_or_default());
        let bodies = bodies.into_iter().filter(|body| body.fits_the_queue == fitting);
        let rejections = bodies.map(async |body| Rejection {
            defect: body.defect,
            job_id: body.job_id,
            exchange: self.http.post_json(&course.job_url, body.text.into_bytes()).await,
            attempts: Vec::new(),
            dead_letter: None,
        });
        join_all(rejections).await
    }

    /// The run's jobs, as if none of them had been answered.
    pub(super) fn planned(&self, url: &str) -> Vec<JobEvidence> {
        let job = |number: usize| {
            let job = self.job(number);
            JobEvidence {
                job_id: job.job_id.unwrap_or_default(),
                fails: job.fail,
                submitted_at: self.clock.now(),
                exchange: Exchange {
                    method: "POST",
                    url: url.to_owned(),
                    latency: Duration::ZERO,
                    answer: Err("interrupted before the answer".to_owned()),
                },
                message_id: None,
                attempts: Vec::new(),
            }
        };
        (0..=GOOD_JOBS).map(job).collect()
    }

    /// The run's job of that number; the last one is the poison.
    pub(super) fn job(&self, number: usize) -> Job {
        let fail = number == GOOD_JOBS;
        let name = if fail { "poison".to_owned() } else { format!("good-{}", number + 1) };
        Job {
            fail,
            job_id: Some(format!("{}-{name}", self.run_id)),
            run_id: Some(self.run_id.to_string()),
            ..Job::new(format!("verifier: {name}"))
        }
    }

    async fn submit_one(&self, url: &str, job: Job) -> JobEvidence {
        let submitted_at = self.clock.now();
        let body = serde_json::to_vec(&job).unwrap_or_default();
        let exchange = self.http.post_json(url, body).await;
        let job_id = job.job_id.unwrap_or_default();
        let accepted = exchange.answer.as_ref().ok().filter(|answer| answer.status == 202);
        let accepted: Option<SubmitResponse> =
            accepted.and_then(|answer| serde_json::from_str(&answer.body).ok());
        let message_id = accepted
            .filter(|response| response.job_id == job_id && !response.message_id.is_empty())
            .map(|response| response.message_id);
        JobEvidence {
            job_id,
            fails: job.fail,
            submitted_at,
            exchange,
            message_id,
            attempts: Vec::new(),
        }
    }
}
