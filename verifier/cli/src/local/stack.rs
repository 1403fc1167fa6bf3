//! The stack on this machine: finding the template, building the functions, starting the emulator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use verifier_emulator::{
    Callers, ClockMode, CodeConfig, Emulator, EmulatorConfig, OTHER_WORK, Template, Trust,
    Unstartable,
};
use verifier_model::faults::FaultRules;

use crate::local::args::{ClockArg, TemplateArgs};
use crate::local::includes::included;
use crate::local::workspace::{check_workspace, find_project};
use crate::local::{assembly, finding, sam};
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::output;
use crate::shell::progress::Progress;

/// The metadata that names a function's program, which is built.
const BINARY_KEY: &str = "verifier:binary";
/// The metadata that names a page's folder.
const DIRECTORY_KEY: &str = "verifier:directory";

/// What to start an emulator with, besides the template.
pub(crate) struct LocalOptions {
    pub(crate) port: u16,
    pub(crate) clock: ClockArg,
    /// The stack in a folder of several.
    pub(crate) stack: Option<String>,
    /// Where the stack takes itself to be.
    pub(crate) region: String,
    /// Whether clients of other processes are expected.
    pub(crate) for_others: bool,
    /// The origins of pages that may ask AWS's services.
    pub(crate) allowed_origins: Vec<String>,
}

/// Starts the emulator.
pub(crate) async fn start(
    args: TemplateArgs,
    options: LocalOptions,
    progress: &Progress,
) -> Result<Emulator, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::environment(format!("the working directory cannot be read: {error}"))
    })?;
    let (path, named) = match args.template {
        Some(path) => assembly::template(&path, options.stack.as_deref())?,
        None => finding::find(&here, options.stack.as_deref())?,
    };
    let faults = args.faults.as_deref().map(read_faults).transpose()?;
    let callers = args.callers.as_deref().map(callers).transpose()?;
    let text = files::read_text(&path).map_err(|error| {
        Failure::usage(format!("the template {} cannot be read: {error}", path.display()))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let trust = Trust::of(&[&here, &path, folder]);
    let text = included(text, folder, &trust)?;
    let parameters: BTreeMap<String, String> = args.parameters.iter().cloned().collect();
    let template = Template::processed(&text, &parameters)?;
    let mut template = sam::processed(template, &args.parameters, progress).await?;
    template.leave_out(args.without)?;
    let project = find_project(&here, &path, &trust);
    let root = project.as_deref().unwrap_or(&here);
    let folders = named_in(&template, DIRECTORY_KEY);
    if let Some(missing) = folders.iter().find(|name| !root.join(name).is_dir()) {
        return Err(Failure::usage(format!(
            "the template {} deploys the folder {}, which does not exist; run it inside the project that has it",
            path.display(),
            root.join(missing).display()
        )));
    }
    let functions = match args.functions {
        Some(folder) => folder,
        None => build_functions(&template, project.as_deref(), &trust, progress).await?,
    };
    progress.say("starting the emulator");
    let config = EmulatorConfig {
        template,
        stack_name: named.unwrap_or_else(|| stack_name(&path)),
        region: options.region,
        parameters,
        values: args.values.into_iter().collect(),
        functions,
        code: CodeConfig {
            template_folder: folder.to_path_buf(),
            given: args.code.into_iter().collect(),
            runtimes: args.runtimes.into_iter().collect(),
            trust,
        },
        project: project.unwrap_or(here),
        port: options.port,
        clock: match options.clock {
            ClockArg::Real => ClockMode::Real,
            ClockArg::SkipIdle => ClockMode::SkipIdle,
        },
        other_work: if options.for_others { OTHER_WORK } else { Duration::ZERO },
        seed: fastrand::u64(..),
        allowed_origins: options.allowed_origins,
        iam: !args.no_iam,
        callers,
    };
    // Each connection and each function takes some.
    verifier_emulator::raise_limit();
    let emulator = Emulator::start(config).await?;
    let (unstartable, warnings) = (emulator.unstartable().await, emulator.warnings());
    if !unstartable.is_empty() || !warnings.is_empty() {
        progress.clear();
    }
    for warning in warnings {
        output::tell(&format!("warning: {warning}\n"));
    }
    for Unstartable { function, program, problem } in unstartable {
        let program = program.display();
        output::tell(&format!(
            "the function {function} cannot be started from {program}: {problem}\n"
        ));
    }
    if let Some(faults) = faults {
        emulator.set_faults(faults)?;
    }
    Ok(emulator)
}

/// Who asks, from the name of a role or of a file that holds a policy.
fn callers(named: &str) -> Result<Callers, Failure> {
    let path = Path::new(named);
    if !path.is_file() && path.extension().is_none_or(|extension| extension != "json") {
        return Ok(Callers::Role(named.to_owned()));
    }
    let bad = |problem: String| {
        Failure::usage(format!("the policy {} cannot be used: {problem}", path.display()))
    };
    let text = files::read(path).map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&text).map(Callers::Policy).map_err(|error| bad(error.to_string()))
}

