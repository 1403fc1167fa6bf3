//! The options of `verifier man` and `verifier completions`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
