//! Which service has put a message into a dead-letter queue, where SQS has not moved it there.
//!
//! `StartMessageMoveTask` refuses these messages, since no queue is their source. Each service writes on them, or around
//! them, where they belong, or does not; nothing is guessed here.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>,
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html> and
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>.

use serde::Serialize;

/// How a message came into a dead-letter queue that no redrive policy has moved there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Lambda could not process an event of an asynchronous invocation. The body is the event. Which function it was for is not
    /// said; `RequestID` is the invocation.
    AsyncInvocation,
    /// The same by a destination for failures: the body is a record of the invocation, which names the function and holds the
    /// event.
    InvocationRecord,
    /// SNS could not deliver a notification to a subscription.
    Subscription,
    /// A rule of `EventBridge` could not deliver an event to its target.
    Rule,
    /// `EventBridge` Scheduler could not invoke its target.
    Schedule,
}

impl Service {
    /// What such a message is, in words.
    pub const fn one(self) -> &'static str {
        match self {
            Self::AsyncInvocation => "an event of an asynchronous invocation of Lambda",
            Self::InvocationRecord => "a record of an invocation of Lambda",
            Self::Subscription => "a notification of an SNS subscription",
            Self::Rule => "an event of an EventBridge rule",
            Self::Schedule => "an event of an EventBridge schedule",
        }
    }

    /// Whose messages they are, in words that follow a count.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AsyncInvocation => "of asynchronous invocations of Lambda",
            Self::InvocationRecord => "of Lambda's on-failure destinations",
            Self::Subscription => "of SNS subscriptions",
            Self::Rule => "of EventBridge rules",
            Self::Schedule => "of EventBridge schedules",
        }
    }
}

/// What a service has written on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Which one.
    pub service: Service,
    /// The invocation of Lambda that failed. Each retry of an event has the same one.
    pub request_id: Option<String>,
    /// The ARN of the function or of another target, where it is said.
    pub target_arn: Option<String>,
    /// Why an invocation failed, where its record says so.
    pub reason: Option<String>,
}
