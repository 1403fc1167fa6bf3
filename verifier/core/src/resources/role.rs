//! What resources there are, and by which keys and options each is named.

use crate::settings::{NamedResources, Outputs};

/// What a resource is to the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The queue that jobs are sent to.
    Queue,
    /// Its dead-letter queue.
    DeadLetters,
    /// The URL of the API.
    ApiUrl,
    /// The URL that jobs are posted to.
    JobUrl,
    /// The URL of the preview page.
    PreviewUrl,
    /// The function that reads the jobs queue.
    Function,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queue,
        Self::DeadLetters,
        Self::ApiUrl,
        Self::JobUrl,
        Self::PreviewUrl,
        Self::Function,
    ];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "jobs queue",
            Self::DeadLetters => "dead-letter queue",
            Self::ApiUrl => "API",
            Self::JobUrl => "job URL",
            Self::PreviewUrl => "preview page",
            Self::Function => "worker",
        }
    }

    /// The key of the settings that names it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Queue => "resources.queue",
            Self::DeadLetters => "resources.dead_letter_queue",
            Self::ApiUrl => "resources.api_url",
            Self::JobUrl => "resources.job_url",
            Self::PreviewUrl => "resources.preview_url",
            Self::Function => "resources.function",
        }
    }

    /// The key of the settings that names its output; `None` for what is found without one.
    pub fn output_key(self) -> Option<&'static str> {
        match self {
            Self::Queue => Some("outputs.jobs_queue"),
            Self::DeadLetters => Some("outputs.dead_letter_queue"),
            Self::ApiUrl => Some("outputs.api_url"),
            Self::JobUrl => Some("outputs.job_url"),
            Self::PreviewUrl => Some("outputs.preview_url"),
            Self::Function => None,
        }
    }

    /// The option of the command line that names it, where there is one.
    pub fn option(self) -> Option<&'static str> {
        match self {
            Self::Queue => Some("--queue"),
            Self::DeadLetters => Some("--dlq"),
            Self::ApiUrl => Some("--api"),
            Self::Function => Some("--function"),
            Self::JobUrl | Self::PreviewUrl => None,
        }
    }

    /// The type that a resource of a stack has to have, where a logical id may name it.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>.
    pub(super) fn resource_type(self) -> Option<&'static str> {
        match self {
            Self::Queue | Self::DeadLetters => Some("AWS::SQS::Queue"),
            Self::Function => Some("AWS::Lambda::Function"),
            Self::ApiUrl | Self::JobUrl | Self::PreviewUrl => None,
        }
    }

    /// The name of its output, by the settings.
    pub(super) fn output(self, outputs: &Outputs) -> Option<&str> {
        match self {
            Self::Queue => Some(&outputs.jobs_queue),
            Self::DeadLetters => Some(&outputs.dead_letter_queue),
            Self::ApiUrl => outputs.api_url.as_deref(),
            Self::JobUrl => outputs.job_url.as_deref(),
            Self::PreviewUrl => outputs.preview_url.as_deref(),
            Self::Function => None,
        }
    }

    /// What the settings name it, whether in a file or by an option.
    pub(super) fn named(self, resources: &NamedResources) -> Option<&str> {
        let named = match self {
            Self::Queue => &resources.queue,
            Self::DeadLetters => &resources.dead_letter_queue,
            Self::ApiUrl => &resources.api_url,
            Self::JobUrl => &resources.job_url,
            Self::PreviewUrl => &resources.preview_url,
            Self::Function => &resources.function,
        };
        named.as_deref()
    }
}