/// The files that a stack on this machine is read from, with the word for each.
pub(crate) fn inputs(args: &TemplateArgs) -> Vec<(&'static str, PathBuf)> {
    let here = std::env::current_dir().ok();
    // That there is none is reported where it is needed.
    let found = || here.and_then(|here| finding::find(&here, None).ok()).map(|(path, _)| path);
    let template = match &args.template {
        Some(template) => Some(("--template", template.clone())),
        None => found().map(|template| ("the template", template)),
    };
    let pages = template.as_ref().map(|(_, template)| pages_of(template)).unwrap_or_default();
    let faults = args.faults.clone().map(|faults| ("--faults", faults));
    let pages = pages.into_iter().map(|folder| ("the page's folder", folder));
    template.into_iter().chain(faults).chain(pages).collect()
}

/// The folders of pages that a template names. That it cannot be read is reported where it is needed.
fn pages_of(template: &Path) -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let trust = Trust::of(&[&here, template, template.parent().unwrap_or(Path::new(""))]);
    let project = find_project(&here, template, &trust).unwrap_or(here);
    let Some(template) =
        files::read_text(template).ok().and_then(|text| Template::parse(&text).ok())
    else {
        return Vec::new();
    };
    named_in(&template, DIRECTORY_KEY).iter().map(|folder| project.join(folder)).collect()
}

fn read_faults(path: &Path) -> Result<FaultRules, Failure> {
    let bad = |problem: String| {
        Failure::usage(format!("the fault rules {} cannot be used: {problem}", path.display()))
    };
    let text = files::read(path).map_err(|error| bad(error.to_string()))?;
    FaultRules::parse(&text).map_err(|error| bad(error.to_string()))
}

/// The stack's name, from the template's file name as CDK writes it: `NAME.template.json`.
fn stack_name(template: &Path) -> String {
    let file =
        template.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.split('.').next().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(allowed);
    if valid { name.to_owned() } else { "Stack-Local".to_owned() }
}

