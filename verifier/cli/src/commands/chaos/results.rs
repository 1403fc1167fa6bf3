//! The files that a result is written to.

use std::path::{Path, PathBuf};

use verifier_core::chaos::Experiment;

use crate::args::{ResultArgs, ResultFormat};
use crate::chaos::{Outcome, experiment_of_file, written};
use crate::clean;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Named, Target, check_apart};
use crate::view;

/// Where a result goes besides stdout.
pub(super) struct Results {
    format: ResultFormat,
    result: Option<Target>,
    history: Option<Target>,
    report: Option<Target>,
    /// The job summary of GitHub Actions.
    summary: Option<PathBuf>,
    experiment: Option<Target>,
}

impl Results {
    /// Fails on what could not be written in the end, or would overwrite one of the inputs, before anything has taken its
    /// time.
    pub(super) fn of(args: &ResultArgs, inputs: &[Named<'_>]) -> Result<Self, Failure> {
        if let Some(folder) = &args.out {
            let made = files::make_folder(folder);
            made.map_err(|error| files::failed("folder", folder, &error))?;
        }
        let in_folder = |name: &str| args.out.as_ref().map(|folder| Target::inside(folder, name));
        let named = |path: &Option<PathBuf>| path.as_ref().map(Target::named);
        let is_github = args.format == ResultFormat::Github;
        let results = Self {
            format: args.format,
            result: in_folder("result.json"),
            history: named(&args.history).or_else(|| in_folder("history.jsonl")),
            report: named(&args.report).or_else(|| in_folder("report.html")),
            summary: if is_github { view::check_summary()? } else { None },
            experiment: in_folder("experiment.json"),
        };
        let targets = results.targets();
        for (what, target) in &targets {
            target.check().map_err(|error| files::failed(what, target.path(), &error))?;
        }
        let summary = results.summary.as_deref().map(|path| ("the job summary", path));
        let outputs = targets.iter().map(|(what, target)| (*what, target.path())).chain(summary);
        check_apart(&outputs.collect::<Vec<_>>(), inputs)?;
        Ok(results)
    }

    /// The files, with the word for each.
    fn targets(&self) -> Vec<(&'static str, &Target)> {
        let Self { result, history, report, experiment, .. } = self;
        let all = [
            ("result", result),
            ("history", history),
            ("report", report),
            ("experiment", experiment),
        ];
        all.into_iter().filter_map(|(what, target)| Some((what, target.as_ref()?))).collect()
    }

    /// Where the experiment is written to, in that file unless a folder was named. A file that nobody has named is not
    /// replaced, unless it is an experiment that was found before.
    pub(super) fn keep_experiment_in(&mut self, name: &str) -> Result<(), Failure> {
        if self.experiment.is_some() {
            return Ok(());
        }
        let target = Target::inside(Path::new(""), name);
        let file = target.path();
        let is_ours = experiment_of_file(file).is_ok_and(|found| found.found.is_some());
        let writable = if is_ours { target.check() } else { files::check_new(file) };
        writable.map_err(|error| files::failed("experiment", file, &error))?;
        let others = self.targets();
        let others: Vec<Named<'_>> =
            others.iter().map(|(what, target)| (*what, target.path())).collect();
        check_apart(&[("experiment", file)], &others)?;
        self.experiment = Some(target);
        Ok(())
    }

    /// Where the experiment is written to, if it is.
    pub(super) fn experiment(&self) -> Option<&Path> {
        self.experiment.as_ref().map(Target::path)
    }

    /// Writes the files and shows the result.
    pub(super) fn show(self, mut outcome: Outcome) -> Result<Exit, Failure> {
        let written = self.write(&mut outcome);
        let printed = view::chaos::print_outcome(&outcome, self.format);
        let summary = self.summary.as_deref();
        let summary = summary.map_or(Ok(()), |path| view::chaos::append_summary(&outcome, path));
        view::finish(outcome.exit(), view::first_lost([printed, written, summary]))
    }

    fn write(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        if let (Some(experiment), Some(target)) = (&outcome.experiment, &self.experiment) {
            write_experiment(experiment, target)?;
            outcome.files.push(("experiment", target.path().to_owned()));
        }
        if let (Some((history, _)), Some(target)) = (&outcome.judged, &self.history) {
            // It holds bodies.
            let kept = target.write_private(&written(history)?);
            kept.map_err(|error| files::failed("history", target.path(), &error))?;
            outcome.files.push(("history", target.path().to_owned()));
        }
        if let Some(target) = &self.report {
            outcome.files.push(("report", target.path().to_owned()));
            view::chaos::write_page(outcome, target)?;
        }
        if let Some(target) = &self.result {
            outcome.files.push(("result", target.path().to_owned()));
            let written = target.write_report(view::chaos::json(outcome).as_bytes());
            written.map_err(|error| files::failed("result", target.path(), &error))?;
        }
        Ok(())
    }
}

fn write_experiment(experiment: &Experiment, target: &Target) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(experiment)
        .map_err(|error| Failure::usage(format!("the experiment cannot be written: {error}")))?;
    let text = clean::json(&text) + "\n";
    let written = target.write_report(text.as_bytes());
    written.map_err(|error| files::failed("experiment", target.path(), &error))
}
