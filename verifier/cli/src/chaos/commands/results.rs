//! The files that a result is written to.

use std::io;
use std::path::{Path, PathBuf};

use verifier_chaos::Experiment;

use crate::chaos::args::ResultArgs;
use crate::chaos::live::is_named_after;
use crate::chaos::view;
use crate::chaos::{Outcome, experiment_of_file, written};
use crate::report::job_summary::check_summary;
use crate::shell::args::ResultFormat;
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Named, Staged, Target, check_apart};
use crate::shell::print::{finish, first_lost};

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
            summary: if is_github { check_summary()? } else { None },
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

    /// Fails on a file that is called as one of those that the run itself keeps beside its journal.
    pub(super) fn refuse_what_is_named_after(&self, journal: &Path) -> Result<(), Failure> {
        let targets = self.targets();
        let folder = |path: &Path| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            std::fs::canonicalize(folder.unwrap_or_else(|| Path::new("."))).ok()
        };
        let is_kept = |target: &Target| {
            is_named_after(target.path(), journal) && folder(target.path()) == folder(journal)
        };
        match targets.iter().find(|(_, target)| is_kept(target)) {
            None => Ok(()),
            Some((what, target)) => Err(Failure {
                next: Some("name another file".to_owned()),
                ..Failure::usage(format!(
                    "the {what} {} is called as what the run keeps beside its journal {}",
                    target.path().display(),
                    journal.display()
                ))
            }),
        }
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
        let printed = view::print_outcome(&outcome, self.format);
        let summary = self.summary.as_deref();
        let summary = summary.map_or(Ok(()), |path| view::append_summary(&outcome, path));
        finish(outcome.exit(), first_lost([printed, written, summary]))
    }

    /// Writes all of the files, or none: those of two runs do not go together.
    fn write(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let before = outcome.files.len();
        outcome.files.extend(self.files(outcome));
        let written = self.staged(outcome).and_then(|staged| {
            staged.into_iter().try_for_each(|(what, target, ready)| {
                ready.commit().map_err(|error| files::failed(what, target.path(), &error))
            })
        });
        if written.is_err() {
            outcome.files.truncate(before);
        }
        written
    }

    /// The files that there will be, with the word for each.
    fn files(&self, outcome: &Outcome) -> Vec<(&'static str, PathBuf)> {
        let Self { result, history, report, experiment, .. } = self;
        let experiment = experiment.as_ref().filter(|_| outcome.experiment.is_some());
        let history = history.as_ref().filter(|_| outcome.evaluated.is_some());
        let all = [
            ("experiment", experiment),
            ("history", history),
            ("report", report.as_ref()),
            ("result", result.as_ref()),
        ];
        all.into_iter()
            .filter_map(|(what, target)| Some((what, target?.path().to_owned())))
            .collect()
    }

    /// The files, each ready to take its place.
    fn staged(&self, outcome: &Outcome) -> Result<Vec<(&'static str, &Target, Staged)>, Failure> {
        let mut staged = Vec::new();
        let mut add = |what: &'static str, target, ready: io::Result<Staged>| {
            let target: &Target = target;
            let ready = ready.map_err(|error| files::failed(what, target.path(), &error))?;
            staged.push((what, target, ready));
            Ok::<(), Failure>(())
        };
        if let (Some(experiment), Some(target)) = (&outcome.experiment, &self.experiment) {
            add("experiment", target, target.stage_report(text_of(experiment)?.as_bytes()))?;
        }
        if let (Some((history, _)), Some(target)) = (&outcome.evaluated, &self.history) {
            // It holds bodies.
            add("history", target, target.stage_private(&written(history)?))?;
        }
        if let Some(target) = &self.report {
            let page = view::page(outcome);
            add("report", target, page.and_then(|page| target.stage_report(page.as_bytes())))?;
        }
        if let Some(target) = &self.result {
            add("result", target, target.stage_report(view::json(outcome).as_bytes()))?;
        }
        Ok(staged)
    }
}

/// An experiment as it is written to a file.
fn text_of(experiment: &Experiment) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(experiment)
        .map_err(|error| Failure::usage(format!("the experiment cannot be written: {error}")))?;
    Ok(clean::json(&text) + "\n")
}
