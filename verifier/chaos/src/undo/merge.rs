//! Whose each field of a part is: the experiment's or somebody else's.
//!
//! A rollback compares three ways: how a field was saved, what the experiment may have set it to, and how it is now. Only
//! what the experiment may have set is restored. Anything else is somebody's own, such as a deployment's, and is left.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html> and
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>, each of which leaves
//! alone what it is not told.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use verifier_core::experiment::{Field, ResourceConfig};

use super::desired::desired;
use super::journal::Saved;

/// A field that is neither as it was nor as the experiment sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: Field,
    /// What it said before the experiment; null where there was none.
    pub before: Value,
    /// What it says now; null where there is none.
    pub now: Value,
    /// Whether the experiment changes it, too: then it cannot be restored without undoing what somebody has done.
    pub is_contested: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Value| match value {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (name, now, before) = (self.field.name(), word(&self.now), word(&self.before));
        write!(f, "{name} is {now}, and was {before} before")
    }
}

/// What a part is told, and what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// How it has to be. What is nobody's but somebody else's is as it is now.
    pub wanted: ResourceConfig,
    /// The fields that are written: those that the experiment changes and nobody else has.
    pub fields: BTreeSet<Field>,
    /// What another actor has changed since it was saved.
    pub others: Vec<Difference>,
}

/// Brings what the experiment changes of a part to `target`, and leaves everything else as it is now.
///
/// A field is the experiment's where one of its settings changes it. It is written while it says what was saved or what one
/// of the settings makes of it, whether that was done or not: of a write that was cut off nobody knows whether it takes
/// effect.
pub fn merge(saved: &Saved, target: &ResourceConfig, now: &ResourceConfig) -> Merged {
    let mut merged = Merged { wanted: now.clone(), fields: BTreeSet::new(), others: Vec::new() };
    let before = saved.before.fields();
    let settings = saved.settings.iter();
    let set: Vec<_> =
        settings.map(|setting| desired(&saved.before, &[*setting]).fields()).collect();
    let now = now.fields();
    for (field, was) in before {
        let is = now.get(&field).cloned().unwrap_or_default();
        let mut told =
            set.iter().filter_map(|fields| fields.get(&field)).filter(|told| **told != was);
        let is_changed = told.clone().next().is_some();
        if is_changed && (is == was || told.any(|told| *told == is)) {
            merged.wanted.take(target, field);
            merged.fields.insert(field);
        } else if is != was {
            let is_contested = is_changed;
            merged.others.push(Difference { field, before: was, now: is, is_contested });
        }
    }
    merged
}

