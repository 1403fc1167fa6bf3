//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::architecture::Architecture;
use crate::steps;

/// The most runs or cases; a larger number is a typing error.
const COUNT_MAX: u64 = 1_000_000;

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", flatten_help = true, max_term_width = 120)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every step that a change has to pass, cheap ones first
    Test(Test),
    /// Compare the emulator and moto with AWS, case by case
    ///
    /// The endpoint in `VERIFIER_CONFORMANCE_ENDPOINT`, which may be `aws`, is compared too.
    Conformance(Conformance),
    /// Build the functions as they are deployed, and print how large they are
    Package {
        /// The instruction set
        #[arg(long, value_name = "ARCH", default_value = Architecture::default().name(), value_parser = architecture())]
        arch: Architecture,
    },
    /// Print the licences of everything that is linked into the verifier
    Notices,
    /// Regenerate what is generated: the stack's templates, docs/cli.md, and the schema of verifier.toml
    Gen,
    /// Apply the patch that CONTRIBUTING.md shows to a copy of the project, build it, and see that its check is there
    Walkthrough,
    /// Build the book of the documentation into `target/book`
    ///
    /// Installs mdBook below the target folder on the first run, which takes some minutes.
    Docs {
        /// Write the pages alone, without mdBook, as a release holds them: README.md into this folder, all of them into its `docs`
        #[arg(long, value_name = "DIR")]
        pages: Option<PathBuf>,
    },
    /// Check licences, versions and origins of the dependencies, and known vulnerabilities, with cargo-deny
    ///
    /// Installs cargo-deny below the target folder on the first run, which takes some minutes.
    Deny {
        /// Leave known vulnerabilities out, whose list is fetched from GitHub
        #[arg(long)]
        offline: bool,
    },
    /// Build in release and measure
    #[command(subcommand, flatten_help = true)]
    Bench(Bench),
    /// Seed a bug for each anomaly, explore until it is found, shrink it, and print a table
    Mutants,
    /// Break the stack in every way that the gate must catch, and check unusual stacks that are sound
    Matrix(Matrix),
    /// Try the rare and long cases, of which the tests try a few
    #[command(subcommand, flatten_help = true)]
    Soak(Soak),
}

/// The steps of the tests.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// List the steps
    #[arg(long, conflicts_with = "steps")]
    pub(crate) list: bool,
    /// Do what the steps do and say nothing about it
    #[arg(long, hide = true, requires = "steps")]
    pub(crate) beside: bool,
    /// Run these steps only
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(steps::STEPS.iter().map(|step| step.name)))]
    pub(crate) steps: Vec<String>,
}

/// The arguments of the program that compares.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conformance {
    /// Run cases that take minutes, too
    #[arg(long)]
    slow: bool,
    /// Run the cases whose names hold this
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", value_parser = ["human", "json"])]
    format: Option<String>,
}

impl Conformance {
    /// The same as the program's own options.
    pub(crate) fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.slow {
            options.push("--slow".to_owned());
        }
        let only = self.only.iter().map(|text| ("--only", text));
        for (name, value) in only.chain(self.format.iter().map(|format| ("--format", format))) {
            options.extend([name.to_owned(), value.clone()]);
        }
        options
    }
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Time `verifier check`, beside the AWS CLI
    Check(Runs),
    /// Measure the emulator's queues beside moto's
    Emulator,
    /// Pack the functions for this machine, and measure how they start, beside Node
    Lambdas(Runs),
    /// Time `verifier redrive` beside a script and SQS's own task
    Redrive {
        /// Time a million messages, too
        #[arg(long)]
        many: bool,
    },
    /// Measure the simulator and the checker, on one core
    Sim,
}

/// How often something is measured.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    /// How often
    #[arg(long, value_name = "N", default_value = "20", value_parser = count())]
    pub(crate) runs: usize,
}

/// What is asked of the matrix.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Run the rows that vary and the sound ones so often under jitter, too
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) runs: Option<usize>,
    /// Where the chance of the jitter begins [default: by the time]
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) seed: Option<usize>,
    /// The rows [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// What can be tried for long.
