//! `verifier chaos judge`.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Instant;

use verifier_core::chaos::{AnomalySet, History, HistoryError, judge};

use super::results::Results;
use crate::args::{ChaosJudgeArgs, ResultArgs};
use crate::chaos::Outcome;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &ChaosJudgeArgs) -> Result<Exit, Failure> {
    let allowed: AnomalySet =
        args.allow.iter().map(|name| super::anomaly(name)).collect::<Result<_, _>>()?;
    let results = Results::of(&ResultArgs {
        format: args.format,
        report: args.report.clone(),
        ..ResultArgs::default()
    })?;
    let began = Instant::now();
    let mut history = read(&args.history).map_err(|error| {
        Failure::usage(format!("{} cannot be judged: {error}", args.history.display()))
    })?;
    history.header.allows = history.header.allows.union(allowed);
    let report = judge(&history);
    let target = history.header.target.clone();
    results.show(Outcome {
        judged: Some((history, report)),
        wall: began.elapsed(),
        ..Outcome::of(&target, super::again())
    })
}

fn read(path: &Path) -> Result<History, HistoryError> {
    if path == Path::new("-") {
        return History::read(io::stdin().lock());
    }
    History::read(BufReader::new(File::open(path)?))
}
