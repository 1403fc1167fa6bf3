//! The command line. clap's types stay here; commands get plain values.

mod chaos;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use verifier_core::dead_letters::{parse_duration, parse_receives};

pub(crate) use chaos::*;

/// Proves a preview stack, breaks it on purpose and replays its dead letters.
#[derive(Debug, Parser)]
#[command(name = "verifier", version, propagate_version = true)]
pub(crate) struct VerifierArgs {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on stderr; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prove that a stack works: the gate after a deployment.
    Check(CheckArgs),
    /// Break a stack on purpose, and judge what happened.
    Chaos(Box<ChaosArgs>),
    /// Show what the verifier knows of the stack beforehand, and where each value comes from.
    Config(ConfigArgs),
    /// Say why a check exists, what to do when it does not pass, and where that is written.
    Explain(ExplainArgs),
    /// Bring the stack up on this machine and leave it up until Ctrl-C.
    Local(LocalArgs),
    /// Print the least-privilege IAM policy of a command.
    IamPolicy(IamPolicyArgs),
    /// Send dead letters back, a few at first, and stop by itself when they fail again.
    Redrive(Box<RedriveArgs>),
    /// Look at dead letters, say why they died, and keep, put back or delete them.
    Dlq(DlqArgs),
    /// Print the manual, for `man` or as Markdown.
    Man(ManArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// How it is written.
    #[arg(long, value_enum, default_value_t = ManFormat::Roff, value_name = "FORMAT")]
    pub(crate) format: ManFormat,
    /// Write a page for each command to this folder instead of printing the first.
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManFormat {
    /// For `man`: the page of `verifier` itself.
    Roff,
    /// All commands on one page.
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target")
    .required(true)
    .multiple(true)
    .args(["stack", "local", "list", "json_outputs"]))]
pub(crate) struct CheckArgs {
    /// The name of the deployed stack.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// Check the stack on this machine, from its synthesised template.
    #[arg(long, conflicts_with_all = ["stack", "json_outputs", "region", "profile", "endpoint_url"])]
    pub(crate) local: bool,
    /// List the checks: their ids, the worst that each says, and what it asserts.
    #[arg(long, conflicts_with_all = ["stack", "local", "json_outputs"])]
    pub(crate) list: bool,
    /// Take the outputs from the file that `cdk deploy --outputs-file` wrote; it names the stack, if it is the only one.
    #[arg(long, value_name = "FILE")]
    pub(crate) json_outputs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// How time passes on this machine [default: skip-idle].
    #[arg(long, value_enum, conflicts_with = "stack", value_name = "CLOCK")]
    pub(crate) clock: Option<ClockArg>,
    /// Take warnings for failures.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Look into a dead-letter queue that has a redrive policy of its own, although that may move messages of others on.
    #[arg(long)]
    pub(crate) allow_moves: bool,
    /// Make these checks only: ids, or areas such as `cfg.*`, separated by commas.
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these checks out: ids, or areas such as `web.*`, separated by commas.
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,
    /// Write the report to this file, too: as JSON, JUnit's XML or Markdown where it ends with .json, .xml or .md, and
    /// otherwise as one HTML page. May be repeated.
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) reports: Vec<PathBuf>,
}

