//! Counting the stack's other queues.

use std::time::Duration;

use verifier_core::account::{QueueCounts, surplus};
use verifier_core::check::rules::api_reject;
use verifier_core::check::{OtherQueue, QueueEvidence};

use super::{JobPlan, Run};

/// How long a count may take to show what was just sent. A queue that nothing reads shows it soon, and one that does not tells nothing.
const SHOWN_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(3);

impl Run<'_> {
    /// The stack's other queues that hold more than before. Where that may be refused bodies, those are posted once more, to see whether
    /// they come there.
    pub(super) async fn other_queues(&mut self, course: &JobPlan) -> Vec<OtherQueue> {
        let mut found = Vec::new();
        for queue in self.discovery.unread.clone() {
            let Some(counts) = self.counts_of(&queue).await else { continue };
            let more = surplus(queue.counts(), Some(counts)).unwrap_or_default();
            let mut other = OtherQueue { name: queue.name.clone(), more, grown: None };
            let good = self.jobs.iter().filter(|job| !job.fails).count();
            let are_refused = self.rejections.iter().all(api_reject::is_refused);
            if are_refused && other.may_hold_refused(good, self.jobs.len()) {
                other.grown = self.grown_by_refused(course, &queue, counts).await;
            }
            found.extend(Some(other).filter(|other| other.more > 0));
        }
        found
    }

    /// By how many messages a queue grows when the bodies are posted once more that have to be refused, and how many those are; `None`
    /// where there are none.
    async fn grown_by_refused(
        &mut self,
        course: &JobPlan,
        queue: &QueueEvidence,
        before: QueueCounts,
    ) -> Option<(u64, usize)> {
        if self.rejections.is_empty() {
            return None;
        }
        let posted = self.post_rejects(course, true).await.len();
        let until = self.bounded(self.clock.now() + SHOWN_WITHIN);
        loop {
            let counts = self.counts_of(queue).await?;
            let grown = counts.total().saturating_sub(before.total());
            if grown >= posted as u64 || self.clock.now() >= until {
                return Some((grown, posted));
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// A queue's counts; `None` where they may not be read, which tells nothing.
    async fn counts_of(&self, queue: &QueueEvidence) -> Option<QueueCounts> {
        self.aws.queue(&queue.name, &queue.url).await.ok()?.counts()
    }
}
