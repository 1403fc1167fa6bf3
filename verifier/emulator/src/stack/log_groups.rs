//! The log groups of a stack.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Builder;
use super::{FunctionSpec, LogGroupSpec, tags_of};
use crate::template::TemplateError;

impl Builder<'_> {
    /// The log groups of the template, and those that Lambda makes for functions without one.
    pub(super) fn log_groups(
        &self,
        functions: &[FunctionSpec],
    ) -> Result<Vec<LogGroupSpec>, TemplateError> {
        let mut groups = BTreeMap::new();
        for function in functions {
            let name = function.log_group.clone();
            let group = LogGroupSpec { name, retention_days: None, tags: BTreeMap::new() };
            groups.insert(function.log_group.clone(), group);
        }
        let mut named = BTreeSet::new();
        for resource in self.of_type("AWS::Logs::LogGroup") {
            if !named.insert(&resource.physical_id) {
                return Err(resource.refused(format!(
                    "Resource of type 'AWS::Logs::LogGroup' with identifier '{}' already exists.",
                    resource.physical_id
                )));
            }
            let properties = resource.properties();
            let retention_days = if properties.has("RetentionInDays") {
                u32::try_from(properties.number("RetentionInDays", 0, 1..=3_653)?).ok()
            } else {
                None
            };
            let name = resource.physical_id.clone();
            let tags = tags_of(&resource.properties);
            groups.insert(name.clone(), LogGroupSpec { name, retention_days, tags });
        }
        Ok(groups.into_values().collect())
    }
}
