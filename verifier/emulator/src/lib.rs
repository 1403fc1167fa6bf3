//! A local AWS for one stack.
pub mod clock;
pub mod stack;
pub mod template;
