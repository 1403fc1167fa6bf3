//! The command line of `verifier redrive`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use verifier_core::dead_letters::parse_duration;
use verifier_core::redrive::REDRIVES_MAX;

use crate::dlq::args::{FilterArgs, PlaceArgs};
use crate::shell::args::{ConnectionArgs, ResultFormat};

/// What a plan and a journal say by themselves.
const SAID_BY_FILES: [&str; 19] = [
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
    "redrives_max",
    "no_count",
    "plan_only",
    "dry_run",
];

#[derive(Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RedriveArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RedriveCommand>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) messages: FilterArgs,
    #[command(flatten)]
    pub(crate) to: ToArgs,
    #[command(flatten)]
    pub(crate) native: NativeArgs,
    /// Write the plan to this file and send nothing. Only a plan that is there already is replaced.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["execute", "resume"])]
    pub(crate) plan_only: Option<PathBuf>,
    /// Carry out the plan of this file: only its messages, and only where they are still what it says, in its way.
    #[arg(long, value_name = "FILE", conflicts_with = "resume", conflicts_with_all = SAID_BY_FILES)]
    pub(crate) execute: Option<PathBuf>,
    /// Go on with the redrive of this journal, in its way.
    #[arg(long, value_name = "JOURNAL", conflicts_with_all = SAID_BY_FILES)]
    pub(crate) resume: Option<PathBuf>,
    /// Send the messages of this file, which `verifier dlq export` or `purge` wrote: each to the queue that it came from, or all
    /// to that of --to. The file stays as it is.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["execute", "resume", "plan_only", "native", "stack", "dlq", "queue", "function", "json_outputs", "terraform_outputs", "canary", "no_canary", "wait"])]
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
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Apply the JSON merge patch of this file to each body; the journal keeps the messages as they were.
    #[arg(long, value_name = "FILE")]
    pub(crate) patch: Option<PathBuf>,
    /// Replace bodies that are JSON and no object by the patch, too; without this they are not sent.
    #[arg(long, requires = "patch")]
    pub(crate) patch_non_objects: bool,
    /// Set this attribute of each message, a string unless it is there already with another type; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_attribute)]
    pub(crate) set_attribute: Vec<(String, String)>,
    /// Send each message without this attribute; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) remove_attribute: Vec<String>,
    #[command(flatten)]
    pub(crate) count: CountArgs,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason_note: Option<String>,
    /// Where the journal is written [default: redrive-….jsonl in the working directory].
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) journal: Option<PathBuf>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
    /// Write a report to this file when it is over, as one HTML page: the causes, what the ramp did, and what became of each
    /// message.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["native", "plan_only", "dry_run"])]
    pub(crate) report: Option<PathBuf>,
    /// The journal of the redrive that is undone, by `redrive undo`.
    #[arg(skip)]
    pub(crate) undo: Option<PathBuf>,
}

/// How often a message may go round.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CountArgs {
    /// Leave messages that were redriven so often already, by their attribute `verifier.redrives`.
    #[arg(long, value_name = "N", default_value_t = REDRIVES_MAX, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) redrives_max: u32,
    /// Send messages without the attribute `verifier.redrives`, which says how often each was redriven.
    #[arg(long)]
    pub(crate) no_count: bool,
}

impl Default for CountArgs {
    fn default() -> Self {
        Self { redrives_max: REDRIVES_MAX, no_count: false }
    }
}

/// How fast it goes, and when it stops.
#[derive(Clone, Debug, Args)]
pub(crate) struct PaceArgs {
    /// How many messages each step sends, separated by commas; then each twice as many [default: 1,2,5,20,50,100].
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
}

impl Default for PaceArgs {
    fn default() -> Self {
        Self {
            canary: Vec::new(),
            no_canary: false,
            stop_after: 1,
            rate: None,
            concurrency: None,
            deadline: None,
        }
    }
}

/// The command line of `verifier redrive undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The journal of the redrive whose changes were wrong.
    #[arg(value_name = "JOURNAL")]
    undone: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    pace: PaceArgs,
    /// Show what would be sent, and send nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Send without asking.
    #[arg(long)]
    yes: bool,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason_note: Option<String>,
    /// Where the journal of this is written [default: redrive-….jsonl in the working directory].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

impl From<UndoArgs> for RedriveArgs {
    fn from(args: UndoArgs) -> Self {
        let UndoArgs { undone, place, pace, dry_run, yes, reason_note, journal, format } = args;
        let undo = Some(undone);
        Self { place, dry_run, yes, pace, reason_note, journal, format, undo, ..Self::default() }
    }
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
    /// Send the originals of messages that a redrive has changed, where the changed copies have failed again: each takes the
    /// place of its copy in the dead-letter queue. Copies that did not come back stay as they are.
    Undo(Box<UndoArgs>),
}

/// Whether SQS moves the messages itself.
#[derive(Debug, Default, Args)]
pub(crate) struct NativeArgs {
    /// Let SQS move all messages itself, each back to where it came from or to the queue of --to. It knows no filter, no steps
    /// and no journal, moves 500 messages in a second at most, and one task a queue at a time.
    #[arg(long)]
    pub(crate) native: bool,
    /// Watch SQS's active task of this queue, and start none.
    #[arg(long, requires = "native", conflicts_with_all = ["cancel", "to", "rate", "dry_run"])]
    pub(crate) watch: bool,
    /// Cancel SQS's active task of this queue. It moves some more messages before it stops, and what it has moved stays moved.
    #[arg(long, requires = "native", conflicts_with_all = ["to", "to_stack", "rate", "dry_run"])]
    pub(crate) cancel: bool,
}

/// Where messages are sent, if not to the queue that they come from.
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
    /// Invoke this function, by name or ARN, with the events of messages that came from no queue: those of its own asynchronous
    /// invocations that have failed. Lambda accepts each before its message is deleted. What is of another function, or of another
    /// service, stays, and is named. A patch is of the event, and not of the record around it.
    #[arg(long, value_name = "FUNCTION", group = "rehearsal", conflicts_with_all = ["to_source", "queue", "set_attribute", "remove_attribute"])]
    pub(crate) to_function: Option<String>,
    /// The region of that queue, stack or function [default: the profile's, or else that of the messages].
    #[arg(long, value_name = "REGION", requires = "rehearsal")]
    pub(crate) to_region: Option<String>,
    /// The profile of the account of that queue, stack or function.
    #[arg(long, value_name = "PROFILE", requires = "rehearsal")]
    pub(crate) to_profile: Option<String>,
}

impl ToArgs {
    /// Whether another queue is meant than the one that the messages come from.
    pub(crate) const fn is_said(&self) -> bool {
        self.to.is_some() || self.to_stack.is_some() || self.to_source || self.to_function.is_some()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chooses_messages_is_refused_beside_a_file_that_says_it() {
        let options = FilterArgs::augment_args(clap::Command::new("redrive"));
        // How long to wait for what others hold is said with each command.
        let chosen = options.get_arguments().map(|option| option.get_id().as_str());
        for option in chosen.filter(|option| *option != "wait") {
            assert!(SAID_BY_FILES.contains(&option), "{option}");
        }
    }
}
