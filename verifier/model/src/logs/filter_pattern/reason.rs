//! Why a pattern is not well formed.

/// What was expected, for people.
pub(super) type Reason = &'static str;
