//! A local AWS for one stack, started from the stack's own synthesised CloudFormation template.
//!
//! It serves, on one loopback port, the AWS APIs that such a stack is verified with, the stack's HTTP API and its site.
//! Queues are `verifier-core`'s model; functions are the real binaries, run as child processes against the Lambda
//! Runtime API; time can be skipped while nothing happens.

mod access;
mod admin;
mod admission;
mod asking;
mod body;
mod client;
mod clients;
mod clock;
mod code;
mod descriptors;
mod emulator;
mod error;
mod faults;
mod grace;
mod http_api;
mod incoming;
mod invalidations;
mod lambda;
mod listener;
mod logs;
mod objects;
mod observer;
mod paths;
mod port;
mod private_folder;
mod queues;
mod reply;
mod roots;
mod server;
mod services;
mod site;
mod stack;
mod sync;
mod template;
mod transport;
mod trust;
mod variables;
mod world;

pub use access::{Refused, RoleGrants};
pub use admission::TOKEN_HEADER;
pub use client::Client;
pub use clock::ClockMode;
pub use code::CodeConfig;
pub use descriptors::raise_limit;
pub use emulator::{Callers, Emulator, EmulatorConfig, OTHER_WORK};
pub use error::EmulatorError;
pub use lambda::{FunctionStart, Unstartable, measure_function};
pub use logs::LogStore;
pub use observer::{HowEnded, Inside, Observed, Seen};
pub use server::CLIENT_HEADER;
pub use stack::{
    AlarmSpec, Code, CodePlace, FunctionSpec, InvokedBy, Layer, LogGroupSpec, Organization, Output,
    Program, RoleSpec, Runtime, Skipped, Stack,
};
pub use template::{Template, TemplateError, document as template_document};
pub use trust::{OfAnother, Trust};
