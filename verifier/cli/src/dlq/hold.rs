//! Messages in hand: for how long, and making them visible again.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::Aws;
use verifier_core::check::QueueEvidence;
use verifier_model::sqs::BATCH_ENTRIES_MAX;

/// How long messages are held, in seconds. Whoever is killed leaves them hidden for that long.
pub(crate) struct Hold;

impl Hold {
    /// In seconds.
    pub(crate) const SECONDS: u32 = 120;
    /// As a duration.
    pub(crate) const TIME: Duration = Duration::from_secs(Self::SECONDS as u64);
    /// When half of it is over, and they have to be held for longer.
    pub(crate) const HALF: Duration = Duration::from_secs(Self::SECONDS as u64 / 2);
}

/// How many requests are made at once.
const AT_ONCE: usize = 8;

/// Makes messages visible again; says which handles that failed for, each with the reason.
pub(crate) async fn release(
    aws: &Aws,
    queue: &QueueEvidence,
    handles: &[impl AsRef<str>],
) -> Vec<(String, String)> {
    hide(aws, queue, handles, 0).await
}

/// Holds messages from now on for as long as at first; says which handles that failed for, each with the reason.
pub(crate) async fn extend_visibility(
    aws: &Aws,
    queue: &QueueEvidence,
    handles: &[impl AsRef<str>],
) -> Vec<(String, String)> {
    hide(aws, queue, handles, Hold::SECONDS).await
}

async fn hide(
    aws: &Aws,
    queue: &QueueEvidence,
    handles: &[impl AsRef<str>],
    seconds: u32,
) -> Vec<(String, String)> {
    // Each request is made when it is its turn: handles are long, and there may be a hundred thousand.
    let requests = iter(handles.chunks(BATCH_ENTRIES_MAX)).map(async |chunk| {
        let chunk: Vec<(String, u32)> =
            chunk.iter().map(|handle| (handle.as_ref().to_owned(), seconds)).collect();
        aws.change_visibility(queue, &chunk).await
    });
    requests.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.concat()
}
