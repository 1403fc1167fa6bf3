//! `verifier chaos list` and `show`.

use crate::args::ChaosListArgs;
use crate::chaos::Builtin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view;

pub(super) fn run(args: &ChaosListArgs) -> Result<Exit, Failure> {
    let experiments: Result<Vec<_>, String> =
        Builtin::ALL.into_iter().map(Builtin::experiment).collect();
    view::chaos::print_list(&experiments.map_err(Failure::usage)?, args.format)?;
    Ok(Exit::Passed)
}

pub(super) fn show(name: &str) -> Result<Exit, Failure> {
    let Some(builtin) = Builtin::named(name) else {
        return Err(Failure {
            next: Some("`verifier chaos list` shows them all".to_owned()),
            ..Failure::usage(format!("there is no built-in experiment {name}"))
        });
    };
    view::chaos::print_text(builtin.text)?;
    Ok(Exit::Passed)
}
