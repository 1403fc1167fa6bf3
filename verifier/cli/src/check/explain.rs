//! `verifier explain`.

use verifier_core::check::{find_check, nearest_check};

use crate::check::args::ExplainArgs;
use crate::check::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let Some(check) = find_check(&args.id) else {
        let near = nearest_check(&args.id);
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Failure {
            next: Some("`verifier check --list` shows them all".to_owned()),
            ..Failure::usage(format!("no check is called {}{near}", args.id))
        });
    };
    view::print_explanation(check)?;
    Ok(Exit::Passed)
}
