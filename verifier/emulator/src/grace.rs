//! How long the clock is held for a client of another process after an answer.
//!
//! Such a client has work to do between two requests, such as to delete the message that it has just received, of which the
//! emulator sees nothing. So it is taken to be at work for a moment. That is a guess, and made only where something was started
//! that time may overtake: a client that asks again and again for what is not there yet waits for time to pass.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;

use crate::incoming::{Incoming, form, text};
use crate::reply::{FoundNothing, Reply};
use crate::services::cloudwatch_wire;

/// How long after a request that started something requests that only look hold the clock, too, in real time.
const AFTER_START: Duration = Duration::from_secs(1);

/// Operations of AWS's services that only look begin with one of these.
const LOOKS: [&str; 5] = ["Describe", "Filter", "Get", "Head", "List"];

/// What is known of the clients of other processes.
pub(crate) struct Grace {
    /// How long one is taken to be at work after an answer, at most.
    each: Duration,
    /// When a request last started something.
    last_start: Mutex<Option<Instant>>,
}

impl Grace {
    pub(crate) fn new(each: Duration) -> Self {
        Self { each, last_start: Mutex::default() }
    }

    /// How long the clock is held after this answer, in real time.
    pub(crate) fn after(&self, incoming: &Incoming<'_>, answer: Option<&Reply>) -> Duration {
        let now = Instant::now();
        let mut last = self.last_start.lock().unwrap_or_else(PoisonError::into_inner);
        // Of an answer that was lost on purpose the operation may have been done.
        let is_done = answer.is_none_or(|answer| {
            answer.status().is_success() && answer.extensions().get::<FoundNothing>().is_none()
        });
        if is_done && starts_something(incoming.method, &operation(incoming)) {
            *last = Some(now);
        }
        held(self.each, last.map(|last| now.duration_since(last)))
    }
}

fn held(each: Duration, since_start: Option<Duration>) -> Duration {
    let left = since_start.map(|since| AFTER_START.saturating_sub(since));
    each.min(left.unwrap_or_default())
}

/// Whether an operation does more than to look; one of REST has no name here.
fn starts_something(method: &Method, operation: &str) -> bool {
    let looks = LOOKS.iter().any(|look| operation.starts_with(look));
    !looks && !matches!(*method, Method::GET | Method::HEAD)
}

/// The name of the operation; empty where its path and method say it.
fn operation(incoming: &Incoming<'_>) -> String {
    let target = text(incoming.headers, "x-amz-target").unwrap_or_default();
    if let Some((action, _)) = cloudwatch_wire::recognise(target, incoming.path) {
        return action.to_owned();
    }
    if let Some((_, action)) = target.rsplit_once('.') {
        return action.to_owned();
    }
    let mut parameters = form(incoming.query.as_bytes());
    parameters.extend(form(&incoming.body));
    parameters.remove("Action").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_held_after_what_was_started_and_for_looks_soon_after() {
        let each = Duration::from_millis(250);
        let at = |milliseconds| held(each, Some(Duration::from_millis(milliseconds))).as_millis();
        assert_eq!(held(each, None), Duration::ZERO, "nothing was ever started");
        assert_eq!((at(0), at(750), at(900), at(1_000), at(60_000)), (250, 250, 100, 0, 0));
        assert_eq!(held(Duration::ZERO, Some(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn what_looks_starts_nothing() {
        for (method, operation, starts) in [
            (Method::POST, "SendMessage", true),
            (Method::POST, "ReceiveMessage", true),
            (Method::POST, "GetQueueAttributes", false),
            (Method::POST, "ListQueues", false),
            (Method::POST, "FilterLogEvents", false),
            (Method::POST, "DescribeStacks", false),
            (Method::POST, "", true),
            (Method::PUT, "", true),
            (Method::GET, "", false),
        ] {
            assert_eq!(starts_something(&method, operation), starts, "{method} {operation}");
        }
    }
}
