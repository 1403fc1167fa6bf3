//! The Lambda function behind `GET /hello`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let greeting = &hello::greeting(|name| std::env::var(name).ok());
    let handler = |_: LambdaEvent<ApiGatewayV2httpRequest>| async {
        Ok::<_, Error>(hello::handle(greeting)?)
    };
    lambda_runtime::run(service_fn(handler)).await
}
