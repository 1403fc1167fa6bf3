//! The parts of a stack that experiments change, and how they are configured.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LEASE_TAG;
use crate::chaos::Setting;
use crate::check::StackResource;

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
    /// How long a queue hides what was received, and when it gives a message up.
    Queue {
        /// The queue's URL.
        queue_url: String,
    },
    /// How long a function may take, and its memory.
    Function {
        /// The function's name or ARN.
        function: String,
    },
}

impl Part {
    /// Whether it is of a stack with these resources: a journal that was changed, or is another stack's, could name any.
    pub fn belongs_to(&self, resources: &[StackResource]) -> bool {
        let is_there = |resource_type: &str, id: &str| {
            let of_type = resources.iter().filter(|each| each.resource_type == resource_type);
            of_type.into_iter().any(|each| {
                id == each.physical_id
                    || id.ends_with(&format!(":function:{}", each.physical_id))
                    || is_same_queue(id, &each.physical_id)
            })
        };
        match self {
            Self::Concurrency { function } | Self::Function { function } => {
                is_there("AWS::Lambda::Function", function)
            }
            Self::Mapping { uuid } => is_there("AWS::Lambda::EventSourceMapping", uuid),
            Self::Queue { queue_url } => is_there("AWS::SQS::Queue", queue_url),
            Self::QueueTag { queue_url, key } => {
                key == LEASE_TAG && is_there("AWS::SQS::Queue", queue_url)
            }
        }
    }
}

/// Whether two URLs are of one queue: SQS answers with the host by which it was asked, and `CloudFormation` with another.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>.
fn is_same_queue(one: &str, other: &str) -> bool {
    let account_and_name = |url: &str| {
        let mut parts = url.rsplit('/').map(str::to_owned);
        let (name, account) = (parts.next()?, parts.next()?);
        // What stands before them is a URL's.
        url.contains("://").then_some((account, name))
    };
    account_and_name(one).is_some_and(|queue| account_and_name(other) == Some(queue))
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
    /// A queue's.
    Queue {
        /// `VisibilityTimeout`.
        visibility_timeout_seconds: u32,
        /// `RedrivePolicy`, as SQS writes it; absent when it has none.
        redrive_policy: Option<String>,
    },
    /// A function's.
    Function {
        /// `Timeout`.
        timeout_seconds: u32,
        /// `MemorySize`.
        memory_megabytes: u32,
    },
}

impl Configuration {
    /// Whether it is how a part of that kind is configured.
    pub fn is_of(&self, part: &Part) -> bool {
        matches!(
            (self, part),
            (Self::Concurrency { .. }, Part::Concurrency { .. })
                | (Self::Mapping(_), Part::Mapping { .. })
                | (Self::QueueTag { .. }, Part::QueueTag { .. })
                | (Self::Queue { .. }, Part::Queue { .. })
                | (Self::Function { .. }, Part::Function { .. })
        )
    }
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
    /// The URL of the jobs queue.
    pub jobs_url: String,
}

