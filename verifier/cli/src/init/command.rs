//! `verifier init`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use verifier_aws::{Aws, Http};
use verifier_core::check::{Overall, Selection};
use verifier_core::command::is_secret;
use verifier_core::init::{
    Draft, FoundQueue, Pair, TemplateView, Unchosen, Written, choose, propose,
};
use verifier_core::resources::Named;
use verifier_core::settings::InForce;
use verifier_core::settings::urls::Urls;

use super::args::InitArgs;
use super::bodies::Bodies;
use super::found::Found;
use super::probe::{Course, Prober};
use super::view;
use crate::check::{self, Options, Target};
use crate::resources::Wanted;
use crate::shell::args::Format;
use crate::shell::ask;
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Readers, Target as File};
use crate::shell::interrupt::{Interrupt, interrupted};
use crate::shell::output::tell;
use crate::shell::progress::Progress;

/// The longest that one HTTP request may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long cleaning up may take after an interruption.
const CLEAN_UP: Duration = Duration::from_secs(10);
/// The checks that read and submit nothing.
const READING: [&str; 2] = ["stack.*", "cfg.*"];

pub(crate) async fn run(args: InitArgs) -> Result<Exit, Failure> {
    check_file(&args.output, args.force)?;
    let mut bodies = Bodies::given(&args)?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let (output, format, queue) = (args.output.clone(), args.format, args.queue.clone());
    let (is_local, may_probe, may_replace) = (is_local(&args), args.probe, args.force);
    let target = tokio::select! {
        target = target(args, &progress) => target?,
        () = interrupt.asked() => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
    };
    let outcome = async {
        let stage = Stage::of(&target, &progress, &interrupt, queue.as_deref());
        let stage = Box::pin(interrupt.unless_asked(stage)).await?;
        let probes = is_local || may_probe || stage.is_probing_allowed().await;
        if probes {
            bodies.ask(&progress, &interrupt).await;
        }
        // Ctrl-C at a question is no answer to it.
        go_on(&interrupt)?;
        let (draft, is_probed) = Box::pin(stage.draft(&bodies, probes)).await?;
        let (written, settings) = valid(&draft, name_of(&target))?;
        go_on(&interrupt)?;
        write(&output, &written, may_replace, readers(&draft))?;
        finish(
            &target,
            &output,
            (&settings, &written),
            (is_probed, format),
            (&interrupt, &progress),
        )
        .await
    };
    let outcome = Box::pin(outcome).await;
    progress.clear();
    if let Some(emulator) = target.emulator {
        emulator.shut_down().await;
    }
    match outcome {
        Ok(exit) => Ok(interrupt.exit().await.unwrap_or(exit)),
        Err(failure) => Err(interrupt.explains(failure).await),
    }
}

/// The stack's name, which is known when there is a target.
fn name_of(target: &Target) -> &str {
    target.stack.as_deref().unwrap_or_default()
}

/// Whether the stack is brought up on this machine.
fn is_local(args: &InitArgs) -> bool {
    args.stack.is_none() || args.template.template.is_some()
}

fn about(stack: &str) -> String {
    format!(
        "What `verifier` has to know of the stack {stack}, proposed by `verifier init`.\nA line with a question mark needs a look. `verifier config show` prints every setting."
    )
}

/// The file, which the verifier reads as it was meant.
fn valid(draft: &Draft, stack: &str) -> Result<(Written, InForce), Failure> {
    let written = draft.file(&about(stack));
    let read = InForce::read("the proposed settings", &written.text).map_err(|error| Failure {
        next: Some("say what the API takes with --good, --failing and --header".to_owned()),
        ..Failure::usage(error.to_string())
    })?;
    Ok((written, read))
}

/// The URLs that the outputs hold which the settings name.
fn urls<'a>(draft: &Draft, outputs: &'a BTreeMap<String, String>) -> Urls<'a> {
    let of = |name: &Option<String>| outputs.get(name.as_ref()?).map(String::as_str);
    let named = &draft.settings.outputs;
    Urls { preview: of(&named.preview_url), api: of(&named.api_url), jobs: of(&named.job_url) }
}

/// Fails where the process was asked to stop.
fn go_on(interrupt: &Interrupt) -> Result<(), Failure> {
    if interrupt.is_asked() { Err(interrupted()) } else { Ok(()) }
}

/// Who may read the file: the user alone where it holds headers that are secrets.
fn readers(draft: &Draft) -> Readers {
    let has_secrets = draft.settings.jobs.headers.keys().any(|name| is_secret(name));
    if has_secrets { Readers::User } else { Readers::AsBefore }
}

