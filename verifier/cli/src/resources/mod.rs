//! Which resources a command is about: those of a stack, of a file of outputs, or that are named themselves.

pub(crate) mod args;
mod files;
mod find;
mod queue;
mod wanted;

pub(crate) use find::{FoundResources, find, owned};
pub(crate) use queue::{in_its_region, parse, queue};
pub(crate) use wanted::{Wanted, load, wanted};
