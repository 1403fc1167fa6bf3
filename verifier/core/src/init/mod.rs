//! From a stack that was never seen to the settings for it: what is proposed, why, and what is not sure.

mod answers;
mod bodies;
mod choose;
mod draft;
mod learnt;
mod lines;
mod phrases;
mod probe;
mod propose;
mod template;
mod told;

pub use choose::{FoundQueue, Pair, Unchosen, choose};
pub use draft::{Draft, Unsure, Written};
pub use probe::Probe;
pub use propose::{outputs_of, propose};
pub use template::TemplateView;
