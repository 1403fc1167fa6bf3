//! Finding and reading the settings file.

use std::path::{Path, PathBuf};

use verifier_core::check::read_settings;
use verifier_core::settings::{ANY_ORIGIN, InForce, SettingsError};

use crate::config::args::SettingsArgs;
use crate::shell::failure::Failure;
use crate::shell::files;

/// What the file is called where nobody says.
const NAME: &str = "verifier.toml";

/// The settings: the defaults, instead of them those of the file, and instead of both those of the command line.
pub(crate) fn load(args: &SettingsArgs) -> Result<InForce, Failure> {
    let mut settings = read(args.config.as_deref())?;
    if let Some(receives) = args.receives {
        settings.set("expect.receives", "--receives", |settings| {
            settings.expect.receives = Some(receives);
        });
    }
    if let Some(seconds) = args.timeout {
        settings.set("expect.timeout_seconds", "--timeout", |settings| {
            settings.expect.timeout_seconds = Some(seconds);
        });
    }
    if args.allow_any_origin {
        settings.set("expect.origins", "--allow-any-origin", |settings| {
            settings.expect.origins = vec![ANY_ORIGIN.to_owned()];
        });
    }
    Ok(settings)
}

/// Fails where a command posts jobs and the settings do not say where.
pub(crate) fn check_posting(settings: &InForce) -> Result<(), Failure> {
    settings.for_posting().map(drop).map_err(|error| wrong(&error))
}

/// The settings of the named file, or else of the nearest one from the working directory upwards, or else the defaults.
fn read(named: Option<&Path>) -> Result<InForce, Failure> {
    let Some((_, path)) = file(named)? else {
        return Ok(InForce::default());
    };
    let shown = path.display().to_string();
    let text = files::read_text(&path)
        .map_err(|error| Failure::usage(format!("the settings {shown} cannot be read: {error}")))?;
    read_settings(&shown, &text).map_err(|error| wrong(&error))
}

fn wrong(error: &SettingsError) -> Failure {
    Failure {
        next: Some("docs/settings.md lists every key".to_owned()),
        ..Failure::usage(error.to_string())
    }
}

/// The file that the settings are read from, with the word for it.
pub(crate) fn file(named: Option<&Path>) -> Result<Option<(&'static str, PathBuf)>, Failure> {
    Ok(match named {
        Some(path) => Some(("--config", path.to_owned())),
        None => nearest()?.map(|path| ("the settings", path)),
    })
}

/// The nearest file, named from the working directory where it lies in it.
fn nearest() -> Result<Option<PathBuf>, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::environment(format!("the working directory cannot be read: {error}"))
    })?;
    let found = here.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
    let Some(path) = found else { return Ok(None) };
    check_owner(&path, &here)?;
    Ok(Some(path.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(path)))
}

/// Fails on settings that somebody else has put above the working directory, such as in `/tmp`: they decide what passes.
fn check_owner(path: &Path, here: &Path) -> Result<(), Failure> {
    if files::is_trusted(path, here) {
        return Ok(());
    }
    let file = files::owner(path).unwrap_or_default();
    let shown = path.display();
    Err(Failure {
        next: Some(format!("if they are meant, pass --config {shown}; else run in another folder")),
        ..Failure::usage(format!(
            "the settings {shown} are another user's (user id {file}), and are not read unless they are named"
        ))
    })
}
