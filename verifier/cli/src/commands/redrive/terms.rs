//! How a redrive goes on, by the command line.

use std::path::Path;

use serde_json::Value;
use verifier_core::redrive::{Ramp, Terms};

use crate::args::RedriveArgs;
use crate::dead_letters::filter_terms;
use crate::failure::Failure;
use crate::files;

/// How many requests are made at once unless somebody says otherwise.
const CONCURRENCY: usize = 40;

/// The terms. Everything that is wrong is told before anything is asked of AWS.
pub(super) fn of(args: &RedriveArgs) -> Result<Terms, Failure> {
    let filter = filter_terms(&args.letters);
    filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let steps = if args.no_canary {
        Vec::new()
    } else if args.canary.is_empty() {
        Ramp::default().steps().to_vec()
    } else {
        let ramp = Ramp::new(args.canary.clone());
        ramp.map_err(|error| Failure::usage(format!("--canary: {error}")))?.steps().to_vec()
    };
    Ok(Terms {
        filter,
        is_planned: false,
        source_arn: None,
        only_with_source: false,
        sources: Vec::new(),
        steps,
        stop_after: args.stop_after,
        max: args.letters.max.map(u64::from),
        rate: args.rate,
        concurrency: args.concurrency.unwrap_or(CONCURRENCY),
        patch: args.patch.as_deref().map(read_patch).transpose()?,
    })
}

fn read_patch(file: &Path) -> Result<Value, Failure> {
    let wrong = |problem: String| {
        Failure::usage(format!("the patch {} cannot be read: {problem}", file.display()))
    };
    let text = files::read_text(file).map_err(|error| wrong(error.to_string()))?;
    let patch: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if patch.is_object() {
        Ok(patch)
    } else {
        // As RFC 7396 says it would take every body's place.
        Err(wrong("expected a JSON object".to_owned()))
    }
}
