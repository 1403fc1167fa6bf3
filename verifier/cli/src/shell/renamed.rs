//! Subcommands and options that have another name now.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Old name, new name: of subcommands, and of options with their dashes.
const RENAMED: [(&str, &str); 2] = [("judge", "analyze"), ("--plant", "--bug")];

/// Adds to an error about an old name what the name is now; leaves every other error as it is.
pub(crate) fn say_new_name(error: &mut Error) {
    let typed = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter();
    let new = typed.filter_map(|kind| error.get(kind)).find_map(|typed| match typed {
        ContextValue::String(typed) => renamed(typed),
        _ => None,
    });
    let Some((old, new)) = new else { return };
    let tip = format!("'{old}' was renamed to '{new}'").into();
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
}

/// The entry of an argument, which may have its value behind it.
fn renamed(typed: &str) -> Option<(&'static str, &'static str)> {
    let name = typed.split('=').next().unwrap_or(typed);
    RENAMED.into_iter().find(|(old, _)| *old == name)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::VerifierArgs;

    fn said(arguments: &[&str]) -> String {
        let arguments = ["verifier"].iter().chain(arguments);
        let mut error = VerifierArgs::try_parse_from(arguments).unwrap_err();
        say_new_name(&mut error);
        error.render().to_string()
    }

    #[test]
    fn an_old_subcommand_and_an_old_option_lead_to_the_new_ones() {
        let judge = said(&["chaos", "judge", "h.jsonl"]);
        assert!(judge.contains("'judge' was renamed to 'analyze'"), "{judge}");
        for plant in [&["--plant", "lost"][..], &["--plant=lost"]] {
            let plant = said(&[&["chaos", "explore"], plant].concat());
            assert!(plant.contains("'--plant' was renamed to '--bug'"), "{plant}");
        }
    }

    #[test]
    fn other_mistakes_are_answered_as_before() {
        for arguments in [
            &["chaos", "judges"][..],
            &["chaos", "explore", "--plants"],
            &["check", "--bug", "lost"],
        ] {
            let said = said(arguments);
            assert!(!said.contains("renamed"), "{said}");
        }
    }
}
