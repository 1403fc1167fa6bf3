//! The command line of `verifier dlq`, and how messages are chosen.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use verifier_core::dead_letters::{parse_duration, parse_receives};

use crate::resources::args::OutputsArgs;
use crate::shell::args::{ConnectionArgs, ResultFormat};

#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    pub(crate) command: DlqCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Show every dead-letter queue of the account and region: its sources, how many messages it holds, and its alarms.
    Queues(DlqQueuesArgs),
    /// List the messages, the oldest first, without their bodies.
    List(DlqListArgs),
    /// Tell everything about one message: its attempts with their log lines, its attributes and its body.
    Show(DlqShowArgs),
    /// Count messages by the cause of their failure.
    Explain(DlqExplainArgs),
    /// Write messages to a file, one a line, and leave them where they are.
    Export(DlqExportArgs),
    /// Send the messages of a file that `export` or `purge` wrote.
    Import(DlqImportArgs),
    /// Delete messages, each after it was written to a file.
    Purge(DlqPurgeArgs),
    /// Say how many messages there are whenever that changes, without receiving any.
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
pub(crate) struct DlqExplainArgs {
    #[command(flatten)]
    pub(crate) list: DlqListArgs,
    /// Write a report to this file, too, as one HTML page: the causes, when messages failed, and the story of each.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DlqShowArgs {
    /// The message's id, which it had in its first queue too.
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
    /// What to print on stdout, unless the messages go there.
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
    /// The file that each message is written to before it is deleted; must not be there yet.
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
#[derive(Debug, Default, Args)]
pub(crate) struct PlaceArgs {
    /// The name of the deployed stack, whose outputs name the queues.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// The dead-letter queue, by name, URL or ARN [default: the stack's, or the one that the redrive policy of --queue names].
    #[arg(long, value_name = "QUEUE")]
    pub(crate) dlq: Option<String>,
    /// Only messages that came from this queue [default: messages of all, and for a redrive the only queue whose redrive policy
    /// names the dead-letter queue].
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// The worker, by name or ARN, whose log is read where several functions read the queue.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) files: OutputsArgs,
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

impl PlaceArgs {
    /// Whether the command line names it.
    pub(crate) fn is_named(&self) -> bool {
        let Self { stack, dlq, queue, files, .. } = self;
        let OutputsArgs { json_outputs, terraform_outputs } = files;
        let is_file = json_outputs.is_some() || terraform_outputs.is_some();
        is_file || [stack, dlq, queue].into_iter().any(Option::is_some)
    }
}

/// Which messages are meant: those that satisfy everything that is given.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Only messages for which this expression over body, attributes, messageId, receiveCount, ageSeconds, reason and
    /// sourceArn gives something else than null, false or nothing.
    #[arg(long, value_name = "JMESPATH")]
    pub(crate) filter: Option<String>,
    /// Only messages that were sent at least so long ago: 90s, 15m, 6h, 2d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Only messages that were sent less than so long ago.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) newer_than: Option<Duration>,
    /// Only messages that were received so often, this time included: 4, or 3-5.
    #[arg(long, value_name = "N[-M]", value_parser = parse_receives)]
    pub(crate) receives: Option<(u32, u32)>,
    /// Only messages whose failure reason contains this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// At most so many, the oldest of those that were seen. Without another filter, no more are looked at.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max: Option<u32>,
    /// Wait for messages that others hold, until they are visible again: for so long at most, or for 12 hours.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "12h", value_parser = parse_duration)]
    pub(crate) wait: Option<Duration>,
}
