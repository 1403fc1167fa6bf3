//! A case, and the list of them.

use std::fmt;

use futures::future::LocalBoxFuture;

use crate::problem::Verdict;
use crate::stand::Stand;

/// How a case is run.
pub(crate) type Run = for<'a> fn(&'a Stand) -> LocalBoxFuture<'a, Verdict>;

/// One assertion about an endpoint.
#[derive(Clone, Copy)]
pub struct Case {
    /// Names it: the service, the subject, and what is asserted.
    pub id: &'static str,
    /// What it asserts, in a sentence.
    pub asserts: &'static str,
    /// Where it is known from that AWS does so.
    pub source: Source,
    /// How long it takes where time cannot be skipped, if that is longer than [`Case::QUICK_SECONDS`].
    pub takes_seconds: Option<u32>,
    pub(crate) run: Run,
}

impl Case {
    /// A case that takes longer than this is run only where time can be skipped, or when it is asked for.
    pub const QUICK_SECONDS: u32 = 15;

    pub(crate) const fn new(
        id: &'static str,
        source: Source,
        asserts: &'static str,
        run: Run,
    ) -> Self {
        Self { id, asserts, source, takes_seconds: None, run }
    }

    /// The same case, which takes long.
    pub(crate) const fn taking(self, seconds: u32) -> Self {
        Self { takes_seconds: Some(seconds), ..self }
    }
}

/// Where it is known from that AWS does so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The page of an operation in the API reference of SQS.
    Api(&'static str),
    /// A page of the SQS developer guide.
    Guide(&'static str),
    /// The page of an operation in the API reference of CloudWatch Logs.
    LogsApi(&'static str),
    /// An answer that was recorded from AWS, by the name of the recording.
    Recorded(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SQS: &str = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest";
        const LOGS: &str = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest";
        match self {
            Self::Api(operation) => write!(f, "{SQS}/APIReference/API_{operation}.html"),
            Self::Guide(page) => write!(f, "{SQS}/SQSDeveloperGuide/{page}.html"),
            Self::LogsApi(operation) => write!(f, "{LOGS}/APIReference/API_{operation}.html"),
            Self::Recorded(name) => write!(f, "recorded from AWS: {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cases::cases;

    #[test]
    fn ids_are_distinct_and_well_formed() {
        let cases = cases();
        let ids: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
        assert_eq!(ids.len(), cases.len());
        for id in ids {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let parts: Vec<&str> = id.split('.').collect();
            assert_eq!(parts.len(), 3, "{id}");
            assert!(parts.iter().all(|part| !part.is_empty() && part.chars().all(allowed)), "{id}");
        }
    }

    #[test]
    fn every_case_asserts_a_sentence() {
        for case in cases() {
            assert!(case.asserts.ends_with('.'), "{}", case.id);
            assert!(case.takes_seconds.is_none_or(|seconds| seconds > Case::QUICK_SECONDS));
        }
    }
}
