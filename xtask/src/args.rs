//! The command line.

use crate::architecture::Architecture;
use crate::failure::Failure;
use crate::{chaos, soak};

/// What `cargo xtask` prints for help.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test               run every step that a change has to pass, cheap ones first
  test STEP...       run these steps only
  test --list        list the steps
  conformance [--slow] [--only TEXT] [--format human|json]
                     compare the emulator and moto with AWS, case by case; and the endpoint
                     in VERIFIER_CONFORMANCE_ENDPOINT, which may be `aws`
  package [--arch arm64|x86_64]
                     build the functions as they are deployed, and print how large they are [default: arm64]
  notices            print the licences of everything that is linked into the verifier
  gen                write anew what is generated: the stack's templates, and CLI.md
  bench check [--runs N]
                     build in release and time `verifier check`, beside the AWS CLI [default: 20 runs]
  bench emulator     build in release and measure the emulator's queues beside moto's
  bench lambdas [--runs N]
                     pack the functions for this machine, and measure how they start, beside Node [default: 20 runs]
  bench redrive [--many]
                     build in release and time `verifier redrive` beside a script and SQS's own task;
                     with --many, of a million letters too
  bench sim          build in release and measure the simulator and the checker, on one core
  mutants            plant a bug for each anomaly, explore until it is found, shrink it, and print a table
  matrix [--runs N] [--seed N] [NAME...]
                     break the stack in every way that the gate must catch, check unusual stacks that are sound, and
                     print what it finds; with --runs, those that vary and the sound ones so often under jitter, too
  soak check [--cases N]
                     check a sound stack under jitter and strangers' traffic [default: 200 times]
  soak emulator [--cases N]
                     random operations against the queue model, and malformed requests
                     [default: 2000 sequences]
  soak chaos [--cases N]
                     explore so many seeds of sound code, which may have no violation, and print which fault
                     struck at which operation [default: 100000 seeds]
  soak chaos-targets [--cases N]
                     run so many schedules on the simulator and on the stack on this machine, which have to end
                     every job alike [default: 200 schedules]
  soak redrive-kill [--cases N]
                     kill a redrive at random points and take it up again [default: 1000 points]
";

/// How often a benchmark runs unless it is told otherwise.
const RUNS_DEFAULT: usize = 20;
/// The most runs or cases; a larger number is a typing error.
const COUNT_MAX: usize = 1_000_000;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The usage.
    Help,
    /// The names of the test steps.
    ListSteps,
    /// These steps of the tests; all when none is named.
    Test(Vec<String>),
    /// The emulator and others beside AWS, with options of the program that compares them.
    Conformance(Vec<String>),
    /// The licences of what is linked.
    Notices,
    /// What is generated and checked in.
    Generate,
    /// The functions, as they are deployed.
    Package(Architecture),
    /// Measuring the emulator's queues.
    BenchEmulator,
    /// Measuring how the functions start.
    BenchLambdas {
        /// How often each.
        runs: usize,
    },
    /// Measuring the simulator.
    BenchSim,
    /// A planted bug for each anomaly.
    Mutants,
    /// Exploring sound code.
    SoakChaos {
        /// How many seeds.
        cases: usize,
    },
    /// Comparing the targets of experiments.
    SoakChaosTargets {
        /// How many schedules.
        cases: usize,
    },
    /// Timing `verifier redrive`.
    BenchRedrive {
        /// Whether a million letters are sent, too.
        many: bool,
    },
    /// Timing `verifier check --local`.
    BenchCheck {
        /// How often.
        runs: usize,
    },
    /// A sound stack, again and again.
    SoakCheck {
        /// How often.
        cases: usize,
    },
    /// Breaking the stack, and looking what the gate finds.
    Matrix(soak::Matrix),
    /// Killing a redrive.
    SoakRedriveKill {
        /// At how many points.
        cases: usize,
    },
    /// Random operations and malformed requests.
    SoakEmulator {
        /// How many sequences of operations.
        cases: usize,
    },
}

/// Reads the arguments that follow `cargo xtask`.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Request, Failure> {
    let args: Vec<String> = args.collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Err(Failure::usage(format!("no command was given\n\n{USAGE}"))),
        ["-h" | "--help" | "help", ..] | [_, "-h" | "--help", ..] => Ok(Request::Help),
        ["test", "--list"] => Ok(Request::ListSteps),
        ["test", steps @ ..] => match steps.iter().find(|step| step.starts_with('-')) {
            Some(option) => Err(unknown(option)),
            None => Ok(Request::Test(steps.iter().map(|step| (*step).to_owned()).collect())),
        },
        ["conformance", options @ ..] => conformance(options),
        ["notices"] => Ok(Request::Notices),
        ["gen"] => Ok(Request::Generate),
        ["package"] => Ok(Request::Package(Architecture::default())),
        ["package", "--arch", name] => Ok(Request::Package(Architecture::named(name)?)),
        ["bench", "emulator"] => Ok(Request::BenchEmulator),
        ["bench", "check"] => Ok(Request::BenchCheck { runs: RUNS_DEFAULT }),
        ["bench", "check", "--runs", number] => {
            Ok(Request::BenchCheck { runs: count("--runs", number)? })
        }
        ["bench", "lambdas"] => Ok(Request::BenchLambdas { runs: RUNS_DEFAULT }),
        ["bench", "lambdas", "--runs", number] => {
            Ok(Request::BenchLambdas { runs: count("--runs", number)? })
        }
        ["bench", "redrive"] => Ok(Request::BenchRedrive { many: false }),
        ["bench", "redrive", "--many"] => Ok(Request::BenchRedrive { many: true }),
        ["soak", "redrive-kill"] => Ok(Request::SoakRedriveKill { cases: soak::KILLS }),
        ["soak", "redrive-kill", "--cases", number] => {
            Ok(Request::SoakRedriveKill { cases: count("--cases", number)? })
        }
        ["bench", "sim"] => Ok(Request::BenchSim),
        ["mutants"] => Ok(Request::Mutants),
        ["soak", "chaos"] => Ok(Request::SoakChaos { cases: chaos::SEEDS }),
        ["soak", "chaos", "--cases", number] => {
            Ok(Request::SoakChaos { cases: count("--cases", number)? })
        }
        ["soak", "chaos-targets"] => Ok(Request::SoakChaosTargets { cases: chaos::SCHEDULES }),
        ["soak", "chaos-targets", "--cases", number] => {
            Ok(Request::SoakChaosTargets { cases: count("--cases", number)? })
        }
        ["matrix", rest @ ..] => matrix(rest),
        ["soak", "check"] => Ok(Request::SoakCheck { cases: soak::CHECKS }),
        ["soak", "check", "--cases", number] => {
            Ok(Request::SoakCheck { cases: count("--cases", number)? })
        }
        ["soak", "emulator"] => Ok(Request::SoakEmulator { cases: soak::SEQUENCES }),
        ["soak", "emulator", "--cases", number] => {
            Ok(Request::SoakEmulator { cases: count("--cases", number)? })
        }
        [.., last] => Err(unknown(last)),
    }
}

