//! Lines of the worker's that report a receive and of neither success nor failure.

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Account, Expectation, MessageAccount};

/// A line that tells that the worker was handed a message, and something else of it, as `skipped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// When the log received it.
    pub at: Timestamp,
    /// The job's id, where the line names it.
    pub job_id: Option<String>,
    /// The message's id, where the line names it.
    pub message_id: Option<String>,
    /// Its receive count, where the line has it.
    pub receive_count: Option<u32>,
    /// The invocation's request id, where that is known.
    pub request_id: Option<String>,
    /// The outcome, in the worker's word.
    pub word: String,
}

impl Account {
    /// The line that tells that a good job came to the worker again after it was done; `None` where there is none.
    ///
    /// One of the same invocation reports the same receive. One that came within the visibility timeout, at the same receive
    /// count, is of a delivery that SQS made twice.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.
    pub fn remarked_again(&self, job: &MessageAccount) -> Option<&Remark> {
        if job.expectation != Expectation::Succeeds {
            return None;
        }
        let done = job.attempts.iter().find(|attempt| attempt.says_succeeded())?;
        let is_of_job = |remark: &&Remark| match (&remark.message_id, &job.message_id) {
            (Some(named), Some(own)) => named == own,
            _ => remark.job_id.as_deref() == Some(job.job_id.as_str()),
        };
        let is_again = |remark: &&Remark| {
            let is_another = remark.request_id != done.line.request_id;
            let due_at = done.line.at + self.terms.visibility_timeout;
            let is_counted = remark.receive_count.is_some_and(|count| count > done.receive_count);
            is_another && (is_counted || remark.at + TOLERANCE >= due_at)
        };
        self.remarks.iter().filter(is_of_job).find(is_again)
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::Submitted;
    use super::super::attempt::tests::line;
    use super::super::inference::tests::account;
    use super::super::message::tests::job;
    use super::*;

    fn is_again(seconds: u64, receive_count: Option<u32>, request: &str, job_id: &str) -> bool {
        let good =
            Submitted { lines: vec![line(0, 1, Outcome::Succeeded, "b1")], ..job("g", false) };
        let mut account = account(vec![good], Vec::new());
        account.remarks = vec![Remark {
            at: Timestamp::from_millis(1_000_000 + seconds * 1000),
            job_id: Some(job_id.to_owned()),
            message_id: None,
            receive_count,
            request_id: Some(request.to_owned()),
            word: "skipped".to_owned(),
        }];
        account.remarked_again(&account.messages[0]).is_some()
    }

    #[test]
    fn a_line_of_a_later_receive_tells_that_a_job_came_again() {
        assert!(is_again(60, Some(2), "b2", "g"));
        assert!(is_again(60, None, "b2", "g"));
        assert!(is_again(5, Some(2), "b2", "g"));
    }

    #[test]
    fn one_of_the_same_receive_or_of_a_second_delivery_does_not() {
        assert!(!is_again(0, Some(1), "b1", "g"));
        assert!(!is_again(5, Some(1), "b2", "g"));
        assert!(!is_again(60, Some(2), "b2", "another"));
    }
}
