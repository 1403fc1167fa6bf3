//! What has to be allowed for a request.

/// What has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// For example `sqs:SendMessage`.
    pub(crate) action: String,
    /// The same as the service writes it in errors.
    pub(crate) written: String,
    /// The resource's ARN, or `*`.
    pub(crate) resource: String,
    /// Keys of the service's own.
    pub(crate) keys: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn new(service: &str, action: &str, resource: String) -> Self {
        let action = format!("{service}:{action}");
        Self { written: action.clone(), action, resource, keys: Vec::new() }
    }
}
