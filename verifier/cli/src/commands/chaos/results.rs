//! The files that a result is written to.

use std::path::{Path, PathBuf};

use verifier_core::chaos::Experiment;

use crate::args::{ChaosFormat, ResultArgs};
use crate::chaos::{Outcome, written};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::write_whole;
use crate::view;

/// Where a result goes besides stdout.
pub(super) struct Results {
    format: ChaosFormat,
    folder: Option<PathBuf>,
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
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::usage(format!("the folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        for file in [&args.history, &args.report].into_iter().flatten() {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(Failure::usage(format!(
                    "{} cannot be written: its folder is not there, or it is one itself",
                    file.display()
                )));
            }
        }
        let in_folder = |name: &str| args.out.as_ref().map(|folder| folder.join(name));
        Ok(Self {
            format: args.format,
            folder: args.out.clone(),
            history: args.history.clone().or_else(|| in_folder("history.jsonl")),
            report: args.report.clone().or_else(|| in_folder("report.html")),
            summary: view::job_summary().filter(|_| args.format == ChaosFormat::Github),
            experiment: in_folder("experiment.json"),
        })
    }

    /// Where the experiment is written to, in that file unless a folder was named.
    pub(super) fn keep_experiment_in(&mut self, file: PathBuf) {
        self.experiment.get_or_insert(file);
    }

    /// Where the experiment is written to, if it is.
    pub(super) fn experiment(&self) -> Option<&Path> {
        self.experiment.as_deref()
    }

    /// Writes the files and shows the result.
    pub(super) fn show(self, mut outcome: Outcome) -> Result<Exit, Failure> {
        let written = self.write(&mut outcome);
        view::chaos::print_outcome(&outcome, self.format);
        let exit = outcome.exit();
        let summary = self.summary.as_deref();
        let summary = summary.map_or(Ok(()), |path| view::chaos::append_summary(&outcome, path));
        match written.and(summary) {
            // Whatever was found weighs more than a file.
            Err(failure) if exit != Exit::Passed => {
                view::print_failure(&failure);
                Ok(exit)
            }
            done => done.map(|()| exit),
        }
    }

    fn write(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        if let (Some(experiment), Some(path)) = (&outcome.experiment, &self.experiment) {
            write_experiment(experiment, path)?;
            outcome.files.push(("experiment", path.clone()));
        }
        if let (Some((history, _)), Some(path)) = (&outcome.judged, &self.history) {
            let bytes = written(history)?;
            std::fs::write(path, bytes).map_err(|error| cannot(path, &error))?;
            outcome.files.push(("history", path.clone()));
        }
        if let Some(path) = &self.report {
            outcome.files.push(("report", path.clone()));
            view::chaos::write_page(outcome, path)?;
        }
        if let Some(folder) = &self.folder {
            let path = folder.join("result.json");
            outcome.files.push(("result", path.clone()));
            let text = view::chaos::json(outcome);
            write_whole(&path, &text).map_err(|error| cannot(&path, &error))?;
        }
        Ok(())
    }
}

fn write_experiment(experiment: &Experiment, path: &Path) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(experiment)
        .map_err(|error| Failure::usage(format!("the experiment cannot be written: {error}")))?;
    text.push('\n');
    write_whole(path, &text).map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be written: {error}", path.display()))
}
