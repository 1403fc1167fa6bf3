//! From the command line and the settings to what is wanted, before anything is asked.

use std::collections::BTreeMap;

use verifier_core::check::StackEvidence;
use verifier_core::resources::{Named, Resources, Role, read_json, read_terraform};
use verifier_core::settings::InForce;
use verifier_core::settings::urls::is_http;

use super::args::{OutputsArgs, ResourceArgs};
use super::{files, parse};
use crate::config;
use crate::config::args::SettingsArgs;
use crate::shell::failure::Failure;

/// Which resources are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// Those of a stack.
    Stack {
        /// Its name.
        name: String,
        /// What is said of its resources.
        named: Named,
        /// Its outputs, where CloudFormation is not to be asked for them.
        outputs: Option<BTreeMap<String, String>>,
    },
    /// Those that are known without one.
    Known(Resources),
}

impl Wanted {
    /// The stack's name, if it is one.
    pub(crate) fn stack(&self) -> Option<&str> {
        match self {
            Self::Stack { name, .. } => Some(name),
            Self::Known(_) => None,
        }
    }

    /// The resources, as far as they are known before anything is asked.
    pub(crate) fn resources(&self) -> Resources {
        match self {
            Self::Stack { named, .. } => Resources::of_stack(named, &StackEvidence::default()),
            Self::Known(resources) => resources.clone(),
        }
    }

    /// The queue whose URL or ARN says the region, where there is no stack.
    pub(crate) fn queue(&self) -> Option<&str> {
        let Self::Known(resources) = self else { return None };
        resources.value(Role::Queue).or_else(|| resources.value(Role::DeadLetters))
    }

    /// What it is called.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Stack { name, .. } => name.clone(),
            Self::Known(resources) => resources.label(),
        }
    }
}

/// The settings, and in them the resources that the command line names.
pub(crate) fn load(args: &SettingsArgs, named: &ResourceArgs) -> Result<InForce, Failure> {
    let mut settings = config::load(args)?;
    let ResourceArgs { queue, dlq, api, function, files: _ } = named;
    for (role, value) in [
        (Role::Queue, queue),
        (Role::DeadLetters, dlq),
        (Role::ApiUrl, api),
        (Role::Function, function),
    ] {
        let (Some(value), Some(option)) = (value, role.option()) else { continue };
        if value.trim().is_empty() {
            return Err(Failure::usage(format!(
                "{option} names nothing; expected a {}",
                role.as_str()
            )));
        }
        if role == Role::ApiUrl && !is_http(value) {
            return Err(Failure::usage(format!(
                "{option}: expected a URL such as https://api.example, found {value:?}"
            )));
        }
        settings.set(role.key(), option, |settings| {
            let resources = &mut settings.resources;
            let named = match role {
                Role::Queue => &mut resources.queue,
                Role::DeadLetters => &mut resources.dead_letter_queue,
                Role::ApiUrl => &mut resources.api_url,
                Role::JobUrl => &mut resources.job_url,
                Role::PreviewUrl => &mut resources.preview_url,
                Role::Function => &mut resources.function,
            };
            *named = Some(value.clone());
        });
    }
    Ok(settings)
}

/// What is wanted: the resources of a file of outputs, of a stack, or those that are named; `None` where nothing says any.
pub(crate) fn wanted(
    stack: Option<&str>,
    outputs: &OutputsArgs,
    settings: &InForce,
) -> Result<Option<Wanted>, Failure> {
    let named = Named::of(settings);
    for role in [Role::Queue, Role::DeadLetters] {
        if let Some(given) = named.get(role) {
            parse(&given.value).map_err(|failure| Failure {
                what: format!("{}: {}", given.by, failure.what),
                ..failure
            })?;
        }
    }
    if let Some(path) = &outputs.terraform_outputs {
        let file =
            read_terraform(&files::shown(path), &files::text(path)?).map_err(files::refused)?;
        return Ok(Some(Wanted::Known(Resources::of_file(&named, &file).map_err(files::refused)?)));
    }
    if let Some(path) = &outputs.json_outputs {
        let shown = files::shown(path);
        let queue = &settings.settings().outputs.jobs_queue;
        let read = read_json(&shown, &files::text(path)?, queue).map_err(files::refused)?;
        return match (read, stack) {
            (Ok(file), None) => {
                let resources = Resources::of_file(&named, &file).map_err(files::refused)?;
                Ok(Some(Wanted::Known(resources)))
            }
            (Ok(_), Some(_)) => Err(Failure {
                next: Some("leave --stack or --json-outputs out".to_owned()),
                ..Failure::usage(format!(
                    "the outputs {shown} are of no stack: expected stacks with their outputs, as --stack is given"
                ))
            }),
            (Err(stacks), stack) => {
                let (name, outputs) = files::of_stack(stacks, stack).map_err(|problem| {
                    Failure::usage(format!("the outputs {shown} cannot be used: {problem}"))
                })?;
                Ok(Some(Wanted::Stack { name, named, outputs: Some(outputs) }))
            }
        };
    }
    if let Some(name) = stack {
        return Ok(Some(Wanted::Stack { name: name.to_owned(), named, outputs: None }));
    }
    let is_named = named.get(Role::Queue).or_else(|| named.get(Role::DeadLetters)).is_some();
    Ok(is_named.then(|| Wanted::Known(Resources::of_names(&named))))
}
