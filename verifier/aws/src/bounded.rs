//! Answers of AWS's, read up to a size that none of them has: an endpoint that goes on without an end fills no memory.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};

/// The most bytes of an answer that are read. The largest is one of `ReceiveMessage`: ten messages of 1 MiB, each byte of which
/// JSON may escape as six, is 60 MiB. An answer of `FilterLogEvents` has 1 MiB of events, and a template 1 MB.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>,
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// By which the error is known again in the words of the SDK's.
pub(crate) const TOO_LARGE: &str = "bytes, which is more than any answer of AWS's";

/// A client whose answers have an end.
#[derive(Debug)]
pub(crate) struct Bounded(pub(crate) SharedHttpClient);

impl HttpClient for Bounded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.0.http_connector(settings, components);
        SharedHttpConnector::new(Connector(connector))
    }
}

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint_of(request.uri());
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            let body = Answer { body: answer.take_body(), left: ANSWER_BYTES_MAX, endpoint };
            *answer.body_mut() = SdkBody::from_body_1_x(body);
            Ok(answer)
        })
    }
}

/// Whom a request goes to, without a user and a password.
fn endpoint_of(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// An answer's body.
struct Answer<B> {
    body: B,
    /// How much of it may still come.
    left: usize,
    endpoint: String,
}

impl<B> fmt::Debug for Answer<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let size = frame.data_ref().map_or(0, Bytes::len);
        let left = self.left.checked_sub(size).ok_or_else(|| {
            let endpoint = &self.endpoint;
            let problem =
                format!("{endpoint} answered with more than {ANSWER_BYTES_MAX} {TOO_LARGE}");
            io::Error::other(problem).into()
        });
        Poll::Ready(Some(left.map(|left| {
            self.left = left;
            frame
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a body in pieces of these sizes, where so much may come.
    fn read(pieces: &[usize], most: usize) -> Result<usize, String> {
        struct Pieces(Vec<usize>);
        impl Body for Pieces {
            type Data = Bytes;
            type Error = io::Error;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
                Poll::Ready(self.0.pop().map(|size| Ok(Frame::data(vec![0; size].into()))))
            }
        }
        let endpoint = endpoint_of("http://u:p@h:1/x?y");
        let mut answer = Answer { body: Pieces(pieces.to_vec()), left: most, endpoint };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut size = 0;
        while let Poll::Ready(Some(frame)) = Pin::new(&mut answer).poll_frame(&mut context) {
            let frame = frame.map_err(|error| error.to_string())?;
            size += frame.data_ref().map_or(0, Bytes::len);
        }
        Ok(size)
    }

    #[test]
    fn an_answer_is_read_up_to_its_bound_and_no_further() {
        assert_eq!(read(&[4, 6], 10), Ok(10));
        let refused = read(&[1, 4, 6], 10).unwrap_err();
        assert!(
            refused.starts_with("http://h:1 answered") && refused.contains(TOO_LARGE),
            "{refused}"
        );
    }
}