impl Parts {
    /// Which part a setting is of; `None` where the stack has none, as there is none of who else receives.
    pub fn of(&self, setting: Setting) -> Option<Part> {
        match setting {
            Setting::MappingDisabled
            | Setting::BatchItemFailuresIgnored
            | Setting::BatchSize { .. }
            | Setting::BatchingWindow { .. }
            | Setting::MaximumConcurrency { .. } => {
                Some(Part::Mapping { uuid: self.mapping.clone() })
            }
            Setting::VisibilityTimeout { .. } | Setting::MaxReceiveCount { .. } => {
                Some(Part::Queue { queue_url: self.jobs_url.clone() })
            }
            Setting::WorkerTimeout { .. } | Setting::WorkerMemory { .. } => {
                Some(Part::Function { function: self.worker.clone() })
            }
            Setting::CompetingReceiver { .. } => None,
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
        match &mut wanted {
            Configuration::Mapping(mapping) => mapping.change(*setting),
            Configuration::Concurrency { reserved } => match setting {
                Setting::WorkerConcurrency { limit } => *reserved = Some(*limit),
                Setting::SubmitStopped => *reserved = Some(0),
                _ => {}
            },
            Configuration::Queue { visibility_timeout_seconds, redrive_policy } => match setting {
                Setting::VisibilityTimeout { seconds } => *visibility_timeout_seconds = *seconds,
                Setting::MaxReceiveCount { count } => with_count(redrive_policy, *count),
                _ => {}
            },
            Configuration::Function { timeout_seconds, memory_megabytes } => match setting {
                Setting::WorkerTimeout { seconds } => *timeout_seconds = *seconds,
                Setting::WorkerMemory { megabytes } => *memory_megabytes = *megabytes,
                _ => {}
            },
            Configuration::QueueTag { .. } => {}
        }
    }
    wanted
}

impl MappingState {
    /// A setting of another part changes nothing about a mapping.
    fn change(&mut self, setting: Setting) {
        match setting {
            Setting::MappingDisabled => self.enabled = false,
            Setting::BatchItemFailuresIgnored => {
                self.response_types.retain(|kind| kind != "ReportBatchItemFailures");
            }
            Setting::BatchSize { size } => self.batch_size = size,
            Setting::BatchingWindow { seconds } => self.batching_window_seconds = seconds,
            Setting::MaximumConcurrency { limit } => self.maximum_concurrency = Some(limit),
            _ => {}
        }
    }
}

/// The same policy with another `maxReceiveCount`. What is no policy stays as it is: then nothing is ever given up.
fn with_count(redrive_policy: &mut Option<String>, count: u32) {
    let Some(mut policy) =
        redrive_policy.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return;
    };
    if let Some(policy) = policy.as_object_mut() {
        policy.insert("maxReceiveCount".to_owned(), count.into());
    }
    *redrive_policy = Some(policy.to_string());
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
        let figures =
            [Setting::BatchingWindow { seconds: 7 }, Setting::MaximumConcurrency { limit: 2 }];
        let expected =
            MappingState { batching_window_seconds: 7, maximum_concurrency: Some(2), ..mapping() };
        let expected = Configuration::Mapping(expected);
        assert_eq!(desired(&Configuration::Mapping(mapping()), &figures), expected);
    }

    #[test]
    fn queues_and_functions_keep_what_is_not_changed() {
        let queue = |visibility_timeout_seconds, policy: &str| Configuration::Queue {
            visibility_timeout_seconds,
            redrive_policy: Some(policy.to_owned()),
        };
        let before = queue(60, r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":3}"#);
        let other = queue(20, r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":5}"#);
        let settings =
            [Setting::MaxReceiveCount { count: 5 }, Setting::VisibilityTimeout { seconds: 20 }];
        assert_eq!(desired(&before, &settings), other);
        // Without a policy, nothing is ever given up, however often.
        let without = Configuration::Queue { visibility_timeout_seconds: 60, redrive_policy: None };
        assert_eq!(desired(&without, &settings[..1]), without);
        let function = |timeout_seconds, memory_megabytes| Configuration::Function {
            timeout_seconds,
            memory_megabytes,
        };
        let settings =
            [Setting::WorkerTimeout { seconds: 1 }, Setting::WorkerMemory { megabytes: 512 }];
        assert_eq!(desired(&function(9, 256), &settings), function(1, 512));
        assert_eq!(desired(&function(9, 256), &settings[..1]), function(1, 256));
    }

    #[test]
    fn a_part_belongs_to_the_stack_whose_resource_it_is() {
        let resource = |resource_type: &str, physical_id: &str| StackResource {
            logical_id: "X".into(),
            physical_id: physical_id.into(),
            resource_type: resource_type.into(),
        };
        let resources = [
            resource("AWS::SQS::Queue", "http://h/0/jobs"),
            resource("AWS::Lambda::Function", "worker"),
            resource("AWS::Lambda::EventSourceMapping", "m"),
        ];
        let queue = |name: &str| Part::Queue { queue_url: format!("http://h/0/{name}") };
        let tag =
            |key: &str| Part::QueueTag { queue_url: "http://h/0/jobs".into(), key: key.into() };
        let function = |name: &str| Part::Function { function: name.into() };
        for part in [
            queue("jobs"),
            Part::Queue { queue_url: "https://queue.example/0/jobs".into() },
            tag(LEASE_TAG),
            function("worker"),
            function("arn:aws:lambda:r:0:function:worker"),
            Part::Concurrency { function: "worker".into() },
            Part::Mapping { uuid: "m".into() },
        ] {
            assert!(part.belongs_to(&resources), "{part:?}");
        }
        for part in [
            queue("victim"),
            Part::Queue { queue_url: "http://h/1/jobs".into() },
            tag("owner"),
            function("hello"),
            function("http://h/0/jobs"),
            Part::Concurrency { function: "arn:aws:lambda:r:0:function:other-worker".into() },
            Part::Mapping { uuid: "n".into() },
        ] {
            assert!(!part.belongs_to(&resources), "{part:?}");
        }
    }

    #[test]
    fn each_setting_is_of_the_part_that_it_changes() {
        let parts =
            Parts { mapping: "m".into(), worker: "w".into(), submit: None, jobs_url: "q".into() };
        let mapping = Some(Part::Mapping { uuid: "m".into() });
        assert_eq!(parts.of(Setting::MappingDisabled), mapping);
        assert_eq!(parts.of(Setting::BatchSize { size: 2 }), mapping);
        assert_eq!(parts.of(Setting::BatchItemFailuresIgnored), mapping);
        let queue = Some(Part::Queue { queue_url: "q".into() });
        assert_eq!(parts.of(Setting::VisibilityTimeout { seconds: 9 }), queue);
        assert_eq!(parts.of(Setting::MaxReceiveCount { count: 9 }), queue);
        let function = Some(Part::Function { function: "w".into() });
        assert_eq!(parts.of(Setting::WorkerTimeout { seconds: 9 }), function);
        assert_eq!(parts.of(Setting::WorkerMemory { megabytes: 512 }), function);
        assert_eq!(parts.of(Setting::CompetingReceiver { seconds: 9 }), None, "it is nobody's");
        let worker = Some(Part::Concurrency { function: "w".into() });
        assert_eq!(parts.of(Setting::WorkerConcurrency { limit: 1 }), worker);
        assert_eq!(parts.of(Setting::SubmitStopped), None, "nobody knows which function it is");
        let parts = Parts { submit: Some("s".into()), ..parts };
        let submit = Some(Part::Concurrency { function: "s".into() });
        assert_eq!(parts.of(Setting::SubmitStopped), submit);
    }
}
