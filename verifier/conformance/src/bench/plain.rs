//! A client of the JSON protocol that costs next to nothing: one connection, requests whose signature nobody computes.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failed;

/// The emulator looks at the access key only.
const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=AKIABENCH/20260101/us-local-1/sqs/aws4_request";

/// One connection, kept alive.
pub(super) struct Plain {
    stream: TcpStream,
    host: String,
    received: Vec<u8>,
}

impl Plain {
    pub(super) async fn connect(url: &str) -> Result<Self, Failed> {
        let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, received: Vec::new() })
    }

    /// Calls an operation and returns what it answers.
    pub(super) async fn call(&mut self, operation: &str, body: &str) -> Result<Value, Failed> {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: {AUTHORIZATION}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: AmazonSQS.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        loop {
            if let Some((head, length)) = head_of(&self.received)
                && self.received.len() >= head + length
            {
                return answer(&self.received[..head], &self.received[head..head + length]);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
    }
}

/// Where the head of an answer ends, and how long its body is, once the head is there.
fn head_of(received: &[u8]) -> Option<(usize, usize)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((end, length.unwrap_or(0)))
}

fn answer(head: &[u8], body: &[u8]) -> Result<Value, Failed> {
    if head.starts_with(b"HTTP/1.1 200") {
        return Ok(serde_json::from_slice(body)?);
    }
    Err(String::from_utf8_lossy(body).into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_head_and_its_length_are_there() {
        assert_eq!(head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), None);
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head_of(whole), Some((whole.len() - 2, 2)));
        assert_eq!(head_of(b"HTTP/1.1 204 None\r\n\r\n"), Some((21, 0)));
    }
}
