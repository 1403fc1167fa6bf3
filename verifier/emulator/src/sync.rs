//! The locks of what a model checker runs. `tests/schedules` compiles the same files with a module of this name that has
//! the checker's locks, so that neither the program nor its other tests know of it.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
