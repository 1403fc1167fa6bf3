//! What is changed about a stack for a while and restored: its settings, and who receives from its queue.
//!
//! Faults strike in a stack's inside, which only a simulator and an emulator let them do. What is here, any stack can be
//! asked for through AWS's ordinary APIs.

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, AnomalySet};

/// A setting that is changed for a while. Times are milliseconds from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What is changed, and to what.
    pub setting: Setting,
    /// When it is changed.
    pub from_milliseconds: u64,
    /// When it is restored; at the undo, if that is earlier.
    pub until_milliseconds: u64,
}

/// A setting, and what it is changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Setting {
    /// The mapping is disabled: it receives no more, and ends what it has in hand.
    MappingDisabled,
    /// The worker has no `ReportBatchItemFailures`: its response is ignored, and every batch that does not fail as a whole
    /// is deleted.
    BatchItemFailuresIgnored,
    /// The mapping has another `BatchSize`.
    BatchSize {
        /// 1 to 10.
        size: u32,
    },
    /// The worker has reserved concurrency, and batches beyond it are throttled.
    WorkerConcurrency {
        /// How many invocations run at once; 0 to 1,000.
        limit: u32,
    },
    /// The submit function has reserved concurrency 0: the API answers 503.
    SubmitStopped,
    /// The mapping has another `MaximumBatchingWindowInSeconds`.
    BatchingWindow {
        /// 0 to 30 s: longer ones outlast visibility timeouts.
        seconds: u32,
    },
    /// The mapping has another `MaximumConcurrency`: it receives more slowly, and throttles nothing.
    MaximumConcurrency {
        /// 2 to 1,000.
        limit: u32,
    },
    /// The jobs queue has another `VisibilityTimeout`.
    VisibilityTimeout {
        /// 1 to 900 s.
        seconds: u32,
    },
    /// The jobs queue's redrive policy has another `maxReceiveCount`.
    MaxReceiveCount {
        /// 1 to 1,000.
        count: u32,
    },
    /// The worker has another `Timeout`.
    WorkerTimeout {
        /// 1 to 900 s.
        seconds: u32,
    },
    /// The worker has another `MemorySize`, and processing power in proportion. A simulated one is as fast with any.
    WorkerMemory {
        /// 128 to 10,240 MB.
        megabytes: u32,
    },
    /// Another consumer receives from the jobs queue, up to ten messages a second, and deletes nothing.
    CompetingReceiver {
        /// For how long what they receive is hidden; 0 to 300 s.
        seconds: u32,
    },
}

impl Setting {
    /// One of each kind.
    pub const EACH: [Self; 12] = [
        Self::MappingDisabled,
        Self::BatchItemFailuresIgnored,
        Self::BatchSize { size: 1 },
        Self::WorkerConcurrency { limit: 0 },
        Self::SubmitStopped,
        Self::BatchingWindow { seconds: 5 },
        Self::MaximumConcurrency { limit: 2 },
        Self::VisibilityTimeout { seconds: 20 },
        Self::MaxReceiveCount { count: 1 },
        Self::WorkerTimeout { seconds: 1 },
        Self::WorkerMemory { megabytes: 128 },
        Self::CompetingReceiver { seconds: 30 },
    ];

