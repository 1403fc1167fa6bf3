//! The tutorial's commands, as it prints them, against the stack on this machine with the AWS CLI.
//!
//! Source: <https://www.max-gherman.dev/partly-cloudy/aws-from-idea-to-infra/sqs-dlq/>.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use verifier_testkit::{Background, is_running, scrubbed, wait_until};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// `grep` reads to the end, or whoever writes to it would break off. AWS CLI 2 of before 2.13 does not read the endpoint from the environment; without one, nothing is asked of AWS.
const PRELUDE: &str = r#"
set -eEuo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
aws() { command "$AWS" --endpoint-url "${AWS_ENDPOINT_URL:?is not set}" "$@"; }
output() {
  aws cloudformation describe-stacks --stack-name "$STACK" \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}
"#;

const VERIFY: &str = r#"
STACK="Stack-PR123"
API_URL=$(output ApiUrl)
JOB_URL=$(output JobUrl)
PREVIEW_URL=$(output PreviewUrl)
[[ $API_URL == */hello && $JOB_URL == */jobs && $PREVIEW_URL == */?pr=123 ]]
curl --fail --silent "$PREVIEW_URL" | grep '<!doctype html>' > /dev/null
curl --fail --silent "$API_URL" | python3 -c 'import json, sys; assert json.load(sys.stdin)["pr"] == "123"'
for job in '{"task":"resize-image"}' '{"task":"resize-image","fail":true}'; do
  [ "$(curl --silent --output answer.json --write-out '%{http_code}' -X POST "$JOB_URL" \
    -H 'content-type: application/json' -d "$job")" = 202 ]
done

for name in WorkerFunction HelloFunction SubmitJobFunction; do
  [ "$(aws logs describe-log-groups --log-group-name-prefix "/aws/lambda/${STACK}-$name" \
    --query 'logGroups[].logGroupName' --output text)" = "/aws/lambda/${STACK}-$name" ]
done
[ "$(aws logs describe-log-groups \
  --query "logGroups[?contains(logGroupName, 'WorkerFunction')].logGroupName" --output text)" = "/aws/lambda/${STACK}-WorkerFunction" ]
[ "$(aws logs describe-log-groups --log-group-name-pattern WorkerFunction \
  --query 'logGroups[].logGroupName' --output text)" = "/aws/lambda/${STACK}-WorkerFunction" ]

QUEUE=$(output JobsQueueName)
DLQ=$(output JobsDeadLetterQueueName)
QUEUE_URL=$(aws sqs get-queue-url --queue-name "$QUEUE" --query QueueUrl --output text)
DLQ_URL=$(aws sqs get-queue-url --queue-name "$DLQ" --query QueueUrl --output text)
aws sqs get-queue-attributes --queue-url "$QUEUE_URL" --attribute-names All --query Attributes.RedrivePolicy \
  --output text | grep '"maxReceiveCount":3' > /dev/null
dead() {
  aws sqs get-queue-attributes --queue-url "$DLQ_URL" --attribute-names ApproximateNumberOfMessages \
    --query Attributes.ApproximateNumberOfMessages --output text
}
for _ in {1..60}; do [ "$(dead)" = 1 ] && break; done
[ "$(dead)" = 1 ]
"#;

const TAIL: &str = r#"
STACK="Stack-PR123"
aws logs tail "/aws/lambda/${STACK}-WorkerFunction" --since 10m > tail.txt
grep --quiet succeeded tail.txt
grep --quiet failed tail.txt
"#;

const CONFIG: &str = r#"
STACK="Stack-PR123"
JOB_URL=$(output JobUrl)
BUCKET_NAME=$(output BucketName)
DISTRIBUTION_ID=$(output DistributionId)
PREVIEW_URL=$(output PreviewUrl)
mkdir -p site
cat > site/config.js <<EOF
window.__PREVIEW_JOB_URL__ = '${JOB_URL}';
EOF

aws s3 cp site/config.js "s3://${BUCKET_NAME}/config.js" --content-type application/javascript
aws cloudfront create-invalidation \
  --distribution-id "$DISTRIBUTION_ID" \
  --paths /config.js > invalidation.json

grep --quiet '"Status": "InProgress"' invalidation.json
curl --fail --silent "${PREVIEW_URL%%\?*}config.js" | cmp - site/config.js
aws s3 cp "s3://${BUCKET_NAME}/config.js" copy.js
cmp copy.js site/config.js
aws s3 ls "s3://${BUCKET_NAME}/" | grep config.js > /dev/null
aws s3 ls | grep "$BUCKET_NAME" > /dev/null
"$VERIFIER" check --stack "$STACK" --endpoint-url "$AWS_ENDPOINT_URL" --only web.page,web.config,api.hello
"#;

/// `verifier local`, and a folder for what the commands write.
struct Local {
    process: Background,
    ready: Value,
    folder: tempfile::TempDir,
}

impl Local {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file: PathBuf = folder.path().join("ready.json");
        let mut command = scrubbed(VERIFIER);
        command.args(["local", "--clock", "skip-idle", "--ready-file"]).arg(&file);
        let mut process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let ready = wait_until("the emulator to be up", || {
            assert!(is_running(process.id()), "verifier local ended with {}", process.wait());
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        });
        Self { process, ready, folder }
    }

    /// Runs commands in one shell, as somebody does who has the environment of the ready file; each has to succeed.
    fn run(&self, aws: &Path, commands: &str) {
        let mut command = scrubbed("timeout");
        command.args(["--signal=KILL", "120", "bash", "-c", &format!("{PRELUDE}{commands}")]);
        let environment = self.ready["environment"].as_object().expect("an environment");
        command.envs(environment.iter().filter_map(|(name, value)| Some((name, value.as_str()?))));
        command.env("AWS", aws).env("VERIFIER", VERIFIER).current_dir(self.folder.path());
        command.envs([
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_PAGER", ""),
        ]);
        let output = command.output().expect("the shell starts");
        assert!(
            output.status.success(),
            "{}\nstdout: {}\nstderr: {}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The AWS CLI of a major version: the one that `variable` names, or one of these; none, which is said.
fn aws(variable: &str, candidates: &[&str], major: u32) -> Option<PathBuf> {
    if let Some(promised) = std::env::var_os(variable).map(PathBuf::from) {
        assert!(promised.is_file(), "{variable} names {}, which is not there", promised.display());
        return Some(promised);
    }
    let is_it = |program: &&str| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).starts_with(&format!("aws-cli/{major}."))
        })
    };
    let found = candidates.iter().copied().find(|program| is_it(program)).map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: there is no AWS CLI {major}; `cargo xtask test` installs one");
    }
    found
}

fn aws_2() -> Option<PathBuf> {
    aws("VERIFIER_TEST_AWS_2", &["aws", "/usr/bin/aws", "/usr/local/bin/aws"], 2)
}

#[test]
fn the_stack_is_verified_and_the_page_configured_as_printed() {
    let Some(aws) = aws_2() else {
        return;
    };
    let local = Local::start();
    for commands in [VERIFY, TAIL, CONFIG] {
        local.run(&aws, commands);
    }
    assert!(is_running(local.process.id()));
}

/// Which has no `logs tail`, and sends uploads in another way.
#[test]
fn version_1_of_the_cli_verifies_and_configures_as_well() {
    let Some(aws) = aws("VERIFIER_TEST_AWS", &["aws"], 1) else {
        return;
    };
    let local = Local::start();
    for commands in [VERIFY, CONFIG] {
        local.run(&aws, commands);
    }
}
