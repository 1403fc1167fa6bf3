//! The Lambda function behind `POST /jobs`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use submit_job::{Settings, SqsQueue, handle, new_job_id};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    // The error's own words, because what `main` returns is printed for debugging.
    let Settings { queue_url, max_message_bytes } =
        Settings::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    let queue = &SqsQueue::connect(queue_url).await;
    let handler = |event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        Ok::<_, Error>(handle(queue, max_message_bytes, new_job_id, &event.payload).await?)
    };
    lambda_runtime::run(service_fn(handler)).await
}
