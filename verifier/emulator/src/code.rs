//! Where the code of functions is on this machine, and how it is started.
//!
//! Code runs from a template that was given at the start only. One that comes by a request may have the functions that
//! such a template has, and no others.

mod folders;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use folders::{
    asset_of, check_above, copy_into, is_misread, own_places, provided_modules, typescript,
};

use crate::lambda::{Interpreters, Launch, name_of};
use crate::private_folder::PrivateFolder;
use crate::stack::{Code, CodePlace, FunctionSpec, Runtime};
use crate::trust::{Trust, is_closed};

/// What every runtime does between Lambda's Runtime API and a handler.
const BOOTSTRAPS: [(&str, &str); 3] = [
    ("bootstrap.cjs", include_str!("lambda/runtimes/bootstrap.cjs")),
    ("bootstrap.py", include_str!("lambda/runtimes/bootstrap.py")),
    // Nothing above the folder says what kind of modules are in it.
    ("package.json", "{}\n"),
];
/// How large a function may be, its layers included, in bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const UNZIPPED_BYTES_MAX: u64 = 250 << 20;
/// What is said of a function that is none of Lambda's own runtimes and is not here.
const NO_BINARY: &str = "its metadata names no binary (\"verifier:binary\")";
/// How large the file may be in which CDK says where its assets are, in bytes.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// Where the functions' own code is looked for.
#[derive(Clone, Debug, Default)]
pub struct CodeConfig {
    /// The folder that paths in the template are relative to: its own, and CDK's `cdk.out`.
    pub template_folder: PathBuf,
    /// The code of functions and layers by their logical ids, as the user said: a folder or a zip archive.
    pub given: BTreeMap<String, PathBuf>,
    /// The interpreters by the runtimes' names, as the user said.
    pub runtimes: BTreeMap<String, PathBuf>,
    /// Whose code is run, besides what was named.
    pub trust: Trust,
}

/// The code of all functions.
pub(crate) struct CodeStore {
    config: CodeConfig,
    interpreters: Interpreters,
    /// Where what is not in a folder of the user's is put, for as long as this lives.
    own: Mutex<Option<PrivateFolder>>,
}

impl CodeStore {
    pub(crate) fn new(config: CodeConfig) -> Self {
        let interpreters = Interpreters::new(config.runtimes.clone());
        Self { config, interpreters, own: Mutex::default() }
    }

    /// Whose code is run.
    pub(crate) fn trust(&self) -> &Trust {
        &self.config.trust
    }

