//! Where cases run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures::future::BoxFuture;
use verifier_emulator::{ClockMode, CodeConfig, Emulator, EmulatorConfig, Template};

use crate::answered::Answered;
use crate::one_at_a_time::OneAtATime;
use crate::problem::Problem;
use crate::stand::{OwnEmulator, Stand, Time};

/// Longer than the longest long poll (20 s), so that a connection which hangs is told from one that waits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The region of emulators, which AWS does not have.
const LOCAL_REGION: &str = "us-local-1";

/// Something between the cases and the emulator: it is given the emulator's URL, and returns its own.
pub type Front = Arc<dyn Fn(String) -> BoxFuture<'static, String> + Send + Sync>;

/// An endpoint that cases can run against.
#[derive(Clone)]
pub struct Endpoint {
    /// What it is called in reports.
    pub name: String,
    config: SdkConfig,
    place: Place,
    answered: Answered,
}

#[derive(Clone)]
enum Place {
    /// An emulator for each case, whose time is skipped.
    Emulator(Option<Front>),
    /// A URL; none for AWS's own.
    Url(Option<String>),
}

impl Endpoint {
    /// The emulator of this project, one for each case.
    pub async fn emulator() -> Self {
        Self::new("emulator", local_config().await, Place::Emulator(None))
    }

    /// The emulator behind something that may alter its answers.
    pub async fn emulator_behind(front: Front) -> Self {
        Self::new("altered", local_config().await, Place::Emulator(Some(front)))
    }

    /// An emulator on this machine that takes any credentials.
    pub async fn local(name: impl Into<String>, url: impl Into<String>) -> Self {
        // Of those that look at it, some know only AWS's regions.
        let mut config = config(false, Some("us-east-1"), Some(credentials("local"))).await;
        if let Some(client) = config.http_client() {
            let client = SharedHttpClient::new(OneAtATime::new(client));
            config = config.into_builder().http_client(client).build();
        }
        Self::new(name, config, Place::Url(Some(url.into())))
    }

    /// Any endpoint, with the region and the credentials that the environment and the AWS configuration files say.
    /// Without a URL, it is AWS itself.
    pub async fn outside(name: impl Into<String>, url: Option<String>) -> Self {
        let tls = url.as_deref().is_none_or(|url| url.starts_with("https:"));
        Self::new(name, config(tls, None, None).await, Place::Url(url))
    }

    fn new(name: impl Into<String>, config: SdkConfig, place: Place) -> Self {
        Self { name: name.into(), config, place, answered: Answered::default() }
    }

    /// Whether its time can be skipped.
    pub fn skips_time(&self) -> bool {
        matches!(self.place, Place::Emulator(_))
    }

    /// A stand for one case.
    pub(crate) async fn open(&self) -> Result<Stand, Problem> {
        match &self.place {
            Place::Emulator(front) => self.start_emulator(front.as_ref()).await,
            Place::Url(url) => Ok(self.stand_on(url.as_deref())),
        }
    }

    /// Whether the endpoint has answered an operation so far, other than by a server error.
    pub(crate) fn has_answered(&self, operation: &str) -> bool {
        self.answered.has(operation)
    }

