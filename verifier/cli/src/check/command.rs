//! `verifier check`.

use std::path::PathBuf;
use std::time::Duration;

use verifier_aws::{Aws, Connection, Http};
use verifier_core::check::{CheckEvent, RoleGrants, Selection};
use verifier_core::resources::{Named, Role};
use verifier_emulator::{self as emulator, Emulator};

use crate::check::args::{CheckArgs, CheckFormat};
use crate::check::view::{self, CheckView};
use crate::check::{Options, Report, Run};
use crate::config;
use crate::local::args::{ClockArg, TemplateArgs};
use crate::local::secrets::secret_values;
use crate::local::stack::{self, LocalOptions};
use crate::report::job_summary::check_summary;
use crate::resources::{self, Wanted, in_its_region};
use crate::shell::clock::RunClock;
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, check_apart};
use crate::shell::interrupt::Interrupt;
use crate::shell::output;
use crate::shell::print::{finish, first_lost};
use crate::shell::progress::Progress;
use crate::shell::reproduce::reproduce;

/// The longest that one HTTP request to the stack's API may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long cleaning up may take after an interruption.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// What a run is directed at.
pub(crate) struct Target {
    /// The stack's name, which only a local stack that is up tells.
    pub(crate) stack: Option<String>,
    pub(crate) connection: Connection,
    pub(crate) clock: RunClock,
    pub(crate) emulator: Option<Emulator>,
}

impl Target {
    /// A stack that is brought up on this machine for the run.
    pub(crate) async fn local(
        template: TemplateArgs,
        stack: Option<String>,
        clock: Option<ClockArg>,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let options = LocalOptions {
            port: 0,
            clock: clock.unwrap_or(ClockArg::SkipIdle),
            stack,
            region: endpoint::LOCAL_REGION.to_owned(),
            for_others: false,
            allowed_origins: Vec::new(),
        };
        let emulator = stack::start(template, options, progress).await?;
        let client = emulator.client();
        let connection = Connection {
            region: Some(endpoint::LOCAL_REGION.to_owned()),
            endpoint_url: Some(emulator.endpoint().to_owned()),
            access_key_id: Some(client.access_key_id().to_owned()),
            ..Connection::default()
        };
        let stack = Some(emulator.stack().name.clone());
        Ok(Self { stack, connection, clock: RunClock::Emulated(client), emulator: Some(emulator) })
    }
}

pub(crate) async fn run(args: CheckArgs) -> Result<Exit, Failure> {
    if args.list {
        view::print_catalogue(args.format)?;
        return Ok(Exit::Passed);
    }
    refuse_local_options(&args)?;
    let files = Files::of(&args)?;
    let mut options = options(&args)?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let format = args.format;
    let target = tokio::select! {
        target = target(args, &options, &progress) => target?,
        // Nothing was created yet; what was being built is dropped with the future.
        () = interrupt.asked() => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
    };
    if let (Wanted::Stack { name, .. }, Some(stack)) = (&mut options.wanted, &target.stack) {
        name.clone_from(stack);
    }
    let mut view = CheckView::new(format, &progress);
    let outcome = Box::pin(evaluate(&target, options, &interrupt, &mut view)).await;
    progress.clear();
    let mut denials = Vec::new();
    if let Some(emulator) = target.emulator {
        denials = emulator.denials();
        emulator.shut_down().await;
    }
    let report = outcome?;
    let printed = view.report(&report);
    tell_denials(&denials);
    let written = first_lost([printed, files.write(&report)]);
    let exit = interrupt.exit().await.unwrap_or_else(|| report.overall.into());
    finish(exit, written)
}

/// Says what IAM denied: what the functions made of it need not say so.
fn tell_denials(denials: &[(String, u64)]) {
    /// How many are told.
    const SHOWN: usize = 5;
    for (denial, times) in denials.iter().take(SHOWN) {
        output::tell(&format!("denied by IAM, {times}×: {denial}\n"));
    }
    if denials.len() > SHOWN {
        output::tell(&format!("and {} more; -v shows each\n", denials.len() - SHOWN));
    }
}

