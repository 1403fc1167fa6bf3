//! Reading a file of outputs.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use verifier_core::check::nearest;
use verifier_core::resources::{OutputsFileError, StacksOutputs};

use crate::shell::failure::Failure;
use crate::shell::files;

/// The most that is read from stdin.
const STDIN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The outputs of a stack, by name.
pub(super) type Outputs = BTreeMap<String, String>;

/// How a file is named to people.
pub(super) fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "on stdin".to_owned() } else { path.display().to_string() }
}

/// The text of a file, or of stdin.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let text = if path.as_os_str() == "-" { stdin() } else { files::read_text(path) };
    text.map_err(|error| {
        Failure::usage(format!("the outputs {} cannot be used: {error}", shown(path)))
    })
}

fn stdin() -> io::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(STDIN_BYTES_MAX).read_to_end(&mut bytes)?;
    files::text(bytes)
}

pub(super) fn refused(error: OutputsFileError) -> Failure {
    let what = error.to_string();
    Failure { next: error.next, ..Failure::usage(what) }
}

/// The outputs of a stack. Without a name, the file has to be about one stack only.
///
/// Source: <https://docs.aws.amazon.com/cdk/v2/guide/ref-cli-cmd-deploy.html>, `--outputs-file`.
pub(super) fn of_stack(
    mut stacks: StacksOutputs,
    stack: Option<&str>,
) -> Result<(String, Outputs), String> {
    let names: Vec<String> = stacks.keys().cloned().collect();
    let name = match (stack, names.as_slice()) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.clone(),
        (None, several) => {
            return Err(format!("name one of its stacks with --stack: {}", several.join(", ")));
        }
    };
    let near = nearest(&name, names.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let outputs = stacks.remove(&name).ok_or(format!("the stack {name} is not in it{near}"))?;
    Ok((name, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"A-1": {"Url": "u"}, "A-2": {}}"#;

    fn chosen(text: &str, stack: Option<&str>) -> Result<(String, Outputs), String> {
        of_stack(serde_json::from_str(text).unwrap(), stack)
    }

    #[test]
    fn the_named_or_the_only_stack_is_chosen() {
        let (name, outputs) = chosen(TWO, Some("A-1")).unwrap();
        assert_eq!((name.as_str(), outputs["Url"].as_str()), ("A-1", "u"));
        assert_eq!(chosen(r#"{"A-1": {}}"#, None).unwrap().0, "A-1");
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (text, stack, said) in
            [(TWO, None, "A-1, A-2"), (TWO, Some("A-11"), "did you mean A-1?")]
        {
            let error = chosen(text, stack).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
