//! What a configuration script sets, found by running it as a browser does.
//!
//! A page's `config.js` is a program, and only running it tells what it leaves behind. It runs in an engine that has the
//! language and nothing else: no files, no network, no clock but the time of day. What a browser lends to a script is either
//! exact ([`browser.js`](browser.js)), or asking for it makes the script [`Undecided`](Script::Undecided).
//!
//! Memory, depth and steps are bounded, and so is the time, since a few functions of the engine loop without counting steps.

mod engine;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

/// For how long a script is waited for that its bound of steps did not end.
const WAIT: Duration = Duration::from_secs(5);

/// What a script sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// It came to its end, or to an error that ends it.
    Ended {
        /// The properties that `window` has by then: their paths, and their values where they are texts.
        window: Values,
        /// The same of what it declares with `let`, `const` or `class`, which is not in `window`.
        declared: Values,
        /// The error that ended it, as in `ReferenceError: a is not defined`. Of a script with an error of syntax, nothing runs.
        error: Option<String>,
    },
    /// What it sets depends on what is not known here.
    Undecided {
        /// On what, as in `it asks the browser for document`.
        why: String,
    },
}

/// Values by their paths, as in `CONFIG.jobUrl`; `None` where one is no text.
pub(crate) type Values = BTreeMap<String, Option<String>>;

impl Script {
    /// Runs a script in the page of that URL.
    pub(crate) fn run(source: &str, page: &str) -> Self {
        let (source, page) = (source.trim_start_matches('\u{feff}').to_owned(), page.to_owned());
        let (sender, receiver) = mpsc::channel();
        let work = move || {
            // Nobody listens any more when it took too long.
            let _ = sender.send(engine::run(&source, &page));
        };
        let started = std::thread::Builder::new().name("config.js".to_owned()).spawn(work);
        let ended = started.ok().and_then(|_| receiver.recv_timeout(WAIT).ok());
        ended.unwrap_or_else(|| Self::Undecided { why: engine::DOES_NOT_END.to_owned() })
    }

    /// The same of a JSON document.
    pub(crate) fn of_json(document: &str) -> Self {
        fn walk(path: &str, value: &serde_json::Value, values: &mut Values) {
            match value {
                serde_json::Value::Object(members) => {
                    for (name, member) in members {
                        walk(&below(path, name), member, values);
                    }
                }
                serde_json::Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        walk(&below(path, &index.to_string()), item, values);
                    }
                }
                one => drop(values.insert(path.to_owned(), one.as_str().map(str::to_owned))),
            }
        }
        let (mut window, declared) = (Values::new(), Values::new());
        let error = match serde_json::from_str(document) {
            Ok(value) => {
                walk("", &value, &mut window);
                None
            }
            Err(error) => Some(format!("it is no JSON: {error}")),
        };
        Self::Ended { window, declared, error }
    }
}

/// The path of a member.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests;
