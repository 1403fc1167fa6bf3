//! The model of a Lambda event source mapping on an SQS queue.

mod batch_response;
mod configuration;
mod error;
mod event;
mod mappings;
mod scaling;
mod view;

pub use batch_response::{BatchVerdict, InvocationOutcome, evaluate_batch};
pub use configuration::{MappingChanges, MappingConfiguration, check_timeouts};
pub use error::MappingError;
pub use event::sqs_event;
pub use mappings::{Ends, EventSourceMappings, Mapping, MappingState, TRANSITION};
pub use scaling::{INITIAL_CONCURRENCY, Pace, Scaling, throttle_backoff};
pub use view::{Home, describe_mapping};
