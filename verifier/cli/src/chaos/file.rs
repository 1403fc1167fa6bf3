//! Experiments in files: YAML, or JSON, which is read as JSON when the file is named so.

use std::path::Path;

use serde::de::DeserializeOwned;
use verifier_chaos::Experiment;

use super::builtin::Builtin;
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

/// An experiment in YAML.
pub(super) fn parse_yaml(text: &str) -> Result<Experiment, String> {
    checked(yaml(text)?)
}

/// An experiment in JSON.
pub(super) fn parse_json(text: &str) -> Result<Experiment, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let experiment = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| located(&error.path().to_string(), &error.inner().to_string()))?;
    reader.end().map_err(|error| error.to_string())?;
    checked(experiment)
}

fn checked(experiment: Experiment) -> Result<Experiment, String> {
    experiment.check().map_err(|error| error.to_string())?;
    Ok(experiment)
}

/// A value in YAML, or what is wrong: the field, the reason, and the line.
fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut field = String::new();
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| {
        serde_path_to_error::deserialize(reader).map_err(|error| {
            field = error.path().to_string();
            error.into_inner()
        })
    })
    .map_err(|error| located(&field, &error.to_string()))
}

/// A problem with its field; the whole document has no field.
fn located(field: &str, problem: &str) -> String {
    match field {
        "" | "." => problem.to_owned(),
        field => format!("{field}: {problem}"),
    }
}

#[cfg(test)]
mod tests;
