//! `verifier-conformance`: runs the cases, and prints what came of them side by side.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio_util::sync::CancellationToken;
use verifier_conformance::{Case, Column, Endpoint, Known, Options, Outcome, Report, cases, run};

/// The names in the report of the emulator and of the endpoint outside.
const EMULATOR: &str = "emulator";
const OUTSIDE: &str = "endpoint";

/// Runs the conformance cases against the emulator and against other endpoints.
#[derive(Parser)]
#[command(name = "verifier-conformance", version)]
struct Args {
    /// Another endpoint on this machine that takes any credentials, with a name for the report.
    #[arg(long, value_name = "NAME=URL", value_parser = pair)]
    local: Vec<(String, String)>,
    /// The deviations that an endpoint is known to have: JSON, reasons by the ids of cases. Any other, and one that is
    /// gone, is then a failure.
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    known: Vec<(String, String)>,
    /// One more endpoint, with the region and the credentials of the environment; `aws` for AWS's own.
    #[arg(long, value_name = "URL", env = "VERIFIER_CONFORMANCE_ENDPOINT")]
    endpoint_url: Option<String>,
    /// Only cases whose id contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Run also those that take long where time cannot be skipped.
    #[arg(long)]
    slow: bool,
    /// List the cases instead of running them.
    #[arg(long)]
    list: bool,
    /// Print how many cases came to what, and only what is not as it should be.
    #[arg(long)]
    quiet: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    Human,
    /// One JSON document of the schema `verifier.conformance/1`.
    Json,
}

impl Args {
    /// Whether an endpoint of that name is run.
    fn runs(&self, name: &str) -> bool {
        name == EMULATOR
            || self.local.iter().any(|(local, _)| local == name)
            || (name == OUTSIDE && self.endpoint_url.is_some())
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = pair.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match perform(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Whoever has closed stderr does not want to know.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the emulator passes, and every other endpoint is as it is known.
async fn perform(args: Args) -> Result<bool, Box<dyn std::error::Error>> {
    let cases: Vec<Case> =
        cases().into_iter().filter(|case| case.id.contains(&args.only)).collect();
    let mut out = std::io::stdout();
    if args.list {
        for Case { id, asserts, source, .. } in &cases {
            writeln!(out, "{id}\n    {asserts}\n    {source}")?;
        }
        return Ok(true);
    }
    let known = known_of(&args.known)?;
    if let Some((name, _)) = known.iter().find(|(name, _)| !args.runs(name)) {
        return Err(format!("--known names {name}, which is not run").into());
    }
    let columns = run_all(&endpoints(&args).await, &cases, args.slow).await;
    let report = Report { cases: &cases, columns: &columns };
    match args.format {
        Format::Human if args.quiet => write!(out, "{}", report.summaries())?,
        Format::Human => write!(out, "{}", report.human())?,
        Format::Json => writeln!(out, "{}", report.json())?,
    }
    out.flush()?;
    let mut as_known = true;
    if args.quiet {
        for difference in Known::default().differences(&cases, &columns[0]) {
            writeln!(std::io::stderr(), "{difference}")?;
        }
    }
    for (name, known) in &known {
        for column in columns.iter().filter(|column| column.name == *name) {
            for difference in known.differences(&cases, column) {
                as_known = false;
                writeln!(std::io::stderr(), "{difference}")?;
            }
        }
    }
    Ok(as_known && emulator_passes(&cases, &columns))
}

fn emulator_passes(cases: &[Case], columns: &[Column]) -> bool {
    let emulator = columns.iter().find(|column| column.name == EMULATOR);
    emulator
        .is_some_and(|column| cases.iter().all(|case| column.outcome(case.id) == Outcome::Passed))
}

fn known_of(files: &[(String, String)]) -> Result<Vec<(String, Known)>, String> {
    let read = |(name, file): &(String, String)| {
        let path = PathBuf::from(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let known = Known::parse(&text).map_err(|error| format!("{file}: {error}"))?;
        Ok((name.clone(), known))
    };
    files.iter().map(read).collect()
}

async fn endpoints(args: &Args) -> Vec<Endpoint> {
    let mut endpoints = vec![Endpoint::emulator().await];
    for (name, url) in &args.local {
        endpoints.push(Endpoint::local(name, url).await);
    }
    if let Some(url) = &args.endpoint_url {
        let url = (url != "aws").then(|| url.clone());
        endpoints.push(Endpoint::outside(OUTSIDE, url).await);
    }
    endpoints
}

async fn run_all(endpoints: &[Endpoint], cases: &[Case], slow: bool) -> Vec<Column> {
    let end = CancellationToken::new();
    let interrupt = tokio::spawn({
        let end = end.clone();
        async move {
            // Without a handler there is nothing to wait for, and Ctrl-C ends the process as usual.
            if tokio::signal::ctrl_c().await.is_ok() {
                end.cancel();
            }
        }
    });
    let options = Options { slow, ..Options::default() };
    let runs = endpoints.iter().map(|endpoint| run(endpoint, cases, options, &end));
    let columns = futures::future::join_all(runs).await;
    interrupt.abort();
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_endpoint_that_is_not_run_is_refused_beforehand() {
        let args = |more: &[&str]| {
            Args::parse_from([&["verifier-conformance"], more, &["--endpoint-url", "x"]].concat())
        };
        let other = args(&["--local", "other=http://127.0.0.1:9"]);
        for name in ["emulator", "other", "endpoint"] {
            assert!(other.runs(name), "{name}");
        }
        assert!(!args(&[]).runs("other"));
        let alone = Args { endpoint_url: None, ..args(&[]) };
        assert!(!alone.runs("endpoint"));
    }
}
