//! Tests of the real client against a server on loopback that answers as it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use aws_config::Region;
use aws_credential_types::Credentials;

use super::*;

/// For a server that never answers. The other tests use the real timeouts, so that a slow machine fails none.
const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    attempt: Duration::from_millis(200),
    operation: Duration::from_millis(600),
};

/// How the server answers each request.
#[derive(Clone, Copy)]
enum Answer {
    Http(u16, &'static str),
    Hang,
    Disconnect,
}

/// Serves on loopback until the test ends, and passes on the requests.
fn serve(answer: Answer) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = channel();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for stream in listener.incoming() {
            hanging.extend(answer_one(stream.unwrap(), answer, &requests));
        }
    });
    (url, received)
}

/// Answers one request and closes the connection, or hands it back without an answer.
fn answer_one(
    mut stream: TcpStream,
    answer: Answer,
    requests: &Sender<String>,
) -> Option<TcpStream> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !is_complete(&request) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => request.extend_from_slice(&chunk[..n]),
        }
    }
    let _ = requests.send(String::from_utf8(request).unwrap());
    match answer {
        Answer::Hang => Some(stream),
        Answer::Disconnect => None,
        Answer::Http(status, body) => {
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Status\r\ncontent-type: application/x-amz-json-1.0\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            None
        }
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.is_none_or(|length| body.len() >= length.trim().parse().unwrap())
}

/// Sends one message to that server. Returns the outcome and the requests that it took.
async fn send_to(answer: Answer) -> (Result<MessageId, SendError>, Vec<String>) {
    let (url, requests) = serve(answer);
    let timeouts = if matches!(answer, Answer::Hang) { SHORT } else { TIMEOUTS };
    let config = loader(Some(&url), timeouts)
        .endpoint_url(&url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .load()
        .await;
    let queue = SqsQueue { client: Client::new(&config), queue_url: format!("{url}/0/jobs") };
    let result = queue.send(r#"{"task":"very secret"}"#.to_owned()).await;
    (result, requests.try_iter().collect())
}

fn failure(result: Result<MessageId, SendError>) -> String {
    match result {
        Err(SendError::Failed(message)) => {
            assert!(!message.contains("secret"), "{message}");
            message
        }
        other => panic!("expected a failed send, got {other:?}"),
    }
}

#[tokio::test]
async fn a_confirmed_message_is_sent_once() {
    let answer = Answer::Http(200, r#"{"MessageId":"m-1","MD5OfMessageBody":"x"}"#);
    let (result, requests) = send_to(answer).await;
    assert_eq!(result, Ok(MessageId("m-1".to_owned())));
    assert_eq!(requests.len(), 1);
    assert!(requests[0].to_ascii_lowercase().contains("x-amz-target: amazonsqs.sendmessage"));
    assert!(requests[0].contains(r#""MessageBody":"{\"task\":\"very secret\"}""#), "{requests:?}");
}

#[tokio::test]
async fn an_answer_without_a_message_id_confirms_nothing() {
    for body in ["{}", r#"{"MessageId":null}"#, r#"{"MessageId":""}"#] {
        let (result, _) = send_to(Answer::Http(200, body)).await;
        assert_eq!(result, Err(SendError::Unconfirmed), "{body}");
    }
    let (result, _) = send_to(Answer::Http(200, "not JSON")).await;
    failure(result);
}

#[tokio::test]
async fn a_refusal_names_its_cause_and_is_not_repeated() {
    let answer = Answer::Http(
        400,
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#,
    );
    let (result, requests) = send_to(answer).await;
    let message = failure(result);
    assert!(message.contains("no such queue"), "{message}");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_fault_of_the_service_is_tried_again_but_not_for_ever() {
    for answer in [Answer::Http(500, "{}"), Answer::Http(503, ""), Answer::Disconnect] {
        let (result, requests) = send_to(answer).await;
        failure(result);
        assert_eq!(requests.len(), MAX_ATTEMPTS as usize, "{requests:?}");
    }
}

#[tokio::test]
async fn a_queue_that_does_not_answer_fails_in_time() {
    let started = Instant::now();
    let (result, _) = send_to(Answer::Hang).await;
    let message = failure(result);
    assert!(message.contains("timeout") || message.contains("timed out"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_send_ends_within_the_functions_time() {
    assert!(TIMEOUTS.connect < TIMEOUTS.attempt);
    assert!(TIMEOUTS.attempt * MAX_ATTEMPTS < TIMEOUTS.operation);
    assert!(TIMEOUTS.operation < Duration::from_secs(10));
}

#[test]
fn the_endpoint_of_the_service_comes_before_the_common_one() {
    let endpoint = |variables: &[(&str, &str)]| {
        configured_endpoint(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    };
    let common = ("AWS_ENDPOINT_URL", "http://a");
    assert_eq!(endpoint(&[]), None);
    assert_eq!(endpoint(&[common]).as_deref(), Some("http://a"));
    let both = [common, ("AWS_ENDPOINT_URL_SQS", "https://b")];
    assert_eq!(endpoint(&both).as_deref(), Some("https://b"));
}
