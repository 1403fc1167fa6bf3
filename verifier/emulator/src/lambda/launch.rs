//! What is started for a function.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The program of a function, and what it is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// The program, or the interpreter that runs the function's code.
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The folder of the function's code, in which it starts; that of this process where there is none.
    pub(crate) folder: Option<PathBuf>,
    /// What Lambda's runtime of that kind sets besides what every function gets.
    pub(crate) variables: Vec<(String, OsString)>,
}

impl Launch {
    /// A program that speaks the Runtime API by itself.
    pub(crate) fn of_program(executable: PathBuf) -> Self {
        Self { executable, arguments: Vec::new(), folder: None, variables: Vec::new() }
    }

    /// Whether it is a program of the user's, and no interpreter.
    pub(crate) fn is_program(&self) -> bool {
        self.arguments.is_empty()
    }

    /// What the user knows of it: the folder of its code, or the program.
    pub(crate) fn place(&self) -> &Path {
        self.folder.as_deref().unwrap_or(&self.executable)
    }
}

/// What to do where code asks for what Lambda provides and this machine has not.
pub(crate) fn missing_hint(problem: &str) -> Option<String> {
    let after = |words: &str| {
        let (_, rest) = problem.split_once(words)?;
        rest.split('\'').next().map(str::to_owned)
    };
    let package = after("Cannot find module '").or_else(|| after("Cannot find package '"));
    let module = after("No module named '");
    match (package, module) {
        (Some(name), _) if name.starts_with("@aws-sdk/") || name.starts_with("@smithy/") => Some(
            format!("Lambda provides {name}: run `npm install --no-save {name}` in the project"),
        ),
        (Some(name), _) if name == "aws-sdk" => Some(
            "Lambda provides aws-sdk no more since nodejs18.x: put it into the function's code"
                .to_owned(),
        ),
        (_, Some(name)) if ["boto3", "botocore"].iter().any(|own| name.starts_with(own)) => {
            Some("Lambda provides boto3: run `python3 -m pip install boto3`, or name a Python that has it with --runtime".to_owned())
        }
        (_, Some(name)) => Some(format!(
            "install {name} into the function's folder as its deployment does, or name the built folder with --code"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_provides_is_asked_for_by_name() {
        for (problem, words) in [
            (
                "Error: Cannot find module '@aws-sdk/client-sqs'\nRequire stack:",
                Some("npm install --no-save @aws-sdk/client-sqs"),
            ),
            ("Cannot find package '@aws-sdk/client-sqs' imported from", Some("npm install")),
            ("Cannot find module 'aws-sdk'", Some("no more since nodejs18.x")),
            ("Unable to import module 'index': No module named 'boto3'", Some("pip install boto3")),
            ("No module named 'requests'", Some("install requests into the function's folder")),
            ("Error: Cannot find module 'index'", None),
            ("boom", None),
        ] {
            let hint = missing_hint(problem);
            assert_eq!(hint.is_some(), words.is_some(), "{hint:?}");
            assert!(words.is_none_or(|words| hint.unwrap().contains(words)), "{problem}");
        }
    }
}
