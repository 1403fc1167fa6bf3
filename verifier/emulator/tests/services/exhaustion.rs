//! Clients and functions that take what others need: connections, the clock, and the time that an end takes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use verifier_emulator::{Emulator, EmulatorConfig};

use crate::support::{SIGNED, Stand, config, probe, queues, resources};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_stops_its_group_keeps_nothing_from_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, marker) = (folder.path().join("probe.py"), folder.path().join("pids"));
    let program = format!(
        "#!/usr/bin/env python3\n\
         import os, signal, urllib.request as u\n\
         api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/'\n\
         u.urlopen(api + 'invocation/next')\n\
         open({marker:?}, 'a').write(f'{{os.getpid()}} {{os.getpgid(0)}} ')\n\
         os.killpg(0, signal.SIGSTOP)\n"
    );
    std::fs::write(&file, program).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let document = json!({"Resources": resources([("Probe", probe(json!({})))])});
    let functions = folder.path().to_owned();
    let stand = Stand::of(EmulatorConfig { functions, ..config(&document) }).await;
    for _ in 0..2 {
        assert_eq!(stand.wish("pid").await["errorType"], "Sandbox.Timedout");
    }
    timeout(PATIENCE, stand.emulator.shut_down()).await.expect("it waits for no stopped process");
    let ids = std::fs::read_to_string(marker).expect("ids");
    let is_left = |id: &str| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    };
    let left: Vec<&str> = ids.split_whitespace().filter(|id| is_left(id)).collect();
    assert_eq!((ids.split_whitespace().count(), left), (4, vec![]));
}

/// Sends requests, one after the other, on one connection; each is answered before the next is sent.
async fn ask_again_and_again(address: &str, request: &str) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut answer = vec![0; 64 * 1024];
    loop {
        stream.write_all(request.as_bytes()).await.expect("it is read");
        assert_ne!(stream.read(&mut answer).await.expect("an answer"), 0);
    }
}

fn sqs(operation: &str, body: &Value) -> String {
    let (body, target) = (body.to_string(), format!("x-amz-target: AmazonSQS.{operation}"));
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {SIGNED}\r\n{target}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_start_nothing_do_not_hold_the_clock_however_often_they_come() {
    let document = json!({"Resources": resources(queues())});
    let other_work = Duration::from_millis(250);
    let emulator = Emulator::start(EmulatorConfig { other_work, ..config(&document) }).await;
    let emulator = emulator.expect("it starts");
    let address = emulator.endpoint().trim_start_matches("http://").to_owned();
    let queue = |name: &str| format!("{}/000000000000/{name}", emulator.endpoint());
    for asked in [
        "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        "GET /execute-api/none/hello HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n".to_owned(),
        sqs("ReceiveMessage", &json!({"QueueUrl": queue("jobs")})),
        sqs("GetQueueAttributes", &json!({"QueueUrl": queue("jobs"), "AttributeNames": ["All"]})),
        sqs("DeleteMessage", &json!({"QueueUrl": queue("none"), "ReceiptHandle": "none"})),
    ] {
        // It ends when 20 s have passed, of which a clock that is held skips nothing.
        let poll =
            sqs("ReceiveMessage", &json!({"QueueUrl": queue("dead"), "WaitTimeSeconds": 20}));
        let poll = async {
            let mut stream = TcpStream::connect(&address).await.expect("it listens");
            stream.write_all(poll.as_bytes()).await.expect("it is read");
            stream.read(&mut [0; 1024]).await.expect("an answer")
        };
        tokio::select! {
            polled = timeout(PATIENCE, poll) => assert_ne!(polled.expect("time is skipped"), 0),
            () = ask_again_and_again(&address, &asked) => (),
        }
    }
    emulator.shut_down().await;
}
