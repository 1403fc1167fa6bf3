//! The command line. clap's types stay here; commands get plain values.

mod chaos;
mod dlq;
mod redrive;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use chaos::*;
pub(crate) use dlq::*;
pub(crate) use redrive::*;

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
