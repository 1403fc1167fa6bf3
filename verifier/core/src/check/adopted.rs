//! Messages whose ids the API does not answer with: they are known when a message, or a line of the worker's, names its job.

use std::collections::BTreeMap;

use super::observed::OurMessage;
use crate::evidence::{JobEvidence, LoggedOutcome};

impl JobEvidence {
    /// Whether its own id is in the place of the message's, which is not known yet.
    pub fn is_provisional(&self) -> bool {
        self.message_id.as_ref() == Some(&self.job_id)
    }

    /// The message's id, where it is known.
    pub fn known_message_id(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|_| !self.is_provisional())
    }
}

/// Gives jobs the ids of their messages that are not known yet: of the first one that was found under the job's id, or of the first
/// line that has both ids. Another message of the same job is a copy then, as where the API has said which is the first.
pub fn adopt(
    jobs: &mut [JobEvidence],
    found: &BTreeMap<String, OurMessage>,
    lines: &[LoggedOutcome],
) {
    for job in jobs.iter_mut().filter(|job| job.is_provisional()) {
        let of_job = found.values().filter(|message| message.is_of(&job.job_id));
        let first = of_job.min_by_key(|message| message.sent_at);
        let first = first.map(|message| message.message_id.clone());
        let written = || {
            let mut of_job = lines.iter().map(|logged| &logged.line).filter(|line| {
                line.job_id.as_ref() == Some(&job.job_id) && !line.message_id.is_empty()
            });
            of_job.next().map(|line| line.message_id.clone())
        };
        if let Some(message_id) = first.or_else(written) {
            job.message_id = Some(message_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::{Outcome, OutcomeLine};
    use verifier_model::time::Timestamp;

    use super::*;
    use crate::check::rules::job_accept::tests::job;

    fn message(id: &str, job_id: &str, sent_at: u64) -> OurMessage {
        OurMessage {
            message_id: id.to_owned(),
            texts: vec![format!(r#"{{"id":"{job_id}"}}"#)],
            sent_at: Some(Timestamp::from_millis(sent_at)),
            seen_at: Timestamp::from_millis(9),
        }
    }

    fn by_id(found: &[OurMessage]) -> BTreeMap<String, OurMessage> {
        found.iter().map(|message| (message.message_id.clone(), message.clone())).collect()
    }

    fn line(job_id: &str, message_id: &str) -> LoggedOutcome {
        let line = OutcomeLine {
            run_id: None,
            job_id: Some(job_id.to_owned()),
            message_id: message_id.to_owned(),
            receive_count: 1,
            outcome: Outcome::Succeeded,
            reason: None,
            request_id: String::new(),
            batch_size: 0,
        };
        LoggedOutcome { at: Timestamp::from_millis(1), line, is_placed: false }
    }

    fn adopted(job_id: &str, found: &[OurMessage], lines: &[LoggedOutcome]) -> Option<String> {
        let mut jobs = [job(job_id, false, Some(job_id))];
        adopt(&mut jobs, &by_id(found), lines);
        jobs[0].known_message_id().map(str::to_owned)
    }

    #[test]
    fn the_first_message_that_holds_the_job_is_its_own() {
        let found =
            [message("copy", "a-1", 2), message("own", "a-1", 1), message("x", "a-1-too", 0)];
        assert_eq!(adopted("a-1", &found, &[]).as_deref(), Some("own"));
        assert_eq!(adopted("b", &found, &[]), None);
    }

    #[test]
    fn a_line_with_both_ids_will_do() {
        let lines = [line("b", "other"), line("a", ""), line("a", "own"), line("a", "copy")];
        assert_eq!(adopted("a", &[], &lines).as_deref(), Some("own"));
        assert_eq!(adopted("a", &[], &lines[..2]), None);
    }

    #[test]
    fn what_the_api_has_answered_stays() {
        let mut jobs = [job("a", false, Some("told"))];
        adopt(&mut jobs, &by_id(&[message("own", "a", 1)]), &[line("a", "other")]);
        assert_eq!(jobs[0].known_message_id(), Some("told"));
    }
}
