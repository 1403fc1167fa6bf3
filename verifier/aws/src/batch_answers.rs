//! What an answer to a batch says of each of its entries.

use aws_sdk_sqs::types::BatchResultErrorEntry;

/// What an answer says of one entry.
#[derive(Debug)]
pub(crate) enum Told<'a, S> {
    /// It is done.
    Done(&'a S),
    /// It is not done, or a fault of SQS's own has struck it.
    Failed(&'a BatchResultErrorEntry),
    /// The answer does not say, or says both: it may be done or not, and does not count as done.
    Untold(&'static str),
}

/// What an answer says of each entry of a batch of that size, whose ids are their numbers from 0. Answers are of HTTP status 200
/// also where entries have failed, so that only being listed as successful is a success; what was not asked for tells nothing.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>.
pub(crate) fn told_of_each<'a, S>(
    size: usize,
    successful: &'a [S],
    id_of: impl Fn(&S) -> &str,
    failed: &'a [BatchResultErrorEntry],
) -> Vec<Told<'a, S>> {
    let of = |index: usize| {
        let id = index.to_string();
        let done = successful.iter().find(|entry| id_of(entry) == id);
        let failure = failed.iter().find(|entry| entry.id() == id);
        match (done, failure) {
            (Some(done), None) => Told::Done(done),
            (None, Some(failure)) => Told::Failed(failure),
            (None, None) => Told::Untold("the answer does not report it"),
            (Some(_), Some(_)) => Told::Untold("the answer reports it as done and as failed"),
        }
    };
    (0..size).map(of).collect()
}

/// The reason of an entry that failed.
pub(crate) fn reason(entry: &BatchResultErrorEntry) -> String {
    format!("{}: {}", entry.code(), entry.message().unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(id: &str) -> BatchResultErrorEntry {
        BatchResultErrorEntry::builder().id(id).code("E").sender_fault(true).build().unwrap()
    }

    fn told(successful: &[&str], failed: &[&str]) -> String {
        let failed: Vec<BatchResultErrorEntry> = failed.iter().map(|id| failure(id)).collect();
        let each =
            told_of_each(3, successful, |id| id, &failed).into_iter().map(|told| match told {
                Told::Done(_) => 'd',
                Told::Failed(_) => 'f',
                Told::Untold(_) => '?',
            });
        each.collect()
    }

    #[test]
    fn only_what_is_listed_as_successful_is_done() {
        assert_eq!(told(&["0", "1", "2"], &[]), "ddd");
        assert_eq!(told(&["2", "0"], &["1"]), "dfd");
        assert_eq!(told(&[], &[]), "???");
        assert_eq!(told(&["0"], &[]), "d??");
        // What was not asked for makes up for nothing, and both is neither.
        assert_eq!(told(&["0", "7", "x", ""], &["1", "9"]), "df?");
        assert_eq!(told(&["0", "1"], &["1"]), "d??");
    }
}
