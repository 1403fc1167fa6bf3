//! What a configuration script sets, found by running it as a browser does.
//!
//! A page's `config.js` is a program, and only running it tells what it leaves behind. It runs in an engine that has the
//! language and nothing else: no files, no network, no clock but the time of day. What a browser lends to a script is either
//! exact ([`browser.js`](browser.js)), or asking for it makes the script [`Undecided`](Script::Undecided).
//!
//! Memory, depth and steps are bounded, and so is the time, since a few functions of the engine loop without counting steps.
//! The core decides what is run, and what it shows.

mod engine;

use std::sync::mpsc;
use std::time::Duration;

use verifier_core::check::script::Script;

/// For how long a script is waited for that its bound of steps did not end.
const WAIT: Duration = Duration::from_secs(5);

/// Runs a script in the page of that URL. It blocks until the script has ended, or for 5 s.
pub fn run(source: &str, page: &str) -> Script {
    let (source, page) = (source.trim_start_matches('\u{feff}').to_owned(), page.to_owned());
    let (sender, receiver) = mpsc::channel();
    let work = move || {
        // There is no receiver any more when it took too long.
        let _ = sender.send(engine::run(&source, &page));
    };
    let started = std::thread::Builder::new().name("config.js".to_owned()).spawn(work);
    let ended = started.ok().and_then(|_| receiver.recv_timeout(WAIT).ok());
    ended.unwrap_or_else(|| Script::Undecided { why: engine::DOES_NOT_END.to_owned() })
}

#[cfg(test)]
mod tests;
