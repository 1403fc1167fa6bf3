//! `verifier check`.

use std::time::Duration;

use verifier_aws::{Aws, Connection, Http};
use verifier_core::check::{CheckEvent, Selection};
use verifier_emulator::Emulator;

use crate::args::{CheckArgs, ClockArg, ConnectionArgs, Format};
use crate::check::{Options, Report, Run, outputs};
use crate::clock::{RemoteClock, RunClock};
use crate::config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::local_stack::{self, LocalOptions};
use crate::view::{self, Progress};

/// The longest that one HTTP request to the stack's API may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long cleaning up may take after an interruption.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// What a run is directed at.
struct Target {
    stack: String,
    connection: Connection,
    clock: RunClock,
    emulator: Option<Emulator>,
}

pub(crate) async fn run(args: CheckArgs) -> Result<Exit, Failure> {
    if args.list {
        view::print_catalogue(args.format);
        return Ok(Exit::Passed);
    }
    let mut options = options(&args)?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new(args.format);
    let format = args.format;
    let target = tokio::select! {
        target = target(args, &options, &progress) => target?,
        // Nothing was created yet; what was being built is dropped with the future.
        () = interrupt.asked() => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
    };
    options.stack.clone_from(&target.stack);
    let outcome = judge(&target, options, &interrupt, &progress, format).await;
    progress.clear();
    if let Some(emulator) = target.emulator {
        emulator.shut_down().await;
    }
    let report = outcome?;
    view::print_report(&report, format);
    Ok(interrupt.exit().await.unwrap_or_else(|| report.overall.into()))
}

/// What the command line asks for. The name of a local stack is known only when it is up.
fn options(args: &CheckArgs) -> Result<Options, Failure> {
    let selection =
        Selection::new(args.only.clone(), args.skip.clone()).map_err(|error| Failure {
            next: Some("`verifier check --list` shows them all".to_owned()),
            ..Failure::usage(error.to_string())
        })?;
    let given = args.json_outputs.as_deref();
    let given = given.map(|path| outputs::read(path, args.stack.as_deref())).transpose()?;
    let (stack, outputs) = match given {
        Some((stack, outputs)) => (stack, Some(outputs)),
        None => (args.stack.clone().unwrap_or_default(), None),
    };
    Ok(Options {
        stack,
        strict: args.strict,
        selection,
        settings: config::load(&args.settings)?.settings().clone(),
        outputs,
    })
}

async fn target(
    args: CheckArgs,
    options: &Options,
    progress: &Progress,
) -> Result<Target, Failure> {
    if !args.local {
        let stack = options.stack.clone();
        let local = &args.template;
        if local.template.is_some() || local.functions.is_some() || local.faults.is_some() {
            return Err(Failure::usage(
                "--template, --functions and --faults go with --local: a deployed stack is checked as it is",
            ));
        }
        let mut connection = remote(args.connection);
        let clock = match connection.endpoint_url.as_deref().filter(|url| is_loopback(url)) {
            Some(url) => RemoteClock::register(url).await,
            None => None,
        };
        if let Some(clock) = &clock {
            connection.access_key_id = Some(clock.access_key_id().to_owned());
        }
        let clock = clock.map_or(RunClock::Wall, RunClock::Remote);
        return Ok(Target { stack, connection, clock, emulator: None });
    }
    let options = LocalOptions {
        port: 0,
        clock: args.clock.unwrap_or(ClockArg::SkipIdle),
        for_others: false,
    };
    let emulator = local_stack::start(args.template, options, progress).await?;
    let client = emulator.client();
    let connection = Connection {
        region: Some(local_stack::REGION.to_owned()),
        profile: None,
        endpoint_url: Some(emulator.endpoint().to_owned()),
        access_key_id: Some(client.access_key_id().to_owned()),
    };
    let stack = emulator.stack().name.clone();
    Ok(Target { stack, connection, clock: RunClock::Emulated(client), emulator: Some(emulator) })
}

/// An endpoint on this machine is an emulator, which takes any credentials: where none are set, some are made up.
fn remote(mut args: ConnectionArgs) -> Connection {
    // The SDK would read it by itself; whether the endpoint is an emulator has to be known here, too.
    let variable = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
    args.endpoint_url = args.endpoint_url.or(variable);
    let on_loopback = args.endpoint_url.as_deref().is_some_and(is_loopback);
    let configured = args.profile.is_some()
        || ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().any(|name| std::env::var_os(name).is_some());
    let has_region = args.region.is_some()
        || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| std::env::var_os(name).is_some());
    let made_up = on_loopback && !configured;
    Connection {
        region: match args.region {
            None if on_loopback && !has_region => Some(local_stack::REGION.to_owned()),
            region => region,
        },
        profile: args.profile,
        endpoint_url: args.endpoint_url,
        access_key_id: made_up.then(|| "AKIAVERIFIER".to_owned()),
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// How a run came to its end.
enum Ended {
    Proceeded(Result<(), Failure>),
    TimedOut,
    Interrupted,
}

async fn judge(
    target: &Target,
    options: Options,
    interrupt: &Interrupt,
    progress: &Progress,
    format: Format,
) -> Result<Report, Failure> {
    let aws = Aws::connect(&target.connection).await;
    let plain =
        target.connection.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    let http = Http::new(HTTP_TIMEOUT, plain).map_err(|error| {
        Failure::environment(format!("the HTTP client cannot be made: {error}"))
    })?;
    let clock = target.clock.clone();
    let timeout = options.settings.expect.timeout();
    let mut emit = |event: CheckEvent| view::print_event(&event, format, progress);
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
    Ok(run.finish(stopped))
}
