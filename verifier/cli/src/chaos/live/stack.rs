//! Which stack, and where its parts are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;
use verifier_aws::{Aws, AwsError, Http};
use verifier_chaos::{StackParts, StackTerms};
use verifier_core::check::{MappingEvidence, QueueEvidence, RunId, StackEvidence, StackResource};
use verifier_core::experiment::{LEASE_TAG, Lease, ResourceConfig, ResourceRef};
use verifier_core::resources::Role;
use verifier_core::settings::{EffectReader, InForce, Settings};

use crate::config;
use crate::dlq::DlqTarget;
use crate::dlq::args::PlaceArgs;
use crate::resources::Wanted;
use crate::shell::admin::Admin;
use crate::shell::args::ConnectionArgs;
use crate::shell::clean;
use crate::shell::failure::Failure;

/// The longest that one HTTP request to the stack's API may take: API Gateway gives up at 30 s.
const HTTP_TIMEOUT: Duration = Duration::from_secs(35);
/// The tag by which a preview is told from any other stack.
const PREVIEW_TAG: (&str, &str) = ("preview", "true");

/// Where a live stack is.
#[derive(Clone, Debug)]
pub(crate) struct Where {
    pub(crate) wanted: Wanted,
    /// What histories call it.
    pub(crate) target: &'static str,
    pub(crate) connection: ConnectionArgs,
    pub(crate) settings: InForce,
    /// Where it is written down what has to be restored; must not be there yet.
    pub(crate) journal: PathBuf,
}

/// A live stack.
pub(crate) struct Live {
    pub(crate) name: String,
    /// Which resources it is of.
    pub(super) wanted: Wanted,
    /// Its queues, its consumer, and how to reach them.
    pub(crate) place: DlqTarget,
    pub(super) http: Http,
    /// Where jobs are posted to; `None` where they are sent to the queue itself.
    pub(super) job_url: Option<String>,
    pub(crate) parts: StackParts,
    pub(super) settings: Settings,
    /// How the worker's lines tell side effects.
    pub(super) effects: EffectReader,
    /// What the queues and the mapping promise.
    pub(super) terms: StackTerms,
    /// Held by whoever is at the dead letters: a look would hide them from a redrive.
    pub(super) messages: Mutex<()>,
    /// Names the run, and begins the ids of its jobs.
    pub(super) run: RunId,
    /// What histories call it.
    pub(crate) target: &'static str,
    /// The emulator that it is on, if it is on one: only there, faults strike in its inside.
    pub(super) emulator: Option<Admin>,
    /// Where it is written down what has to be restored.
    pub(crate) journal: PathBuf,
    /// The command that restores it; `None` where the stack ends with this process.
    pub(super) rollback: Option<String>,
    /// The command that restores what another run has changed, by whatever file its journal is.
    pub(super) rollback_of_others: String,
    /// The stack's id; without a stack, the ARN of its jobs queue.
    pub(super) stack_id: String,
    /// The stack's resources, or what reads the jobs queue, which is what may be changed about it.
    pub(super) resources: Vec<StackResource>,
}

impl Live {
    /// Finds a stack, which has to be a preview that nobody else is breaking.
    pub(crate) async fn find(args: Where) -> Result<Self, Failure> {
        let Where { wanted, settings, connection, .. } = &args;
        if wanted.stack().is_some() {
            config::check_posting(settings)?;
        }
        let of_connection = PlaceArgs { connection: connection.clone(), ..PlaceArgs::default() };
        let place = DlqTarget::of_wanted(settings, wanted, of_connection).await?;
        let settings = settings.settings().clone();
        let emulator = place.clock.admin().cloned();
        let own = own(&place).await?;
        let job_url = job_url(&settings, &place, &own.name)?;
        let mapping = mapping(&place).await?;
        let terms = terms(&place, &mapping).await?;
        let parts = StackParts {
            submit: submit_function(&place, &own.resources).await?,
            mapping: mapping.uuid,
            worker: mapping.function_arn,
            jobs_url: place.needed_source()?.url.clone(),
        };
        let url = job_url.as_deref().or_else(|| place.aws.endpoint());
        let is_plain = url.is_some_and(|url| url.starts_with("http://"));
        let http = Http::new(HTTP_TIMEOUT, is_plain).map_err(|error| {
            Failure::environment(format!("the HTTP client cannot be made: {error}"))
        })?;
        let run = RunId::new(place.clock.now(), fastrand::u32(..));
        let is_kept = args.target == "stack";
        let live = Self {
            rollback: is_kept
                .then(|| rollback_command(&args.journal, &place.aws, &args.connection)),
            rollback_of_others: rollback_command(Path::new("FILE"), &place.aws, &args.connection),
            stack_id: own.id,
            resources: own.resources,
            name: own.name,
            wanted: args.wanted,
            place,
            http,
            job_url,
            parts,
            effects: settings.effects.reader().map_err(Failure::usage)?,
            settings,
            terms,
            messages: Mutex::default(),
            run,
            target: args.target,
            emulator,
            journal: args.journal,
        };
        live.refuse_what_others_break().await?;
        Ok(live)
    }