/// Where the settings are, and those that the command line sets.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingsArgs {
    /// What is different about the stack [default: the nearest verifier.toml from the working directory upwards].
    #[arg(long, value_name = "FILE", env = "VERIFIER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The maxReceiveCount that is expected; any by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) receives: Option<u32>,
    /// End after that many seconds; what is open then could not be judged.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) timeout: Option<u64>,
    /// Let pages of any origin call the API: told of, and no failure.
    #[arg(long)]
    pub(crate) allow_any_origin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting in force and where it comes from: the default, a line of a file, or the command line.
    Show(ConfigShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct IamPolicyArgs {
    /// The command that is to be allowed.
    #[arg(value_enum, default_value_t = IamCommand::Check, value_name = "COMMAND")]
    pub(crate) command: IamCommand,
    /// The stack whose resources are named; without it, placeholders stand for them.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// The commands that ask something of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IamCommand {
    /// `verifier check`.
    Check,
    /// `verifier dlq list`, `show`, `explain`, `export` and `watch`.
    DlqLook,
    /// `verifier dlq purge`.
    DlqPurge,
    /// `verifier dlq import`.
    DlqImport,
    /// `verifier redrive`.
    Redrive,
    /// `verifier redrive --native`.
    RedriveNative,
    /// `verifier chaos --stack` and `chaos rollback`.
    Chaos,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The check's id.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How time passes.
    #[arg(long, value_enum, default_value_t = ClockArg::Real, value_name = "CLOCK")]
    pub(crate) clock: ClockArg,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Write endpoint, token, stack name and outputs to this file, as JSON, when everything is up. Only you can read it.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Let pages of this origin ask AWS's services here, from a browser; may be repeated. They still have to sign.
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pub(crate) allow_origin: Vec<String>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// What a plan and a journal say by themselves.
const SAID_BY_FILES: [&str; 17] = [
    "filter",
    "older_than",
    "newer_than",
    "receives",
    "reason",
    "max",
    "canary",
    "no_canary",
    "stop_after",
    "rate",
    "concurrency",
    "patch",
    "patch_non_objects",
    "set_attribute",
    "remove_attribute",
    "plan_only",
    "dry_run",
];

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RedriveArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RedriveCommand>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) letters: FilterArgs,
    #[command(flatten)]
    pub(crate) to: ToArgs,
    #[command(flatten)]
    pub(crate) native: NativeArgs,
    /// Write the plan to this file and send nothing. Only a plan that is there already is replaced.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["execute", "resume"])]
    pub(crate) plan_only: Option<PathBuf>,
    /// Carry out the plan of this file: only its letters, and only where they are still what it says, in its way.
    #[arg(long, value_name = "FILE", conflicts_with = "resume", conflicts_with_all = SAID_BY_FILES)]
    pub(crate) execute: Option<PathBuf>,
    /// Go on with the redrive of this journal, in its way.
    #[arg(long, value_name = "JOURNAL", conflicts_with_all = SAID_BY_FILES)]
    pub(crate) resume: Option<PathBuf>,
    /// Send the messages of this file, which `verifier dlq export` or `purge` wrote: each to the queue that it came from, or all
    /// to that of --to. The file stays as it is.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["execute", "resume", "plan_only", "native", "stack", "dlq", "queue", "canary", "no_canary", "wait"])]
    pub(crate) from: Option<PathBuf>,
    /// Send again what has failed again, once its cause is fixed.
    #[arg(long, requires = "resume")]
    pub(crate) retry_bounced: bool,
    /// Show the plan and send nothing.
    #[arg(long, conflicts_with_all = ["execute", "resume", "yes"])]
    pub(crate) dry_run: bool,
    /// Send without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// How many letters each step sends, separated by commas; then each twice as many [default: 1,2,5,20,50,100].
    #[arg(long, value_name = "SIZES", value_delimiter = ',', conflicts_with = "no_canary")]
    pub(crate) canary: Vec<u64>,
    /// Send all at once, without waiting for what becomes of the first.
    #[arg(long)]
    pub(crate) no_canary: bool,
    /// Stop when so many have failed again.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: u64,
    /// The most messages in a second; with --native, 500 or less.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// How many requests are made at once [default: 40].
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// Stop after so long: 90s, 15m, 6h, 2d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) deadline: Option<Duration>,
    /// Apply the JSON merge patch of this file to each body; the journal keeps the letters as they were.
    #[arg(long, value_name = "FILE")]
    pub(crate) patch: Option<PathBuf>,
    /// Replace bodies that are JSON and no object by the patch, too; without this they are not sent.
    #[arg(long, requires = "patch")]
    pub(crate) patch_non_objects: bool,
    /// Set this attribute of each message, a text unless it is there already with another type; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_attribute)]
    pub(crate) set_attribute: Vec<(String, String)>,
    /// Send each message without this attribute; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) remove_attribute: Vec<String>,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason_note: Option<String>,
    /// Where the journal is written [default: redrive-….jsonl in the working directory].
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) journal: Option<PathBuf>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RedriveCommand {
    /// Say what a journal tells: what was sent, what is left, and what may have been sent twice.
    Status {
        /// The journal.
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
        /// Ask the dead-letter queue how many are left; without this AWS is not asked.
        #[arg(long)]
        live: bool,
        #[command(flatten)]
        connection: ConnectionArgs,
        /// What to print on stdout.
        #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
        format: ResultFormat,
    },
}

