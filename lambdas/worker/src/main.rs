//! The Lambda function behind the jobs queue.

use std::convert::Infallible;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use worker::Batch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let handler = |event: LambdaEvent<Batch>| async move {
        Ok::<_, Infallible>(worker::respond(&event.payload, &event.context.request_id))
    };
    lambda_runtime::run(service_fn(handler)).await
}
