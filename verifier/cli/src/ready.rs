//! What is said of an emulator that is up: `verifier.local/1`.

use std::collections::BTreeMap;

use serde::Serialize;

/// What whoever waits for the emulator wants to know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    pub(crate) schema: &'static str,
    pub(crate) endpoint: String,
    /// The secret that the emulator's own endpoint needs; only the user is to have it.
    pub(crate) token: String,
    pub(crate) region: &'static str,
    pub(crate) stack_name: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What points any AWS client at the emulator.
    pub(crate) environment: BTreeMap<&'static str, String>,
    /// What the emulator does not stand in for.
    pub(crate) skipped: Vec<String>,
}