#[derive(Debug, Subcommand)]
pub(crate) enum Soak {
    /// Check a sound stack under jitter and others' traffic
    Check {
        /// How often
        #[arg(long, value_name = "N", default_value = "200", value_parser = count())]
        cases: usize,
    },
    /// Draw workers and hold the account of messages against what really became of each, in the simulator and as processes
    Workers {
        /// How many in the simulator; one process is run for 500 of those
        #[arg(long, value_name = "N", default_value = "100000", value_parser = count())]
        cases: usize,
    },
    /// Send random operations to the emulator, beside the queue model, and malformed requests
    Emulator {
        /// How many sequences of operations
        #[arg(long, value_name = "N", default_value = "2000", value_parser = count())]
        cases: usize,
    },
    /// Explore sound code, which may have no violation, and print which fault struck at which operation
    Chaos {
        /// How many seeds
        #[arg(long, value_name = "N", default_value = "100000", value_parser = count())]
        cases: usize,
    },
    /// Run schedules on the simulator and on the stack on this machine, which have to end every job alike
    ChaosTargets {
        /// How many schedules
        #[arg(long, value_name = "N", default_value = "200", value_parser = count())]
        cases: usize,
    },
    /// Kill a redrive at random points and take it up again
    RedriveKill {
        /// At how many points
        #[arg(long, value_name = "N", default_value = "1000", value_parser = count())]
        cases: usize,
    },
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=COUNT_MAX)
}

fn architecture() -> impl TypedValueParser<Value = Architecture> {
    let names = PossibleValuesParser::new(Architecture::ALL.map(Architecture::name));
    names.map(|name| Architecture::named(&name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        let words = std::iter::once("xtask").chain(line.split_whitespace());
        Arguments::try_parse_from(words).map(|arguments| arguments.command)
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn steps_are_those_of_the_suite() {
        let Ok(Command::Test(test)) = parsed("test fmt clippy") else { panic!() };
        assert_eq!(test.steps, ["fmt", "clippy"]);
        let problem = parsed("test fmt clipy").unwrap_err();
        assert!(problem.to_string().contains("clippy"), "{problem}");
        assert!(parsed("test --list fmt").is_err());
    }

    #[test]
    fn the_options_of_conformance_are_handed_over() {
        for line in ["", "--slow", "--only sqs.fifo", "--slow --only a --only b --format json"] {
            let Ok(Command::Conformance(options)) = parsed(&format!("conformance {line}")) else {
                panic!("{line}");
            };
            assert_eq!(options.options().join(" "), line);
        }
        for line in ["fast", "--format xml"] {
            assert!(parsed(&format!("conformance {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn an_architecture_has_the_name_of_lambda() {
        for (line, expected) in [
            ("package", Architecture::Arm64),
            ("package --arch arm64", Architecture::Arm64),
            ("package --arch x86_64", Architecture::X86_64),
        ] {
            let Ok(Command::Package { arch }) = parsed(line) else { panic!("{line}") };
            assert_eq!(arch, expected, "{line}");
        }
        assert!(parsed("package --arch aarch64").is_err());
    }

    #[test]
    fn a_matrix_has_rows_runs_and_a_seed() {
        let Ok(Command::Matrix(asked)) = parsed("matrix --runs 30 a b --seed 7") else { panic!() };
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(asked, Matrix { runs: Some(30), seed: Some(7), names });
        let Ok(Command::Matrix(asked)) = parsed("matrix") else { panic!() };
        assert_eq!(asked, Matrix::default());
    }

    #[test]
    fn a_number_of_runs_has_a_default_and_bounds() {
        for (line, expected) in [("bench check", 20), ("bench check --runs 3", 3)] {
            let Ok(Command::Bench(Bench::Check(runs))) = parsed(line) else { panic!("{line}") };
            assert_eq!(runs, Runs { runs: expected });
        }
        for number in ["0", "-1", "many", "1000001"] {
            assert!(parsed(&format!("bench check --runs={number}")).is_err(), "{number}");
            assert!(parsed(&format!("matrix --runs={number}")).is_err(), "{number}");
        }
    }

    #[test]
    fn the_help_names_every_command() {
        let help = parsed("help").unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        let help = help.to_string();
        for command in ["test", "bench check", "bench sim", "soak redrive-kill", "matrix", "docs"] {
            assert!(help.contains(&format!("cargo xtask {command}")), "{command}: {help}");
        }
    }
}
