//! What rules look at.

use serde::{Deserialize, Serialize};

/// Something that is about to happen.
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a> {
    /// The operation of AWS's API, or a route's key such as `POST /jobs`. What the emulator does by itself has the name
    /// of the operation that it amounts to: a mapping's receive is a `ReceiveMessage`, a function's output `PutLogEvents`.
    pub operation: &'a str,
    /// On whose behalf.
    pub caller: Caller,
    /// The name of the queue that it is about.
    pub queue: Option<&'a str>,
    /// The name of the function that it is about.
    pub function: Option<&'a str>,
    /// The message that it is about.
    pub message_id: Option<&'a str>,
    /// The message's body, the invocation's payload or the log event's text.
    pub text: Option<&'a str>,
}

/// On whose behalf something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// A client of the stack.
    Client,
    /// A function of it.
    Function,
    /// An event source mapping.
    Mapping,
}

impl<'a> Happening<'a> {
    /// An operation of which nothing else is known.
    pub fn new(operation: &'a str, caller: Caller) -> Self {
        Self { operation, caller, queue: None, function: None, message_id: None, text: None }
    }

    /// The same, on a queue.
    #[must_use]
    pub fn on_queue(self, queue: &'a str) -> Self {
        Self { queue: Some(queue), ..self }
    }

    /// The same, of a function.
    #[must_use]
    pub fn of_function(self, function: &'a str) -> Self {
        Self { function: Some(function), ..self }
    }

    /// The same, with a message.
    #[must_use]
    pub fn with_message(self, message_id: &'a str, body: &'a str) -> Self {
        Self { message_id: Some(message_id), text: Some(body), ..self }
    }

    /// The same, with a text.
    #[must_use]
    pub fn with_text(self, text: &'a str) -> Self {
        Self { text: Some(text), ..self }
    }
}
