//! Operations that walk over all queues, or change which there are, one at a time.
//!
//! moto keeps its queues in a dictionary without a lock: while one request walks over it, to look for queues that have a
//! dead-letter queue, another that makes a queue ends the walk by "dictionary changed size during iteration" and a status
//! 500 (`moto/sqs/models.py`, `Queue._setup_dlq`). Cases run at the same time, so that is a matter of chance, and tells
//! nothing of what the endpoint does to a client.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Mutex;

/// What walks over the queues, or makes one come or go.
const WALKING: [&str; 5] = [
    "CreateQueue",
    "DeleteQueue",
    "SetQueueAttributes",
    "ListQueues",
    "ListDeadLetterSourceQueues",
];

/// An HTTP client that sends those one at a time, and everything else as it comes.
#[derive(Clone, Debug)]
pub(crate) struct OneAtATime {
    client: SharedHttpClient,
    lock: Arc<Mutex<()>>,
}

impl OneAtATime {
    pub(crate) fn new(client: SharedHttpClient) -> Self {
        Self { client, lock: Arc::default() }
    }
}

impl HttpClient for OneAtATime {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(Connector { connector, lock: self.lock.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    connector: SharedHttpConnector,
    lock: Arc<Mutex<()>>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if !walks(target) {
            return self.connector.call(request);
        }
        let (connector, lock) = (self.connector.clone(), self.lock.clone());
        HttpConnectorFuture::new(async move {
            // Held until the answer's head is there, by which time the operation is done.
            let _held = lock.lock().await;
            connector.call(request).await
        })
    }
}

/// Whether a request is one of those, by its `X-Amz-Target`: `AmazonSQS.CreateQueue`.
fn walks(target: &str) -> bool {
    target.strip_prefix("AmazonSQS.").is_some_and(|operation| WALKING.contains(&operation))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_smithy_runtime_api::client::http::http_client_fn;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::endpoint::local_client;

    /// An endpoint that says how many requests it had at once at most.
    fn counting(most: &Arc<AtomicUsize>) -> SharedHttpClient {
        #[derive(Debug)]
        struct Counting(Arc<AtomicUsize>, Arc<AtomicUsize>);
        impl HttpConnector for Counting {
            fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
                let (now, most) = (self.0.clone(), self.1.clone());
                HttpConnectorFuture::new(async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    for _ in 0..10 {
                        tokio::task::yield_now().await;
                    }
                    now.fetch_sub(1, Ordering::SeqCst);
                    let body = r#"{"QueueUrl": "http://127.0.0.1/1/q"}"#;
                    let status = 200.try_into().expect("a status");
                    Ok(HttpResponse::new(status, SdkBody::from(body)))
                })
            }
        }
        let connector = SharedHttpConnector::new(Counting(Arc::default(), most.clone()));
        http_client_fn(move |_, _| connector.clone())
    }

    #[tokio::test]
    async fn queues_are_made_one_at_a_time_and_messages_received_at_once() {
        let most = Arc::new(AtomicUsize::default());
        let client = SharedHttpClient::new(OneAtATime::new(counting(&most)));
        let sqs = local_client(client).await;
        let made = (0..5).map(|_| sqs.create_queue().queue_name("q").send());
        assert!(futures::future::join_all(made).await.iter().all(Result::is_ok));
        assert_eq!(most.swap(0, Ordering::SeqCst), 1);
        let received = (0..5).map(|_| sqs.receive_message().queue_url("q").send());
        futures::future::join_all(received).await;
        assert_eq!(most.load(Ordering::SeqCst), 5);
    }
}