/// Builds the functions that the template names, in the profile that this program was built in, and returns the
/// folder of the binaries. Outside of a workspace they are expected beside this program.
async fn build_functions(
    template: &Template,
    project: Option<&Path>,
    trust: &Trust,
    progress: &Progress,
) -> Result<PathBuf, Failure> {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let Some(project) = project else {
        return beside.ok_or_else(|| {
            Failure::usage("name the folder of the functions' binaries with --functions")
        });
    };
    let binaries = named_in(template, BINARY_KEY);
    if binaries.is_empty() {
        return Ok(beside.unwrap_or_default());
    }
    check_workspace(project, trust)?;
    progress.say("building the functions");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(project).args([
        "build",
        "--quiet",
        "--message-format",
        "json-render-diagnostics",
    ]);
    command.args(["--profile", &profile(beside.as_deref())]);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| describes_package(&name.to_string_lossy()))
    {
        command.env_remove(name);
    }
    for binary in &binaries {
        command.args(["--bin", binary]);
    }
    let ended = command
        .stdin(Stdio::null())
        // Shown by `output::tell`: what build scripts and compilers print may hold anything.
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| {
            Failure::environment(format!(
                "the functions cannot be built, since cargo does not start: {error}; install Rust, or name the folder of their binaries with --functions"
            ))
        })?;
    let messages = String::from_utf8_lossy(&ended.stderr);
    if !messages.is_empty() {
        output::tell(&format!("{}\n", messages.trim_end()));
    }
    if !ended.status.success() {
        return Err(Failure::environment(format!(
            "the functions {} cannot be built in {}: cargo ended with {}",
            binaries.join(", "),
            project.display(),
            ended.status
        )));
    }
    let built = String::from_utf8_lossy(&ended.stdout);
    executables(&built).next().and_then(|path| path.parent().map(Path::to_path_buf)).ok_or_else(
        || {
            Failure::environment(
                "cargo did not say where it put the functions; name the folder with --functions",
            )
        },
    )
}

/// Whether a variable is one by which cargo describes a package to its program, as `cargo run` does to this one.
///
/// Build scripts that look at such variables (ring's does) would be run again for every other cargo that sees others,
/// and everything that depends on them would be built again.
fn describes_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// All that the metadata of a template's resources say of a key, without repetition.
fn named_in(template: &Template, key: &str) -> Vec<String> {
    let texts = template.metadata(key).filter_map(|(_, value)| value.as_str());
    let mut names: Vec<String> = texts.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// The cargo profile whose output folder this program lies in.
fn profile(beside: Option<&Path>) -> String {
    let folder = beside.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let in_target =
        beside.and_then(Path::parent).is_some_and(|parent| parent.join("CACHEDIR.TAG").is_file());
    match folder {
        Some(folder) if in_target && folder != "debug" => folder,
        _ => "dev".to_owned(),
    }
}

/// The executables that cargo names in its messages.
fn executables(messages: &str) -> impl Iterator<Item = PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_named_after_the_template() {
        assert_eq!(stack_name(Path::new("a/Stack-PR123.template.json")), "Stack-PR123");
        assert_eq!(stack_name(Path::new("mutated.json")), "mutated");
        assert_eq!(stack_name(Path::new("2 b.json")), "Stack-Local");
    }

    #[test]
    fn binaries_come_from_the_metadata() {
        let template = r#"{"Resources":{"A":{"Type":"AWS::Lambda::Function","Metadata":{"verifier:binary":"w"}},"B":{"Type":"X"}}}"#;
        let template = Template::parse(template).unwrap();
        assert_eq!(named_in(&template, BINARY_KEY), ["w"]);
        assert!(named_in(&template, DIRECTORY_KEY).is_empty());
    }

    #[test]
    fn folders_come_from_the_metadata_in_yaml_too() {
        let template =
            "Resources: {A: {Type: X, Metadata: {'verifier:directory': site}}, B: {Type: X}}";
        let template = Template::parse(template).unwrap();
        assert_eq!(named_in(&template, DIRECTORY_KEY), ["site"]);
    }

    #[test]
    fn only_what_describes_a_package_is_kept_from_cargo() {
        for variable in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_BIN_NAME"] {
            assert!(describes_package(variable), "{variable}");
        }
        for variable in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "PATH"] {
            assert!(!describes_package(variable), "{variable}");
        }
    }

    #[test]
    fn a_program_outside_of_a_target_folder_builds_in_the_dev_profile() {
        assert_eq!(profile(None), "dev");
        assert_eq!(profile(Some(Path::new("/usr/local/bin"))), "dev");
    }
}
