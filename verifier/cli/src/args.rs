//! The command line. Each command's options are beside it.

use clap::{Parser, Subcommand};

use crate::chaos::args::ChaosArgs;
use crate::check::args::{CheckArgs, ExplainArgs};
use crate::config::args::ConfigArgs;
use crate::dlq::args::DlqArgs;
use crate::iam::args::IamPolicyArgs;
use crate::init::args::InitArgs;
use crate::local::args::LocalArgs;
use crate::manual::args::{CompletionsArgs, ManArgs};
use crate::redrive::args::RedriveArgs;

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
    /// Break a stack on purpose, and analyze what happened.
    Chaos(Box<ChaosArgs>),
    /// Show what the verifier knows of the stack beforehand, and where each value comes from.
    Config(ConfigArgs),
    /// Say why a check exists, what to do when it does not pass, and where that is written.
    Explain(ExplainArgs),
    /// Propose the settings for a stack that was never seen, and check it by them.
    Init(Box<InitArgs>),
    /// Bring the stack up on this machine and leave it up until Ctrl-C.
    Local(LocalArgs),
    /// Print the least-privilege IAM policy of a command.
    IamPolicy(IamPolicyArgs),
    /// Send dead letters back, a few at first, and stop when they fail again.
    Redrive(Box<RedriveArgs>),
    /// Look at dead letters, say why they failed, and keep, restore or delete them.
    Dlq(DlqArgs),
    /// Print the manual, for `man` or as Markdown.
    Man(ManArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
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
    fn check_takes_targets_that_fit_together() {
        let parse =
            |args: &[&str]| VerifierArgs::try_parse_from([&["verifier", "check"], args].concat());
        assert!(parse(&["--local"]).is_ok());
        assert!(parse(&["--stack", "S"]).is_ok());
        // The settings may name one.
        assert!(parse(&[]).is_ok());
        assert!(parse(&["--queue", "Q", "--dlq", "D", "--api", "U", "--function", "F"]).is_ok());
        assert!(parse(&["--queue", "Q", "--stack", "S"]).is_ok());
        assert!(parse(&["--terraform-outputs", "o.json", "--queue", "Q"]).is_ok());
        assert!(parse(&["--terraform-outputs", "o.json", "--stack", "S"]).is_err());
        assert!(parse(&["--terraform-outputs", "o.json", "--json-outputs", "o.json"]).is_err());
        assert!(parse(&["--local", "--queue", "Q"]).is_err());
        assert!(parse(&["--local", "--function", "F"]).is_err());
        assert!(parse(&["--list", "--queue", "Q"]).is_err());
        // Whether the template is a folder with several stacks shows later.
        assert!(parse(&["--local", "--stack", "S", "--template", "cdk.out"]).is_ok());
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
