//! The files that a result is written to.

use std::path::{Path, PathBuf};

use verifier_core::chaos::Experiment;

use crate::args::{ResultArgs, ResultFormat};
use crate::chaos::{Outcome, experiment_of_file, written};
use crate::clean;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::view;

/// Where a result goes besides stdout.
pub(super) struct Results {
    format: ResultFormat,
    result: Option<PathBuf>,
    history: Option<PathBuf>,
    report: Option<PathBuf>,
    /// The job summary of GitHub Actions.
    summary: Option<PathBuf>,
    experiment: Option<PathBuf>,
}

impl Results {
    /// Fails on what could not be written in the end, before anything has taken its time.
    pub(super) fn of(args: &ResultArgs) -> Result<Self, Failure> {
        if let Some(folder) = &args.out {
            let made = files::make_folder(folder);
            made.map_err(|error| files::failed("folder", folder, &error))?;
        }
        let in_folder = |name: &str| args.out.as_ref().map(|folder| folder.join(name));
        let is_github = args.format == ResultFormat::Github;
        let results = Self {
            format: args.format,
            result: in_folder("result.json"),
            history: args.history.clone().or_else(|| in_folder("history.jsonl")),
            report: args.report.clone().or_else(|| in_folder("report.html")),
            summary: if is_github { view::check_summary()? } else { None },
            experiment: in_folder("experiment.json"),
        };
        let Self { result, history, report, experiment, .. } = &results;
        for (what, file) in [
            ("result", result),
            ("history", history),
            ("report", report),
            ("experiment", experiment),
        ] {
            if let Some(file) = file {
                files::check(file).map_err(|error| files::failed(what, file, &error))?;
            }
        }
        Ok(results)
    }

    /// Where the experiment is written to, in that file unless a folder was named. A file that nobody has named is not
    /// replaced, unless it is an experiment that was found before.
    pub(super) fn keep_experiment_in(&mut self, file: PathBuf) -> Result<(), Failure> {
        if self.experiment.is_some() {
            return Ok(());
        }
        let is_ours = experiment_of_file(&file).is_ok_and(|found| found.found.is_some());
        let writable = if is_ours { files::check(&file) } else { files::check_new(&file) };
        writable.map_err(|error| files::failed("experiment", &file, &error))?;
        self.experiment = Some(file);
        Ok(())
    }

    /// Where the experiment is written to, if it is.
    pub(super) fn experiment(&self) -> Option<&Path> {
        self.experiment.as_deref()
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
        if let (Some(experiment), Some(path)) = (&outcome.experiment, &self.experiment) {
            write_experiment(experiment, path)?;
            outcome.files.push(("experiment", path.clone()));
        }
        if let (Some((history, _)), Some(path)) = (&outcome.judged, &self.history) {
            // It holds bodies.
            let kept = files::write_private(path, &written(history)?);
            kept.map_err(|error| files::failed("history", path, &error))?;
            outcome.files.push(("history", path.clone()));
        }
        if let Some(path) = &self.report {
            outcome.files.push(("report", path.clone()));
            view::chaos::write_page(outcome, path)?;
        }
        if let Some(path) = &self.result {
            outcome.files.push(("result", path.clone()));
            let text = view::chaos::json(outcome);
            let written = files::write_report(path, text.as_bytes());
            written.map_err(|error| files::failed("result", path, &error))?;
        }
        Ok(())
    }
}

fn write_experiment(experiment: &Experiment, path: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(experiment)
        .map_err(|error| Failure::usage(format!("the experiment cannot be written: {error}")))?;
    let text = clean::json(&text) + "\n";
    let written = files::write_report(path, text.as_bytes());
    written.map_err(|error| files::failed("experiment", path, &error))
}