/// Fails on options that say how the stack is brought up, where a deployed one is checked as it is.
fn refuse_local_options(args: &CheckArgs) -> Result<(), Failure> {
    let TemplateArgs {
        template,
        functions,
        code,
        runtimes,
        faults,
        parameters,
        values,
        without,
        no_iam,
        callers,
    } = &args.template;
    let given = [
        ("--template", template.is_some()),
        ("--functions", functions.is_some()),
        ("--code", !code.is_empty()),
        ("--runtime", !runtimes.is_empty()),
        ("--faults", faults.is_some()),
        ("--parameter", !parameters.is_empty()),
        ("--value", !values.is_empty()),
        ("--without", !without.is_empty()),
        ("--no-iam", *no_iam),
        ("--as", callers.is_some()),
        ("--clock", args.clock.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given && !args.local) {
        None => Ok(()),
        Some((name, _)) => Err(Failure {
            next: Some(format!(
                "leave {name} out, or check the stack on this machine with --local"
            )),
            ..Failure::usage(format!(
                "{name} goes with --local, and a deployed stack is checked as it is"
            ))
        }),
    }
}

/// Where a report is written to besides stdout.
struct Files {
    reports: Vec<PathBuf>,
    /// The job summary of GitHub Actions.
    summary: Option<PathBuf>,
    /// The command that repeats the run, as it was typed.
    again: String,
    /// Whether that command tells the region, or needs none.
    is_region_told: bool,
}

impl Files {
    /// Fails on a file that could not be written in the end, before the run has cost anything.
    fn of(args: &CheckArgs) -> Result<Self, Failure> {
        for file in &args.reports {
            files::check(file).map_err(|error| files::failed("report", file, &error))?;
        }
        let is_github = args.format == CheckFormat::Github;
        let summary = if is_github { check_summary()? } else { None };
        let outputs = args.reports.iter().map(|file| ("--report", file.as_path()));
        let outputs = outputs.chain(summary.as_deref().map(|file| ("the job summary", file)));
        let inputs = inputs(args)?;
        let inputs = inputs.iter().map(|(what, path)| (*what, path.as_path()));
        check_apart(&outputs.collect::<Vec<_>>(), &inputs.collect::<Vec<_>>())?;
        Ok(Self {
            reports: args.reports.clone(),
            summary,
            again: reproduce(
                std::env::args_os(),
                &["--format", "--report"],
                &secret_values(std::env::args_os()),
            ),
            is_region_told: args.local || args.connection.region.is_some(),
        })
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        let again = match report.region.as_deref().filter(|_| !self.is_region_told) {
            Some(region) => format!("{} --region {region}", self.again),
            None => self.again.clone(),
        };
        // One that cannot be written does not keep the others from being written.
        let reports = self.reports.iter().map(|file| view::write_report(report, &again, file));
        let summary = self.summary.iter().map(|file| view::append_summary(report, &again, file));
        first_lost(reports.chain(summary))
    }
}

/// The files that are read, with the word for each.
fn inputs(args: &CheckArgs) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let mut inputs = if args.local { stack::inputs(&args.template) } else { Vec::new() };
    inputs.extend(args.resources.files.file());
    inputs.extend(config::file(args.settings.config.as_deref())?);
    Ok(inputs)
}

/// What the command line asks for. The name of a local stack is known only when it is up.
fn options(args: &CheckArgs) -> Result<Options, Failure> {
    let selection =
        Selection::new(args.only.clone(), args.skip.clone()).map_err(|error| Failure {
            next: Some("`verifier check --list` shows them all".to_owned()),
            ..Failure::usage(error.to_string())
        })?;
    let settings = resources::load(&args.settings, &args.resources)?;
    let wanted = if args.local {
        // What is named in the settings is of AWS, and no resource of this machine.
        let named = Named::of(&settings).outputs_only();
        Wanted::Stack { name: args.stack.clone().unwrap_or_default(), named, outputs: None }
    } else {
        let wanted = resources::wanted(args.stack.as_deref(), &args.resources.files, &settings)?;
        wanted.ok_or_else(nothing_named)?
    };
    refuse_without_a_queue(&wanted)?;
    // Without a stack that is to have it, there may be nothing to post jobs to: then none are.
    if wanted.stack().is_some() {
        config::check_posting(&settings)?;
    }
    Ok(Options {
        wanted,
        strict: args.strict,
        allow_moves: args.allow_moves,
        selection,
        settings: settings.settings().clone(),
    })
}

