//! `verifier local`.

use std::collections::BTreeMap;

use verifier_emulator::Emulator;

use crate::local::args::LocalArgs;
use crate::local::ready::{self, Ready, SCHEMA};
use crate::local::stack::{self, LocalOptions};
use crate::local::view;
use crate::shell::admin::TOKEN_VARIABLE;
use crate::shell::clean;
use crate::shell::endpoint::LOCAL_REGION;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{Named, check_apart};
use crate::shell::interrupt::Interrupt;
use crate::shell::output;
use crate::shell::progress::Progress;

/// The emulator takes any key; this one says that it is none of AWS's.
const ACCESS_KEY_ID: &str = "AKIALOCAL";

pub(crate) async fn run(args: LocalArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.ready_file {
        let inputs = stack::inputs(&args.template);
        let inputs: Vec<Named> = inputs.iter().map(|(what, path)| (*what, &**path)).collect();
        check_apart(&[("--ready-file", path)], &inputs)?;
        ready::check_unused(path)?;
        ready::make_room(path)?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let options = LocalOptions {
        port: args.port,
        clock: args.clock,
        stack: args.stack,
        region: args.region.clone(),
        for_others: true,
        allowed_origins: args.allow_origin,
    };
    let emulator = tokio::select! {
        started = stack::start(args.template, options, &progress) => started?,
        () = interrupt.asked() => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
    };
    progress.clear();
    if args.region != LOCAL_REGION {
        output::tell(&warning(&args.region));
    }
    for note in emulator.stack().notes() {
        output::tell(&format!("note: {}\n", clean::line(&note)));
    }
    let ready = ready(&emulator, &args.region);
    // Whoever has read that the emulator is up may rely on the file.
    let written = args.ready_file.as_deref().map_or(Ok(()), |path| ready::write(&ready, path));
    let is_there = written.is_ok();
    // Whoever has not read where it is cannot use it.
    let written = written.and_then(|()| view::print_ready(&ready, args.format));
    if written.is_ok() {
        interrupt.asked().await;
    }
    emulator.shut_down().await;
    if let Some(path) = args.ready_file.as_deref().filter(|_| is_there) {
        // It would promise an endpoint that is gone.
        ready::remove(&ready, path);
    }
    written?;
    Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted))
}

/// What is given up with the region that AWS does not have.
fn warning(region: &str) -> String {
    format!(
        "warning: {region} may be a region of AWS, so that a client that is not given the endpoint reaches AWS there, \
         as AWS CLI 1 does with `aws sqs` unless it has --endpoint-url; the account 000000000000 and the keys below are none of AWS's, and refused by it\n"
    )
}

fn ready(emulator: &Emulator, region: &str) -> Ready {
    let stack = emulator.stack();
    let outputs = stack.outputs.iter().map(|output| (output.key.clone(), output.value.clone()));
    let skipped = stack.skipped.iter().map(|skipped| {
        format!("{} ({}): {}", skipped.logical_id, skipped.resource_type, skipped.reason)
    });
    Ready {
        schema: SCHEMA,
        endpoint: emulator.endpoint().to_owned(),
        token: emulator.token().to_owned(),
        region: region.to_owned(),
        stack_name: stack.name.clone(),
        outputs: outputs.collect(),
        environment: BTreeMap::from([
            ("AWS_ENDPOINT_URL", emulator.endpoint().to_owned()),
            ("AWS_REGION", region.to_owned()),
            ("AWS_DEFAULT_REGION", region.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            (TOKEN_VARIABLE, emulator.token().to_owned()),
        ]),
        skipped: skipped.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_takes_back_what_is_printed() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/first-steps.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, rest) = page.split_once("```sh aws\n").unwrap();
        let (block, _) = rest.split_once("\n```").unwrap();
        assert!(block.contains(&format!("= {ACCESS_KEY_ID} ]")), "{block}");
        for variable in ["AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", TOKEN_VARIABLE] {
            let mut unset = block.lines().filter(|line| line.starts_with("unset "));
            assert!(unset.any(|line| line.split(' ').any(|name| name == variable)), "{variable}");
        }
        for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            assert!(block.contains(&format!("{variable}=eu-central-1")), "{variable}");
        }
    }
}
