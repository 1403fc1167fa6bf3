//! What is looked at in the folders of functions' code, and of the project around them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::trust::Trust;

/// The folder of modules that Node.js looks for in each folder above a module.
const MODULES: &str = "node_modules";

/// Where what is not in a folder of the user's may be put: where temporary files are, and in the user's cache.
///
/// Source: <https://specifications.freedesktop.org/basedir-spec/latest/>.
pub(super) fn own_places() -> Vec<PathBuf> {
    let of = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let cache = of("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    let home = || of("HOME").filter(|folder| folder.is_absolute());
    let cache = cache.or_else(|| Some(home()?.join(".cache"))).map(|cache| cache.join("verifier"));
    // Where it cannot be made, the other place is taken.
    let cache = cache.filter(|cache| fs::create_dir_all(cache).is_ok());
    [std::env::temp_dir()].into_iter().chain(cache).collect()
}

/// Fails where another user has put modules above a folder, or could be taken to have: Node.js would run them.
///
/// Source: <https://nodejs.org/api/modules.html#loading-from-node_modules-folders>.
pub(super) fn check_above(folder: &Path, trust: &Trust) -> Result<(), String> {
    match trust.others_above(folder, &[MODULES]) {
        None => Ok(()),
        Some(of_another) => Err(format!(
            "{of_another}: Node.js would look for modules there; use a folder that is not below {}",
            of_another.path.parent().unwrap_or(folder).display()
        )),
    }
}

/// The nearest modules that AWS's SDK is among, from the template or the working directory upwards.
pub(super) fn provided_modules(template_folder: &Path, trust: &Trust) -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let template = std::path::absolute(template_folder).ok();
    let starts = template.iter().chain(&here);
    let mut folders = starts.flat_map(|start| start.ancestors()).map(|folder| folder.join(MODULES));
    folders.find(|modules| {
        let sdk = modules.join("@aws-sdk");
        sdk.is_dir()
            && [modules, &sdk].iter().all(|found| trust.counts(found))
            && trust.check_inside(modules).is_ok()
    })
}

/// The path of the asset that CDK's manifest says an object was made of.
///
/// Source: <https://docs.aws.amazon.com/cdk/v2/guide/deploy.html>, "cloud assembly".
pub(super) fn asset_of(manifest: &Value, key: &str) -> Option<String> {
    let files = manifest.get("files")?.as_object()?;
    let asset = files.values().find(|file| {
        let destinations = file.get("destinations").and_then(Value::as_object);
        let mut keys = destinations.into_iter().flatten().map(|(_, place)| place.get("objectKey"));
        keys.any(|object| object.and_then(Value::as_str) == Some(key))
    })?;
    asset.get("source")?.get("path")?.as_str().map(str::to_owned)
}

/// The source of a handler that was not built: there is no JavaScript of its name.
pub(super) fn typescript(folder: &Path, handler: &str) -> Option<PathBuf> {
    let (above, last) = handler.rsplit_once('/').unwrap_or(("", handler));
    let module = folder.join(above).join(last.split('.').next()?);
    let with = |extension: &str| {
        let mut name = module.clone().into_os_string();
        name.push(extension);
        PathBuf::from(name)
    };
    let is_built = ["", ".js", ".mjs", ".cjs", "/index.js"].iter().any(|end| with(end).is_file());
    let source = [".ts", ".mts", ".cts"].iter().map(|end| with(end)).find(|path| path.is_file());
    source.filter(|_| !is_built)
}

/// Whether Node.js would take a function's code for modules of another kind than Lambda does: where it has no `package.json`
/// of its own, one of the project around it decides here, and there is none around it there. One of another user's may say more
/// than that.
pub(super) fn is_misread(folder: &Path, trust: &Trust) -> bool {
    let nearest = folder.ancestors().map(|above| above.join("package.json"));
    let Some(nearest) = nearest.into_iter().find(|path| path.is_file()) else { return false };
    if !trust.counts(&nearest) {
        return true;
    }
    let package = fs::read(&nearest).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let package: Value = package.unwrap_or_default();
    nearest.parent() != Some(folder)
        && package.get("type").and_then(Value::as_str) == Some("module")
}

pub(super) fn copy_into(folder: &Path, copy: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (from, to) = (entry.path(), copy.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&to)?;
            copy_into(&from, &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_was_not_built_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        for name in ["src/app.ts", "built.ts", "built.js"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = |handler: &str| typescript(folder.path(), handler);
        assert_eq!(found("src/app.handler"), Some(folder.path().join("src/app.ts")));
        assert_eq!(found("built.handler"), None);
        assert_eq!(found("index.handler"), None);
    }

    #[test]
    fn what_the_project_says_of_its_modules_is_not_said_of_a_function() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("esm/package.json", r#"{"type": "module"}"#);
        write("esm/cdk.out/asset/inner/index.js", "");
        write("esm/own/package.json", "{}");
        write("cjs/package.json", "{}");
        write("cjs/asset/index.js", "");
        let misread = |name: &str| is_misread(&folder.path().join(name), &Trust::default());
        assert!(misread("esm/cdk.out/asset"));
        for name in ["esm/own", "esm", "cjs/asset"] {
            assert!(!misread(name), "{name}");
        }
        let copy = tempfile::tempdir().unwrap();
        copy_into(&folder.path().join("esm"), copy.path()).unwrap();
        assert!(copy.path().join("cdk.out/asset/inner/index.js").is_file());
    }
}
