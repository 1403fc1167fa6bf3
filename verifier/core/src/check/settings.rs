//! What the settings have to say of checks: which have nothing to evaluate on a stack, and which warnings are allowed.

use super::rules::{api_cors, api_hello, api_reject, web_config, web_page};
use super::{Check, Evaluation, Verdict, find_check, hint};
use crate::settings::{Expect, InForce, Settings, SettingsError};

/// Reads a settings file, whose allowances have to be of checks that there are.
pub fn read_settings(path: &str, text: &str) -> Result<InForce, SettingsError> {
    let settings = InForce::read(path, text)?;
    allowances(&settings)?;
    Ok(settings)
}

fn allowances(settings: &InForce) -> Result<(), SettingsError> {
    for allowance in &settings.settings().expect.allow {
        if find_check(&allowance.check).is_none() {
            let hint = hint(&allowance.check)
                .unwrap_or_else(|| "`verifier check --list` shows them all".to_owned());
            let problem = format!("no check is called {}; {hint}", allowance.check);
            return Err(settings.wrong("expect.allow", problem));
        }
    }
    Ok(())
}

/// Why a check has nothing to evaluate on this stack, by these settings; `None` when it has. Such a check not being
/// run is no omission.
pub fn absent(settings: &Settings, check: &Check) -> Option<&'static str> {
    let page = settings.outputs.preview_url.is_some();
    let because = |absent: bool, why: &'static str| absent.then_some(why);
    match check.id {
        id if id == web_page::CHECK.id => because(!page, "the stack has no page"),
        id if id == web_config::CHECK.id => because(
            !page || settings.page.config_path.is_none(),
            "the stack has no page with a configuration",
        ),
        id if id == api_cors::CHECK.id => because(
            !page && settings.expect.named_origins().next().is_none(),
            "the stack has no page, and no origin is named that may post jobs",
        ),
        id if id == api_hello::CHECK.id => because(
            settings.outputs.api_url.is_none() || settings.api.hello_path.is_none(),
            "the stack has no hello endpoint",
        ),
        id if id == api_reject::CHECK.id => {
            because(settings.jobs.refused.is_empty(), "no body is given that is to be refused")
        }
        _ => None,
    }
}

/// Why a check's warning is allowed; `None` when it is not.
fn allowed<'a>(expect: &'a Expect, check: &Check) -> Option<&'a str> {
    let found = expect.allow.iter().find(|allowance| allowance.check == check.id);
    found.map(|allowance| allowance.reason.as_str())
}

/// An evaluation with the reason for which its warning is allowed, if it warns and that is given.
pub fn explained(expect: &Expect, check: &Check, evaluation: Evaluation) -> Evaluation {
    match allowed(expect, check).filter(|_| evaluation.verdict == Verdict::Warn) {
        Some(reason) => evaluation.with_allowance(reason),
        None => evaluation,
    }
}
