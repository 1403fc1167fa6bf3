//! Typed access to a resource's resolved properties.

use serde_json::{Map, Value};

use crate::template::TemplateError;

/// The properties of one resource, or a part of them.
pub(super) struct Properties<'a> {
    place: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(logical_id: &str, fields: &'a Map<String, Value>) -> Self {
        Self { place: logical_id.to_owned(), fields }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, TemplateError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(value)) => Ok(Some(value.to_string())),
            Some(other) => Err(self.bad(name, &format!("must be text, found {other}"))),
        }
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String, TemplateError> {
        self.text(name)?.ok_or_else(|| self.bad(name, "is required"))
    }

    /// A whole number within bounds; templates may write it as text.
    pub(super) fn number(
        &self,
        name: &str,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, TemplateError> {
        let Some(text) = self.text(name)? else {
            return Ok(default);
        };
        text.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| {
            let (min, max) = (bounds.start(), bounds.end());
            self.bad(name, &format!("must be a whole number from {min} to {max}, found {text}"))
        })
    }

    pub(super) fn boolean(&self, name: &str, default: bool) -> Result<bool, TemplateError> {
        match self.text(name)?.as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(self.bad(name, &format!("must be true or false, found {other}"))),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, TemplateError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| self.bad(name, "must be a list of text")),
            Some(_) => Err(self.bad(name, "must be a list")),
        }
    }

    pub(super) fn maps(&self, name: &str) -> Vec<Properties<'a>> {
        let items = self.fields.get(name).and_then(Value::as_array);
        let maps = items.into_iter().flatten().filter_map(Value::as_object);
        maps.map(|fields| Properties { place: self.child(name), fields }).collect()
    }

    pub(super) fn map(&self, name: &str) -> Option<Properties<'a>> {
        let fields = self.fields.get(name)?.as_object()?;
        Some(Properties { place: self.child(name), fields })
    }

    pub(super) fn fields(&self) -> &'a Map<String, Value> {
        self.fields
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn bad(&self, name: &str, problem: &str) -> TemplateError {
        TemplateError::BadProperty { place: self.child(name), problem: problem.to_owned() }
    }

    fn child(&self, name: &str) -> String {
        format!("{}.{name}", self.place)
    }
}
