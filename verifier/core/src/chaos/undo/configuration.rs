//! The parts of a stack that experiments change, and how they are configured.

use serde::{Deserialize, Serialize};

use crate::chaos::Setting;

/// A part of a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Part {
    /// A function's reserved concurrency.
    Concurrency {
        /// The function's name or ARN.
        function: String,
    },
    /// An event source mapping.
    Mapping {
        /// Its id.
        uuid: String,
    },
    /// A tag of a queue.
    QueueTag {
        /// The queue's URL.
        queue_url: String,
        /// The tag's key.
        key: String,
    },
}

/// How a part is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Configuration {
    /// How many invocations of a function run at once; as many as the account has left when absent.
    Concurrency {
        /// The limit.
        reserved: Option<u32>,
    },
    /// An event source mapping's.
    Mapping(MappingState),
    /// The value of a tag; absent when there is no such tag.
    QueueTag {
        /// The value.
        value: Option<String>,
    },
}

/// What is changed about event source mappings.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingState {
    /// Whether it receives.
    pub enabled: bool,
    /// `BatchSize`.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds`.
    pub batching_window_seconds: u32,
    /// `MaximumConcurrency`.
    pub maximum_concurrency: Option<u32>,
    /// `FunctionResponseTypes`.
    pub response_types: Vec<String>,
}

/// The parts of a stack that settings are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The mapping's id.
    pub mapping: String,
    /// The worker's name or ARN.
    pub worker: String,
    /// The submit function's; absent where no function of the stack is known to take jobs.
    pub submit: Option<String>,
}

impl Parts {
    /// Which part a setting is of; `None` where the stack has none.
    pub fn of(&self, setting: Setting) -> Option<Part> {
        match setting {
            Setting::MappingDisabled
            | Setting::BatchItemFailuresIgnored
            | Setting::BatchSize { .. } => Some(Part::Mapping { uuid: self.mapping.clone() }),
            Setting::WorkerConcurrency { .. } => {
                Some(Part::Concurrency { function: self.worker.clone() })
            }
            Setting::SubmitStopped => {
                self.submit.clone().map(|function| Part::Concurrency { function })
            }
        }
    }
}

/// How a part has to be configured while settings of it are changed, that was so before.
pub fn desired(before: &Configuration, settings: &[Setting]) -> Configuration {
    let mut wanted = before.clone();
    for setting in settings {
        match (&mut wanted, setting) {
            (Configuration::Mapping(mapping), Setting::MappingDisabled) => mapping.enabled = false,
            (Configuration::Mapping(mapping), Setting::BatchItemFailuresIgnored) => {
                mapping.response_types.retain(|kind| kind != "ReportBatchItemFailures");
            }
            (Configuration::Mapping(mapping), Setting::BatchSize { size }) => {
                mapping.batch_size = *size;
            }
            (Configuration::Concurrency { reserved }, Setting::WorkerConcurrency { limit }) => {
                *reserved = Some(*limit);
            }
            (Configuration::Concurrency { reserved }, Setting::SubmitStopped) => {
                *reserved = Some(0);
            }
            // A setting of another part changes nothing about this one.
            _ => {}
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> MappingState {
        MappingState {
            enabled: true,
            batch_size: 5,
            batching_window_seconds: 1,
            maximum_concurrency: Some(5),
            response_types: vec!["ReportBatchItemFailures".to_owned()],
        }
    }

    #[test]
    fn without_settings_a_part_is_as_it_was() {
        for before in [
            Configuration::Mapping(mapping()),
            Configuration::Concurrency { reserved: None },
            Configuration::QueueTag { value: Some("x".to_owned()) },
        ] {
            assert_eq!(desired(&before, &[]), before);
        }
    }

    #[test]
    fn settings_of_one_part_come_together_in_any_order() {
        let settings = [
            Setting::MappingDisabled,
            Setting::BatchSize { size: 1 },
            Setting::BatchItemFailuresIgnored,
            Setting::WorkerConcurrency { limit: 3 },
        ];
        let expected =
            MappingState { enabled: false, batch_size: 1, response_types: Vec::new(), ..mapping() };
        let expected = Configuration::Mapping(expected);
        let mut reversed = settings;
        reversed.reverse();
        for settings in [settings, reversed] {
            assert_eq!(desired(&Configuration::Mapping(mapping()), &settings), expected);
        }
        let free = Configuration::Concurrency { reserved: None };
        let limited = Configuration::Concurrency { reserved: Some(3) };
        assert_eq!(desired(&free, &settings), limited);
        let stopped = Configuration::Concurrency { reserved: Some(0) };
        assert_eq!(desired(&free, &[Setting::SubmitStopped]), stopped);
    }

    #[test]
    fn each_setting_is_of_the_part_that_it_changes() {
        let parts = Parts { mapping: "m".into(), worker: "w".into(), submit: None };
        let mapping = Some(Part::Mapping { uuid: "m".into() });
        assert_eq!(parts.of(Setting::MappingDisabled), mapping);
        assert_eq!(parts.of(Setting::BatchSize { size: 2 }), mapping);
        assert_eq!(parts.of(Setting::BatchItemFailuresIgnored), mapping);
        let worker = Some(Part::Concurrency { function: "w".into() });
        assert_eq!(parts.of(Setting::WorkerConcurrency { limit: 1 }), worker);
        assert_eq!(parts.of(Setting::SubmitStopped), None, "nobody knows which function it is");
        let parts = Parts { submit: Some("s".into()), ..parts };
        let submit = Some(Part::Concurrency { function: "s".into() });
        assert_eq!(parts.of(Setting::SubmitStopped), submit);
    }
}
