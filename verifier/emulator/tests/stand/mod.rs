//! An emulator of a small template, and what AWS's SDK needs to talk to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::Value;
use verifier_emulator::{Client, ClockMode, Emulator, EmulatorConfig, Template};

/// A running emulator. Its client holds the clock: time passes only while it sleeps or waits for messages.
pub(crate) struct Stand {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) config: SdkConfig,
}

impl Stand {
    pub(crate) async fn start(resources: Value) -> Self {
        let project = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
        let document = serde_json::json!({"Resources": resources});
        let emulator = Emulator::start(EmulatorConfig {
            template: Template::parse(&document.to_string()).expect("a template"),
            stack_name: "Stack-Test".to_owned(),
            region: "us-local-1".to_owned(),
            parameters: BTreeMap::new(),
            functions: project.join("functions"),
            project,
            port: 0,
            clock: ClockMode::SkipIdle,
            foreign_work: Duration::ZERO,
            seed: 7,
        })
        .await
        .expect("the emulator starts");
        let client = emulator.client();
        let credentials = Credentials::new(client.access_key_id(), "any", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-local-1"))
            .endpoint_url(emulator.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { emulator, client, config }
    }

    /// Lets stack time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.client.sleep_until(self.client.now() + duration).await;
    }
}
