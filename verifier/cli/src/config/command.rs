//! `verifier config`.

use crate::config;
use crate::config::args::{ConfigArgs, ConfigCommand};
use crate::config::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) fn run(args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Show(args) => {
            view::print_settings(&config::load(&args.settings)?, args.format)?;
        }
        ConfigCommand::Schema => view::print_schema()?,
    }
    Ok(Exit::Passed)
}
