//! Reads a stack through the AWS SDK, and does to its queues what a run has to.
//!
//! Adapters only: they turn answers into `verifier-core`'s evidence and failures into [`AwsError`]; they decide
//! nothing. Everything goes to the endpoint of the [`Connection`], a deployed AWS or an emulator.

mod alarms;
mod batch_answers;
mod bounded;
mod calls;
mod circumstances;
mod configuration;
mod connection;
mod dead_letters;
mod error;
mod functions;
mod http;
mod identity;
mod invocations;
mod logs;
mod metrics;
mod move_tasks;
mod queues;
mod send_job;
mod server_clock;
mod stack;

pub use calls::Calls;
pub use connection::{Aws, Connection, sdk_config};
pub use dead_letters::{ReceivedMessage, Sent};
pub use error::{AwsError, Cause};
pub use http::{Http, plain_http_client};
pub use invocations::Invocable;
pub use queues::{NotDeleted, RECEIVED_MAX, ReceiveAnswer, Received};
pub use send_job::SEND_MESSAGE;
pub use server_clock::ServerClock;
