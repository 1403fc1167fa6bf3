//! Somebody else who receives from the jobs queue.

use std::time::Duration;

use futures::future::join_all;
use verifier_aws::{RECEIVED_MAX, Received};
use verifier_chaos::{Event, Id, Queue, Schedule, Setting};

use super::recorder::Recorder;
use super::stack::Live;
use super::tasks::Tasks;
use crate::shell::failure::Failure;

/// How long they are busy with what they have received.
const BUSY: Duration = Duration::from_secs(1);
/// How long a poll waits, in seconds: who did not wait would never be there when a message comes.
const POLL_SECONDS: u32 = 1;

/// When somebody else receives. Times are from the beginning.
pub(super) struct Receiver {
    from: Duration,
    until: Duration,
    /// For how long what they receive is hidden.
    hides_seconds: u32,
}

/// Those of a schedule; none of them receives after its undo.
pub(super) fn receivers(schedule: &Schedule) -> Vec<Receiver> {
    let undo_at = schedule.undo_at_milliseconds;
    let receiver = |setting, from, until: u64| match setting {
        Setting::CompetingReceiver { seconds } if from < undo_at => Some(Receiver {
            from: Duration::from_millis(from),
            until: Duration::from_millis(until.min(undo_at)),
            hides_seconds: seconds,
        }),
        _ => None,
    };
    let changes = schedule.changes.iter();
    changes
        .filter_map(|one| receiver(one.setting, one.from_milliseconds, one.until_milliseconds))
        .collect()
}

impl Live {
    /// Receives as they do, each at its time, until the last has ended.
    pub(super) async fn compete(
        &self,
        receivers: Vec<Receiver>,
        recorder: &Recorder,
        tasks: &Tasks<'_>,
    ) -> Result<(), Failure> {
        let ended = receivers.into_iter().map(async |receiver| {
            let ended = self.receive_as(&receiver, recorder).await;
            tasks.end_one().await;
            ended
        });
        join_all(ended).await.into_iter().collect()
    }

    async fn receive_as(&self, receiver: &Receiver, recorder: &Recorder) -> Result<(), Failure> {
        let clock = &self.place.clock;
        let began_at = recorder.watch.began_at;
        clock.sleep_until(began_at + receiver.from).await;
        while clock.now() < began_at + receiver.until {
            if self.receive_once(receiver.hides_seconds, recorder).await? > 0 {
                clock.sleep(BUSY).await;
            }
        }
        Ok(())
    }

    /// Receives once, deletes nothing, and says how many messages came.
    async fn receive_once(
        &self,
        hides_seconds: u32,
        recorder: &Recorder,
    ) -> Result<usize, Failure> {
        let how =
            Received { visibility_timeout_seconds: hides_seconds, wait_seconds: POLL_SECONDS };
        let jobs = self.place.needed_source()?;
        let received = self.place.aws.receive_messages(jobs, how, RECEIVED_MAX).await?;
        self.place.clock.has_waited().await;
        let now = self.place.clock.now();
        let count = received.len();
        for hand in received {
            let message = hand.message;
            let Some(job) = recorder.watch.job_in(&message.body) else { continue };
            recorder.write(
                now,
                Event::Received {
                    queue: Queue::Jobs,
                    message: Id::from(message.message_id),
                    job: Id::from(job),
                    receive_count: message.receive_count.unwrap_or_default(),
                },
            );
        }
        Ok(count)
    }
}