    fn builders(&self) -> (aws_sdk_sqs::config::Builder, aws_sdk_cloudwatchlogs::config::Builder) {
        let sqs = aws_sdk_sqs::config::Builder::from(&self.config);
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config);
        (sqs.interceptor(self.answered.clone()), logs.interceptor(self.answered.clone()))
    }

    /// A client of SQS at a URL.
    pub(crate) fn sqs(&self, url: &str) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(self.builders().0.endpoint_url(url).build())
    }

    fn stand_on(&self, url: Option<&str>) -> Stand {
        let (sqs, logs) = self.builders();
        let (sqs, logs) = match url {
            Some(url) => (sqs.endpoint_url(url), logs.endpoint_url(url)),
            None => (sqs, logs),
        };
        let sqs = aws_sdk_sqs::Client::from_conf(sqs.build());
        let logs = aws_sdk_cloudwatchlogs::Client::from_conf(logs.build());
        Stand::new(sqs, logs, Time::Wall(Instant::now()), None)
    }

    async fn start_emulator(&self, front: Option<&Front>) -> Result<Stand, Problem> {
        let failed = |problem: String| Problem::NotEvaluated(format!("the emulator: {problem}"));
        let emulator =
            start_emulator(ClockMode::SkipIdle).await.map_err(|error| failed(error.to_string()))?;
        let url = match front {
            Some(front) => front(emulator.endpoint().to_owned()).await,
            None => emulator.endpoint().to_owned(),
        };
        let client = emulator.client();
        let (sqs, logs) = self.clients_of(&url, client.access_key_id());
        let endpoint = self.clone();
        let connect = Box::new(move |key: &str| endpoint.clients_of(&url, key).0);
        let own = OwnEmulator { emulator, connect };
        Ok(Stand::new(sqs, logs, Time::Emulator(client), Some(own)))
    }

    fn clients_of(
        &self,
        url: &str,
        access_key_id: &str,
    ) -> (aws_sdk_sqs::Client, aws_sdk_cloudwatchlogs::Client) {
        let credentials = credentials(access_key_id);
        let (sqs, logs) = self.builders();
        let sqs = sqs.endpoint_url(url).credentials_provider(credentials.clone()).build();
        let logs = logs.endpoint_url(url).credentials_provider(credentials).build();
        (aws_sdk_sqs::Client::from_conf(sqs), aws_sdk_cloudwatchlogs::Client::from_conf(logs))
    }
}

/// Starts an emulator without a stack, for clients of this process.
pub(crate) async fn start_emulator(
    clock: ClockMode,
) -> Result<Emulator, Box<dyn std::error::Error + Send + Sync>> {
    start(clock, Duration::ZERO).await
}

async fn start(
    clock: ClockMode,
    other_work: Duration,
) -> Result<Emulator, Box<dyn std::error::Error + Send + Sync>> {
    let emulator = Emulator::start(EmulatorConfig {
        template: Template::parse(r#"{"Resources": {"Nothing": {"Type": "AWS::CDK::Metadata"}}}"#)?,
        stack_name: "Conformance".to_owned(),
        region: LOCAL_REGION.to_owned(),
        parameters: BTreeMap::new(),
        values: BTreeMap::new(),
        functions: PathBuf::new(),
        code: CodeConfig::default(),
        project: PathBuf::new(),
        port: 0,
        clock,
        other_work,
        seed: fastrand::u64(..),
        allowed_origins: Vec::new(),
        iam: true,
        callers: None,
    })
    .await?;
    Ok(emulator)
}

/// A client of SQS that sends its requests through an HTTP client of one's own.
pub(crate) async fn local_client(http: SharedHttpClient) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::config::Builder::from(&local_config().await).http_client(http);
    aws_sdk_sqs::Client::from_conf(config.endpoint_url("http://127.0.0.1").build())
}

/// Serves an emulator without a stack as `verifier local` does, until the returned value is dropped.
pub async fn serve(
    other_work: Duration,
) -> Result<Emulator, Box<dyn std::error::Error + Send + Sync>> {
    start(ClockMode::Real, other_work).await
}

fn credentials(access_key_id: &str) -> Credentials {
    Credentials::new(access_key_id, "emulated", None, None, "verifier-conformance")
}

async fn local_config() -> SdkConfig {
    config(false, Some(LOCAL_REGION), Some(credentials("emulator"))).await
}

/// Nothing is retried: a retry would hide an endpoint's errors, and repeat what a case counts.
async fn config(tls: bool, region: Option<&str>, credentials: Option<Credentials>) -> SdkConfig {
    // Reading the system's certificates takes a while, and an endpoint without TLS needs none.
    let roots = TrustStore::empty().with_native_roots(tls);
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let http = match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => http.tls_context(context),
        Err(_) => http,
    };
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.build_https())
        .retry_config(RetryConfig::disabled())
        // A request that waits for its turn sends nothing, and is bounded by its timeout.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    loader.load().await
}
