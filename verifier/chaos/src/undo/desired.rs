//! How a part of a stack has to be configured while settings of it are changed.

use verifier_core::experiment::{MappingState, ResourceConfig, with_max_receive_count};

use crate::Setting;

/// How a part has to be configured while settings of it are changed, that was so before.
pub fn desired(before: &ResourceConfig, settings: &[Setting]) -> ResourceConfig {
    let mut wanted = before.clone();
    for setting in settings {
        match &mut wanted {
            ResourceConfig::Mapping(mapping) => change(mapping, *setting),
            ResourceConfig::Concurrency { reserved } => match setting {
                Setting::WorkerConcurrency { limit } => *reserved = Some(*limit),
                Setting::SubmitStopped => *reserved = Some(0),
                _ => {}
            },
            ResourceConfig::Queue { visibility_timeout_seconds, redrive_policy } => match setting {
                Setting::VisibilityTimeout { seconds } => *visibility_timeout_seconds = *seconds,
                Setting::MaxReceiveCount { count } => {
                    with_max_receive_count(redrive_policy, (*count).into());
                }
                _ => {}
            },
            ResourceConfig::Function { timeout_seconds, memory_megabytes } => match setting {
                Setting::WorkerTimeout { seconds } => *timeout_seconds = *seconds,
                Setting::WorkerMemory { megabytes } => *memory_megabytes = *megabytes,
                _ => {}
            },
            ResourceConfig::QueueTag { .. } => {}
        }
    }
    wanted
}

/// Whether a setting makes anything of a part otherwise than it was before.
pub fn is_changed(before: &ResourceConfig, setting: Setting) -> bool {
    desired(before, &[setting]) != *before
}

/// A setting of another part changes nothing about a mapping.
fn change(mapping: &mut MappingState, setting: Setting) {
    match setting {
        Setting::MappingDisabled => mapping.enabled = false,
        Setting::BatchItemFailuresIgnored => {
            mapping.response_types.retain(|kind| kind != "ReportBatchItemFailures");
        }
        Setting::BatchSize { size } => mapping.batch_size = size,
        Setting::BatchingWindow { seconds } => mapping.batching_window_seconds = seconds,
        Setting::MaximumConcurrency { limit } => mapping.maximum_concurrency = Some(limit),
        _ => {}
    }
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
            ResourceConfig::Mapping(mapping()),
            ResourceConfig::Concurrency { reserved: None },
            ResourceConfig::QueueTag { value: Some("x".to_owned()) },
        ] {
            assert_eq!(desired(&before, &[]), before);
        }
    }

    #[test]
    fn what_was_so_before_is_not_changed() {
        let before = ResourceConfig::Mapping(mapping());
        assert!(is_changed(&before, Setting::BatchSize { size: 4 }));
        assert!(!is_changed(&before, Setting::BatchSize { size: 5 }));
        assert!(is_changed(&before, Setting::MappingDisabled));
        let disabled = ResourceConfig::Mapping(MappingState { enabled: false, ..mapping() });
        assert!(!is_changed(&disabled, Setting::MappingDisabled));
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
        let expected = ResourceConfig::Mapping(expected);
        let mut reversed = settings;
        reversed.reverse();
        for settings in [settings, reversed] {
            assert_eq!(desired(&ResourceConfig::Mapping(mapping()), &settings), expected);
        }
        let free = ResourceConfig::Concurrency { reserved: None };
        let limited = ResourceConfig::Concurrency { reserved: Some(3) };
        assert_eq!(desired(&free, &settings), limited);
        let stopped = ResourceConfig::Concurrency { reserved: Some(0) };
        assert_eq!(desired(&free, &[Setting::SubmitStopped]), stopped);
        let figures =
            [Setting::BatchingWindow { seconds: 7 }, Setting::MaximumConcurrency { limit: 2 }];
        let expected =
            MappingState { batching_window_seconds: 7, maximum_concurrency: Some(2), ..mapping() };
        let expected = ResourceConfig::Mapping(expected);
        assert_eq!(desired(&ResourceConfig::Mapping(mapping()), &figures), expected);
    }

    #[test]
    fn queues_and_functions_keep_what_is_not_changed() {
        let queue = |visibility_timeout_seconds, policy: &str| ResourceConfig::Queue {
            visibility_timeout_seconds,
            redrive_policy: Some(policy.to_owned()),
        };
        let before = queue(60, r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":3}"#);
        let other = queue(20, r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":5}"#);
        let settings =
            [Setting::MaxReceiveCount { count: 5 }, Setting::VisibilityTimeout { seconds: 20 }];
        assert_eq!(desired(&before, &settings), other);
        // Without a policy, nothing is ever given up, however often.
        let without =
            ResourceConfig::Queue { visibility_timeout_seconds: 60, redrive_policy: None };
        assert_eq!(desired(&without, &settings[..1]), without);
        let function = |timeout_seconds, memory_megabytes| ResourceConfig::Function {
            timeout_seconds,
            memory_megabytes,
        };
        let settings =
            [Setting::WorkerTimeout { seconds: 1 }, Setting::WorkerMemory { megabytes: 512 }];
        assert_eq!(desired(&function(9, 256), &settings), function(1, 512));
        assert_eq!(desired(&function(9, 256), &settings[..1]), function(1, 256));
    }
}