    /// The tag that says that an experiment is under way.
    pub(super) fn lease_part(&self) -> Result<ResourceRef, Failure> {
        let jobs = self.place.needed_source()?;
        Ok(ResourceRef::QueueTag { queue_url: jobs.url.clone(), key: LEASE_TAG.to_owned() })
    }

    async fn refuse_what_others_break(&self) -> Result<(), Failure> {
        let part = self.lease_part()?;
        let ResourceConfig::QueueTag { value: Some(value) } =
            self.place.aws.configuration(&part).await?
        else {
            return Ok(());
        };
        Err(self.taken(&value)?)
    }

    /// That somebody else breaks the stack, or has, by what the tag says.
    pub(super) fn taken(&self, value: &str) -> Result<Failure, Failure> {
        let jobs = &self.place.needed_source()?.name;
        let lease = Lease::read(value);
        let (what, next) = match lease {
            Some(lease) if lease.holds(self.place.clock.now()) => (
                format!("an experiment ({}) is under way on {}", lease.run, self.name),
                format!("wait for it, or restore it: {}", self.rollback_of_others),
            ),
            _ => (
                format!(
                    "an experiment on {} was not restored (the tag {LEASE_TAG} of {jobs} says {value})",
                    self.name
                ),
                format!(
                    "{}; without the journal, look at what it has changed, and remove the tag {LEASE_TAG}",
                    self.rollback_of_others
                ),
            ),
        };
        Ok(Failure { next: Some(next), ..Failure::environment(what) })
    }
}

/// The command that restores what stands in a journal, where this one was connected to. Another shell may have another
/// environment, so it names the endpoint wherever that comes from; the region stands in the journal.
pub(crate) fn rollback_command(journal: &Path, aws: &Aws, connection: &ConnectionArgs) -> String {
    let variables = aws.endpoint_variables();
    let endpoint = aws.endpoint().filter(|_| variables.is_empty()).map(str::to_owned);
    let connection = ConnectionArgs {
        endpoint_url: endpoint,
        profile: profile(connection),
        ..connection.clone()
    };
    command_of(journal, &connection, &variables)
}

/// The profile of the configuration files, wherever it is said.
pub(crate) fn profile(connection: &ConnectionArgs) -> Option<String> {
    let variable = || std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty());
    connection.profile.clone().or_else(variable)
}

/// The command, where single services have endpoints of their own with these variables before it.
fn command_of(
    journal: &Path,
    connection: &ConnectionArgs,
    variables: &BTreeMap<&str, &str>,
) -> String {
    let ConnectionArgs { region, profile, endpoint_url, emulator_token: _ } = connection;
    let journal = journal.display().to_string();
    let options = [
        ("--journal", Some(&journal)),
        ("--endpoint-url", endpoint_url.as_ref()),
        ("--region", region.as_ref()),
        ("--profile", profile.as_ref()),
    ];
    let mut command = String::new();
    for (name, value) in variables {
        command.extend([name, "=", &clean::word(value), " "]);
    }
    command.push_str("verifier chaos rollback");
    for (option, value) in options {
        if let Some(value) = value {
            // A value that begins as an option does is none only behind a sign of equality.
            let sign = if value.starts_with('-') { "=" } else { " " };
            command.extend([" ", option, sign, &clean::word(value)]);
        }
    }
    command
}

/// Where jobs are posted to; `None` where they are sent to the queue itself.
fn job_url(settings: &Settings, place: &DlqTarget, name: &str) -> Result<Option<String>, Failure> {
    if settings.jobs.are_sent() {
        return Ok(None);
    }
    let url = settings.job_url(place.resources.urls()).ok_or_else(|| Failure {
        next: Some(
            "name the API with --api and say api.jobs_path in verifier.toml, or resources.job_url, or send jobs to the queue itself with jobs.submit = \"sqs\""
                .to_owned(),
        ),
        ..Failure::usage(format!("nothing says where jobs of {name} are posted to"))
    })?;
    Ok(Some(url))
}

/// What may be broken: a stack with its resources, or a queue with what reads it.
struct Own {
    name: String,
    id: String,
    resources: Vec<StackResource>,
}

/// What is found, which has to be a preview.
async fn own(place: &DlqTarget) -> Result<Own, Failure> {
    if let Some(stack) = &place.stack {
        refuse_what_is_no_preview(stack)?;
        let StackEvidence { name, id, resources, .. } = stack.clone();
        return Ok(Own { name, id, resources });
    }
    let jobs = place.needed_source()?;
    let (key, value) = PREVIEW_TAG;
    if place.aws.queue_tag(&jobs.url, key).await?.as_deref() != Some(value) {
        return Err(Failure {
            next: Some(format!(
                "choose the queue of a preview; if it is one, tag it: aws sqs tag-queue --queue-url {} --tags {key}={value}",
                clean::word(&jobs.url)
            )),
            ..Failure::usage(format!(
                "the queue {} has no tag {key}={value}, and only previews are broken on purpose",
                jobs.name
            ))
        });
    }
    let resources = around(&place.aws, jobs).await?;
    Ok(Own { name: jobs.name.clone(), id: jobs.arn().to_owned(), resources })
}

