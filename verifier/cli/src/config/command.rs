//! `verifier config`.

use crate::config;
use crate::config::args::{ConfigArgs, ConfigCommand};
use crate::config::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) fn run(args: &ConfigArgs) -> Result<Exit, Failure> {
    let ConfigCommand::Show(args) = &args.command;
    let settings = config::load(&args.settings)?;
    view::print_settings(&settings, args.format)?;
    Ok(Exit::Passed)
}
