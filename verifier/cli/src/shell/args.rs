//! Options that several commands have.

use clap::{Args, ValueEnum};

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

impl ConnectionArgs {
    /// The region that the command line or the environment names, without a look at profiles.
    pub(crate) fn named_region(&self) -> Option<String> {
        let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let variables = || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(variable);
        self.region.clone().or_else(variables)
    }
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
