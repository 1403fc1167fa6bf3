//! Lines of jobs of the run under messages that may be of another source of the worker's.
//!
//! One function may read several queues, and write of all of them to one log. Where a job is put on another queue, too, as for an
//! audit, lines tell of it under another message, which says nothing of the message on the jobs queue. Whether that one is on
//! the jobs queue after all no line tells.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.

use std::collections::BTreeSet;

use super::{Line, Submitted};

/// A job without the lines of which that is so, and the ids of the messages that those name.
pub(super) fn set_aside(mut job: Submitted, reads_others: bool) -> (Submitted, Vec<String>) {
    let Some(own) = job.message_id.clone().filter(|_| reads_others && job.requests <= 1) else {
        return (job, Vec::new());
    };
    let found: BTreeSet<String> = job.found.iter().map(|each| each.message_id.clone()).collect();
    let other = |line: &Line| {
        let named = line.message_id.as_ref()?;
        (*named != own && !found.contains(named)).then(|| named.clone())
    };
    let others: BTreeSet<String> = job.lines.iter().filter_map(other).collect();
    job.lines.retain(|line| other(line).is_none());
    (job, others.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::message::tests::{found, job};
    use super::*;

    fn aside(reads_others: bool, requests: u32, dead: &[&str]) -> Vec<String> {
        let named = |id: &str| Line {
            message_id: Some(id.to_owned()),
            ..line(0, 1, Outcome::Succeeded, "a")
        };
        let lines = vec![named("m-g"), named("m-x"), line(0, 1, Outcome::Succeeded, "a")];
        let found = dead.iter().map(|id| found(id)).collect();
        let job = Submitted { requests, lines, found, ..job("g", false) };
        let (job, others) = set_aside(job, reads_others);
        assert_eq!(job.lines.len() + others.len(), 3);
        others
    }

    #[test]
    fn another_message_may_be_of_another_source_where_there_is_one() {
        assert_eq!(aside(true, 1, &[]), ["m-x"]);
        assert!(aside(false, 1, &[]).is_empty());
        // It was sent on to the dead-letter queue, or made by the verifier's own repeated request.
        assert!(aside(true, 1, &["m-x"]).is_empty());
        assert!(aside(true, 2, &[]).is_empty());
    }
}
