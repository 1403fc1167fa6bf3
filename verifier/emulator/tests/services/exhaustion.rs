//! Clients and functions that take what others need: connections, the clock, and the time that an end takes.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Stand, probe, resources};

/// How long anything here may take; what is wrong would last for good, or three times as long.
const PATIENCE: Duration = Duration::from_secs(8);

impl Stand {
    /// What the probe answers to a wish.
    async fn wish(&self, wish: &str) -> Value {
        let payload = Blob::new(json!({"wish": wish}).to_string());
        let invoke = self.lambda.invoke().function_name("probe").payload(payload).send();
        let output = timeout(PATIENCE, invoke).await.expect("in time").expect("an answer");
        let bytes = output.payload.as_ref().map(Blob::as_ref).unwrap_or_default();
        serde_json::from_slice(bytes).expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_api_has_few_connections_and_those_that_say_nothing_give_way() {
    let stand = Stand::start(resources([("Probe", probe(json!({"Timeout": 20})))])).await;
    let address = stand.wish("environment AWS_LAMBDA_RUNTIME_API").await;
    let address = address.as_str().expect("an address");
    let process = stand.wish("pid").await;
    for said in ["", "GET /", "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: a\r\n"] {
        let mut connections = Vec::new();
        for _ in 0..64 {
            let mut connection = TcpStream::connect(address).await.expect("it listens");
            // It may be closed by then.
            let _ = connection.write_all(said.as_bytes()).await;
            connections.push(connection);
        }
        for connection in &mut connections[..48] {
            let mut byte = [0];
            let closed = timeout(PATIENCE, connection.read(&mut byte)).await.expect("it is closed");
            assert_eq!(closed.unwrap_or_default(), 0);
        }
        assert_eq!(stand.wish("pid").await, process, "the function goes on: {said:?}");
    }
    stand.emulator.shut_down().await;
}
