//! `verifier chaos list` and `show`.

use crate::chaos::Builtin;
use crate::chaos::args::ChaosListArgs;
use crate::chaos::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(super) fn run(args: &ChaosListArgs) -> Result<Exit, Failure> {
    let experiments: Result<Vec<_>, String> =
        Builtin::ALL.into_iter().map(Builtin::experiment).collect();
    view::print_list(&experiments.map_err(Failure::usage)?, args.format)?;
    Ok(Exit::Passed)
}

pub(super) fn show(name: &str) -> Result<Exit, Failure> {
    let Some(builtin) = Builtin::named(name) else {
        return Err(Failure {
            next: Some("`verifier chaos list` shows them all".to_owned()),
            ..Failure::usage(format!("there is no built-in experiment {name}"))
        });
    };
    view::print_text(builtin.text)?;
    Ok(Exit::Passed)
}
