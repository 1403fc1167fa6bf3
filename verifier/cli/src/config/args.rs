//! The options by which a stack is described, and those of `verifier config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::shell::args::Format;

/// Where the settings are, and those that the command line sets.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingsArgs {
    /// What is different about the stack [default: the nearest verifier.toml from the working directory upwards].
    #[arg(long, value_name = "FILE", env = "VERIFIER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The maxReceiveCount that is expected; any by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) receives: Option<u32>,
    /// End after that many seconds; unfinished checks are then inconclusive.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) timeout: Option<u64>,
    /// Let pages of any origin call the API: reported, and no failure.
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
    /// Print the JSON Schema of verifier.toml, by which editors complete and check it.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
