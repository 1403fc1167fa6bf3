//! The model checker's locks, by the names of `src/sync.rs`.

pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};
