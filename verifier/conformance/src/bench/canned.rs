//! A connector that answers at once, so that only the SDK itself takes time.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

#[derive(Debug)]
struct Canned;

/// What every operation that is measured can be answered with.
const ANSWER: &str = r#"{"MessageId":"00000000-0000-0000-0000-000000000000","MD5OfMessageBody":"00000000000000000000000000000000","Messages":[{"MessageId":"00000000-0000-0000-0000-000000000000","ReceiptHandle":"handle","MD5OfBody":"00000000000000000000000000000000","Body":"small"}]}"#;

impl HttpConnector for Canned {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let answer = SdkBody::from(ANSWER);
        // 200 is a status.
        let status = 200_u16.try_into().unwrap_or_else(|_| unreachable!("200 is a status"));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, answer)))
    }
}

/// An HTTP client without a network.
pub(super) fn http_client() -> SharedHttpClient {
    http_client_fn(|_, _| SharedHttpConnector::new(Canned))
}
