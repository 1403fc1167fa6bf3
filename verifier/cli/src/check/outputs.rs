//! The file that `cdk deploy --outputs-file` writes: stacks, each with its outputs.

use std::collections::BTreeMap;
use std::path::Path;

use verifier_core::check::nearest;

use crate::shell::failure::Failure;
use crate::shell::files;

/// The outputs of a stack, by name.
pub(crate) type Outputs = BTreeMap<String, String>;

/// Reads the outputs of a stack. Without a name, the file has to be about one stack only.
///
/// Source: <https://docs.aws.amazon.com/cdk/v2/guide/ref-cli-cmd-deploy.html>, `--outputs-file`.
pub(crate) fn read(path: &Path, stack: Option<&str>) -> Result<(String, Outputs), Failure> {
    let bad = |problem: String| {
        Failure::usage(format!("the outputs {} cannot be used: {problem}", path.display()))
    };
    let text = files::read_text(path).map_err(|error| bad(error.to_string()))?;
    choose(&text, stack).map_err(bad)
}

fn choose(text: &str, stack: Option<&str>) -> Result<(String, Outputs), String> {
    let mut stacks: BTreeMap<String, Outputs> = serde_json::from_str(text)
        .map_err(|error| format!("they are not stacks with their outputs: {error}"))?;
    let names: Vec<String> = stacks.keys().cloned().collect();
    let name = match (stack, names.as_slice()) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => return Err("there is no stack in it".to_owned()),
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

    #[test]
    fn the_named_or_the_only_stack_is_chosen() {
        let (name, outputs) = choose(TWO, Some("A-1")).unwrap();
        assert_eq!((name.as_str(), outputs["Url"].as_str()), ("A-1", "u"));
        assert_eq!(choose(r#"{"A-1": {}}"#, None).unwrap().0, "A-1");
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (text, stack, said) in [
            ("{", None, "not stacks"),
            (r#"{"A": "u"}"#, None, "not stacks"),
            ("{}", None, "no stack in it"),
            (TWO, None, "A-1, A-2"),
            (TWO, Some("A-11"), "did you mean A-1?"),
        ] {
            let error = choose(text, stack).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
