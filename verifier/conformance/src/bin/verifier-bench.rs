//! `verifier-bench`: how fast the emulator is, beside moto, and the functions, beside Node.
//!
//! `serve` is the emulator in a process of its own, so that its memory and its work are not the client's.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use verifier_conformance::bench::{
    self, Full, Rates, Volume, fill, measure_plain, measure_sdk, measure_sdk_alone, measure_starts,
};
use verifier_conformance::serve;
use verifier_emulator::OTHER_WORK;

/// Many connections.
const MANY: usize = 32;
/// How many messages a full queue has.
const FULL: usize = 100_000;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "verifier-bench", version)]
enum Command {
    /// Serve an emulator without a stack, print its URL, and end when stdin ends.
    Serve,
    /// Measure endpoints and print a table.
    Run {
        /// The emulator.
        #[arg(long, value_name = "URL")]
        emulator: String,
        /// Its process.
        #[arg(long, value_name = "ID")]
        emulator_process: u32,
        /// moto.
        #[arg(long, value_name = "URL")]
        moto: String,
    },
    /// Measure how the stack's functions start, beside the same in Node, and print a table.
    Functions {
        /// The folder of the functions, as cargo-lambda lays them out.
        #[arg(long, value_name = "FOLDER")]
        native: PathBuf,
        /// The folder of the modules for Node.
        #[arg(long, value_name = "FOLDER")]
        node: PathBuf,
        /// How often each is started.
        #[arg(long, value_name = "N", default_value_t = 20)]
        runs: usize,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Serve => serve_until_stdin_ends().await,
        Command::Run { emulator, emulator_process, moto } => {
            measure(&emulator, emulator_process, &moto).await
        }
        Command::Functions { native, node, runs } => starts(&native, &node, runs).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever has closed stderr does not want to know.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve_until_stdin_ends() -> Result<(), Failed> {
    let emulator = serve(OTHER_WORK).await?;
    writeln!(std::io::stdout(), "{}", emulator.endpoint())?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    emulator.shut_down().await;
    Ok(())
}

async fn measure(emulator: &str, emulator_process: u32, moto: &str) -> Result<(), Failed> {
    let one = |messages_each| Volume { connections: 1, messages_each };
    let many = |messages_each| Volume { connections: MANY, messages_each };
    let mut out = std::io::stdout();
    // First, so that the memory is that of a process which has done nothing else.
    let full = fill(emulator, emulator_process, FULL).await?;
    writeln!(out, "{}\n", shown(&full))?;
    writeln!(
        out,
        "{:<34} {:>11} {:>9} {:>9} {:>9} {:>9}",
        "operations a second", "connections", "send", "receive", "delete", "overall"
    )?;
    let row = |name: &str, connections: usize, rates: Rates| {
        let Rates { send, receive, delete } = rates;
        let overall = rates.overall();
        writeln!(
            std::io::stdout(),
            "{name:<34} {connections:>11} {send:>9.0} {receive:>9.0} {delete:>9.0} {overall:>9.0}"
        )
    };
    let emulator_one = measure_sdk(emulator, one(3_000)).await?;
    row("emulator, through the SDK", 1, emulator_one)?;
    let moto_one = measure_sdk(moto, one(150)).await?;
    row("moto, through the SDK", 1, moto_one)?;
    let emulator_many = measure_sdk(emulator, many(400)).await?;
    row("emulator, through the SDK", MANY, emulator_many)?;
    let moto_many = measure_sdk(moto, many(10)).await?;
    row("moto, through the SDK", MANY, moto_many)?;
    row("emulator, through plain HTTP", 1, measure_plain(emulator, one(10_000)).await?)?;
    row("emulator, through plain HTTP", MANY, measure_plain(emulator, many(2_000)).await?)?;
    row("the SDK alone, without a network", 1, measure_sdk_alone(one(5_000)).await?)?;
    row("the SDK alone, without a network", MANY, measure_sdk_alone(many(400)).await?)?;
    let ratio = |ours: Rates, theirs: Rates| ours.overall() / theirs.overall();
    writeln!(
        out,
        "\nemulator to moto: {:.1} with 1 connection, {:.1} with {MANY}",
        ratio(emulator_one, moto_one),
        ratio(emulator_many, moto_many)
    )?;
    Ok(())
}

async fn starts(native: &Path, node: &Path, runs: usize) -> Result<(), Failed> {
    let emulator = serve(OTHER_WORK).await?;
    writeln!(
        std::io::stdout(),
        "{:<22} {:>9} {:>9} {:>12} {:>12} {:>12}",
        format!("median of {runs}"),
        "init ms",
        "least ms",
        "first call ms",
        "init MiB",
        "call MiB"
    )?;
    for function in bench::functions() {
        let programs =
            [("Rust", bench::native(native, &function)), ("Node", bench::node(node, &function))];
        for (language, program) in programs {
            let starts = measure_starts(emulator.endpoint(), &function, &program, runs).await?;
            let title = format!("{} in {language}", function.name);
            writeln!(
                std::io::stdout(),
                "{title:<22} {:>9.1} {:>9.1} {:>12.1} {:>12.1} {:>12.1}",
                millis(starts.init),
                millis(starts.init_min),
                millis(starts.invocation),
                mebibytes(starts.resident_after_init),
                mebibytes(starts.resident_after_invocation)
            )?;
        }
    }
    emulator.shut_down().await;
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[allow(clippy::cast_precision_loss, reason = "a process has less memory than that")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

fn shown(full: &Full) -> String {
    let mebibytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    format!(
        "resident memory: {} MiB, and {} MiB with {} messages in a queue\n\
         a receive: {:.0} µs with 100 messages, {:.0} µs with {}",
        mebibytes(full.resident_before),
        mebibytes(full.resident_after),
        full.messages,
        micros(full.receive_with_few),
        micros(full.receive_with_many),
        full.messages
    )
}
