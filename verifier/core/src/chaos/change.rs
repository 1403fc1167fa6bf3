//! Settings of a stack that are changed for a while and put back.
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
    /// When it is put back; at the undo, if that is earlier.
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
}

impl Setting {
    /// One of each kind.
    pub const EACH: [Self; 5] = [
        Self::MappingDisabled,
        Self::BatchItemFailuresIgnored,
        Self::BatchSize { size: 1 },
        Self::WorkerConcurrency { limit: 0 },
        Self::SubmitStopped,
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
        }
    }

    /// The operation of AWS's that it is a setting of; for what is measured by operation.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::MappingDisabled | Self::BatchItemFailuresIgnored | Self::BatchSize { .. } => {
                "UpdateEventSourceMapping"
            }
            Self::WorkerConcurrency { .. } | Self::SubmitStopped => "PutFunctionConcurrency",
        }
    }

    /// The anomalies that a history may have in which it was changed, although nothing else is wrong with the stack.
    pub const fn allows(self) -> AnomalySet {
        AnomalySet::of(match self {
            // What nobody receives is not moved, however long it is due.
            Self::MappingDisabled => &[Anomaly::LateDlq],
            // Whatever the worker names as failed is deleted all the same.
            Self::BatchItemFailuresIgnored => &[Anomaly::Lost, Anomaly::PoisonAsSuccess],
            // Receives are used up although the function sees nothing.
            Self::WorkerConcurrency { .. } => {
                &[Anomaly::ThrottleDlq, Anomaly::InnocentDlq, Anomaly::LateDlq]
            }
            Self::BatchSize { .. } | Self::SubmitStopped => &[],
        })
    }

    /// What is wrong with its figures, if anything.
    fn problem(self) -> Option<String> {
        match self {
            Self::BatchSize { size } if !(1..=10).contains(&size) => {
                Some(format!("a batch size is from 1 to 10 here, found {size}"))
            }
            Self::WorkerConcurrency { limit } if limit > 1_000 => {
                Some(format!("a concurrency is from 0 to 1000, found {limit}"))
            }
            _ => None,
        }
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
        // Two that overlap could not be put back in any order.
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
