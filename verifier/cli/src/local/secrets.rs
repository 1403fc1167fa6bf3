//! Which values of a command line are secrets: the template says it.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;
use verifier_core::command::SecretValues;
use verifier_emulator::template_document;

use crate::local::{assembly, finding};
use crate::shell::files;

/// Those of a command line, by the template that it names or means. Where that cannot be read, all are: why not is said elsewhere.
pub(crate) fn secret_values(typed: impl Iterator<Item = OsString>) -> SecretValues {
    let typed: Vec<String> = typed.map(|word| word.to_string_lossy().into_owned()).collect();
    let has_values =
        typed.iter().any(|word| word.starts_with("--parameter") || word.starts_with("--value"));
    SecretValues::of(if has_values { template(&typed) } else { None })
}

fn template(typed: &[String]) -> Option<(String, Value)> {
    let stack = value_of(typed, "--stack");
    let (path, _) = match value_of(typed, "--template") {
        Some(named) => assembly::template(Path::new(named), stack).ok()?,
        None => finding::find(&std::env::current_dir().ok()?, stack).ok()?,
    };
    let text = files::read_text(&path).ok()?;
    let document = template_document(&text).ok()?;
    Some((text, document))
}

/// The value of an option, as the next word or after `=`.
fn value_of<'t>(typed: &'t [String], option: &str) -> Option<&'t str> {
    typed.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(option)? {
        "" => typed.get(index + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_that_is_named_says_which_values_are_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yaml");
        std::fs::write(&path, "Parameters: {P: {NoEcho: true}, Q: {}}").unwrap();
        let path = path.to_string_lossy();
        for named in
            [vec!["--template".to_owned(), path.to_string()], vec![format!("--template={path}")]]
        {
            let typed = named.into_iter().chain(["--parameter".to_owned()]).map(OsString::from);
            let secrets = secret_values(typed);
            assert_eq!(secrets.shown("--parameter", "Q=1"), "Q=1");
            assert_eq!(secrets.shown("--parameter", "P=1"), "P=<the value of P>");
        }
        let none = secret_values(
            ["--template", "/no/such", "--parameter"].map(OsString::from).into_iter(),
        );
        assert_eq!(none.shown("--parameter", "Q=1"), "Q=<the value of Q>");
    }
}