    /// The kinds of settings that allow an anomaly when they are changed.
    pub(super) fn kinds_that_allow(anomaly: Anomaly) -> impl Iterator<Item = &'static str> {
        let allowing = Self::EACH.into_iter().filter(move |one| one.allows().contains(anomaly));
        allowing.map(Self::kind)
    }

    /// Its name, which is that in files.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::MappingDisabled => "mapping-disabled",
            Self::BatchItemFailuresIgnored => "batch-item-failures-ignored",
            Self::BatchSize { .. } => "batch-size",
            Self::WorkerConcurrency { .. } => "worker-concurrency",
            Self::SubmitStopped => "submit-stopped",
            Self::BatchingWindow { .. } => "batching-window",
            Self::MaximumConcurrency { .. } => "maximum-concurrency",
            Self::VisibilityTimeout { .. } => "visibility-timeout",
            Self::MaxReceiveCount { .. } => "max-receive-count",
            Self::WorkerTimeout { .. } => "worker-timeout",
            Self::WorkerMemory { .. } => "worker-memory",
            Self::CompetingReceiver { .. } => "competing-receiver",
        }
    }

    /// The operation of AWS's by which it is changed; for what is measured by operation.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::MappingDisabled
            | Self::BatchItemFailuresIgnored
            | Self::BatchSize { .. }
            | Self::BatchingWindow { .. }
            | Self::MaximumConcurrency { .. } => "UpdateEventSourceMapping",
            Self::WorkerConcurrency { .. } | Self::SubmitStopped => "PutFunctionConcurrency",
            Self::VisibilityTimeout { .. } | Self::MaxReceiveCount { .. } => "SetQueueAttributes",
            Self::WorkerTimeout { .. } | Self::WorkerMemory { .. } => "UpdateFunctionConfiguration",
            Self::CompetingReceiver { .. } => "ReceiveMessage",
        }
    }

    /// The anomalies that a history may have in which it was changed, although nothing else is wrong with the stack.
    pub const fn allows(self) -> AnomalySet {
        AnomalySet::of(match self {
            // What nobody receives, or waits for its turn, is not moved, however long it is due.
            Self::MappingDisabled | Self::MaximumConcurrency { .. } => &[Anomaly::LateDlq],
            // Whatever the worker names as failed is deleted all the same.
            Self::BatchItemFailuresIgnored => &[Anomaly::Lost, Anomaly::PoisonAsSuccess],
            // Receives are used up although the function sees nothing.
            Self::WorkerConcurrency { .. } => {
                &[Anomaly::ThrottleDlq, Anomaly::InnocentDlq, Anomaly::LateDlq]
            }
            // The queue no longer keeps what the stack's own terms say; and a message that comes up again while it is worked
            // on uses its receives up.
            Self::VisibilityTimeout { .. } => &[
                Anomaly::PrematureDlq,
                Anomaly::LateDlq,
                Anomaly::InnocentDlq,
                Anomaly::EffectAndDlq,
                Anomaly::StuckInFlight,
            ],
            Self::MaxReceiveCount { .. } => &[
                Anomaly::PrematureDlq,
                Anomaly::LateDlq,
                Anomaly::OverReceived,
                Anomaly::InnocentDlq,
                Anomaly::EffectAndDlq,
            ],
            // A batch that is not done in time fails as a whole, whatever of it was done.
            Self::WorkerTimeout { .. } | Self::WorkerMemory { .. } => &[
                Anomaly::BatchPoisoned,
                Anomaly::InnocentDlq,
                Anomaly::EffectAndDlq,
                Anomaly::UncausedFailure,
            ],
            // They use receives up, and hide messages from the worker.
            Self::CompetingReceiver { .. } => &[
                Anomaly::PrematureDlq,
                Anomaly::LateDlq,
                Anomaly::InnocentDlq,
                Anomaly::StuckInFlight,
            ],
            Self::BatchSize { .. } | Self::BatchingWindow { .. } | Self::SubmitStopped => &[],
        })
    }

    /// For how long it hides messages that are received while it is changed, in seconds; absent where it hides none.
    pub const fn hides_seconds(self) -> Option<u32> {
        match self {
            Self::VisibilityTimeout { seconds } | Self::CompetingReceiver { seconds } => {
                Some(seconds)
            }
            _ => None,
        }
    }

    /// What is wrong with its figure, if anything.
    fn problem(self) -> Option<String> {
        let (what, found, (min, max)) = match self {
            Self::MappingDisabled | Self::BatchItemFailuresIgnored | Self::SubmitStopped => {
                return None;
            }
            Self::BatchSize { size } => ("a batch size", size, (1, 10)),
            Self::WorkerConcurrency { limit } => ("a concurrency", limit, (0, 1_000)),
            Self::BatchingWindow { seconds } => ("a batching window (s)", seconds, (0, 30)),
            Self::MaximumConcurrency { limit } => ("a MaximumConcurrency", limit, (2, 1_000)),
            Self::VisibilityTimeout { seconds } => ("a visibility timeout (s)", seconds, (1, 900)),
            Self::MaxReceiveCount { count } => ("a maxReceiveCount", count, (1, 1_000)),
            Self::WorkerTimeout { seconds } => ("a function's timeout (s)", seconds, (1, 900)),
            Self::WorkerMemory { megabytes } => {
                ("a function's memory (MB)", megabytes, (128, 10_240))
            }
            Self::CompetingReceiver { seconds } => {
                ("what a competing receiver hides it for (s)", seconds, (0, 300))
            }
        };
        let is_allowed = (min..=max).contains(&found);
        (!is_allowed).then(|| format!("{what} is from {min} to {max} here, found {found}"))
    }
}

impl Change {
    /// What is wrong with it, if anything. The others are those before it.
    pub(super) fn problem(&self, before: &[Self], latest: u64) -> Option<String> {
        let Self { setting, from_milliseconds: from, until_milliseconds: until } = *self;
        if until <= from {
            return Some("untilMilliseconds must be above fromMilliseconds".to_owned());
        }
        if until > latest {
            return Some(format!("it ends at {latest} ms at the latest, found {until}"));
        }
        // Two that overlap could not be restored in any order.
        let overlaps = before.iter().any(|other| {
            other.setting.kind() == setting.kind()
                && other.from_milliseconds < until
                && from < other.until_milliseconds
        });
        let overlap = || format!("{} is already changed at that time", setting.kind());
        setting.problem().or_else(|| overlaps.then(overlap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(setting: Setting, from: u64, until: u64) -> Change {
        Change { setting, from_milliseconds: from, until_milliseconds: until }
    }

    #[test]
    fn kinds_are_the_names_in_files() {
        for setting in Setting::EACH {
            let written = serde_json::to_value(setting).unwrap();
            let named =
                written.as_str() == Some(setting.kind()) || written.get(setting.kind()).is_some();
            assert!(named, "{written}");
            assert_eq!(serde_json::from_value::<Setting>(written).unwrap(), setting);
        }
    }

    #[test]
    fn a_setting_is_changed_once_at_a_time() {
        let first = change(Setting::MappingDisabled, 10, 20);
        let again = |from, until| change(Setting::MappingDisabled, from, until);
        let problem = |change: Change| change.problem(&[first], 1_000);
        assert_eq!(problem(again(20, 30)), None);
        assert_eq!(problem(again(5, 10)), None);
        assert_eq!(problem(change(Setting::SubmitStopped, 10, 20)), None);
        for overlapping in [again(5, 11), again(12, 15), again(19, 30), again(1, 100)] {
            assert!(problem(overlapping).unwrap().contains("already changed"), "{overlapping:?}");
        }
        assert!(problem(again(30, 30)).unwrap().contains("above fromMilliseconds"));
        assert!(problem(again(30, 1_001)).unwrap().contains("1000 ms at the latest"));
        assert!(
            problem(change(Setting::BatchSize { size: 11 }, 0, 1)).unwrap().contains("found 11")
        );
        let limit = Setting::WorkerConcurrency { limit: 1_001 };
        assert!(problem(change(limit, 0, 1)).unwrap().contains("found 1001"));
    }
}
