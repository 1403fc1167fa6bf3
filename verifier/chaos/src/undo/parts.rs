//! Which part of a stack each setting is of.

use verifier_core::experiment::ResourceRef;

use crate::Setting;

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
    pub fn of(&self, setting: Setting) -> Option<ResourceRef> {
        match setting {
            Setting::MappingDisabled
            | Setting::BatchItemFailuresIgnored
            | Setting::BatchSize { .. }
            | Setting::BatchingWindow { .. }
            | Setting::MaximumConcurrency { .. } => {
                Some(ResourceRef::Mapping { uuid: self.mapping.clone() })
            }
            Setting::VisibilityTimeout { .. } | Setting::MaxReceiveCount { .. } => {
                Some(ResourceRef::Queue { queue_url: self.jobs_url.clone() })
            }
            Setting::WorkerTimeout { .. } | Setting::WorkerMemory { .. } => {
                Some(ResourceRef::Function { function: self.worker.clone() })
            }
            Setting::CompetingReceiver { .. } => None,
            Setting::WorkerConcurrency { .. } => {
                Some(ResourceRef::Concurrency { function: self.worker.clone() })
            }
            Setting::SubmitStopped => {
                self.submit.clone().map(|function| ResourceRef::Concurrency { function })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_of_the_part_that_it_changes() {
        let parts =
            Parts { mapping: "m".into(), worker: "w".into(), submit: None, jobs_url: "q".into() };
        let mapping = Some(ResourceRef::Mapping { uuid: "m".into() });
        assert_eq!(parts.of(Setting::MappingDisabled), mapping);
        assert_eq!(parts.of(Setting::BatchSize { size: 2 }), mapping);
        assert_eq!(parts.of(Setting::BatchItemFailuresIgnored), mapping);
        let queue = Some(ResourceRef::Queue { queue_url: "q".into() });
        assert_eq!(parts.of(Setting::VisibilityTimeout { seconds: 9 }), queue);
        assert_eq!(parts.of(Setting::MaxReceiveCount { count: 9 }), queue);
        let function = Some(ResourceRef::Function { function: "w".into() });
        assert_eq!(parts.of(Setting::WorkerTimeout { seconds: 9 }), function);
        assert_eq!(parts.of(Setting::WorkerMemory { megabytes: 512 }), function);
        assert_eq!(parts.of(Setting::CompetingReceiver { seconds: 9 }), None, "it is nobody's");
        let worker = Some(ResourceRef::Concurrency { function: "w".into() });
        assert_eq!(parts.of(Setting::WorkerConcurrency { limit: 1 }), worker);
        assert_eq!(parts.of(Setting::SubmitStopped), None, "nobody knows which function it is");
        let parts = Parts { submit: Some("s".into()), ..parts };
        let submit = Some(ResourceRef::Concurrency { function: "s".into() });
        assert_eq!(parts.of(Setting::SubmitStopped), submit);
    }
}