    /// What is to be known of the interpreters: a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.interpreters.warnings()
    }

    /// The first name of those that the user gave code for, that is neither a function nor a layer of these.
    pub(crate) fn unknown<'s>(&'s self, functions: &[FunctionSpec]) -> Option<&'s str> {
        use crate::stack::Program;
        let is_known = |name: &&String| {
            functions.iter().any(|function| match &function.program {
                Program::Code(code) => {
                    function.logical_id == **name
                        || code.layers.iter().any(|layer| layer.logical_id == **name)
                }
                Program::Binary(_) => false,
            })
        };
        self.config.given.keys().find(|name| !is_known(name)).map(String::as_str)
    }

    /// What is started for a function.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, and what to do.
    pub(crate) fn launch(&self, function: &FunctionSpec, code: &Code) -> Result<Launch, String> {
        let index = match code.runtime {
            Runtime::Node(_) => "index.js",
            Runtime::Python(_) => "index.py",
            Runtime::Provided => "bootstrap",
        };
        let folder = self.folder(&function.logical_id, &code.place, index);
        let folder = folder.map_err(|problem| match code.runtime {
            Runtime::Provided => format!("{NO_BINARY}, and {problem}"),
            Runtime::Node(_) | Runtime::Python(_) => problem,
        })?;
        let mut layers = Vec::new();
        // The last one lies on top.
        for layer in code.layers.iter().rev() {
            layers.push(self.folder(&layer.logical_id, &layer.place, index)?);
        }
        match code.runtime {
            Runtime::Node(version) => self.node(function, folder, &layers, version),
            Runtime::Python(version) => self.python(folder, &layers, version),
            Runtime::Provided => provided(folder),
        }
    }

    fn node(
        &self,
        function: &FunctionSpec,
        folder: PathBuf,
        layers: &[PathBuf],
        version: u32,
    ) -> Result<Launch, String> {
        if let Some(source) = typescript(&folder, &function.handler) {
            return Err(format!(
                "its code is TypeScript ({}), which has to be built: name the folder of what was built with --code {}=DIR",
                source.display(),
                function.logical_id
            ));
        }
        let executable = self.interpreters.find(Runtime::Node(version))?;
        let trust = &self.config.trust;
        let folder = if is_misread(&folder, trust) { self.copied(&folder)? } else { folder };
        let own = self.own_folder()?;
        check_above(&folder, trust)?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for layer in layers {
            paths.push(layer.join(format!("nodejs/node{version}/node_modules")));
            paths.push(layer.join("nodejs/node_modules"));
        }
        paths.extend(provided_modules(&self.config.template_folder, trust));
        let variables = vec![
            ("NODE_PATH".to_owned(), joined(&paths)),
            ("LAMBDA_RUNTIME_DIR".to_owned(), own.clone().into()),
        ];
        let arguments = vec![own.join("bootstrap.cjs").into()];
        Ok(managed(executable, arguments, folder, variables, Runtime::Node(version)))
    }

    fn python(&self, folder: PathBuf, layers: &[PathBuf], version: u32) -> Result<Launch, String> {
        let executable = self.interpreters.find(Runtime::Python(version))?;
        let own = self.own_folder()?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for layer in layers {
            paths.push(layer.join(format!("python/lib/python3.{version}/site-packages")));
            paths.push(layer.join("python"));
        }
        let variables = vec![
            ("PYTHONPATH".to_owned(), joined(&paths)),
            // Lambda's folder cannot be written to, and nothing is to be left in the user's.
            ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".into()),
            ("LAMBDA_RUNTIME_DIR".to_owned(), own.clone().into()),
        ];
        let arguments: Vec<OsString> =
            vec!["-u".into(), "-X".into(), "utf8".into(), own.join("bootstrap.py").into()];
        Ok(managed(executable, arguments, folder, variables, Runtime::Python(version)))
    }

    /// The folder of a function's code or of a layer's content.
    fn folder(&self, logical_id: &str, place: &CodePlace, index: &str) -> Result<PathBuf, String> {
        let hint = format!("name its folder or archive with --code {logical_id}=PATH");
        let is_given = self.config.given.contains_key(logical_id);
        let path = match (self.config.given.get(logical_id), place) {
            (Some(given), _) => given.clone(),
            (None, CodePlace::Inline(text)) => return self.inline(index, text),
            (None, CodePlace::Path(path)) => self.config.template_folder.join(path),
            (None, CodePlace::Object(key)) => {
                self.of_object(key).ok_or_else(|| {
                    format!(
                        "its code is in a bucket, as {key}, and neither CDK's manifest nor a file beside the template is of that name: {hint}"
                    )
                })?
            }
        };
        let checked = if is_given {
            Trust::of(&[&path]).check_inside(&path)
        } else {
            self.config.trust.check(&path, &self.config.template_folder)
        };
        checked.map_err(|of_another| format!("{of_another}: {hint}"))?;
        let path = fs::canonicalize(&path).map_err(|error| {
            format!("its code cannot be read at {}: {error}: {hint}", path.display())
        })?;
        if path.is_dir() {
            return Ok(path);
        }
        self.unzipped(&path).map_err(|error| {
            format!("{} is no folder and no archive: {error}: {hint}", path.display())
        })
    }

    /// What is on this machine of an object in a bucket: CDK's manifests say which asset became it, and the archive that
    /// other tools have packed is beside the template.
    fn of_object(&self, key: &str) -> Option<PathBuf> {
        let folder = &self.config.template_folder;
        let name = key.rsplit('/').next().unwrap_or(key);
        let manifests = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut manifests: Vec<PathBuf> = manifests
            .filter(|path| path.to_string_lossy().ends_with(".assets.json"))
            .filter(|path| self.config.trust.counts(path))
            .filter(|path| {
                path.metadata().is_ok_and(|file| file.is_file() && file.len() <= MANIFEST_BYTES_MAX)
            })
            .collect();
        manifests.sort();
        let asset = manifests.iter().find_map(|path| {
            let manifest: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
            asset_of(&manifest, key)
        });
        match asset {
            Some(path) => Some(folder.join(path)),
            None => Some(folder.join(name)).filter(|path| path.is_file()),
        }
    }

    fn inline(&self, index: &str, text: &str) -> Result<PathBuf, String> {
        let folder = self.new_folder()?;
        let file = folder.join(index);
        fs::write(&file, text).map_err(|error| cannot(&file, &error))?;
        Ok(folder)
    }

    fn unzipped(&self, archive: &Path) -> Result<PathBuf, String> {
        let file = fs::File::open(archive).map_err(|error| error.to_string())?;
        let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
        let mut bytes = 0;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
            bytes += entry.size();
        }
        if bytes > UNZIPPED_BYTES_MAX {
            return Err(format!(
                "it unpacks to {bytes} bytes, and Lambda takes {UNZIPPED_BYTES_MAX} at most"
            ));
        }
        let folder = self.new_folder()?;
        archive.extract(&folder).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    /// A copy of a folder in the own one.
    fn copied(&self, folder: &Path) -> Result<PathBuf, String> {
        let copy = self.new_folder()?;
        copy_into(folder, &copy).map_err(|error| {
            format!("its code in {} cannot be copied: {error}", folder.display())
        })?;
        Ok(copy)
    }

    /// A new folder in the own one.
    fn new_folder(&self) -> Result<PathBuf, String> {
        let folder = self.in_own(PrivateFolder::next)?;
        fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
        Ok(folder)
    }

    /// The own folder, with what the runtimes need.
    fn own_folder(&self) -> Result<PathBuf, String> {
        self.in_own(|own| own.path().to_owned())
    }

    fn in_own<T>(&self, of: impl FnOnce(&mut PrivateFolder) -> T) -> Result<T, String> {
        let mut guard = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match guard.take() {
            Some(own) => own,
            None => made(&self.config)?,
        };
        Ok(of(guard.insert(own)))
    }

    /// Removes what was put into the own folder: no function runs any more.
    pub(crate) fn remove(&self) {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(own);
    }
}

