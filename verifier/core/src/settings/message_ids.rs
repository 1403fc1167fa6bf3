//! Where a message says which run and which job it belongs to.

use super::placeholders::{lookup, text_of};
use crate::run_id::RunId;

/// The JSON paths in a queue's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageIds {
    /// To the run's id; `None` when it follows from the job's id.
    pub run_id: Option<String>,
    /// To the job's id.
    pub job_id: String,
}

impl Default for MessageIds {
    fn default() -> Self {
        Self { run_id: Some("runId".to_owned()), job_id: "jobId".to_owned() }
    }
}

impl MessageIds {
    /// The run that a message's body names, with a job id of that run.
    ///
    /// The bodies that a run expects to be refused are not all JSON, so those are searched as text.
    pub fn run_of(&self, body: &str) -> Option<RunId> {
        let job_id = self.job_of(body)?;
        let of_job = RunId::of_job(&job_id)?;
        match &self.run_id {
            Some(path) => (RunId::parse(&find(body, path)?)? == of_job).then_some(of_job),
            None => Some(of_job),
        }
    }

    /// The job that a message's body names.
    pub fn job_of(&self, body: &str) -> Option<String> {
        find(body, &self.job_id)
    }
}

fn find(body: &str, path: &str) -> Option<String> {
    if let Ok(value) = serde_json::from_str(body) {
        return lookup(&value, path).and_then(text_of);
    }
    let name = path.rsplit('.').next().unwrap_or(path);
    let (_, rest) = body.split_once(&format!("\"{name}\":"))?;
    rest.trim_start().strip_prefix('"')?.split_once('"').map(|(text, _)| text.to_owned())
}
