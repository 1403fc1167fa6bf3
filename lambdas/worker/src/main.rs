//! The Lambda function behind the jobs queue.

use std::convert::Infallible;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use worker::{Batch, Ended, Stage, respond};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let stage = Stage::read(|name| std::env::var(name).ok());
    let handler = |event: LambdaEvent<Batch>| async move {
        let request_id = &event.context.request_id;
        // One invocation at a time, so nobody else waits for this thread.
        match respond(&event.payload, request_id, stage, std::thread::sleep) {
            Ended::Responded(response) => Ok::<_, Infallible>(response),
            Ended::Exited => std::process::exit(1),
        }
    };
    lambda_runtime::run(service_fn(handler)).await
}
