//! What the tests of several crates share: running programs, waiting for conditions, changing templates.
//!
//! Everything here panics when it cannot do its work: it is for tests only.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod process;
mod template;

pub use process::{Background, children_of, is_running, run, scrubbed, wait_until};
pub use template::{Changes, TemplateFile, template};
