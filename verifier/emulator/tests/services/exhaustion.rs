//! Clients and functions that take what others need: connections, the clock, and the time that an end takes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use verifier_emulator::EmulatorConfig;

use crate::support::{Stand, config, probe, resources};

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
