//! An emulator with one queue, for tests of what asks AWS.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use verifier_aws::{Aws, Connection};
use verifier_emulator::{ClockMode, CodeConfig, Emulator, EmulatorConfig, Template};

use crate::shell::clock::RunClock;

/// A queue in an emulator of its own.
pub(crate) struct Stand {
    pub(crate) emulator: Emulator,
    /// The queue's URL.
    pub(crate) url: String,
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let template = json!({
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
        });
        let config = EmulatorConfig {
            template: Template::parse(&template.to_string()).expect("a template"),
            stack_name: "Stand".to_owned(),
            region: "us-local-1".to_owned(),
            parameters: BTreeMap::new(),
            values: BTreeMap::new(),
            functions: PathBuf::new(),
            code: CodeConfig::default(),
            project: PathBuf::new(),
            port: 0,
            clock: ClockMode::SkipIdle,
            other_work: Duration::ZERO,
            seed: 1,
            allowed_origins: Vec::new(),
            iam: true,
            callers: None,
        };
        let emulator = Emulator::start(config).await.expect("an emulator");
        let url = emulator.stack().outputs[0].value.clone();
        Self { emulator, url }
    }

    /// A client of its own, by whose waiting the emulator's time goes by.
    pub(crate) async fn client(&self) -> (Aws, RunClock) {
        let client = self.emulator.client();
        let connection = Connection {
            region: Some("us-local-1".to_owned()),
            endpoint_url: Some(self.emulator.endpoint().to_owned()),
            access_key_id: Some(client.access_key_id().to_owned()),
            ..Connection::default()
        };
        (Aws::connect(&connection).await, RunClock::Emulated(client))
    }
}
