//! A Lambda that carries updates out, or gives them up, as a test says; whatever else is asked goes to the emulator.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The function that there is.
pub(super) const FUNCTION: &str = "worker";

/// Its state.
pub(super) struct State {
    pub(super) timeout: u64,
    pub(super) status: &'static str,
    /// What is said of the next updates, one after another; those beyond are successful.
    pub(super) ends: Vec<&'static str>,
}

/// Starts it before an emulator; gives its URL and its state.
pub(super) async fn start(emulator: &str) -> (String, Arc<Mutex<State>>) {
    let state = State { timeout: 9, status: "Successful", ends: Vec::new() };
    let state = Arc::new(Mutex::new(state));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (emulator, of_connections) = (emulator.to_owned(), state.clone());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (emulator, state) = (emulator.clone(), of_connections.clone());
            tokio::spawn(async move { serve(connection, &emulator, &state).await });
        }
    });
    (url, state)
}

/// Answers one request.
async fn serve(mut connection: TcpStream, emulator: &str, state: &Mutex<State>) -> Option<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        connection.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let (status, answer) = if head.contains("/2015-03-31/functions/") {
        ("200 OK".to_owned(), of_function(&head, &body, state))
    } else {
        let client = verifier_aws::plain_http_client().ok()?;
        let mut request = client.post(emulator).body(body);
        for name in ["x-amz-target", "content-type", "authorization"] {
            request = request.header(name, header(&head, name).unwrap_or_default());
        }
        let answer = request.send().await.ok()?;
        (answer.status().to_string(), answer.text().await.ok()?)
    };
    let length = answer.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
    );
    connection.write_all(answer.as_bytes()).await.ok()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

fn of_function(head: &str, body: &str, state: &Mutex<State>) -> String {
    let mut state = state.lock().unwrap();
    if head.starts_with("PUT") {
        let wanted: Value = serde_json::from_str(body).unwrap();
        state.timeout = wanted["Timeout"].as_u64().unwrap_or(state.timeout);
        state.status = if state.ends.is_empty() { "Successful" } else { state.ends.remove(0) };
    }
    json!({
        "FunctionName": FUNCTION, "Timeout": state.timeout, "MemorySize": 256,
        "LastUpdateStatus": state.status, "LastUpdateStatusReason": "no subnet",
        "LastUpdateStatusReasonCode": "SubnetOutOfIPAddresses",
    })
    .to_string()
}
