//! How a redrive goes on, by the command line.

use std::collections::BTreeMap;
use std::path::Path;

use verifier_core::redrive::{Patch, Ramp, Terms};

use crate::dlq::filter_terms;
use crate::redrive::args::RedriveArgs;
use crate::shell::failure::Failure;
use crate::shell::files;

/// How many requests are made at once unless somebody says otherwise.
const CONCURRENCY: usize = 40;

/// The terms. Everything that is wrong is told before anything is asked of AWS.
pub(super) fn of(args: &RedriveArgs) -> Result<Terms, Failure> {
    let filter = filter_terms(&args.messages);
    filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let pace = &args.pace;
    let steps = if pace.no_canary {
        Vec::new()
    } else if pace.canary.is_empty() {
        Ramp::default().steps().to_vec()
    } else {
        let ramp = Ramp::new(pace.canary.clone());
        ramp.map_err(|error| Failure::usage(format!("--canary: {error}")))?.steps().to_vec()
    };
    let patch = args.patch.as_deref().map(read_patch).transpose()?;
    Ok(Terms {
        filter,
        is_planned: false,
        source_arn: None,
        is_source_named: false,
        only_with_source: false,
        sources: Vec::new(),
        steps,
        stop_after: pace.stop_after,
        max: args.messages.max.map(u64::from),
        rate: pace.rate,
        concurrency: pace.concurrency.unwrap_or(CONCURRENCY),
        patch: patch.as_ref().and_then(|patch| serde_json::from_str(patch.text()).ok()),
        patch_text: patch.map(|patch| patch.text().to_owned()),
        patch_non_objects: args.patch_non_objects,
        attributes: attributes(args)?,
        redrives_max: Some(args.count.redrives_max),
        counts_redrives: !args.count.no_count,
        undone: None,
        function: None,
    })
}

/// Attributes to set, and to remove.
fn attributes(args: &RedriveArgs) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let mut attributes = BTreeMap::new();
    for (name, value) in &args.set_attribute {
        if attributes.insert(name.clone(), Some(value.clone())).is_some() {
            return Err(Failure::usage(format!(
                "the attribute {name} is set twice (--set-attribute)"
            )));
        }
    }
    for name in &args.remove_attribute {
        if attributes.insert(name.clone(), None).is_some() {
            return Err(Failure::usage(format!(
                "the attribute {name} cannot both be set and be removed"
            )));
        }
    }
    Ok(attributes)
}

fn read_patch(file: &Path) -> Result<Patch, Failure> {
    let wrong = |problem: String| {
        Failure::usage(format!("the patch {} cannot be read: {problem}", file.display()))
    };
    let text = files::read_text(file).map_err(|error| wrong(error.to_string()))?;
    Patch::read(&text).map_err(|error| wrong(error.to_string()))
}