/// Writes the file. One that has come meanwhile is kept, too.
fn write(
    path: &Path,
    written: &Written,
    may_replace: bool,
    readers: Readers,
) -> Result<(), Failure> {
    let text = written.text.as_bytes();
    let done = match (may_replace || files::is_special(path), readers) {
        (true, Readers::User) => files::write_private(path, text),
        (true, Readers::AsBefore) => File::named(path).write_report(text),
        (false, _) => files::write_new(path, text, readers),
    };
    done.map_err(|error| files::failed("settings", path, &error))
}

/// Fails where the file is there already, unless it may be replaced, or could not be written.
fn check_file(path: &Path, may_replace: bool) -> Result<(), Failure> {
    if files::is_there(path) && !files::is_special(path) && !may_replace {
        return Err(Failure {
            next: Some("name another file with --output, or replace it with --force".to_owned()),
            ..Failure::usage(format!("{} is there already", path.display()))
        });
    }
    files::check(path).map_err(|error| files::failed("settings", path, &error))
}

/// The stack, deployed or brought up on this machine.
async fn target(args: InitArgs, progress: &Progress) -> Result<Target, Failure> {
    if is_local(&args) {
        return Target::local(args.template, args.stack, None, progress).await;
    }
    let stack = args.stack.unwrap_or_default();
    let (connection, clock) = endpoint::reach(args.connection).await?;
    Ok(Target { stack: Some(stack), connection, clock, emulator: None })
}

/// What is known before anything is submitted.
struct Stage<'a> {
    target: &'a Target,
    progress: &'a Progress,
    interrupt: &'a Interrupt,
    aws: Aws,
    http: Http,
    found: Found,
    queue: String,
}

impl<'a> Stage<'a> {
    async fn of(
        target: &'a Target,
        progress: &'a Progress,
        interrupt: &'a Interrupt,
        queue: Option<&str>,
    ) -> Result<Self, Failure> {
        let stack = name_of(target);
        progress.say(&format!("looking at {stack}"));
        let aws = Aws::connect(&target.connection).await;
        let is_plain =
            target.connection.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
        let http = Http::new(HTTP_TIMEOUT, is_plain).map_err(|error| {
            Failure::environment(format!("the HTTP client cannot be made: {error}"))
        })?;
        let found = Found::of(&aws, stack).await?;
        let queue = match choose(&found.queues, queue) {
            Ok(pair) => pair.jobs.label().to_owned(),
            Err(Unchosen::Several(labels)) => chosen(&labels, progress, interrupt).await?,
            Err(Unchosen::None(problem) | Unchosen::Wrong(problem)) => {
                return Err(Failure {
                    next: Some(
                        "give the jobs queue a redrive policy, or name it with --queue".to_owned(),
                    ),
                    ..Failure::usage(format!("the stack {stack} has no jobs queue: {problem}"))
                });
            }
        };
        Ok(Self { target, progress, interrupt, aws, http, found, queue })
    }

