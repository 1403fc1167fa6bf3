//! What the function reads from its environment when it starts.

/// The environment variable that holds the URL of the jobs queue.
pub const QUEUE_URL: &str = "QUEUE_URL";

/// The environment variable that holds the queue's `MaximumMessageSize`, in bytes.
pub const JOBS_MAX_MESSAGE_BYTES: &str = "JOBS_MAX_MESSAGE_BYTES";

/// The largest message that SQS takes, which is also a new queue's `MaximumMessageSize`.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_576;

/// The function's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The URL of the jobs queue.
    pub queue_url: String,
    /// The largest message body that the queue takes, in bytes.
    pub max_message_bytes: usize,
}

/// What is wrong with the environment. The function does not start, rather than fail every request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no queue to send to.
    #[error("the environment variable {QUEUE_URL} is not set")]
    NoQueueUrl,
    /// The limit is not one.
    #[error("{JOBS_MAX_MESSAGE_BYTES} must be a number of bytes greater than 0, found {0:?}")]
    InvalidLimit(String),
}

impl Settings {
    /// Reads the settings from the environment, which `variable` looks up. An empty variable counts as missing.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let queue_url = given(QUEUE_URL).ok_or(SettingsError::NoQueueUrl)?;
        let max_message_bytes = match given(JOBS_MAX_MESSAGE_BYTES) {
            None => DEFAULT_MAX_MESSAGE_BYTES,
            Some(text) => match text.trim().parse() {
                Ok(bytes) if bytes > 0 => bytes,
                _ => return Err(SettingsError::InvalidLimit(text)),
            },
        };
        Ok(Self { queue_url, max_message_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(queue_url: &str, limit: Option<&str>) -> Result<Settings, SettingsError> {
        Settings::read(|name| match name {
            QUEUE_URL => Some(queue_url.to_owned()),
            JOBS_MAX_MESSAGE_BYTES => limit.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn the_limit_defaults_to_that_of_sqs() {
        for limit in [None, Some("")] {
            let settings = read("https://queue", limit).unwrap();
            assert_eq!(settings.queue_url, "https://queue");
            assert_eq!(settings.max_message_bytes, 1_048_576);
        }
        assert_eq!(read("https://queue", Some("1024")).unwrap().max_message_bytes, 1024);
    }

    #[test]
    fn settings_that_cannot_work_are_errors() {
        assert_eq!(read("", None), Err(SettingsError::NoQueueUrl));
        for limit in ["0", "-1", "1 MiB", "1e6"] {
            let expected = SettingsError::InvalidLimit(limit.to_owned());
            assert_eq!(read("https://queue", Some(limit)), Err(expected));
        }
    }
}
