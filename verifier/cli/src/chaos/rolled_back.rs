//! What a rollback came to.

/// What was restored, and what could not be.
#[derive(Default)]
pub(crate) struct RolledBack {
    pub(crate) journal: String,
    /// The run and its stack; absent where the journal was never begun.
    pub(crate) run: Option<String>,
    pub(crate) stack: Option<String>,
    /// Each part that was changed, in words.
    pub(crate) restored: Vec<String>,
    /// Each that could not be restored, with the reason.
    pub(crate) not_restored: Vec<(String, String)>,
    /// Each about which somebody else has changed something, or that is gone, with what.
    pub(crate) left: Vec<(String, String)>,
    /// Whether the last line of the journal was torn.
    pub(crate) is_torn: bool,
    /// What to do about what is not restored, if that is anything.
    pub(crate) next: Option<String>,
}
