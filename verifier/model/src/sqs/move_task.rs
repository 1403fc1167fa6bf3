//! One message move task, and how far it may be at a given time.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The most messages that a task moves in a second, and how many it moves when the request does not say.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>.
pub const MOVE_RATE_MAX: u32 = 500;

/// How long a task still moves messages after it was told to stop. AWS names no time; in the recording of a
/// cancellation one message a second was moved, and six of them after it.
pub const CANCELLATION_TAKES: Duration = Duration::from_secs(6);

/// Messages are moved at multiples of this time after the start, so that a fast task does not need a timer for each.
const TICK_MILLIS: u64 = 100;

/// How a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTaskStatus {
    /// It moves messages.
    Running,
    /// There was nothing left to move.
    Completed,
    /// It was told to stop and has not stopped yet.
    Cancelling,
    /// It was told to stop. What it had moved stays moved.
    Cancelled,
    /// A message could not be moved.
    Failed,
}

impl MoveTaskStatus {
    /// The status as the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

/// A task as `ListMessageMoveTasks` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTask {
    /// Names the task among those of its source.
    pub(super) id: String,
    /// The dead-letter queue that it empties.
    pub source_arn: String,
    /// Where it moves messages; absent when each goes back to where it came from.
    pub destination_arn: Option<String>,
    /// How many it moves in a second at most; absent when SQS chooses.
    pub max_number_of_messages_per_second: Option<u32>,
    /// How many it has moved.
    pub approximate_number_of_messages_moved: u64,
    /// How many there were to move when it started.
    pub approximate_number_of_messages_to_move: u64,
    /// When it started.
    pub started_at: Timestamp,
    /// How it is doing.
    pub status: MoveTaskStatus,
    /// Why it failed.
    pub failure_reason: Option<&'static str>,
    /// When it was told to stop.
    pub(super) cancelled_at: Option<Timestamp>,
}

impl MoveTask {
    /// The handle by which the task can be cancelled; only a running task has one.
    pub fn task_handle(&self) -> Option<String> {
        (self.status == MoveTaskStatus::Running).then(|| self.handle())
    }

    pub(super) fn handle(&self) -> String {
        TaskHandle { task_id: self.id.clone(), source_arn: self.source_arn.clone() }.encode()
    }

    /// Whether another task on the same source has to wait for this one.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.status, MoveTaskStatus::Running | MoveTaskStatus::Cancelling)
    }

    /// When the task has something to do next: a message to move, or to stop.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.is_active()
            .then(|| self.stops_at().map_or(self.next_move(), |at| at.min(self.next_move())))
    }

    /// Whether the next thing that the task does is to stop.
    pub(super) fn stops_next(&self) -> bool {
        self.stops_at().is_some_and(|at| at <= self.next_move())
    }

    fn stops_at(&self) -> Option<Timestamp> {
        self.cancelled_at.map(|at| at + CANCELLATION_TAKES)
    }

    /// When the next message may be moved: the first at once, the others as the rate allows.
    fn next_move(&self) -> Timestamp {
        let rate = u64::from(self.max_number_of_messages_per_second.unwrap_or(MOVE_RATE_MAX));
        let after = self.approximate_number_of_messages_moved.saturating_mul(1_000).div_ceil(rate);
        self.started_at + Duration::from_millis(after.next_multiple_of(TICK_MILLIS))
    }
}

/// The decoded form of a task handle, which is the same as on AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskHandle {
    pub(super) task_id: String,
    pub(super) source_arn: String,
}

impl TaskHandle {
    fn encode(&self) -> String {
        // A struct of two texts always has a JSON form.
        STANDARD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a handle; `None` if it is none.
    pub(super) fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(50);

    fn task(rate: Option<u32>, moved: u64) -> MoveTask {
        MoveTask {
            id: "id".to_owned(),
            source_arn: "arn:aws:sqs:eu-central-1:000000000000:dlq".to_owned(),
            destination_arn: None,
            max_number_of_messages_per_second: rate,
            approximate_number_of_messages_moved: moved,
            approximate_number_of_messages_to_move: 10,
            started_at: START,
            status: MoveTaskStatus::Running,
            failure_reason: None,
            cancelled_at: None,
        }
    }

    #[test]
    fn the_first_message_moves_at_once_and_the_rate_is_never_exceeded() {
        for rate in [None, Some(1), Some(3), Some(7), Some(300), Some(499), Some(500)] {
            assert_eq!(task(rate, 0).next_due(), Some(START));
            for moved in 1..2_000 {
                let elapsed = task(rate, moved).next_due().unwrap().since(START);
                let allowed = elapsed.as_secs_f64() * f64::from(rate.unwrap_or(MOVE_RATE_MAX));
                assert!(u32::try_from(moved).is_ok_and(|moved| f64::from(moved) <= allowed + 1e-6));
            }
        }
        assert_eq!(task(Some(1), 3).next_due(), Some(START + Duration::from_secs(3)));
        assert_eq!(task(None, 50).next_due(), Some(START + Duration::from_millis(100)));
    }

    #[test]
    fn a_cancelled_task_still_moves_for_a_while() {
        let at = |moved| MoveTask {
            status: MoveTaskStatus::Cancelling,
            cancelled_at: Some(START + Duration::from_millis(1_500)),
            ..task(Some(1), moved)
        };
        assert!(!at(7).stops_next());
        assert_eq!(at(7).next_due(), Some(START + Duration::from_secs(7)));
        assert!(at(8).stops_next());
        assert_eq!(at(8).next_due(), Some(START + Duration::from_millis(7_500)));
        // A message that is due when the task stops stays.
        let at_once = MoveTask { cancelled_at: Some(START + Duration::from_secs(1)), ..at(7) };
        assert!(at_once.stops_next());
    }

    #[test]
    fn only_active_tasks_have_something_to_do_and_only_running_ones_a_handle() {
        use MoveTaskStatus::{Cancelled, Cancelling, Completed, Failed, Running};
        for (status, active) in [
            (Running, true),
            (Cancelling, true),
            (Cancelled, false),
            (Completed, false),
            (Failed, false),
        ] {
            let task = MoveTask { status, ..task(None, 0) };
            assert_eq!(task.next_due().is_some(), active, "{status:?}");
            assert_eq!(task.task_handle().is_some(), status == Running, "{status:?}");
        }
    }

    #[test]
    fn a_handle_holds_task_and_source_and_others_are_refused() {
        let task = task(None, 0);
        let handle = TaskHandle::decode(&task.handle()).unwrap();
        assert_eq!((handle.task_id, handle.source_arn), (task.id, task.source_arn));
        for bad in ["", "foobared", "é", "e30="] {
            assert_eq!(TaskHandle::decode(bad), None, "{bad}");
        }
    }
}
