//! Experiments in files: YAML, or JSON, which is read as JSON when the file is named so.

use std::path::Path;

use verifier_chaos::Experiment;

use super::builtin::Builtin;
use super::parse::{parse_json, parse_yaml};
use crate::shell::failure::Failure;
use crate::shell::files;

/// The built-in experiment of that name, or the one of that file.
pub(crate) fn experiment_from(name: &str) -> Result<Experiment, Failure> {
    if let Some(builtin) = Builtin::named(name) {
        let broken = |problem| Failure::usage(format!("the experiment {name}: {problem}"));
        return builtin.experiment().map_err(broken);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(Failure {
            next: Some("`verifier chaos list` shows the built-in experiments".to_owned()),
            ..Failure::usage(format!("there is no built-in experiment and no file {name}"))
        });
    }
    experiment_of_file(path)
}

/// The experiment of a file.
pub(crate) fn experiment_of_file(path: &Path) -> Result<Experiment, Failure> {
    let wrong = |problem: String| {
        Failure::usage(format!("the experiment {} cannot be used: {problem}", path.display()))
    };
    let text = files::read_text(path).map_err(|error| wrong(error.to_string()))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if is_json { parse_json(&text) } else { parse_yaml(&text) };
    parsed.map_err(wrong)
}
