//! `verifier config`.

use crate::args::{ConfigArgs, ConfigCommand};
use crate::config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view;

pub(crate) fn run(args: &ConfigArgs) -> Result<Exit, Failure> {
    let ConfigCommand::Show(args) = &args.command;
    let settings = config::load(&args.settings)?;
    view::print_settings(&settings, args.format)?;
    Ok(Exit::Passed)
}
