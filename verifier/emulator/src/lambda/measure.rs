//! How a function starts, and what it needs: measured where its Runtime API is.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::environment::INIT_TIMEOUT;
use super::runtime_api::{CONNECTIONS_MAX, Delivery, RuntimeApi, RuntimeCall};
use crate::listener::Connections;

/// The invocation's id, which stands for nothing.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// What was seen of a function from its start to the end of its first invocation.
#[derive(Clone, Debug)]
pub struct FunctionStart {
    /// From the start of its process to its first call of `next`.
    pub init: Duration,
    /// Its resident memory then, in bytes.
    pub resident_after_init: u64,
    /// From the delivery of the invocation to its answer.
    pub invocation: Duration,
    /// Its resident memory when it asked for the second invocation, in bytes.
    pub resident_after_invocation: u64,
    /// What it answered.
    pub response: Vec<u8>,
}

/// Starts a function with the Runtime API's address in its environment, invokes it once, and ends it.
///
/// It is an error when it ends, reports an error, or takes longer than Lambda lets an initialisation take.
pub async fn measure_function(mut command: Command, payload: &[u8]) -> io::Result<FunctionStart> {
    let places = Connections::new(CONNECTIONS_MAX).port(CONNECTIONS_MAX);
    let mut api = RuntimeApi::start(places).await?;
    command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let started = Instant::now();
    let mut process = command.spawn()?;
    let RuntimeCall::Next(next) = call(&mut api, &mut process).await? else {
        return Err(io::Error::other("the function reported an error while it started"));
    };
    let init = started.elapsed();
    let resident_after_init = resident_bytes(&process)?;
    let delivered = Instant::now();
    let _ = next.send(Delivery {
        request_id: REQUEST_ID.to_owned(),
        payload: Bytes::copy_from_slice(payload),
        timeout: INIT_TIMEOUT,
        function_arn: "arn:aws:lambda:us-local-1:000000000000:function:measured".to_owned(),
    });
    let response = match call(&mut api, &mut process).await? {
        RuntimeCall::Response(_, body, accepted) => {
            let _ = accepted.send(true);
            body.to_vec()
        }
        RuntimeCall::Error(_, error, _) | RuntimeCall::InitError(error) => {
            let told = String::from_utf8_lossy(&error.body).into_owned();
            return Err(io::Error::other(format!("the function failed: {told}")));
        }
        RuntimeCall::Next(_) => {
            return Err(io::Error::other("the function asked again before it answered"));
        }
    };
    let invocation = delivered.elapsed();
    // It asks again when it has put its work away. The call is held, so that the process stays what it is.
    let _again = call(&mut api, &mut process).await?;
    let resident_after_invocation = resident_bytes(&process)?;
    process.kill().await?;
    Ok(FunctionStart { init, resident_after_init, invocation, resident_after_invocation, response })
}

/// The next thing that the function's runtime says.
async fn call(api: &mut RuntimeApi, process: &mut Child) -> io::Result<RuntimeCall> {
    let said = async {
        tokio::select! {
            said = api.calls.recv() => said.ok_or_else(|| io::Error::other("the Runtime API ended")),
            status = process.wait() => Err(io::Error::other(format!("the function ended with {}", status?))),
        }
    };
    let too_long = |_| {
        let seconds = INIT_TIMEOUT.as_secs();
        io::Error::other(format!("the function said nothing for {seconds} s"))
    };
    timeout_at(Instant::now() + INIT_TIMEOUT, said).await.map_err(too_long)?
}

/// The resident memory of a process, as Linux shows it.
fn resident_bytes(process: &Child) -> io::Result<u64> {
    let id = process.id().ok_or_else(|| io::Error::other("the function has ended"))?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let missing = || io::Error::other("the process does not show its resident memory");
    Ok(kibibytes.ok_or_else(missing)? * 1024)
}