/// A queue and what reads it, which is what an experiment may change where there is no stack.
pub(crate) async fn around(
    aws: &Aws,
    jobs: &QueueEvidence,
) -> Result<Vec<StackResource>, AwsError> {
    let resource = |resource_type: &str, physical_id: &str| StackResource {
        logical_id: String::new(),
        physical_id: physical_id.to_owned(),
        resource_type: resource_type.to_owned(),
    };
    let mut resources = vec![resource("AWS::SQS::Queue", &jobs.url)];
    for mapping in aws.mappings(jobs.arn()).await? {
        resources.push(resource("AWS::Lambda::EventSourceMapping", &mapping.uuid));
        resources.push(resource("AWS::Lambda::Function", mapping.function_name()));
    }
    Ok(resources)
}

/// Nothing but a preview is broken on purpose.
pub(crate) fn refuse_what_is_no_preview(stack: &StackEvidence) -> Result<(), Failure> {
    let (key, value) = PREVIEW_TAG;
    if stack.tags.get(key).map(String::as_str) == Some(value) {
        return Ok(());
    }
    Err(Failure {
        next: Some(format!("choose a preview; one has the tag {key}={value}")),
        ..Failure::usage(format!(
            "the stack {} is no preview, and only previews are broken on purpose",
            stack.name
        ))
    })
}

/// The one mapping that reads the jobs queue.
async fn mapping(place: &DlqTarget) -> Result<MappingEvidence, Failure> {
    let jobs = place.needed_source()?;
    let all = place.aws.mappings(jobs.arn()).await?;
    let named = place.resources.value(Role::Function);
    let is_named = |mapping: &&MappingEvidence| named.is_none_or(|named| mapping.invokes(named));
    let meant: Vec<&MappingEvidence> = all.iter().filter(is_named).collect();
    if let [mapping] = meant.as_slice() {
        return Ok((*mapping).clone());
    }
    let readers: Vec<&str> = all.iter().map(MappingEvidence::function_name).collect();
    let next = "name one of them with --function".to_owned();
    Err(Failure {
        next: (!readers.is_empty()).then_some(next),
        ..Failure::usage(format!(
            "not exactly one function reads {}, so it is not known what to break: {}",
            jobs.name,
            if readers.is_empty() { "none".to_owned() } else { readers.join(", ") }
        ))
    })
}

/// What the stack promises, which every evaluation goes by.
async fn terms(place: &DlqTarget, mapping: &MappingEvidence) -> Result<StackTerms, Failure> {
    let jobs = place.needed_source()?;
    let policy = jobs.redrive_policy().ok_or_else(|| {
        Failure::usage(format!("{} has no redrive policy, so nothing is ever dead", jobs.name))
    })?;
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Ok(StackTerms {
        max_receive_count: policy.max_receive_count,
        visibility_timeout_seconds: seconds(jobs.visibility_timeout().unwrap_or_default()),
        batch_size: mapping.batch_size,
        maximum_batching_window_seconds: seconds(mapping.batching_window),
        function_timeout_seconds: seconds(place.aws.function(&mapping.function_arn).await?.timeout),
        // Deliveries are not punctual, logs arrive late, and counts are old for up to a minute, by which messages are looked for.
        slack_seconds: 120,
        ..StackTerms::default()
    })
}

/// The function that sends to the jobs queue, by its environment.
async fn submit_function(
    place: &DlqTarget,
    resources: &[StackResource],
) -> Result<Option<String>, Failure> {
    if place.stack.is_none() {
        return Ok(None);
    }
    let functions: Vec<String> = resources
        .iter()
        .filter(|resource| resource.resource_type == "AWS::Lambda::Function")
        .map(|resource| resource.physical_id.clone())
        .collect();
    let jobs = place.needed_source()?;
    Ok(place.aws.function_with_queue(&functions, (&jobs.url, &jobs.name)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_goes_where_the_run_was() {
        let connection = ConnectionArgs {
            region: Some("eu-central-1".to_owned()),
            profile: Some("my previews".to_owned()),
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            emulator_token: Some("secret".to_owned()),
        };
        let journal = Path::new("my undo.jsonl");
        assert_eq!(
            command_of(journal, &connection, &BTreeMap::new()),
            "verifier chaos rollback --journal 'my undo.jsonl' --endpoint-url http://127.0.0.1:1 --region eu-central-1 --profile 'my previews'"
        );
        assert_eq!(
            command_of(journal, &ConnectionArgs::default(), &BTreeMap::new()),
            "verifier chaos rollback --journal 'my undo.jsonl'"
        );
        let variables = BTreeMap::from([("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")]);
        assert_eq!(
            command_of(journal, &ConnectionArgs::default(), &variables),
            "AWS_ENDPOINT_URL_SQS=http://127.0.0.1:1 verifier chaos rollback --journal 'my undo.jsonl'"
        );
    }
}
