//! All mappings of an account and region, and the states that they go through.

use std::collections::BTreeMap;
use std::time::Duration;

use super::configuration::check_timeouts;
use super::{MappingChanges, MappingConfiguration, MappingError};
use crate::time::Timestamp;

/// How long a mapping stays between two states. AWS takes from some seconds to about a minute, and documents no figure.
pub const TRANSITION: Duration = Duration::from_secs(2);

/// What a mapping is doing; the names are those of its attribute `State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    /// It was created and does not poll yet.
    Creating,
    /// It was switched on and does not poll yet.
    Enabling,
    /// It polls.
    Enabled,
    /// It was switched off: what is in hand is finished.
    Disabling,
    /// It does not poll.
    Disabled,
    /// Its configuration was changed; it polls.
    Updating,
    /// It was deleted: what is in hand is finished.
    Deleting,
}

impl MappingState {
    /// The name that the API shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }

    /// Whether new batches are received in this state.
    pub fn polls(self) -> bool {
        matches!(self, Self::Enabled | Self::Updating)
    }
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its id.
    pub uuid: String,
    /// What it is configured with.
    pub configuration: MappingConfiguration,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// The state that it is passing through, until when.
    transition: Option<(MappingState, Timestamp)>,
}

impl Mapping {
    /// Its state.
    pub fn state(&self, now: Timestamp) -> MappingState {
        match self.transition {
            Some((state, until)) if now < until => state,
            Some((MappingState::Deleting, _)) => MappingState::Deleting,
            _ if self.configuration.enabled => MappingState::Enabled,
            _ => MappingState::Disabled,
        }
    }

    /// When its state next changes by time alone.
    pub fn settles_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.transition.map(|(_, until)| until).filter(|until| *until > now)
    }

    fn pass_through(&mut self, state: MappingState, now: Timestamp) {
        self.transition = Some((state, now + TRANSITION));
        self.modified_at = now;
    }

    fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.transition, Some((MappingState::Deleting, until)) if now >= until)
    }
}

/// The queue and the function of a mapping, as far as Lambda looks at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The function's ARN, whether it exists or not.
    pub function_arn: String,
    /// The queue's visibility timeout; `None` if there is no such queue.
    pub visibility_timeout_seconds: Option<u64>,
    /// The function's timeout; `None` if there is no such function.
    pub function_timeout_seconds: Option<u64>,
}

/// Every mapping.
#[derive(Clone, Debug, Default)]
pub struct EventSourceMappings {
    mappings: BTreeMap<String, Mapping>,
}

impl EventSourceMappings {
    /// Adds a mapping that a stack was deployed with: it is settled at once.
    pub fn deploy(&mut self, uuid: &str, configuration: MappingConfiguration, now: Timestamp) {
        let mapping =
            Mapping { uuid: uuid.to_owned(), configuration, modified_at: now, transition: None };
        self.mappings.insert(uuid.to_owned(), mapping);
    }

    /// Creates a mapping.
    pub fn create(
        &mut self,
        uuid: &str,
        event_source_arn: &str,
        changes: &MappingChanges,
        ends: &Ends,
        now: Timestamp,
    ) -> Result<Mapping, MappingError> {
        self.sweep(now);
        let function = changes.function.clone().unwrap_or_default();
        let configuration =
            MappingConfiguration::new(event_source_arn, &function).changed_by(changes)?;
        check_ends(ends)?;
        self.check_unique(&configuration, None)?;
        let mut mapping =
            Mapping { uuid: uuid.to_owned(), configuration, modified_at: now, transition: None };
        // A mapping that is created switched off is so at once.
        if mapping.configuration.enabled {
            mapping.pass_through(MappingState::Creating, now);
        }
        self.mappings.insert(uuid.to_owned(), mapping.clone());
        Ok(mapping)
    }

    /// Changes a mapping. `ends` are those that it has after the change.
    pub fn update(
        &mut self,
        uuid: &str,
        changes: &MappingChanges,
        ends: &Ends,
        now: Timestamp,
    ) -> Result<Mapping, MappingError> {
        self.sweep(now);
        let mapping = self.settled(uuid, "update", now)?;
        let was_enabled = mapping.configuration.enabled;
        let configuration = mapping.configuration.clone().changed_by(changes)?;
        check_ends(ends)?;
        self.check_unique(&configuration, Some(uuid))?;
        let mapping = self.mappings.get_mut(uuid).ok_or(MappingError::ResourceNotFound)?;
        let passing = match (was_enabled, configuration.enabled) {
            (false, true) => Some(MappingState::Enabling),
            (true, false) => Some(MappingState::Disabling),
            (true, true) => Some(MappingState::Updating),
            (false, false) => None,
        };
        mapping.configuration = configuration;
        mapping.modified_at = now;
        if let Some(passing) = passing {
            mapping.pass_through(passing, now);
        }
        Ok(mapping.clone())
    }

    /// Deletes a mapping.
    pub fn delete(&mut self, uuid: &str, now: Timestamp) -> Result<Mapping, MappingError> {
        self.settled(uuid, "delete", now)?;
        let mapping = self.mappings.get_mut(uuid).ok_or(MappingError::ResourceNotFound)?;
        mapping.pass_through(MappingState::Deleting, now);
        Ok(mapping.clone())
    }

    /// A mapping.
    pub fn get(&self, uuid: &str, now: Timestamp) -> Result<&Mapping, MappingError> {
        let mapping = self.mappings.get(uuid).filter(|mapping| !mapping.is_gone(now));
        mapping.ok_or(MappingError::ResourceNotFound)
    }

    /// The mappings, in the order of their ids.
    pub fn list(&self, now: Timestamp) -> impl Iterator<Item = &Mapping> {
        self.mappings.values().filter(move |mapping| !mapping.is_gone(now))
    }

    /// Forgets a mapping at once: its stack is gone.
    pub fn forget(&mut self, uuid: &str) {
        self.mappings.remove(uuid);
    }

    /// A mapping that is between no two states; others refuse to be changed.
    fn settled(
        &self,
        uuid: &str,
        operation: &'static str,
        now: Timestamp,
    ) -> Result<&Mapping, MappingError> {
        let mapping = self.get(uuid, now)?;
        match mapping.settles_at(now) {
            None => Ok(mapping),
            Some(_) => Err(MappingError::ResourceInUse { operation }),
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        self.mappings.retain(|_, mapping| !mapping.is_gone(now));
    }

    fn check_unique(
        &self,
        configuration: &MappingConfiguration,
        except: Option<&str>,
    ) -> Result<(), MappingError> {
        let same = |mapping: &&Mapping| {
            except != Some(mapping.uuid.as_str())
                && mapping.configuration.event_source_arn == configuration.event_source_arn
                && mapping.configuration.function == configuration.function
        };
        self.mappings.values().find(same).map_or(Ok(()), |existing| {
            Err(MappingError::ResourceConflict {
                event_source_arn: configuration.event_source_arn.clone(),
                function: configuration.function.clone(),
                uuid: existing.uuid.clone(),
            })
        })
    }
}

fn check_ends(ends: &Ends) -> Result<(), MappingError> {
    let Some(function_timeout_seconds) = ends.function_timeout_seconds else {
        return Err(MappingError::FunctionNotFound(ends.function_arn.clone()));
    };
    let Some(visibility_timeout_seconds) = ends.visibility_timeout_seconds else {
        return Err(MappingError::no_such_queue());
    };
    check_timeouts(visibility_timeout_seconds, function_timeout_seconds)
}
