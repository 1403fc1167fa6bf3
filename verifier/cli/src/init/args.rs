//! The options of `verifier init`.

use std::path::PathBuf;

use clap::Args;

use crate::local::args::TemplateArgs;
use crate::shell::args::{ConnectionArgs, Format};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The name of the deployed stack; without one, the stack of a template is brought up on this machine. With --template, the
    /// stack in the folder that names.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// The jobs queue, where there are several: its logical id, an output, its name, URL or ARN.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// The body of a job that succeeds, with `{job_id}` in the place of its id; or `@FILE`.
    #[arg(long, value_name = "BODY")]
    pub(crate) good: Option<String>,
    /// The body of a job that fails at every attempt, with the same; or `@FILE`.
    #[arg(long, value_name = "BODY")]
    pub(crate) failing: Option<String>,
    /// A header that every submission needs, as in `x-tenant: a`; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Submit jobs to the deployed stack, and run every check. On this machine that is done anyway.
    #[arg(long)]
    pub(crate) probe: bool,
    /// The file to write.
    #[arg(short, long, value_name = "FILE", default_value = "verifier.toml")]
    pub(crate) output: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// A header, with its value behind a colon.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| "expected NAME: VALUE, with a colon".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