/// That nothing says what is to be checked.
fn nothing_named() -> Failure {
    Failure {
        next: Some(
            "name the stack with --stack, the one on this machine with --local, or the jobs queue with --queue, by a file of outputs (--terraform-outputs, --json-outputs), or below [resources] in verifier.toml"
                .to_owned(),
        ),
        ..Failure::usage("nothing says what is to be checked")
    }
}

/// Fails where a dead-letter queue is all that is named.
fn refuse_without_a_queue(wanted: &Wanted) -> Result<(), Failure> {
    match wanted {
        Wanted::Known(resources) if resources.value(Role::Queue).is_none() => Err(Failure {
            next: Some(
                "name the jobs queue with --queue; its redrive policy tells the dead-letter queue"
                    .to_owned(),
            ),
            ..Failure::usage("no jobs queue is named")
        }),
        _ => Ok(()),
    }
}

async fn target(
    args: CheckArgs,
    options: &Options,
    progress: &Progress,
) -> Result<Target, Failure> {
    if !args.local {
        let connection = in_its_region(args.connection, options.wanted.queue())?;
        let (connection, clock) = endpoint::reach(connection).await?;
        return Ok(Target { stack: None, connection, clock, emulator: None });
    }
    Target::local(args.template, args.stack, args.clock, progress).await
}

/// Runs the checks by those options, and shows them to people where that is asked for.
pub(crate) async fn checked(
    target: &Target,
    options: Options,
    (interrupt, progress): (&Interrupt, &Progress),
    is_shown: bool,
) -> Result<Report, Failure> {
    let format = if is_shown { CheckFormat::Human } else { CheckFormat::Json };
    let mut view = CheckView::new(format, progress);
    let report = Box::pin(evaluate(target, options, interrupt, &mut view)).await?;
    progress.clear();
    if is_shown {
        view.report(&report)?;
    }
    Ok(report)
}

/// How a run came to its end.
enum Ended {
    Proceeded(Result<(), Failure>),
    TimedOut,
    Interrupted,
}

async fn evaluate(
    target: &Target,
    options: Options,
    interrupt: &Interrupt,
    view: &mut CheckView<'_>,
) -> Result<Report, Failure> {
    let aws = Aws::connect(&target.connection).await;
    let plain =
        target.connection.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    let http = Http::new(HTTP_TIMEOUT, plain).map_err(|error| {
        Failure::environment(format!("the HTTP client cannot be made: {error}"))
    })?;
    let clock = target.clock.clone();
    let timeout = options.settings.expect.timeout();
    let mut emit = |event: CheckEvent| view.event(&event);
    let reader = options.settings.outcomes.reader().map_err(Failure::usage)?;
    let mut run = Run::new(&aws, &http, clock, options, reader, &mut emit);
    // The stack's clock ends the waits; the wall's, which is never ahead of it, whatever else takes too long.
    let too_long = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        proceeded = run.proceed() => Ended::Proceeded(proceeded),
        () = too_long => Ended::TimedOut,
        () = interrupt.asked() => Ended::Interrupted,
    };
    let stopped = match ended {
        Ended::Proceeded(proceeded) => proceeded.err(),
        Ended::TimedOut => Some(run.timed_out()),
        Ended::Interrupted => {
            Some(Failure { what: "interrupted".to_owned(), next: None, exit: Exit::Interrupted })
        }
    };
    // What was not cleaned up in time is named in the report.
    let _ = tokio::time::timeout(CLEAN_UP, run.clean_up()).await;
    let roles = target.emulator.as_ref().map(roles_of);
    run.settle_roles(roles.as_deref());
    Ok(run.finish(stopped))
}

/// What the roles of the local stack were used for.
fn roles_of(emulator: &Emulator) -> Vec<RoleGrants> {
    let of_check = |emulator::RoleGrants { role, granted, used, denied }| {
        let told = |(action, refused): (String, emulator::Refused)| {
            (action, (refused.sentence, refused.times))
        };
        RoleGrants { role, granted, used, denied: denied.into_iter().map(told).collect() }
    };
    emulator.grants().into_iter().map(of_check).collect()
}