    fn pair(&self) -> Result<Pair<'_>, Failure> {
        choose(&self.found.queues, Some(&self.queue)).map_err(|_| {
            Failure::usage(format!("the queue {} has no dead-letter queue", self.queue))
        })
    }

    /// Asks whether jobs may be submitted, where there is somebody to ask.
    async fn is_probing_allowed(&self) -> bool {
        let question = format!(
            "Submit five jobs to {}, to see how it answers and what the worker logs? Two of them fail, and their alarm may go off.",
            name_of(self.target)
        );
        ask::can_ask() && ask::ask(&question, self.progress, self.interrupt).await
    }

    /// The settings, as far as they can be found out, and whether jobs were accepted to find them out.
    async fn draft(&self, bodies: &Bodies, probes: bool) -> Result<(Draft, bool), Failure> {
        let pair = self.pair()?;
        let template = TemplateView(&self.found.template);
        let mut draft = propose(&self.found.stack, template, pair);
        draft
            .take_bodies(bodies.good.as_deref(), bodies.failing.as_deref())
            .map_err(Failure::usage)?;
        draft.settings.jobs.headers.extend(bodies.headers.iter().cloned());
        let outputs = self.found.stack.outputs.clone();
        let urls = urls(&draft, &outputs);
        if let Some(url) = draft.settings.hello_url(urls)
            && let Ok(answer) = self.http.get(&url).await.answer
        {
            draft.take_hello(answer.status, &answer.body);
        }
        let urls = self::urls(&draft, &outputs);
        if let Some(url) = draft.settings.config_url(urls)
            && let Ok(answer) = self.http.open(&url).await.answer
        {
            draft.take_page_config(answer.status, &answer.content_type);
        }
        if !probes {
            draft.take_nothing_submitted();
            return Ok((draft, false));
        }
        valid(&draft, name_of(self.target))?;
        let url = draft.settings.job_url(self::urls(&draft, &outputs));
        let is_probed = self.probe(&mut draft, pair, url).await?;
        Ok((draft, is_probed))
    }

    async fn probe(
        &self,
        draft: &mut Draft,
        pair: Pair<'_>,
        url: Option<String>,
    ) -> Result<bool, Failure> {
        let prober = Prober {
            aws: &self.aws,
            http: &self.http,
            clock: &self.target.clock,
            progress: self.progress,
            url,
            pair,
            log_group: self.log_group(pair.jobs).await?,
        };
        let mut course = Course::default();
        let outcome = tokio::select! {
            ended = prober.probe(draft, &mut course) => ended,
            () = self.interrupt.asked() => {
                Err(interrupted())
            }
        };
        let left = tokio::time::timeout(CLEAN_UP, prober.clean_up(&mut course)).await;
        for left in left.unwrap_or_default() {
            tell(&format!("left behind: {left}\n"));
        }
        outcome
    }

    /// The log group of the only function that reads the queue.
    async fn log_group(&self, jobs: &FoundQueue) -> Result<Option<String>, Failure> {
        match self.found.readers(&jobs.queue).as_slice() {
            [function] => Ok(Some(self.aws.function(function).await?.log_group)),
            _ => Ok(None),
        }
    }
}

/// Has the user choose among several queues.
async fn chosen(
    labels: &[String],
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<String, Failure> {
    let several = || Failure {
        next: Some("name the one that jobs are sent to with --queue".to_owned()),
        ..Failure::usage(format!("several queues could be the jobs queue: {}", labels.join(", ")))
    };
    if !ask::can_ask() {
        return Err(several());
    }
    progress.pause();
    tell(&format!("Which queue are jobs sent to? {}: ", labels.join(", ")));
    let line = ask::line(interrupt).await.unwrap_or_default();
    progress.go_on();
    go_on(interrupt)?;
    labels.iter().find(|label| *label == line.trim()).cloned().ok_or_else(several)
}

/// Says what was written, and runs the checks by it.
async fn finish(
    target: &Target,
    output: &Path,
    (settings, written): (&InForce, &Written),
    (is_probed, format): (bool, Format),
    (interrupt, progress): (&Interrupt, &Progress),
) -> Result<Exit, Failure> {
    progress.clear();
    if format == Format::Human {
        view::written(output, name_of(target), &written.unsure)?;
    }
    let only = if is_probed { Vec::new() } else { READING.map(str::to_owned).to_vec() };
    let selection =
        Selection::new(only, Vec::new()).map_err(|error| Failure::usage(error.to_string()))?;
    let options = Options {
        wanted: Wanted::Stack {
            name: name_of(target).to_owned(),
            named: Named::of(settings),
            outputs: None,
        },
        strict: false,
        allow_moves: false,
        selection,
        settings: settings.settings().clone(),
    };
    let is_shown = format == Format::Human;
    let report = check::checked(target, options, (interrupt, progress), is_shown).await?;
    if format == Format::Json {
        view::json(output, name_of(target), &written.unsure, &report)?;
    }
    // What could not be tried is not known to work.
    let is_known = is_probed || report.overall != Overall::Pass;
    Ok(if is_known { report.overall.into() } else { Exit::Inconclusive })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn settings_with_a_key_are_the_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("x-api-key", 0o600), ("authorization", 0o600)] {
            let mut draft = Draft::default();
            draft.settings.jobs.headers.insert(name.to_owned(), "abc".to_owned());
            let written = Written { text: String::new(), unsure: Vec::new() };
            for may_replace in [false, true] {
                let path = folder.path().join(format!("{name}-{may_replace}"));
                write(&path, &written, may_replace, readers(&draft)).unwrap();
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode, "{name}");
            }
        }
        let mut draft = Draft::default();
        draft.settings.jobs.headers.insert("x-tenant".to_owned(), "a".to_owned());
        assert_eq!(readers(&draft), Readers::AsBefore);
    }
}
