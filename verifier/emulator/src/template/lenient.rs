//! Resolving what only has to be known as far as it can be: of resources that are not emulated, and of properties that have
//! no effect here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Evaluator, ResourceDefinition, TemplateError, TemplatePath};

/// What is in place of a value that cannot be resolved where that is no matter: it names nothing.
pub(super) const UNRESOLVED: &str = "unresolved";

impl Evaluator<'_> {
    /// A resource's properties as far as they can be resolved, and whether that is all of them. What cannot be, such as an
    /// attribute that is not known, becomes a text that names nothing; what is around it is resolved all the same.
    pub(crate) fn properties_leniently(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
    ) -> (Map<String, Value>, bool) {
        let place = TemplatePath::new(logical_id);
        let mut is_whole = true;
        let fields = resource.properties.iter().filter_map(|(name, value)| {
            Some((name.clone(), self.leniently(value, &place.child(name), &mut is_whole)?))
        });
        (fields.collect(), is_whole)
    }

    /// A value as far as it can be resolved; `None` is `AWS::NoValue`.
    pub(super) fn leniently(
        &self,
        value: &Value,
        place: &TemplatePath,
        is_whole: &mut bool,
    ) -> Option<Value> {
        let before = self.is_lenient.replace(true);
        let missed = self.missed.replace(false);
        let resolved = self.value(value, place);
        let resolved =
            resolved.and_then(|value| value.map(|value| self.looked_up(value, place)).transpose());
        self.is_lenient.set(before);
        *is_whole &= !self.missed.replace(missed) && resolved.is_ok();
        match resolved {
            Ok(value) => value,
            // One of several has no value, or there is too much of it.
            Err(error) => {
                self.note(&error);
                Some(self.by_parts(value, place, is_whole))
            }
        }
    }

    /// All that these resources need of what is looked up elsewhere and was not given, by name, with where it is needed. Of
    /// each, the properties that are named have no effect.
    pub(crate) fn without_value<'t>(
        &self,
        resources: impl Iterator<Item = (&'t str, &'t ResourceDefinition, Vec<&'static str>)>,
    ) -> BTreeMap<String, String> {
        self.without_value.take();
        for (logical_id, definition, without_effect) in resources {
            let place = TemplatePath::new(logical_id);
            let with_effect = definition
                .properties
                .iter()
                .filter(|(name, _)| !without_effect.contains(&name.as_str()));
            for (name, value) in with_effect {
                self.leniently(value, &place.child(name), &mut true);
            }
        }
        self.without_value.take()
    }

    fn note(&self, error: &TemplateError) {
        if let TemplateError::NoValue { place, name } = error {
            let mut noted = self.without_value.borrow_mut();
            noted.entry(name.clone()).or_insert_with(|| place.clone());
        }
    }

    fn by_parts(&self, value: &Value, place: &TemplatePath, is_whole: &mut bool) -> Value {
        let is_function = |name: &String| name == "Ref" || name.starts_with("Fn::");
        match value {
            Value::Array(items) => {
                let items = items.iter().filter_map(|item| self.leniently(item, place, is_whole));
                Value::Array(items.collect())
            }
            Value::Object(fields) if !fields.keys().any(is_function) => {
                let fields = fields.iter().filter_map(|(name, value)| {
                    Some((name.clone(), self.leniently(value, &place.child(name), is_whole)?))
                });
                Value::Object(fields.collect())
            }
            _ => Value::String(UNRESOLVED.to_owned()),
        }
    }

    /// What a function gave, or a text that names nothing where that is no matter.
    pub(super) fn or_unresolved(
        &self,
        found: Result<Option<Value>, TemplateError>,
    ) -> Result<Option<Value>, TemplateError> {
        match found {
            Err(error) if self.is_lenient.get() => {
                self.note(&error);
                self.missed.set(true);
                Ok(Some(Value::String(UNRESOLVED.to_owned())))
            }
            found => found,
        }
    }
}
