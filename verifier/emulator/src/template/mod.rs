//! CloudFormation templates: reading them and resolving their intrinsic functions.
//!
//! Architecture invariant: the stack is the template. Everything that the emulator knows of a stack comes through
//! here; nothing about a particular stack is written in Rust.

mod dependencies;
mod document;
mod error;
mod evaluate;
mod extensions;
mod functions;
mod identity;
mod lenient;
mod lookups;
mod parameters;
mod sections;
mod shape;
mod yaml;

pub(crate) use document::{BINARY_KEY, ResourceDefinition};
pub use document::{Template, document};
pub use error::TemplateError;
pub(crate) use evaluate::{Evaluator, TemplatePath};
pub(crate) use identity::{ACCOUNT_ID, PARTITION, URL_SUFFIX};
