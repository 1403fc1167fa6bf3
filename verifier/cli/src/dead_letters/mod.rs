//! What `verifier dlq` and `verifier redrive` share: where the letters are, looking at them, and why they died.

mod hold;
mod look;
mod place;
mod reasons;
mod selection;

pub(crate) use hold::{Hold, hand_back};
pub(crate) use look::{Look, look};
pub(crate) use place::Place;
pub(crate) use reasons::stories;
pub(crate) use selection::Selection;
