//! `verifier chaos analyze`.

use std::io;
use std::path::Path;
use std::time::Instant;

use verifier_chaos::{AnomalySet, History, HistoryError, evaluate, missing_in};

use super::results::Results;
use crate::chaos::Outcome;
use crate::chaos::args::{ChaosAnalyzeArgs, ResultArgs};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files;

pub(super) fn run(args: &ChaosAnalyzeArgs) -> Result<Exit, Failure> {
    let allowed: AnomalySet =
        args.allow.iter().map(|name| super::anomaly(name)).collect::<Result<_, _>>()?;
    let to =
        ResultArgs { format: args.format, report: args.report.clone(), ..ResultArgs::default() };
    let is_stdin = args.history == Path::new("-");
    let inputs = (!is_stdin).then_some(("the history", args.history.as_path()));
    let results = Results::of(&to, inputs.as_slice())?;
    let began = Instant::now();
    let mut history = read(&args.history).map_err(|error| {
        Failure::usage(format!("{} cannot be evaluated: {error}", args.history.display()))
    })?;
    history.header.allows = history.header.allows.union(allowed);
    let report = evaluate(&history);
    let target = history.header.target.clone();
    results.show(Outcome {
        missing: missing_in(&history),
        evaluated: Some((history, report)),
        wall: began.elapsed(),
        ..Outcome::of(&target, super::reproduce())
    })
}

fn read(path: &Path) -> Result<History, HistoryError> {
    if path == Path::new("-") {
        return History::read(files::bounded(io::stdin().lock()));
    }
    History::read(files::lines(path)?)
}
