//! `verifier-bench`: how fast the emulator is, beside moto.
//!
//! `serve` is the emulator in a process of its own, so that its memory and its work are not the client's.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use verifier_conformance::bench::{
    Full, Rates, Volume, fill, measure_plain, measure_sdk, measure_sdk_alone,
};
use verifier_conformance::serve;
use verifier_emulator::FOREIGN_WORK;

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
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Serve => serve_until_stdin_ends().await,
        Command::Run { emulator, emulator_process, moto } => {
            measure(&emulator, emulator_process, &moto).await
        }
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
    let emulator = serve(FOREIGN_WORK).await?;
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
