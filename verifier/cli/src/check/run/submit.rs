//! The jobs of a run, and the bodies that the API has to refuse.

use std::time::Duration;

use futures::future::join_all;
use verifier_core::check::rules::{api_reject, job_accept};
use verifier_core::check::{Exchange, JobEvidence, Rejection};
use verifier_core::settings::Filling;

use super::{Course, Run};

/// How many good jobs go with the poison one.
pub(super) const GOOD_JOBS: usize = 2;

/// A job as it is submitted.
pub(super) struct Job {
    pub(super) job_id: String,
    pub(super) fails: bool,
    pub(super) body: String,
}

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
        let most = course.jobs.message_bytes_max();
        let jobs = &self.options.settings.jobs;
        let bodies = api_reject::bodies(self.run_id, &jobs.refused, most);
        let bodies = bodies.into_iter().filter(|body| body.fits_the_queue == fitting);
        let rejections = bodies.map(async |body| Rejection {
            defect: body.defect,
            job_id: body.job_id,
            exchange: self.http.post(&course.job_url, &jobs.headers, body.text.into_bytes()).await,
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
                job_id: job.job_id,
                fails: job.fails,
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
        let fails = number == GOOD_JOBS;
        let name = if fails { "poison".to_owned() } else { format!("good-{}", number + 1) };
        let run_id = self.run_id.to_string();
        let job_id = format!("{run_id}-{name}");
        let jobs = &self.options.settings.jobs;
        let template = if fails { &jobs.failing } else { &jobs.good };
        let filling = Filling { job_id: &job_id, run_id: &run_id, name: &name, padding_bytes: 0 };
        let body = filling.fill(template);
        Job { job_id, fails, body }
    }

    async fn submit_one(&self, url: &str, job: Job) -> JobEvidence {
        let submitted_at = self.clock.now();
        let Job { job_id, fails, body } = job;
        let headers = &self.options.settings.jobs.headers;
        let exchange = self.http.post(url, headers, body.into_bytes()).await;
        let message_id =
            job_accept::accepted_message_id(&exchange, &job_id, &self.options.settings.api);
        JobEvidence { job_id, fails, submitted_at, exchange, message_id, attempts: Vec::new() }
    }
}
