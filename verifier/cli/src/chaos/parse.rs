//! Reading experiments: YAML, or JSON.

use serde::de::DeserializeOwned;
use verifier_chaos::Experiment;

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
