//! `verifier explain`.

use verifier_core::check::{find_check, hint};

use crate::check::args::ExplainArgs;
use crate::check::view;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let Some(check) = find_check(&args.id) else {
        let hint = hint(&args.id).map(|hint| format!("; {hint}")).unwrap_or_default();
        return Err(Failure {
            next: Some("`verifier check --list` shows them all".to_owned()),
            ..Failure::usage(format!("no check is called {}{hint}", args.id))
        });
    };
    view::print_explanation(check)?;
    Ok(Exit::Passed)
}
