//! The connection to AWS: one configuration, one HTTP client, a client per service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::service_config::ServiceConfigKey;

use crate::ServerClock;
use crate::bounded::Bounded;
use crate::calls::Calls;

/// Where to connect to, and as whom. What is absent comes from the environment and the AWS configuration files.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The region.
    pub region: Option<String>,
    /// The region where neither that nor the environment nor a configuration file names one.
    pub fallback_region: Option<String>,
    /// The profile of the configuration files.
    pub profile: Option<String>,
    /// Another endpoint than AWS's, for every service.
    pub endpoint_url: Option<String>,
    /// An access key, for which any secret will do: for emulators.
    pub access_key_id: Option<String>,
    /// What is told the dates of all answers.
    pub server_clock: ServerClock,
}

/// Clients for the services that the verifier uses.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    region: Option<String>,
    endpoint: Option<String>,
    /// The endpoints of single services, by the variable that sets each.
    service_endpoints: BTreeMap<&'static str, String>,
    calls: Calls,
    /// Whether the endpoint has dropped the trace header of a message in a batch.
    pub(crate) batches_drop_traces: Arc<AtomicBool>,
}

/// Longer than the longest long poll (20 s), so that a connection which hangs is told from one that waits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ATTEMPTS: u32 = 4;

/// What services are called in configuration files, and the variable that sets the endpoint of each alone.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>.
const SERVICES: [(&str, &str); 6] = [
    ("CloudFormation", "AWS_ENDPOINT_URL_CLOUDFORMATION"),
    ("CloudWatch", "AWS_ENDPOINT_URL_CLOUDWATCH"),
    ("CloudWatch Logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
    ("Lambda", "AWS_ENDPOINT_URL_LAMBDA"),
    ("SQS", SQS_ENDPOINT),
    ("STS", "AWS_ENDPOINT_URL_STS"),
];
const SQS_ENDPOINT: &str = "AWS_ENDPOINT_URL_SQS";

impl Aws {
    /// Prepares to connect. Nothing is sent yet, except to where credentials come from.
    pub async fn connect(connection: &Connection) -> Self {
        let config = sdk_config(connection).await;
        let calls = Calls::default();
        let dates = &connection.server_clock;
        let cloudformation = aws_sdk_cloudformation::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        let lambda = aws_sdk_lambda::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        let sqs = aws_sdk_sqs::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        let sts = aws_sdk_sts::config::Builder::from(&config)
            .interceptor(calls.clone())
            .interceptor(dates.clone());
        Self {
            cloudformation: aws_sdk_cloudformation::Client::from_conf(cloudformation.build()),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch.build()),
            lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            region: config.region().map(ToString::to_string),
            endpoint: config.endpoint_url().map(trimmed),
            service_endpoints: service_endpoints(connection, &config),
            calls,
            batches_drop_traces: Arc::default(),
        }
    }

    /// The region that requests go to.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The endpoint that requests go to, if it is another than AWS's own; SQS's, where services have their own.
    pub fn endpoint(&self) -> Option<&str> {
        self.service_endpoints.get(SQS_ENDPOINT).or(self.endpoint.as_ref()).map(String::as_str)
    }

    /// The endpoints by the variables that set them: those of single services, and that of the others. Empty where one is
    /// for all.
    pub fn endpoint_variables(&self) -> BTreeMap<&'static str, &str> {
        let services = self.service_endpoints.iter();
        let mut all: BTreeMap<&str, &str> = services.map(|(name, url)| (*name, &**url)).collect();
        if let (false, Some(endpoint)) = (all.is_empty(), &self.endpoint) {
            all.insert("AWS_ENDPOINT_URL", endpoint);
        }
        let is_of_all = |url: &str| SERVICES.iter().all(|(_, name)| all.get(name) == Some(&url));
        if self.endpoint().is_some_and(is_of_all) { BTreeMap::new() } else { all }
    }

    /// What was asked of AWS so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// The endpoints that the environment or a profile sets for single services. One that is given for all outranks them.
fn service_endpoints(
    connection: &Connection,
    config: &aws_config::SdkConfig,
) -> BTreeMap<&'static str, String> {
    if connection.endpoint_url.is_some() {
        return BTreeMap::new();
    }
    let named = SERVICES.iter().filter_map(|(service, variable)| {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        let url = config.service_config()?.load_config(key)?;
        Some((*variable, trimmed(&url)))
    });
    named.collect()
}

/// The SDK's configuration for that connection: for clients of services that [`Aws`] does not use.
pub async fn sdk_config(connection: &Connection) -> aws_config::SdkConfig {
    let plain = connection.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    // Reading the system's certificates takes a while, and an endpoint without TLS needs none.
    let roots = TrustStore::empty().with_native_roots(!plain);
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let http = match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => http.tls_context(context),
        Err(_) => http,
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Bounded(http.build_https()))
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(key) = &connection.access_key_id {
        loader =
            loader.credentials_provider(Credentials::new(key, "emulated", None, None, "verifier"));
    }
    let config = loader.load().await;
    match &connection.fallback_region {
        Some(region) if config.region().is_none() => {
            config.into_builder().region(Region::new(region.clone())).build()
        }
        _ => config,
    }
}
