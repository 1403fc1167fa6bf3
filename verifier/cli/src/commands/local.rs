//! `verifier local`.

use std::collections::BTreeMap;
use std::path::Path;

use verifier_emulator::Emulator;

use crate::admin::TOKEN_VARIABLE;
use crate::args::LocalArgs;
use crate::clean;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::interrupt::Interrupt;
use crate::local_stack::{self, LocalOptions};
use crate::ready::Ready;
use crate::view::{self, Progress};

pub(crate) async fn run(args: LocalArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.ready_file {
        files::check(path).map_err(|error| files::failed("ready file", path, &error))?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let options = LocalOptions {
        port: args.port,
        clock: args.clock,
        for_others: true,
        allowed_origins: args.allow_origin,
    };
    let emulator = tokio::select! {
        started = local_stack::start(args.template, options, &progress) => started?,
        () = interrupt.asked() => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
    };
    progress.clear();
    let ready = ready(&emulator);
    // Whoever has read that the emulator is up may rely on the file.
    let written = args.ready_file.as_deref().map_or(Ok(()), |path| write_ready(path, &ready));
    let is_there = written.is_ok();
    // Whoever has not read where it is cannot use it.
    let written = written.and_then(|()| view::print_ready(&ready, args.format));
    if written.is_ok() {
        interrupt.asked().await;
    }
    emulator.shut_down().await;
    if let Some(path) = args.ready_file.as_deref().filter(|_| is_there) {
        // It would promise an endpoint that is gone.
        let _ = files::remove(path);
    }
    written?;
    Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted))
}

fn ready(emulator: &Emulator) -> Ready {
    let stack = emulator.stack();
    let outputs = stack.outputs.iter().map(|output| (output.key.clone(), output.value.clone()));
    let skipped = stack.skipped.iter().map(|skipped| {
        format!("{} ({}): {}", skipped.logical_id, skipped.resource_type, skipped.reason)
    });
    Ready {
        schema: "verifier.local/1",
        endpoint: emulator.endpoint().to_owned(),
        token: emulator.token().to_owned(),
        region: local_stack::REGION,
        stack_name: stack.name.clone(),
        outputs: outputs.collect(),
        environment: BTreeMap::from([
            ("AWS_ENDPOINT_URL", emulator.endpoint().to_owned()),
            ("AWS_REGION", local_stack::REGION.to_owned()),
            ("AWS_DEFAULT_REGION", local_stack::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIALOCAL".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            (TOKEN_VARIABLE, emulator.token().to_owned()),
        ]),
        skipped: skipped.collect(),
    }
}

fn write_ready(path: &Path, ready: &Ready) -> Result<(), Failure> {
    let text = clean::json(&serde_json::to_string_pretty(ready).unwrap_or_default()) + "\n";
    let written = files::write_private(path, text.as_bytes());
    written.map_err(|error| files::failed("ready file", path, &error))
}