/// The options are checked here, so that nothing is built for a typing error.
fn conformance(options: &[&str]) -> Result<Request, Failure> {
    let mut rest = options;
    loop {
        rest = match rest {
            [] => break,
            ["--slow", rest @ ..]
            | ["--only", _, rest @ ..]
            | ["--format", "human" | "json", rest @ ..] => rest,
            [other, ..] => return Err(unknown(other)),
        };
    }
    Ok(Request::Conformance(options.iter().map(|option| (*option).to_owned()).collect()))
}

fn matrix(words: &[&str]) -> Result<Request, Failure> {
    let mut asked = soak::Matrix::default();
    let mut rest = words;
    loop {
        rest = match rest {
            [] => return Ok(Request::Matrix(asked)),
            ["--runs", number, rest @ ..] => {
                asked.runs = count("--runs", number)?;
                rest
            }
            ["--seed", number, rest @ ..] => {
                asked.seed = Some(count("--seed", number)?);
                rest
            }
            [option, ..] if option.starts_with('-') => return Err(unknown(option)),
            [name, rest @ ..] => {
                asked.names.push((*name).to_owned());
                rest
            }
        };
    }
}

fn count(option: &str, number: &str) -> Result<usize, Failure> {
    let count = number.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or_else(|| {
        Failure::usage(format!("{option} needs a number from 1 to {COUNT_MAX}, found {number}"))
    })
}

fn unknown(word: &str) -> Failure {
    Failure::usage(format!("`{word}` was not expected\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, Failure> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_command_is_understood() {
        let test = |steps: &[&str]| Request::Test(steps.iter().map(ToString::to_string).collect());
        let conformance = |options: &[&str]| {
            Request::Conformance(options.iter().map(ToString::to_string).collect())
        };
        for (line, expected) in [
            ("test", test(&[])),
            ("test fmt clippy", test(&["fmt", "clippy"])),
            ("test --list", Request::ListSteps),
            ("conformance", conformance(&[])),
            ("conformance --slow --format json", conformance(&["--slow", "--format", "json"])),
            ("conformance --only sqs.fifo", conformance(&["--only", "sqs.fifo"])),
            ("notices", Request::Notices),
            ("gen", Request::Generate),
            ("bench lambdas --runs 5", Request::BenchLambdas { runs: 5 }),
            ("package", Request::Package(Architecture::Arm64)),
            ("package --arch x86_64", Request::Package(Architecture::X86_64)),
            ("bench emulator", Request::BenchEmulator),
            ("bench check", Request::BenchCheck { runs: RUNS_DEFAULT }),
            ("bench check --runs 3", Request::BenchCheck { runs: 3 }),
            ("matrix", Request::Matrix(soak::Matrix::default())),
            (
                "matrix --runs 30 a b --seed 7",
                Request::Matrix(soak::Matrix {
                    runs: 30,
                    seed: Some(7),
                    names: vec!["a".to_owned(), "b".to_owned()],
                }),
            ),
            ("mutants", Request::Mutants),
            ("bench sim", Request::BenchSim),
            ("soak chaos-targets", Request::SoakChaosTargets { cases: chaos::SCHEDULES }),
            ("soak chaos", Request::SoakChaos { cases: chaos::SEEDS }),
            ("soak chaos --cases 7", Request::SoakChaos { cases: 7 }),
            ("soak check", Request::SoakCheck { cases: soak::CHECKS }),
            ("soak emulator", Request::SoakEmulator { cases: soak::SEQUENCES }),
            ("soak emulator --cases 5", Request::SoakEmulator { cases: 5 }),
            ("--help", Request::Help),
            ("test --help", Request::Help),
        ] {
            assert_eq!(parsed(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_usage() {
        for line in [
            "",
            "tset",
            "test --lits",
            "gen all",
            "bench",
            "conformance fast",
            "conformance --format xml",
            "bench chaos",
            "matrix --run 3",
        ] {
            let failure = parsed(line).unwrap_err();
            assert_eq!(failure.exit, 2, "{line}");
            assert!(failure.to_string().contains("Usage: cargo xtask"), "{line}: {failure}");
        }
    }

    #[test]
    fn a_number_of_runs_has_bounds() {
        for number in ["0", "-1", "many", "1000001"] {
            assert!(parsed(&format!("bench check --runs {number}")).is_err(), "{number}");
            assert!(parsed(&format!("matrix --runs {number}")).is_err(), "{number}");
        }
    }
}
