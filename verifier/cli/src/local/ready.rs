//! What is said of an emulator that is up: `verifier.local/1`, and the file that it is said in.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files;

/// The version of the format.
pub(crate) const SCHEMA: &str = "verifier.local/1";

/// What whoever waits for the emulator wants to know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    pub(crate) schema: &'static str,
    pub(crate) endpoint: String,
    /// The secret that the emulator's own endpoint needs; only the user is to have it.
    pub(crate) token: String,
    pub(crate) region: String,
    pub(crate) stack_name: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What points any AWS client at the emulator.
    pub(crate) environment: BTreeMap<&'static str, String>,
    /// What the emulator does not stand in for.
    pub(crate) skipped: Vec<String>,
}

/// Makes the name of a ready file free: an old one goes, since it promises an endpoint that is gone. Fails on anything else
/// that is there, and where none could be written. No link is followed.
pub(crate) fn make_room(path: &Path) -> Result<(), Failure> {
    let cannot = |error: io::Error| files::failed("ready file", path, &error);
    if files::is_special(path) {
        return files::check(path).map_err(cannot);
    }
    if files::is_there(path) {
        if !is_ready_file(path) {
            return Err(Failure {
                next: Some("name another file, or remove that one".to_owned()),
                ..Failure::usage(format!(
                    "{} is there already, and is no ready file of `verifier local`",
                    path.display()
                ))
            });
        }
        files::unlink(path).map_err(cannot)?;
    }
    files::check_new(path).map_err(cannot)
}

/// Fails where a ready file is of an emulator that still runs: its token would be nowhere but in its terminal.
pub(crate) fn check_unused(path: &Path) -> Result<(), Failure> {
    if files::is_special(path) || !files::is_plain(path) {
        return Ok(());
    }
    let endpoint = said(path).and_then(|said| said["endpoint"].as_str().map(str::to_owned));
    let Some(endpoint) = endpoint.filter(|endpoint| answers(endpoint)) else { return Ok(()) };
    Err(Failure {
        next: Some("name another file, or end that one first".to_owned()),
        ..Failure::usage(format!(
            "{} is of a `verifier local` that still runs, at {}",
            path.display(),
            clean::line(&endpoint)
        ))
    })
}

/// Whether something listens at an endpoint on this machine.
fn answers(endpoint: &str) -> bool {
    const WITHIN: Duration = Duration::from_millis(500);
    let address = endpoint.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
    let address: Option<SocketAddr> = address.parse().ok();
    let address = address.filter(|address| address.ip().is_loopback());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, WITHIN).is_ok())
}

/// Writes it where [`make_room`] has made room. Whoever waits for it never sees a part of it.
pub(crate) fn write(ready: &Ready, path: &Path) -> Result<(), Failure> {
    // Another instance may have come up meanwhile; its file is a ready file, too, and the last one is right.
    make_room(path)?;
    let text = clean::json(&serde_json::to_string_pretty(ready).unwrap_or_default()) + "\n";
    let written = if files::is_special(path) {
        files::write_private(path, text.as_bytes())
    } else {
        files::Draft::beside(path).and_then(|mut draft| {
            draft.add(text.as_bytes())?;
            draft.become_new(path).map(drop)
        })
    };
    written.map_err(|error| files::failed("ready file", path, &error))
}

/// Takes it away again, if what is there still is what this process has written.
pub(crate) fn remove(ready: &Ready, path: &Path) {
    let is_own = files::is_plain(path)
        && said(path).is_some_and(|said| said["token"].as_str() == Some(ready.token.as_str()));
    if is_own {
        // Nothing can be done about one that stays.
        let _ = files::unlink(path);
    }
}

/// Whether nothing is lost with a file: it is a ready file, or empty, as `mktemp` makes it.
fn is_ready_file(path: &Path) -> bool {
    let is_empty = files::read(path).is_ok_and(|bytes| bytes.is_empty());
    is_empty || said(path).is_some()
}

/// What a ready file says.
fn said(path: &Path) -> Option<Value> {
    let said: Value = serde_json::from_slice(&files::read(path).ok()?).ok()?;
    let is_ready = said["schema"].as_str()?.starts_with("verifier.local/");
    is_ready.then_some(said)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn ready(token: &str) -> Ready {
        Ready {
            schema: SCHEMA,
            endpoint: String::new(),
            token: token.to_owned(),
            region: "us-local-1".to_owned(),
            stack_name: String::new(),
            outputs: BTreeMap::new(),
            environment: BTreeMap::new(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn only_a_ready_file_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        make_room(&path).unwrap();
        for old in ["", r#"{"schema": "verifier.local/2"}"#] {
            fs::write(&path, old).unwrap();
            make_room(&path).unwrap();
            assert!(!path.exists(), "{old}");
        }
        for kept in [" ", "{}", r#"{"schema": "verifier.localhost"}"#, r#"{"schema": 1}"#] {
            fs::write(&path, kept).unwrap();
            let refused = make_room(&path).unwrap_err();
            assert!(refused.what.contains("no ready file"), "{refused}");
            assert!(write(&ready("a"), &path).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), kept);
        }
    }

    #[test]
    fn a_file_of_an_emulator_that_runs_is_not_taken_and_one_of_another_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        check_unused(&path).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let of = |endpoint: String| Ready { endpoint, ..ready("a") };
        write(&of(format!("http://{address}")), &path).unwrap();
        let refused = check_unused(&path).unwrap_err();
        assert!(refused.what.contains("still runs"), "{refused}");
        assert!(path.exists());
        drop(listener);
        check_unused(&path).unwrap();
        // Nothing but this machine is asked.
        write(&of("http://192.0.2.1:1".to_owned()), &path).unwrap();
        check_unused(&path).unwrap();
    }

    #[test]
    fn an_own_file_is_taken_away_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        write(&ready("a"), &path).unwrap();
        remove(&ready("b"), &path);
        assert!(path.exists());
        // A second instance takes the place of the first.
        write(&ready("b"), &path).unwrap();
        remove(&ready("a"), &path);
        assert!(path.exists());
        remove(&ready("b"), &path);
        assert!(!path.exists());
        let real = folder.path().join("real");
        write(&ready("a"), &real).unwrap();
        symlink("real", &path).unwrap();
        remove(&ready("a"), &path);
        assert!(real.exists() && path.exists());
    }
}