/// The fields that are neither as they were saved nor anybody else's: they say what one of the experiment's settings makes
/// of them. After everything was restored, there should be none.
pub fn still_set(saved: &Saved, now: &ResourceConfig) -> Vec<Difference> {
    let before = saved.before.fields();
    let settings = saved.settings.iter();
    let set: Vec<_> =
        settings.map(|setting| desired(&saved.before, &[*setting]).fields()).collect();
    let now = now.fields();
    let is_set = |field: &Field, is: &Value| set.iter().any(|fields| fields.get(field) == Some(is));
    before
        .into_iter()
        .filter_map(|(field, was)| {
            let is = now.get(&field).cloned().unwrap_or_default();
            (is != was && is_set(&field, &is)).then_some(Difference {
                field,
                before: was,
                now: is,
                is_contested: false,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Setting;
    use verifier_core::experiment::MappingState;

    fn mapping(
        enabled: bool,
        batch_size: u32,
        window: u32,
        concurrency: Option<u32>,
    ) -> ResourceConfig {
        ResourceConfig::Mapping(MappingState {
            enabled,
            batch_size,
            batching_window_seconds: window,
            maximum_concurrency: concurrency,
            response_types: Vec::new(),
        })
    }

    fn saved(before: ResourceConfig, settings: &[Setting]) -> Saved {
        Saved { before, settings: settings.to_vec() }
    }

    fn back(saved: &Saved, now: &ResourceConfig) -> Merged {
        merge(saved, &saved.before, now)
    }

    fn queue(seconds: u32, policy: Option<&str>) -> ResourceConfig {
        ResourceConfig::Queue {
            visibility_timeout_seconds: seconds,
            redrive_policy: policy.map(str::to_owned),
        }
    }

    #[test]
    fn what_the_experiment_changes_is_restored_and_nothing_else_is_written() {
        let saved = saved(mapping(true, 5, 1, None), &[Setting::MappingDisabled]);
        let merged = back(&saved, &mapping(false, 5, 1, None));
        assert_eq!(merged.wanted, saved.before);
        assert_eq!(merged.fields, BTreeSet::from([Field::Enabled]));
        assert_eq!(merged.others, []);
    }

    #[test]
    fn what_somebody_else_changed_is_named_and_left() {
        let saved = saved(mapping(true, 5, 1, None), &[Setting::MappingDisabled]);
        let merged = back(&saved, &mapping(false, 7, 1, Some(3)));
        assert_eq!(merged.wanted, mapping(true, 7, 1, Some(3)));
        let said: Vec<String> = merged.others.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["BatchSize is 7, and was 5 before", "MaximumConcurrency is 3, and was nothing before"]
        );
        assert!(merged.others.iter().all(|other| !other.is_contested));
    }

    #[test]
    fn what_both_change_is_contested_and_left() {
        let sizes = [Setting::BatchSize { size: 1 }, Setting::BatchSize { size: 2 }];
        let saved = saved(mapping(true, 5, 1, None), &sizes);
        for ours in [1, 2, 5] {
            let merged = back(&saved, &mapping(true, ours, 1, None));
            assert_eq!((merged.wanted, merged.others), (saved.before.clone(), vec![]));
        }
        let merged = back(&saved, &mapping(true, 7, 1, None));
        assert_eq!(merged.wanted, mapping(true, 7, 1, None));
        assert!(merged.fields.is_empty());
        assert!(merged.others[0].is_contested);
    }

    #[test]
    fn what_reads_as_the_experiment_set_it_is_still_set_and_nothing_else_is() {
        let settings = [Setting::BatchSize { size: 5 }, Setting::MappingDisabled];
        let saved = saved(mapping(true, 1, 0, None), &settings);
        let fields = |now| -> Vec<Field> {
            still_set(&saved, &now).iter().map(|difference| difference.field).collect()
        };
        assert_eq!(fields(mapping(true, 1, 0, None)), []);
        assert_eq!(fields(mapping(false, 5, 0, None)), [Field::Enabled, Field::BatchSize]);
        assert_eq!(fields(mapping(true, 7, 3, None)), [], "that is somebody else's");
    }

    #[test]
    fn a_setting_that_is_so_already_changes_nothing() {
        let saved = saved(mapping(true, 5, 1, None), &[Setting::BatchSize { size: 5 }]);
        let merged = back(&saved, &mapping(true, 7, 1, None));
        assert!(merged.fields.is_empty() && !merged.others[0].is_contested);
    }

    #[test]
    fn a_policy_keeps_what_is_not_the_experiments() {
        let before = queue(60, Some(r#"{"deadLetterTargetArn":"a","maxReceiveCount":"3"}"#));
        let saved = saved(before, &[Setting::MaxReceiveCount { count: 5 }]);
        // Another dead-letter queue is somebody's own; a count is a number however it is written.
        let now = queue(9, Some(r#"{"deadLetterTargetArn":"b","maxReceiveCount":"5"}"#));
        let merged = back(&saved, &now);
        let wanted = queue(9, Some(r#"{"deadLetterTargetArn":"b","maxReceiveCount":3}"#));
        assert_eq!(merged.wanted, wanted);
        assert_eq!(merged.fields, BTreeSet::from([Field::MaxReceiveCount]));
        let others: Vec<Field> = merged.others.iter().map(|other| other.field).collect();
        assert_eq!(others, [Field::VisibilityTimeout, Field::RedrivePolicy]);
        // Who takes the policy away has changed the count, too.
        let merged = back(&saved, &queue(60, None));
        assert!(merged.fields.is_empty());
        assert!(merged.others.iter().any(|other| other.is_contested));
    }

    proptest! {
        /// Whatever others do, and wherever the experiment was stopped: what it has set and nobody has set since is as it was
        /// afterwards, and what others have set is as they have set it.
        #[test]
        fn everybody_keeps_what_is_theirs(
            (batch, window, enabled) in (1..4_u32, 0..4_u32, any::<bool>()),
            settings in proptest::collection::vec(prop_oneof![
                Just(Setting::MappingDisabled),
                (1..4_u32).prop_map(|size| Setting::BatchSize { size }),
                (0..4_u32).prop_map(|seconds| Setting::BatchingWindow { seconds }),
            ], 0..4),
            in_force in any::<prop::sample::Index>(),
            theirs in proptest::collection::btree_map(prop_oneof![
                Just(Field::BatchSize), Just(Field::BatchingWindow), Just(Field::MaximumConcurrency),
            ], 50..60_u32, 0..3),
        ) {
            let saved = saved(mapping(enabled, batch, window, None), &settings);
            let set = desired(&saved.before, &settings[..in_force.index(settings.len() + 1)]);
            let mut now = set;
            for (field, value) in &theirs {
                now.take(&mapping(false, *value, *value, Some(*value)), *field);
            }
            let wanted = back(&saved, &now).wanted.fields();
            for (field, before) in saved.before.fields() {
                let kept = if theirs.contains_key(&field) { &now.fields()[&field] } else { &before };
                prop_assert_eq!(&wanted[&field], kept);
            }
        }
    }
}
