//! The options that name resources.

use std::path::PathBuf;

use clap::Args;

/// The resources themselves.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ResourceArgs {
    /// The jobs queue, by name, URL or ARN; goes before the output of the stack, and needs no stack.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// The dead-letter queue, by name, URL or ARN [default: the one that the redrive policy of --queue names].
    #[arg(long, value_name = "QUEUE")]
    pub(crate) dlq: Option<String>,
    /// The URL of the API: its base, or that of the hello endpoint.
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
    /// The worker, by name or ARN, where several functions read the jobs queue.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) files: OutputsArgs,
}

/// A file of outputs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OutputsArgs {
    /// Take the outputs from this JSON file, or from stdin with `-`: by name, as SST writes them, or by stack, as `cdk deploy
    /// --outputs-file` does. The latter names the stack, if it is the only one.
    #[arg(long, value_name = "FILE", conflicts_with = "terraform_outputs")]
    pub(crate) json_outputs: Option<PathBuf>,
    /// Take the outputs from this file that `terraform output -json` wrote, or from stdin with `-`, without a stack.
    #[arg(long, value_name = "FILE", conflicts_with = "stack")]
    pub(crate) terraform_outputs: Option<PathBuf>,
}

impl OutputsArgs {
    /// The file, with the word for it.
    pub(crate) fn file(&self) -> Option<(&'static str, PathBuf)> {
        let json = self.json_outputs.clone().map(|path| ("--json-outputs", path));
        json.or_else(|| self.terraform_outputs.clone().map(|path| ("--terraform-outputs", path)))
            .filter(|(_, path)| path.as_os_str() != "-")
    }
}
