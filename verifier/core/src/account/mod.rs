//! The account of messages: where each message of a run was, and where it ended.
//!
//! A worker's own word is no account. A worker that logs a success and then fails the batch has its messages retried and
//! dead-lettered; one that writes nothing may have done everything. So an account joins everything that was observed: what
//! the API answered, the worker's outcome lines, the ends of invocations as Lambda reports them, every message of ours in
//! the dead-letter queue, and the queue's counts. Checks are views of it.
//!
//! [`Account::of`] is pure: the same observations give the same account, in whatever order they came.

mod attempt;
mod beside;
mod counts;
mod deleted;
mod held;
mod held_back;
mod inference;
mod invocation;
mod invocation_log;
mod isolation;
mod message;
mod miscount;
mod missing;
mod pace;
mod redelivered;
mod remark;
mod returned;
mod uncounted;
mod unknown_work;
mod unnamed;
mod unwritten;

pub use attempt::{Attempt, Fate, Line, is_one_delivery_twice, is_one_receive_twice};
pub use counts::{QueueCounts, once_gone, surplus, unexplained};
pub use held::{Counted, Kept};
pub use inference::{Explained, UnseenReceive};
pub use invocation::{Invocation, InvocationEnd};
pub use invocation_log::{InvocationLog, Place};
pub use isolation::{Breach, Isolation};
pub use message::{
    Account, Expectation, Found, MessageAccount, MessageEnd, Observed, Submitted, Terms,
};
pub use missing::Missing;
pub use remark::Remark;
pub use returned::Whose;
pub use uncounted::Earlier;
pub use unknown_work::UnknownWork;
pub use unnamed::Unexplained;
pub use unwritten::Unwritten;
