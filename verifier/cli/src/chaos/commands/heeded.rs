//! Options that a target does not heed are refused: what was asked for would not be done, and nothing would say so.

use crate::chaos::args::{ChaosTarget, LiveArgs};
use crate::shell::failure::Failure;

/// Fails on an option that the target does not heed.
pub(super) fn refuse_unheeded(target: ChaosTarget, live: &LiveArgs) -> Result<(), Failure> {
    let connection = &live.connection;
    let (is_stack, is_local) = (live.is_deployed(), target == ChaosTarget::Local);
    let named = &live.resources;
    // A file that an environment variable names is not asked for by this command.
    let variable = std::env::var_os("VERIFIER_CONFIG");
    let asks_config =
        live.config.as_ref().is_some_and(|file| Some(file.as_os_str()) != variable.as_deref());
    let options = [
        ("--functions", live.functions.is_some(), is_local && !is_stack),
        ("--template", live.template.is_some(), is_local && !is_stack),
        ("--journal", live.journal.is_some(), is_local || is_stack),
        ("--config", asks_config, is_local || is_stack),
        ("--yes", live.yes, is_stack),
        ("--allow-purge", live.allow_purge, is_stack),
        ("--dlq", named.dlq.is_some(), is_stack),
        ("--api", named.api.is_some(), is_stack),
        ("--function", named.function.is_some(), is_stack),
        ("--region", connection.region.is_some(), is_stack),
        ("--profile", connection.profile.is_some(), is_stack),
        ("--endpoint-url", connection.endpoint_url.is_some(), is_stack),
    ];
    let Some((option, ..)) = options.into_iter().find(|(_, given, heeded)| *given && !heeded)
    else {
        return Ok(());
    };
    let (on, next) = match option {
        "--functions" | "--template" if is_stack => {
            ("a deployed stack", format!("leave {option} out: a deployed stack has its own"))
        }
        "--functions" | "--template" | "--journal" | "--config" => {
            ("the simulator", format!("add --target local, or leave {option} out"))
        }
        _ => {
            let on = if is_local { "--target local" } else { "the simulator" };
            (on, format!("name what is there with --stack or --queue, or leave {option} out"))
        }
    };
    Err(Failure { next: Some(next), ..Failure::usage(format!("{option} means nothing to {on}")) })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::shell::args::ConnectionArgs;

    fn refused(target: ChaosTarget, live: &LiveArgs) -> Option<String> {
        let refused = refuse_unheeded(target, live).err()?;
        Some(format!("{}; {}", refused.what, refused.next.unwrap_or_default()))
    }

    #[test]
    fn each_option_is_refused_where_it_is_not_heeded_and_nowhere_else() {
        let functions = LiveArgs { functions: Some(PathBuf::from("f")), ..LiveArgs::default() };
        let said = refused(ChaosTarget::Sim, &functions).unwrap();
        assert_eq!(
            said,
            "--functions means nothing to the simulator; add --target local, or leave --functions out"
        );
        assert_eq!(refused(ChaosTarget::Local, &functions), None);
        let stack = Some("S".to_owned());
        let on_stack = LiveArgs { stack: stack.clone(), ..functions };
        let said = refused(ChaosTarget::Sim, &on_stack).unwrap();
        assert!(said.starts_with("--functions means nothing to a deployed stack"), "{said}");
        let region = Some("eu-west-1".to_owned());
        let connection = ConnectionArgs { region, ..ConnectionArgs::default() };
        let elsewhere = LiveArgs { connection: connection.clone(), ..LiveArgs::default() };
        let said = refused(ChaosTarget::Local, &elsewhere).unwrap();
        assert!(said.starts_with("--region means nothing to --target local"), "{said}");
        assert!(refused(ChaosTarget::Sim, &elsewhere).is_some());
        assert_eq!(
            refused(ChaosTarget::Sim, &LiveArgs { stack, connection, ..LiveArgs::default() }),
            None
        );
        let kept = LiveArgs { journal: Some(PathBuf::from("j")), ..LiveArgs::default() };
        assert!(refused(ChaosTarget::Sim, &kept).is_some());
        assert_eq!(refused(ChaosTarget::Local, &kept), None);
    }
}
