//! What a job asks of a preview's worker beyond its work.

use std::time::Duration;

use serde_json::Value;

use crate::Job;

/// The job's field that holds them.
pub const DIRECTIVES: &str = "chaos";

/// The longest that a worker can be asked to wait: the longest timeout that Lambda knows.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const SLEEP_MAX: Duration = Duration::from_mins(15);

/// What a job asks of a preview's worker in its field `chaos`: `failTimes`, `sleepMs`, `exit` and `malformedResponse`.
///
/// Only the worker of a preview honours them. What is missing, unknown or of another type asks for nothing, so a field of
/// that name in somebody's real job does no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// At how many receives the job fails before it succeeds.
    pub fail_times: u64,
    /// How much longer the job takes; 900 s at most.
    pub sleep: Duration,
    /// When the process ends, if it does.
    pub exit: Option<ExitAt>,
    /// Whether the whole batch is answered with a response that Lambda does not understand.
    pub malformed_response: bool,
}

/// When a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitAt {
    /// Before the job's work.
    Before,
    /// After the job's work, and before the answer.
    After,
}

impl Directives {
    /// What a job asks for.
    pub fn of(job: &Job) -> Self {
        let asked = |name: &str| job.extra.get(DIRECTIVES).and_then(|asked| asked.get(name));
        let number = |name: &str| asked(name).and_then(Value::as_u64).unwrap_or(0);
        Self {
            fail_times: number("failTimes"),
            sleep: Duration::from_millis(number("sleepMs")).min(SLEEP_MAX),
            exit: match asked("exit").and_then(Value::as_str) {
                Some("before") => Some(ExitAt::Before),
                Some("after") => Some(ExitAt::After),
                _ => None,
            },
            malformed_response: asked("malformedResponse") == Some(&Value::Bool(true)),
        }
    }

    /// Whether the job asks to fail at that receive, counted from 1.
    pub fn fails_at(&self, receive_count: u32) -> bool {
        u64::from(receive_count) <= self.fail_times
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(chaos: Value) -> Directives {
        let mut job = Job::new("a");
        job.extra.insert(DIRECTIVES.to_owned(), chaos);
        Directives::of(&job)
    }

    #[test]
    fn each_is_read() {
        let all =
            json!({"failTimes": 2, "sleepMs": 1500, "exit": "after", "malformedResponse": true});
        assert_eq!(
            of(all),
            Directives {
                fail_times: 2,
                sleep: Duration::from_millis(1500),
                exit: Some(ExitAt::After),
                malformed_response: true,
            }
        );
        assert_eq!(of(json!({"exit": "before"})).exit, Some(ExitAt::Before));
        assert_eq!(of(json!({"sleepMs": u64::MAX})).sleep, SLEEP_MAX);
        let flaky = of(json!({"failTimes": 2}));
        assert_eq!([1, 2, 3].map(|receive| flaky.fails_at(receive)), [true, true, false]);
    }

    #[test]
    fn what_is_something_else_asks_for_nothing() {
        for chaos in [
            json!(null),
            json!("exit"),
            json!([1]),
            json!({}),
            json!({"failTimes": -1, "sleepMs": "5", "exit": "never", "malformedResponse": 1}),
            json!({"failTimes": 1.5, "sleepMs": null, "exit": true, "malformedResponse": "true"}),
        ] {
            assert_eq!(of(chaos.clone()), Directives::default(), "{chaos}");
        }
        assert_eq!(Directives::of(&Job::new("a")), Directives::default());
    }
}
