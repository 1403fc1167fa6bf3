//! The stacks of the account, those that are gone included.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use crate::error::EmulatorError;
use crate::roots::Author;
use crate::stack::{Resource, Stack};
use crate::template::Template;
use crate::world::World;

/// Every stack that there is or was, in the order of their creation.
#[derive(Default)]
pub(crate) struct Stacks(Vec<StackRecord>);

/// What CloudFormation keeps of a stack.
pub(super) struct StackRecord {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) template_body: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) status: StackStatus,
    pub(super) status_reason: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    /// What it consists of, unless it was rolled back or deleted.
    pub(super) stack: Option<Stack>,
    /// In the order in which they happened.
    pub(super) events: Vec<StackEvent>,
}

/// A stack's status, of those that the emulator's stacks have after a request; it knows no states in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "they are CloudFormation's")]
pub(super) enum StackStatus {
    CreateComplete,
    RollbackComplete,
    DeleteComplete,
}

impl StackStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::DeleteComplete => "DELETE_COMPLETE",
        }
    }
}

/// An event of a stack.
#[derive(Clone, Debug)]
pub(super) struct StackEvent {
    pub(super) resource: Resource,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) at: Timestamp,
}

/// What a stack is created with.
pub(crate) struct CreateStack {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) template: Template,
    pub(crate) template_body: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Whose template it is.
    pub(crate) author: Author,
}

impl Stacks {
    /// Creates a stack. When that fails it stays, rolled back, as on AWS; then why is returned too.
    pub(crate) fn create(
        &mut self,
        world: &World,
        request: CreateStack,
    ) -> Result<Stack, EmulatorError> {
        let now = world.sqs.now();
        let CreateStack { template, name, parameters, author, .. } = &request;
        let deployed = world.deploy(template, name, parameters, *author);
        let mut record = StackRecord {
            name: request.name,
            id: request.id,
            template_body: request.template_body,
            parameters: request.parameters,
            tags: request.tags,
            status: StackStatus::CreateComplete,
            status_reason: None,
            created_at: now,
            deleted_at: None,
            stack: None,
            events: Vec::new(),
        };
        record.note("CREATE_IN_PROGRESS", Some("User Initiated".to_owned()), now);
        match &deployed {
            Ok(stack) => {
                record.tags.extend(stack.tags.clone());
                record.note_resources(stack, "CREATE_COMPLETE", now);
                record.note("CREATE_COMPLETE", None, now);
                record.stack = Some(stack.clone());
            }
            Err(error) => {
                let reason = shown(&error.to_string());
                record.note("ROLLBACK_IN_PROGRESS", Some(reason.clone()), now);
                record.note("ROLLBACK_COMPLETE", None, now);
                record.status = StackStatus::RollbackComplete;
                record.status_reason = Some(reason);
            }
        }
        self.0.push(record);
        deployed
    }

    /// Deletes a stack. One that does not exist is deleted already.
    pub(super) fn delete(&mut self, world: &World, reference: &str) {
        let present = self.0.iter_mut().rev().find(|record| record.answers_to(reference));
        let Some(record) = present.filter(|record| record.status != StackStatus::DeleteComplete)
        else {
            return;
        };
        let now = world.sqs.now();
        record.note("DELETE_IN_PROGRESS", Some("User Initiated".to_owned()), now);
        if let Some(stack) = record.stack.take() {
            world.remove(&stack);
            record.note_resources(&stack, "DELETE_COMPLETE", now);
        }
        record.note("DELETE_COMPLETE", None, now);
        record.status = StackStatus::DeleteComplete;
        record.deleted_at = Some(now);
    }

    /// The stack of that name or id. One that was deleted is found by its id only.
    pub(super) fn find(&self, reference: &str) -> Option<&StackRecord> {
        self.0.iter().rev().find(|record| record.answers_to(reference))
    }

    /// Those that were not deleted, the newest first.
    pub(super) fn present(&self) -> impl Iterator<Item = &StackRecord> {
        self.all().filter(|record| record.status != StackStatus::DeleteComplete)
    }

    /// All of them, the newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &StackRecord> {
        self.0.iter().rev()
    }

    /// How many there were so far.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

impl StackRecord {
    fn answers_to(&self, reference: &str) -> bool {
        let by_name = self.name == reference && self.status != StackStatus::DeleteComplete;
        by_name || self.id == reference
    }

    /// Its resources; none when it was rolled back or deleted.
    pub(super) fn resources(&self) -> &[Resource] {
        self.stack.as_ref().map(|stack| stack.resources.as_slice()).unwrap_or_default()
    }

    fn note(&mut self, status: &'static str, reason: Option<String>, at: Timestamp) {
        let resource = Resource {
            logical_id: self.name.clone(),
            physical_id: self.id.clone(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
        };
        self.events.push(StackEvent { resource, status, reason, at });
    }

    fn note_resources(&mut self, stack: &Stack, status: &'static str, at: Timestamp) {
        let events = stack.resources.iter().cloned();
        self.events.extend(events.map(|resource| StackEvent {
            resource,
            status,
            reason: None,
            at,
        }));
    }
}

/// A reason, of which parts may be the template's: what does not show as itself, or changes how the rest shows, is escaped.
fn shown(reason: &str) -> String {
    let shown = |c: char| match c {
        ' '..='~' | '\n' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    reason.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_shows_what_it_consists_of() {
        assert_eq!(shown("\"é\" is\nnone"), "\"é\" is\nnone");
        assert_eq!(shown("a\u{202e}b\u{7}\u{200b}"), r"a\u{202e}b\u{7}\u{200b}");
    }
}
