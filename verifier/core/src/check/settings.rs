//! What the settings have to say of checks: which have nothing to evaluate on a stack, and which warnings are allowed.

use super::{Check, Evaluation, Subject, Verdict, find_check, hint};
use crate::settings::{Expect, InForce, SettingsError};

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

/// Why a check has nothing to evaluate, by the settings and by what resources there are; `None` when it has. Such a check not
/// being run is no omission.
pub fn absent(subject: Subject<'_>, check: &Check) -> Option<&'static str> {
    check.absent.and_then(|absent| absent(subject))
}

/// That a check has nothing to evaluate, for that reason.
pub fn nothing_to_evaluate(why: &str) -> Evaluation {
    Evaluation::not_run(why).with_evidence("absent", true)
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
