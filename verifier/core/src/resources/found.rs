//! Which resources are known, and by what.

use std::collections::{BTreeMap, BTreeSet};

use super::by::By;
use super::logical_id;
use super::outputs_file::{OutputsFile, OutputsFileError};
use super::role::Role;
use crate::evidence::StackEvidence;
use crate::settings::urls::Urls;
use crate::settings::{InForce, Origin, Outputs};

/// What is said of the resources before anything is asked: which are named themselves, and which outputs are to name the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    given: BTreeMap<Role, Located>,
    outputs: Outputs,
    /// Those whose outputs are said, and not the defaults.
    said: BTreeSet<Role>,
}

/// A resource, and by what it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its name, URL or ARN.
    pub value: String,
    /// By what it is known.
    pub by: By,
}

/// What is known of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// It is known.
    At(Located),
    /// The output of that name is to name it, and is not there.
    Missing(String),
    /// There is none, as far as was said.
    #[default]
    None,
}

/// Where resources were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whence {
    /// Among the outputs and the resources of a stack of CloudFormation.
    Stack,
    /// In a file of outputs.
    File(String),
    /// Nowhere: each is named by an option or by the settings.
    Names,
}

/// The resources of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    found: BTreeMap<Role, Found>,
    /// Where they were looked for.
    pub whence: Whence,
    /// Outputs that a stack has to have besides.
    others: Vec<String>,
}

impl Named {
    /// What the settings in force say, those of the command line among them.
    pub fn of(settings: &InForce) -> Self {
        let all = settings.settings();
        let given = Role::ALL.into_iter().filter_map(|role| {
            let by = match settings.origin(role.key()) {
                Origin::CommandLine(option) => By::Option(option),
                _ => By::Setting(role.key()),
            };
            let value = role.named(&all.resources)?.to_owned();
            Some((role, Located { value, by }))
        });
        let is_said = |role: &Role| {
            role.output_key().is_some_and(|key| settings.origin(key) != Origin::Default)
        };
        let said: BTreeSet<Role> = Role::ALL.into_iter().filter(is_said).collect();
        let mut outputs = all.outputs.clone();
        if all.jobs.are_sent() {
            // No API takes jobs, so that only one that is said is there.
            outputs.api_url = outputs.api_url.filter(|_| said.contains(&Role::ApiUrl));
            outputs.job_url = outputs.job_url.filter(|_| said.contains(&Role::JobUrl));
        }
        Self { given: given.collect(), outputs, said }
    }

    /// The resource that is named itself.
    pub fn get(&self, role: Role) -> Option<&Located> {
        self.given.get(&role)
    }

    /// The same without any resource that was named: what the outputs say counts alone.
    #[must_use]
    pub fn outputs_only(self) -> Self {
        Self { given: BTreeMap::new(), ..self }
    }

    /// Whether it follows from the jobs queue, which something names: its redrive policy tells the dead-letter queue, unless that is
    /// named, too.
    fn follows(&self, role: Role) -> bool {
        let is_named = |role| self.said.contains(&role) || self.get(role).is_some();
        role == Role::DeadLetters && is_named(Role::Queue) && !is_named(role)
    }

    /// Whether neither queue is named, by itself or by an output that the settings say.
    pub fn says_no_queue(&self) -> bool {
        let is_unsaid = |role| !self.said.contains(&role) && self.get(role).is_none();
        [Role::Queue, Role::DeadLetters].into_iter().all(is_unsaid)
    }
}

impl Resources {
    /// The resources of a stack: what is named itself goes before an output, and an output before a logical id.
    pub fn of_stack(named: &Named, stack: &StackEvidence) -> Self {
        let of_id = |role: Role, id: &str| {
            logical_id::resource(stack, role.resource_type()?, id).map(|resource| Located {
                value: resource.physical_id.clone(),
                by: By::LogicalId(resource.logical_id.clone()),
            })
        };
        let look = |role: Role| {
            if let Some(given) = named.get(role) {
                // A function may be named by its logical id: it has no output of its own.
                let of_id = of_id(role, &given.value).filter(|_| role == Role::Function);
                return Found::At(of_id.unwrap_or_else(|| given.clone()));
            }
            let Some(output) = role.output(&named.outputs) else { return Found::None };
            let value = stack.outputs.get(output).filter(|value| !value.trim().is_empty());
            let by_output = value
                .map(|value| Located { value: value.clone(), by: By::Output(output.to_owned()) });
            match by_output.or_else(|| of_id(role, output)) {
                Some(located) => Found::At(located),
                None if named.follows(role) => Found::None,
                None => Found::Missing(output.to_owned()),
            }
        };
        let found = Role::ALL.into_iter().map(|role| (role, look(role))).collect();
        Self { found, whence: Whence::Stack, others: named.outputs.others.clone() }
    }

