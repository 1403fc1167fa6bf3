//! What the reports of several commands share. Nothing here knows a command, and nothing asks AWS.

pub(crate) mod github;
pub(crate) mod job_summary;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod result;
pub(crate) mod story_page;
pub(crate) mod words;