/// Whether SQS moves the letters itself.
#[derive(Debug, Args)]
pub(crate) struct NativeArgs {
    /// Let SQS move all letters itself, each back to where it came from or to the queue of --to. It knows no filter, no steps
    /// and no journal, moves 500 messages in a second at most, and one task a queue at a time.
    #[arg(long)]
    pub(crate) native: bool,
    /// Watch SQS's active task of this queue, and start none.
    #[arg(long, requires = "native", conflicts_with_all = ["cancel", "to", "rate", "dry_run"])]
    pub(crate) watch: bool,
    /// Cancel SQS's active task of this queue. It moves some more letters before it stops, and what it has moved stays moved.
    #[arg(long, requires = "native", conflicts_with_all = ["to", "to_stack", "rate", "dry_run"])]
    pub(crate) cancel: bool,
}

/// Where letters are sent, if not to the queue that they come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ToArgs {
    /// Send them to this queue instead, by name, URL or ARN.
    #[arg(long, value_name = "QUEUE", group = "rehearsal")]
    pub(crate) to: Option<String>,
    /// Send them to the jobs queue of this stack instead.
    #[arg(long, value_name = "NAME", group = "rehearsal")]
    pub(crate) to_stack: Option<String>,
    /// Send each to the queue that it came from, where several queues share the dead-letter queue. Those that do not say where
    /// they came from stay, and are named.
    #[arg(long, conflicts_with_all = ["to", "to_stack", "to_region", "to_profile"])]
    pub(crate) to_source: bool,
    /// The region of that queue or stack [default: the profile's, or else that of the letters].
    #[arg(long, value_name = "REGION", requires = "rehearsal")]
    pub(crate) to_region: Option<String>,
    /// The profile of the account of that queue or stack.
    #[arg(long, value_name = "PROFILE", requires = "rehearsal")]
    pub(crate) to_profile: Option<String>,
}

impl ToArgs {
    /// Whether another queue is meant than the one that the letters come from.
    pub(crate) const fn is_said(&self) -> bool {
        self.to.is_some() || self.to_stack.is_some() || self.to_source
    }
}