    /// The resources that a file of outputs names. An output that the settings say has to be there, and so has the jobs queue; one
    /// that is merely the default need not.
    pub fn of_file(named: &Named, file: &OutputsFile) -> Result<Self, OutputsFileError> {
        let mut found = BTreeMap::new();
        for role in Role::ALL {
            let of_role = match (named.get(role), role.output(&named.outputs)) {
                (Some(given), _) => Found::At(given.clone()),
                (None, None) => Found::None,
                (None, Some(output)) => match file.get(output)? {
                    Some(value) => Found::At(Located { value, by: By::Output(output.to_owned()) }),
                    None if role == Role::Queue || named.said.contains(&role) => {
                        return Err(file.missing(role, output));
                    }
                    None => Found::None,
                },
            };
            found.insert(role, of_role);
        }
        Ok(Self { found, whence: Whence::File(file.path.clone()), others: Vec::new() })
    }

    /// The resources that are named themselves, where there is nothing else.
    pub fn of_names(named: &Named) -> Self {
        let given = |role| named.get(role).cloned().map_or(Found::None, Found::At);
        let found = Role::ALL.into_iter().map(|role| (role, given(role))).collect();
        Self { found, whence: Whence::Names, others: Vec::new() }
    }

    /// What is known of a resource.
    pub fn found(&self, role: Role) -> &Found {
        self.found.get(&role).unwrap_or(&Found::None)
    }

    /// The resource, where it is known.
    pub fn get(&self, role: Role) -> Option<&Located> {
        match self.found(role) {
            Found::At(located) => Some(located),
            Found::Missing(_) | Found::None => None,
        }
    }

    /// Its name, URL or ARN, where it is known.
    pub fn value(&self, role: Role) -> Option<&str> {
        self.get(role).map(|located| located.value.as_str())
    }

    /// Whether there is no such resource, as far as was said: nothing names it, and no output is to.
    pub fn has_no(&self, role: Role) -> bool {
        *self.found(role) == Found::None
    }

    /// Whether they are those of a stack of CloudFormation.
    pub fn is_of_stack(&self) -> bool {
        self.whence == Whence::Stack
    }

    /// The URLs that are known.
    pub fn urls(&self) -> Urls<'_> {
        Urls {
            preview: self.value(Role::PreviewUrl),
            api: self.value(Role::ApiUrl),
            jobs: self.value(Role::JobUrl),
        }
    }

    /// The outputs that the stack has to have.
    pub fn expected_outputs(&self) -> Vec<&str> {
        let of_roles = Role::ALL.into_iter().filter_map(|role| match self.found(role) {
            Found::Missing(output) | Found::At(Located { by: By::Output(output), .. }) => {
                Some(output.as_str())
            }
            _ => None,
        });
        of_roles.chain(self.others.iter().map(String::as_str)).collect()
    }

    /// Puts the two queues in that can be no others, each by its URL and its logical id.
    pub fn set_only_pair(&mut self, jobs: (&str, &str), dead_letters: (&str, &str)) {
        for (role, (url, id)) in [(Role::Queue, jobs), (Role::DeadLetters, dead_letters)] {
            let located = Located { value: url.to_owned(), by: By::Only(id.to_owned()) };
            self.found.insert(role, Found::At(located));
        }
    }

    /// What to say of the jobs queue where it was found without being named.
    pub fn remark(&self) -> Option<String> {
        match &self.get(Role::Queue)?.by {
            By::Only(id) => {
                Some(format!("jobs queue: {id}, the only queue of the stack with a redrive policy"))
            }
            _ => None,
        }
    }

    /// Each resource that is known, with by what it is.
    pub fn known(&self) -> BTreeMap<&'static str, (&str, String)> {
        let known = Role::ALL.into_iter().filter_map(|role| Some((role, self.get(role)?)));
        known
            .map(|(role, located)| {
                (role.as_str(), (located.value.as_str(), located.by.to_string()))
            })
            .collect()
    }

    /// What it is called where there is no stack: by its jobs queue.
    pub fn label(&self) -> String {
        let queue = self.value(Role::Queue).or_else(|| self.value(Role::DeadLetters));
        queue.map(crate::settings::queue_name).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests;
