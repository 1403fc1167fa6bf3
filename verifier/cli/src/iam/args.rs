//! The options of `verifier iam-policy`.

use clap::{Args, ValueEnum};

use crate::config::args::SettingsArgs;
use crate::shell::args::ConnectionArgs;

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
    /// `verifier dlq queues`.
    DlqQueues,
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