#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    pub(crate) command: DlqCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Show every dead-letter queue of the account and region: its sources, how many messages it holds, and its alarms.
    Queues(DlqQueuesArgs),
    /// List the letters, the oldest first, without their bodies.
    List(DlqListArgs),
    /// Tell everything about one letter: its attempts with their log lines, its attributes and its body.
    Show(DlqShowArgs),
    /// Say for which reasons letters died, and how many for each.
    Explain(DlqListArgs),
    /// Write letters to a file, one a line, and leave them where they are.
    Export(DlqExportArgs),
    /// Send the letters of a file that `export` or `purge` wrote.
    Import(DlqImportArgs),
    /// Delete letters, each after it was written to a file.
    Purge(DlqPurgeArgs),
    /// Say how many letters there are whenever that changes, without receiving any.
    Watch(DlqWatchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DlqQueuesArgs {
    /// Look at their messages, too, for how old they are and how many expire within a day. Each look counts as a receive.
    #[arg(long)]
    pub(crate) look: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqListArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqShowArgs {
    /// The letter's message id, which it had in its first queue too.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Wait for messages that others hold, until they are visible again: for so long at most, or for 12 hours.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "12h", value_parser = parse_duration)]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqExportArgs {
    /// The file, which must not be there yet; `-` for stdout.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// What to print on stdout, unless the letters go there.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqImportArgs {
    /// The file; `-` for stdin.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The queue that they are sent to, by name, URL or ARN [default: the dead-letter queue].
    #[arg(long, value_name = "QUEUE")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqPurgeArgs {
    /// The file that each letter is written to before it is deleted; must not be there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: PathBuf,
    /// Do not ask for the queue's name.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DlqWatchArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How often to ask.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10s")]
    pub(crate) interval: Duration,
    /// When to end [default: at Ctrl-C].
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) bound: Option<Duration>,
    /// What to print on stdout: with `json`, a document a line.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

/// Which queues it is about.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("place").multiple(true).args(["stack", "dlq"]))]
pub(crate) struct PlaceArgs {
    /// The name of the deployed stack, whose outputs name the queues.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["dlq", "queue"])]
    pub(crate) stack: Option<String>,
    /// The dead-letter queue, by name, URL or ARN.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) dlq: Option<String>,
    /// Only messages that came from this queue [default: messages of all, and for a redrive the only queue whose redrive policy
    /// names the dead-letter queue].
    #[arg(long, value_name = "QUEUE", requires = "dlq")]
    pub(crate) queue: Option<String>,
    /// The log group of the consumer [default: that of the function which reads the queue].
    #[arg(long, value_name = "GROUP")]
    pub(crate) log_group: Option<String>,
    /// What is different about the stack [default: the nearest verifier.toml from the working directory upwards].
    #[arg(long, value_name = "FILE", env = "VERIFIER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Go on though the dead-letter queue has a redrive policy of its own, by which every receive may move messages on.
    #[arg(long)]
    pub(crate) allow_moves: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Which letters are meant: those that satisfy everything that is given.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Only letters for which this expression over body, attributes, messageId, receiveCount, ageSeconds, reason and
    /// sourceArn gives something else than null, false or nothing.
    #[arg(long, value_name = "JMESPATH")]
    pub(crate) filter: Option<String>,
    /// Only letters that were sent at least so long ago: 90s, 15m, 6h, 2d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Only letters that were sent less than so long ago.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) newer_than: Option<Duration>,
    /// Only letters that were received so often, this time included: 4, or 3-5.
    #[arg(long, value_name = "N[-M]", value_parser = parse_receives)]
    pub(crate) receives: Option<(u32, u32)>,
    /// Only letters that died for a reason which contains this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// At most so many, the oldest of those that were seen. Without another filter, no more are looked at.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max: Option<u32>,
    /// Wait for messages that others hold, until they are visible again: for so long at most, or for 12 hours.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "12h", value_parser = parse_duration)]
    pub(crate) wait: Option<Duration>,
}

/// Where AWS is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConnectionArgs {
    /// The region; by default that of the environment or the profile.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The profile of the AWS configuration files.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Another endpoint than AWS's, for every service. One of `verifier local` needs its `VERIFIER_EMULATOR_TOKEN`, too.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The token of an emulator in this process; others' comes from the environment.
    #[arg(skip)]
    pub(crate) emulator_token: Option<String>,
}

/// What is brought up on this machine.
#[derive(Debug, Default, Args)]
pub(crate) struct TemplateArgs {
    /// The synthesised template [default: the one in stack/template of the project].
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// The folder of the functions' binaries [default: they are built].
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// Fault rules in JSON: what goes wrong on purpose.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// A value for a parameter of the template; may be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

/// An origin as browsers write it, from the URL of a page without its path.
fn parse_origin(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && is_bare {
        return Ok(url.origin().ascii_serialization());
    }
    Err("expected a scheme, a host and a port if need be: https://page.example or http://localhost:5173".to_owned())
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>, names of
/// message attributes.
fn parse_attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let lower = name.to_ascii_lowercase();
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let is_name = !name.is_empty() && name.len() <= 256 && name.chars().all(is_allowed);
    if !is_name || is_reserved || name.starts_with('.') || name.ends_with('.') {
        return Err("the name has letters, digits, -, _ and single periods within, and does not begin with AWS. or Amazon.".to_owned());
    }
    if value.is_empty() {
        return Err(
            "SQS takes no empty value: leave the attribute out with --remove-attribute".to_owned()
        );
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockArg {
    /// As on the wall.
    Real,
    /// Idle time is skipped.
    SkipIdle,
}

/// The formats of a run's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people.
    Human,
    /// One JSON document, at the end.
    Json,
    /// One JSON document a line, for each event when it happens.
    Jsonl,
    /// JUnit's XML, for CI systems.
    Junit,
    /// For GitHub Actions: a log, annotations, and the job summary.
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// The formats of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// For GitHub Actions: a log, annotations, and the job summary.
    Github,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        VerifierArgs::command().debug_assert();
    }

    #[test]
    fn check_needs_exactly_one_target() {
        let parse =
            |args: &[&str]| VerifierArgs::try_parse_from([&["verifier", "check"], args].concat());
        assert!(parse(&["--local"]).is_ok());
        assert!(parse(&["--stack", "S"]).is_ok());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--local", "--stack", "S"]).is_err());
        assert!(parse(&["--stack", "S", "--clock", "real"]).is_err());
        assert!(parse(&["--local", "--receives", "0"]).is_err());
        assert!(parse(&["--list"]).is_ok());
        assert!(parse(&["--list", "--local"]).is_err());
        assert!(parse(&["--json-outputs", "o.json"]).is_ok());
        assert!(parse(&["--json-outputs", "o.json", "--stack", "S"]).is_ok());
        assert!(parse(&["--json-outputs", "o.json", "--local"]).is_err());
        assert!(parse(&["--local", "--timeout", "0"]).is_err());
        assert!(parse(&["--local", "--only", "cfg.*,api.hello", "--skip", "cfg.tls"]).is_ok());
        assert!(parse(&["--local", "--region", "eu-central-1"]).is_err());
    }
}
