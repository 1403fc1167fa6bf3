//! The command line of `verifier chaos`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use verifier_core::dead_letters::parse_duration;

use crate::resources::args::ResourceArgs;
use crate::shell::args::{ConnectionArgs, Format, ResultFormat};

#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    #[command(subcommand)]
    pub(crate) command: ChaosCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChaosCommand {
    /// List the built-in experiments.
    List(ChaosListArgs),
    /// Print a built-in experiment's file, to begin one of your own with.
    Show {
        /// The experiment's name.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Run an experiment: steady state, load and faults, undo, drain, evaluation, steady state.
    Run(Box<ChaosRunArgs>),
    /// Run an experiment that failed again, and say whether the same is found.
    Replay(ChaosReplayArgs),
    /// Run random fault schedules until an invariant fails, then minimise the failing one.
    Explore(ChaosExploreArgs),
    /// Analyze a recorded history.
    Analyze(ChaosAnalyzeArgs),
    /// Restore what an unfinished experiment has changed.
    Rollback(ChaosRollbackArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ChaosListArgs {
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ChaosRunArgs {
    /// A built-in experiment, or a file of one in YAML or JSON.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) experiment: String,
    /// What it is run against.
    #[arg(long, value_enum, default_value_t = ChaosTarget::Sim, conflicts_with_all = ["queue", "json_outputs", "terraform_outputs"])]
    pub(crate) target: ChaosTarget,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// The random seed, instead of the experiment's.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) abort: AbortArgs,
    #[command(flatten)]
    pub(crate) bug: BugArgs,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChaosReplayArgs {
    /// The file that `verifier chaos explore` or `run --out` wrote.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What it is run against [default: what it was found on].
    #[arg(long, value_enum)]
    pub(crate) target: Option<ChaosTarget>,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChaosExploreArgs {
    /// How many schedules at most.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) schedules: u64,
    /// The seed of the first; each has the next [default: any].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many run at once [default: as many as there are processors]. What is found does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Begin no more schedules after so long in real time: 90s, 15m, 6h.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,
    /// Print how often each fault struck at each operation, too.
    #[arg(long)]
    pub(crate) coverage: bool,
    #[command(flatten)]
    pub(crate) bug: BugArgs,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChaosAnalyzeArgs {
    /// The history; `-` for stdin.
    #[arg(value_name = "HISTORY")]
    pub(crate) history: PathBuf,
    /// Anomalies to allow besides those that the history allows, separated by commas.
    #[arg(long, value_name = "ANOMALIES", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
    /// Write the report to this file, too, as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Which stack is broken that is really there.
#[derive(Debug, Default, Args)]
pub(crate) struct LiveArgs {
    /// Run it against this stack, which has to be a preview.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "bug"])]
    pub(crate) stack: Option<String>,
    /// Break the stack without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Carry out what deletes messages of the stack's jobs queue, too, which nothing restores.
    #[arg(long)]
    pub(crate) allow_purge: bool,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
    /// Where it is written down what has to be restored [default: chaos-….undo.jsonl in the working directory].
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// What is different about the stack [default: the nearest verifier.toml from the working directory upwards].
    #[arg(long, value_name = "FILE", env = "VERIFIER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// The folder of the built functions, for a stack on this machine [default: they are built].
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// The template, for a stack on this machine [default: the only one in stack/template].
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
}

impl LiveArgs {
    /// Whether it is run against resources that are really there. Those that the settings name do not count: a run that does not
    /// say so breaks nothing.
    pub(crate) fn is_deployed(&self) -> bool {
        let ResourceArgs { queue, files, .. } = &self.resources;
        let is_file = files.json_outputs.is_some() || files.terraform_outputs.is_some();
        self.stack.is_some() || queue.is_some() || is_file
    }
}

#[derive(Debug, Args)]
pub(crate) struct ChaosRollbackArgs {
    /// The undo journal of the experiment.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: PathBuf,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
}

/// When a run is broken off, instead of when the experiment says.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct AbortArgs {
    /// Break off after this much simulated time, and restore everything: 90s, 15m, 6h.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,
    /// Break off before more requests than that, and restore everything.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_cost_calls: Option<u64>,
}

/// A wrong part of the simulated stack.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct BugArgs {
    /// Seed the bug that makes this anomaly fire; for a verifier that was built with `--features seeded-bugs`.
    // Hidden always, so that what the help says does not depend on how it was built; README goes through it.
    #[arg(long, value_name = "ANOMALY", hide = true)]
    pub(crate) bug: Option<String>,
}

/// Where results go.
#[derive(Debug, Default, Args)]
pub(crate) struct ResultArgs {
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = ResultFormat::Human)]
    pub(crate) format: ResultFormat,
    /// Write everything to this folder: experiment.json, history.jsonl, report.html and result.json.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write the history to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Write the report to this file, too, as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// What experiments are run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChaosTarget {
    /// The stack in-process, under virtual time.
    Sim,
    /// The stack on this machine, with its real functions.
    Local,
}
