//! What the verifier knows of a stack beforehand: names of outputs, payloads, how to read the log, what to expect.
//!
//! The defaults are this repository's own stack. Another stack says in `verifier.toml` what is different about it. The
//! file is read into [`Settings`]; the JSON Schema of that type ([`schema()`]) says what keys there are, and the reference,
//! errors and editors go by it.

mod effect_reader;
mod error;
mod file;
mod forbidden_headers;
mod in_force;
mod in_toml;
mod keys;
mod kinds;
mod message_ids;
mod model;
mod nested;
mod outcome_reader;
mod placeholders;
mod schema;
mod submit;
pub mod urls;
mod validity;

pub use effect_reader::{EffectLine, EffectReader};
pub use error::{Place, SettingsError};
pub(crate) use forbidden_headers::is_forbidden;
pub use in_force::{InForce, Origin, Shown};
pub use in_toml::in_toml;
pub use keys::{KEYS, Key, reference};
pub use message_ids::MessageIds;
pub use model::{
    ANY_ORIGIN, Allowance, Api, Effects, Expect, JOB_URL_VARIABLE, Jobs, NamedResources, Outcomes,
    Outputs, Page, Refused, Settings, queue_name,
};
pub(crate) use nested::{document, roots};
pub use outcome_reader::OutcomeReader;
pub(crate) use placeholders::text_of;
pub(crate) use placeholders::with_tags;
pub use placeholders::{Filling, lookup};
pub use schema::schema;
pub use submit::Submit;
