//! What `verifier local` prints.

use std::io::{self, Write};

use owo_colors::OwoColorize;

use super::ready::Ready;
use crate::report::json;
use crate::shell::args::Format;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::print;

/// Shows that the emulator is up.
pub(crate) fn print_ready(ready: &Ready, format: Format) -> Result<(), Failure> {
    print(|out| match format {
        Format::Human => human(ready, out),
        Format::Json => json::pretty(ready, out),
    })
}

/// The emulator is up: where, and how to reach it.
fn human(ready: &Ready, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} is up at {}\n",
        clean::line(&ready.stack_name).bold(),
        ready.endpoint.bold()
    )?;
    for (name, value) in &ready.outputs {
        writeln!(out, "  {:<24} {}", clean::line(name), clean::line(value))?;
    }
    writeln!(out, "\nPoint any AWS client at it:\n")?;
    for (name, value) in &ready.environment {
        writeln!(out, "  export {name}={}", clean::line(value))?;
    }
    writeln!(
        out,
        "\n{} resources have no part in the emulated flow. Ctrl-C ends it.",
        ready.skipped.len()
    )
}
