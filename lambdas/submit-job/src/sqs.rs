//! The jobs queue on SQS.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_sqs::Client;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::{JobsQueue, MessageId, SendError};

/// How often a message is sent before the caller is told to come back.
///
/// Two attempts ride out a dropped connection. More would hardly help within the function's time, and each that
/// is lost *after* SQS kept the message adds a duplicate to the queue.
const MAX_ATTEMPTS: u32 = 2;

/// Bounds on one send.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    connect: Duration,
    attempt: Duration,
    operation: Duration,
}

/// A send ends well within the function's timeout of 10 seconds, so that the caller gets a 503 with
/// `Retry-After` and not API Gateway's answer to a function that timed out.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    attempt: Duration::from_secs(3),
    operation: Duration::from_secs(7),
};

/// The jobs queue on SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    queue_url: String,
}

impl SqsQueue {
    /// Prepares to send to the queue, with region, credentials and endpoint from the environment.
    pub async fn connect(queue_url: String) -> Self {
        let endpoint = configured_endpoint(|name| std::env::var(name).ok());
        let config = loader(endpoint.as_deref(), TIMEOUTS).load().await;
        Self { client: Client::new(&config), queue_url }
    }
}

impl JobsQueue for SqsQueue {
    async fn send(&self, body: String) -> Result<MessageId, SendError> {
        let request = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        let answer = request.send().await.map_err(|error| SendError::Failed(chain(&error)))?;
        match answer.message_id {
            Some(id) if !id.is_empty() => Ok(MessageId(id)),
            _ => Err(SendError::Unconfirmed),
        }
    }
}

/// The endpoint that the environment sets for SQS, in the SDK's order of precedence.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
fn configured_endpoint(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    variable("AWS_ENDPOINT_URL_SQS").or_else(|| variable("AWS_ENDPOINT_URL"))
}

fn loader(endpoint: Option<&str>, timeouts: Timeouts) -> ConfigLoader {
    // Reading the system's certificates is a good part of a cold start. An endpoint without TLS, such as an
    // emulator on loopback, needs none of them, and any TLS connection that is tried nevertheless fails.
    let needs_tls = endpoint.is_none_or(|url| !url.starts_with("http://"));
    let roots = TrustStore::empty().with_native_roots(needs_tls);
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let http = match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => http.tls_context(context),
        Err(_) => http,
    };
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeouts.connect)
                .operation_attempt_timeout(timeouts.attempt)
                .operation_timeout(timeouts.operation)
                .build(),
        )
}

/// An error and its causes in one line. The SDK's own errors say little without their causes.
fn chain(error: &dyn Error) -> String {
    let causes: Vec<String> =
        successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests;
