//! The options of `verifier local`, and those by which other commands bring a stack up.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use verifier_emulator::Runtime;

use crate::shell::args::Format;
use crate::shell::endpoint::LOCAL_REGION;

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How time passes.
    #[arg(long, value_enum, default_value_t = ClockArg::Real, value_name = "CLOCK")]
    pub(crate) clock: ClockArg,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// The stack in the folder that --template names.
    #[arg(long, value_name = "NAME", requires = "template")]
    pub(crate) stack: Option<String>,
    /// The region in ARNs and in the functions' environment, for clients that insist on one of AWS's.
    #[arg(long, value_name = "REGION", value_parser = parse_region, default_value = LOCAL_REGION)]
    pub(crate) region: String,
    /// Write endpoint, token, stack name and outputs to this file, as JSON, when everything is up. Only you can read it.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Let pages of this origin ask AWS's services here, from a browser; may be repeated. They still have to sign.
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pub(crate) allow_origin: Vec<String>,
    /// What to print on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// What is brought up on this machine.
#[derive(Debug, Default, Args)]
pub(crate) struct TemplateArgs {
    /// The synthesised template, or the folder that CDK synthesises into [default: what the project has: stack/template, cdk.out, .aws-sam/build, template.yaml].
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) template: Option<PathBuf>,
    /// The folder of the functions' binaries [default: they are built].
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// The code of a function or a layer: a folder or a zip archive [default: where the template or CDK says]; may be repeated.
    #[arg(long = "code", value_name = "LOGICAL_ID=PATH", value_parser = parse_path)]
    pub(crate) code: Vec<(String, PathBuf)>,
    /// The interpreter of a runtime, such as nodejs22.x or python3.13 [default: `node` and `python3` on the PATH]; may be repeated.
    #[arg(long = "runtime", value_name = "NAME=PATH", value_parser = parse_runtime)]
    pub(crate) runtimes: Vec<(String, PathBuf)>,
    /// Fault rules in JSON: what goes wrong on purpose.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// A value for a parameter of the template; may be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The value of what AWS looks up elsewhere, such as /app/table for {{resolve:ssm:/app/table}}, a parameter of SSM or the name of an export; may be repeated.
    #[arg(long = "value", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub(crate) values: Vec<(String, String)>,
    /// Leave a resource of the template out: one that brings messages or requests into the stack in a way that is not emulated; several are separated by commas.
    #[arg(long = "without", value_name = "LOGICAL_ID", value_delimiter = ',')]
    pub(crate) without: Vec<String>,
    /// Let functions do what their roles do not allow, and everything else that IAM would deny.
    #[arg(long)]
    pub(crate) no_iam: bool,
    /// Let everybody but the functions do what a role of the template may, or what a policy in a file allows.
    #[arg(long = "as", value_name = "ROLE|POLICY.json", conflicts_with = "no_iam")]
    pub(crate) callers: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockArg {
    /// Real time.
    Real,
    /// Idle time is skipped.
    SkipIdle,
}

/// An origin as browsers write it, from the URL of a page without its path.
fn parse_origin(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let is_one = !url.host_str().unwrap_or_default().contains('*');
    if matches!(url.scheme(), "http" | "https") && is_bare && is_one {
        return Ok(url.origin().ascii_serialization());
    }
    Err("expected a scheme, a host and a port if need be: https://page.example or http://localhost:5173".to_owned())
}

/// A region's name as AWS forms it: what it is of, where, and a number.
///
/// Source: <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
fn parse_region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match parts.split_last() {
        Some((number, words))
            if words.len() >= 2 && words.iter().all(is_word) && is_number(number) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected a region such as us-east-1".to_owned()),
    }
}

fn parse_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected LOGICAL_ID=PATH")?;
    match path {
        "" => Err("expected a path after =".to_owned()),
        path => Ok((name.to_owned(), PathBuf::from(path))),
    }
}

/// A runtime that an interpreter is needed for, and that.
fn parse_runtime(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = parse_path(text).map_err(|_| "expected NAME=PATH")?;
    match Runtime::parse(&name) {
        Ok(Runtime::Node(_) | Runtime::Python(_)) => Ok((name, path)),
        _ => {
            Err("expected nodejs20.x to nodejs24.x or python3.10 to python3.14 before =".to_owned())
        }
    }
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_one_that_an_interpreter_runs() {
        let expected = ("nodejs22.x".to_owned(), PathBuf::from("/opt/node"));
        assert_eq!(parse_runtime("nodejs22.x=/opt/node"), Ok(expected));
        for other in ["nodejs22.x", "nodejs22.x=", "node=/n", "provided.al2023=/x", "java21=/j"] {
            assert!(parse_runtime(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_region_has_aws_s_form() {
        for region in [LOCAL_REGION, "us-east-1", "us-gov-west-1", "ap-southeast-12"] {
            assert_eq!(parse_region(region).as_deref(), Ok(region));
        }
        for other in ["", "us", "us-east", "us-1", "US-EAST-1", "us-east-1/", "us--1", "us-east-"] {
            assert!(parse_region(other).is_err(), "{other}");
        }
    }
}
