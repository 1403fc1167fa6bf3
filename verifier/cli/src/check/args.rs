//! The options of `verifier check` and `verifier explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config::args::SettingsArgs;
use crate::local::args::{ClockArg, TemplateArgs};
use crate::resources::args::ResourceArgs;
use crate::shell::args::ConnectionArgs;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The name of the deployed stack; with --local, of the one in the folder that --template names. Without a stack, name the jobs
    /// queue with --queue, by a file of outputs, or below `[resources]` in verifier.toml.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// Check the stack on this machine, from its synthesised template.
    #[arg(long, conflicts_with_all = ["json_outputs", "terraform_outputs", "queue", "dlq", "api", "function", "region", "profile", "endpoint_url"])]
    pub(crate) local: bool,
    /// List the checks: their ids, the worst that each says, and what it asserts.
    #[arg(long, conflicts_with_all = ["stack", "local", "json_outputs", "terraform_outputs", "queue", "dlq"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// How time passes on this machine [default: skip-idle].
    #[arg(long, value_enum, value_name = "CLOCK")]
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

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The check's id.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}
