//! What a run leaves behind.

/// What a run did to leave nothing behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// How many messages the run is known to have put into the stack.
    pub created: usize,
    /// How many it may have put there: a request that got no answer may have been carried out.
    pub created_at_most: usize,
    /// The ids of its messages that were deleted from the dead-letter queue.
    pub deleted: Vec<String>,
    /// Its messages that may still be there, each with where and why.
    pub left: Vec<String>,
    /// How many messages more the jobs queue holds than before the run, by its counts; `None` where it was not counted.
    pub surplus: Option<u64>,
    /// How many messages the dead-letter queue holds that nothing explains, by its counts; `None` where it was not counted.
    pub dead_letters: Option<u64>,
    /// How many receives from the dead-letter queue got no answer, and may hide messages.
    pub unanswered: u32,
    /// Whether messages of other senders were seen, which explain a surplus of the jobs queue.
    pub others_seen: bool,
    /// The ids of messages of runs that are over, which were deleted from the dead-letter queue.
    pub swept: Vec<String>,
    /// How many messages of runs that may still go on were seen in the dead-letter queue, and left there.
    pub of_running_runs: usize,
    /// How many messages of others were received from the dead-letter queue and made visible again.
    pub released: usize,
    /// How many receives that cost them.
    pub receives_of_others: u32,
    /// Messages of others that could not be made visible again; they become visible again by themselves.
    pub not_released: Vec<String>,
}