/// Makes the own folder. What Lambda provides is found from there as from the project: modules look for others in the
/// folders above them. So it is put where nobody else can put any, if there is such a place.
fn made(config: &CodeConfig) -> Result<PrivateFolder, String> {
    let (closed, open): (Vec<PathBuf>, Vec<PathBuf>) =
        own_places().into_iter().partition(|place| is_closed(place));
    let mut last = "there is no folder for temporary files".to_owned();
    for place in closed.into_iter().chain(open) {
        let made = check_above(&place, &config.trust)
            .and_then(|()| PrivateFolder::make(&place).map_err(|error| cannot(&place, &error)));
        match made {
            Ok(folder) => return filled(folder, config),
            Err(problem) => last = problem,
        }
    }
    Err(last)
}

fn filled(folder: PrivateFolder, config: &CodeConfig) -> Result<PrivateFolder, String> {
    for (name, text) in BOOTSTRAPS {
        let file = folder.path().join(name);
        fs::write(&file, text).map_err(|error| cannot(&file, &error))?;
    }
    if let Some(modules) = provided_modules(&config.template_folder, &config.trust) {
        let link = folder.path().join("node_modules");
        std::os::unix::fs::symlink(modules, &link).map_err(|error| cannot(&link, &error))?;
    }
    Ok(folder)
}

/// A function with a runtime of its own: the `bootstrap` of its code.
fn provided(folder: PathBuf) -> Result<Launch, String> {
    let executable = folder.join("bootstrap");
    if !executable.is_file() {
        return Err(format!("{NO_BINARY}, and its code has no bootstrap in {}", folder.display()));
    }
    let variables = vec![("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into())];
    Ok(Launch { executable, arguments: Vec::new(), folder: Some(folder), variables })
}

/// A function of one of Lambda's own runtimes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
fn managed(
    executable: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
    mut variables: Vec<(String, OsString)>,
    runtime: Runtime,
) -> Launch {
    let environment = format!("AWS_Lambda_{}", name_of(runtime));
    variables.push(("AWS_EXECUTION_ENV".to_owned(), environment.into()));
    variables.push(("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into()));
    Launch { executable, arguments, folder: Some(folder), variables }
}

/// Paths as variables hold them. One with a colon in its name cannot be told, and is left out.
fn joined(paths: &[PathBuf]) -> OsString {
    let tellable = paths.iter().filter(|path| !path.to_string_lossy().contains(':'));
    std::env::join_paths(tellable).unwrap_or_default()
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}

#[cfg(test)]
mod tests;
