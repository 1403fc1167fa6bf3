//! npm: what the CDK app needs, and whether it is there.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::version::Prerequisite;

/// Node.
pub(crate) const NODE: Prerequisite = Prerequisite {
    program: "node",
    oldest: (20, 19),
    needed_for: "the CDK app in stack/",
    install: "install Node 20 with npm, for example from https://nodejs.org/en/download",
};

/// Runs `npm ci`, unless what it would install is there.
pub(crate) fn install_node_modules(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    NODE.require()?;
    if is_installed(&project.stack()) {
        writeln!(out, "node_modules is what package-lock.json says")?;
        return Ok(out.flush()?);
    }
    program("npm", &project.stack()).arg("ci").run()
}

/// Whether a folder's `node_modules` is what its lock file says.
pub(crate) fn is_installed(folder: &Path) -> bool {
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    };
    // npm notes in the hidden file what it has installed.
    match (read("package-lock.json"), read("node_modules/.package-lock.json")) {
        (Some(wanted), Some(installed)) => is_satisfied(&wanted, &installed),
        _ => false,
    }
}

/// Whether exactly the packages of a lock file are installed. Optional ones are mostly for other platforms, and may
/// be missing.
fn is_satisfied(wanted: &Value, installed: &Value) -> bool {
    let (Some(wanted), Some(installed)) = (packages(wanted), packages(installed)) else {
        return false;
    };
    let same = |path: &String, package: &Value| {
        wanted.get(path).is_some_and(|wanted| identity(wanted) == identity(package))
    };
    let may_be_missing = |package: &Value| package["optional"] == true;
    installed.iter().all(|(path, package)| same(path, package))
        // The empty path is the project itself.
        && wanted.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| {
            installed.contains_key(path) || may_be_missing(package)
        })
}

fn packages(lock: &Value) -> Option<&Map<String, Value>> {
    lock.get("packages")?.as_object()
}

/// What tells one published package from another.
fn identity(package: &Value) -> (&Value, &Value) {
    (&package["version"], &package["integrity"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lock(packages: Value) -> Value {
        let mut lock = json!({"lockfileVersion": 3, "packages": {}});
        lock["packages"] = packages;
        lock
    }

    fn wanted() -> Value {
        lock(json!({
            "": {"name": "app"},
            "node_modules/a": {"version": "1.0.0", "integrity": "sha512-a"},
            "node_modules/for-another-platform": {"version": "1.0.0", "integrity": "sha512-b", "optional": true},
        }))
    }

    #[test]
    fn the_same_packages_satisfy() {
        let a = json!({"version": "1.0.0", "integrity": "sha512-a"});
        assert!(is_satisfied(&wanted(), &lock(json!({"node_modules/a": a}))));
        let b = json!({"version": "1.0.0", "integrity": "sha512-b", "optional": true});
        let both = json!({"node_modules/a": a, "node_modules/for-another-platform": b});
        assert!(is_satisfied(&wanted(), &lock(both)));
    }

    #[test]
    fn any_difference_does_not() {
        let a = json!({"version": "1.0.0", "integrity": "sha512-a"});
        for installed in [
            json!({}),
            json!({"node_modules/a": {"version": "1.0.1", "integrity": "sha512-a"}}),
            json!({"node_modules/a": {"version": "1.0.0", "integrity": "sha512-x"}}),
            json!({"node_modules/a": a, "node_modules/removed": {"version": "1.0.0"}}),
        ] {
            assert!(!is_satisfied(&wanted(), &lock(installed.clone())), "{installed}");
        }
        assert!(!is_satisfied(&json!({}), &json!({})));
        assert!(!is_installed(Path::new("no/such/folder")));
    }
}
