//! Reading a request's body, within a size and a time.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};

use crate::admission::Refused;

/// Reads a body, which has a size and a deadline in real time's clock.
pub(crate) async fn read(
    body: Body,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, Refused> {
    let too_large = || {
        let sentence =
            format!("The request body could not be read, or is larger than {bytes_max} bytes.");
        Refused::new(413, "RequestEntityTooLarge", sentence)
    };
    let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if least > bytes_max {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(timeout, axum::body::to_bytes(body, bytes_max)).await;
    let whole = whole.map_err(|_| {
        let sentence = format!("The request body was not whole within {} s.", timeout.as_secs());
        Refused::new(408, "RequestTimeout", sentence)
    })?;
    whole.map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::stream::{iter, pending};

    use super::*;

    #[tokio::test]
    async fn a_body_has_a_size_and_a_deadline() {
        let none = Duration::ZERO;
        let long = Duration::from_mins(1);
        assert_eq!(read(Body::from("1234"), 4, long).await, Ok(Bytes::from_static(b"1234")));
        let status = |read: Result<Bytes, Refused>| read.map_err(|refused| refused.status);
        assert_eq!(status(read(Body::from("12345"), 4, long).await), Err(413));
        let parts = |count: usize| iter((0..count).map(|_| Ok::<_, std::io::Error>("12")));
        assert_eq!(
            status(read(Body::from_stream(parts(3)), 4, long).await),
            Err(413),
            "not announced"
        );
        let never_whole = Body::from_stream(parts(1).chain(pending()));
        assert_eq!(status(read(never_whole, 4, none).await), Err(408));
    }
}
