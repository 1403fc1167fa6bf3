//! `cargo xtask package`: the functions as they are deployed.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::architecture::Architecture;
use crate::build::COMPILER_VARIABLE;
use crate::command::{Run, path_with, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;
use crate::python;

/// The profile that they are built in, in the workspace's `Cargo.toml`.
const PROFILE: &str = "function";
/// How long the installation of a Rust target may take; rustup has no bound of its own.
const TARGET_BOUND_SECONDS: u32 = 300;

/// How hard the archives are compressed: above 9, Zopfli looks for the smallest, in so many rounds.
const COMPRESSION: i64 = 14;
/// The function that the tests build twice: one without the AWS SDK, which takes minutes in this profile.
const BUILT_TWICE: [&str; 1] = ["worker"];

/// A function, built and packed.
#[derive(Debug)]
struct Package {
    /// The function's package.
    name: String,
    /// The program's size in bytes.
    program_bytes: usize,
    /// The archive.
    archive: PathBuf,
    /// The archive's bytes.
    bytes: Vec<u8>,
}

/// Builds and packs every function, prints how large each is, and returns the folder of the programs.
pub(crate) fn run(
    project: &Project,
    architecture: Architecture,
    out: &mut dyn Write,
) -> Result<PathBuf, Failure> {
    let packages = built_and_packed(project, architecture, functions(project)?, out)?;
    writeln!(out, "{:<14} {:>10} {:>10}  {}", "function", "program", "zip", architecture.name())?;
    for Package { name, program_bytes, archive, bytes, .. } in &packages {
        let archive = archive.strip_prefix(&project.root).unwrap_or(archive).display();
        writeln!(out, "{name:<14} {program_bytes:>10} {:>10}  {archive}", bytes.len())?;
    }
    programs(project, architecture)
}

/// Whether building a function again gives the same program: the step of the tests. The archive follows from the program.
pub(crate) fn check(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let architecture = Architecture::of_this_machine().unwrap_or_default();
    let names = BUILT_TWICE.map(str::to_owned);
    let programs = programs(project, architecture)?;
    built_and_packed(project, architecture, names.to_vec(), out)?;
    let first =
        names.iter().map(|name| program_of(&programs, name)).collect::<Result<Vec<_>, _>>()?;
    let mut clean = cargo(project);
    clean.args(["clean", "--quiet", "--profile", PROFILE, "--target", architecture.target()]);
    names.iter().fold(&mut clean, |clean, name| clean.args(["--package", name])).run()?;
    build(project, architecture, &names, &programs)?;
    let mut different = Vec::new();
    for (name, first) in names.iter().zip(&first) {
        if program_of(&programs, name)? != *first {
            different.push(name.as_str());
        }
    }
    if !different.is_empty() {
        let different = different.join(", ");
        return Err(Failure::new(format!("two builds of the same source differ: {different}")));
    }
    Ok(writeln!(out, "{} has the same bytes when it is built again", names.join(", "))?)
}

/// Builds and packs functions, for an architecture, to where the stack looks for them.
fn built_and_packed(
    project: &Project,
    architecture: Architecture,
    names: Vec<String>,
    out: &mut dyn Write,
) -> Result<Vec<Package>, Failure> {
    require_target(project, architecture)?;
    let programs = programs(project, architecture)?;
    out.flush()?;
    build(project, architecture, &names, &programs)?;
    let folder = project.root.join("target/lambda").join(architecture.name());
    std::fs::create_dir_all(&folder).map_err(|error| cannot("be made", &folder, &error))?;
    names.into_iter().map(|name| pack(name, architecture, &programs, &folder)).collect()
}

/// Where the programs are before they are packed, each in a folder of its own.
fn programs(project: &Project, architecture: Architecture) -> Result<PathBuf, Failure> {
    Ok(project.target()?.join("lambda-programs").join(architecture.name()))
}

/// The packages below `lambdas` that are programs.
fn functions(project: &Project) -> Result<Vec<String>, Failure> {
    let metadata =
        cargo(project).args(["metadata", "--format-version", "1", "--no-deps"]).capture()?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("cargo metadata cannot be read: {error}")))?;
    Ok(programs_below(&project.root.join("lambdas"), &metadata))
}

fn programs_below(folder: &Path, metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_program = |target: &Value| list(&target["kind"]).iter().any(|kind| kind == "bin");
    let mut names: Vec<String> = list(&metadata["packages"])
        .iter()
        .filter(|package| {
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            Path::new(manifest).starts_with(folder)
        })
        .filter(|package| list(&package["targets"]).iter().any(is_program))
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Sees that Rust's library for the architecture is there, and has rustup install it where it is not.
fn require_target(project: &Project, architecture: Architecture) -> Result<(), Failure> {
    let target = architecture.target();
    if has_target(project, target)? {
        return Ok(());
    }
    let bound = TARGET_BOUND_SECONDS.to_string();
    let added =
        program("timeout", &project.root).args([&bound, "rustup", "target", "add", target]).run();
    if has_target(project, target)? {
        return Ok(());
    }
    let why = added.err().map_or_else(|| "it is still missing".to_owned(), |why| why.to_string());
    let other = Architecture::ALL.into_iter().find(|each| *each != architecture);
    let other = other.unwrap_or_default().name();
    Err(Failure::new(format!(
        "Rust's target {target} is needed for {}, and cannot be had: {why}; install it with `rustup target add {target}`, \
         or package for {other} and deploy with `-c arch={other}`",
        architecture.name()
    )))
}

fn has_target(project: &Project, target: &str) -> Result<bool, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = program(rustc, &project.root)
        .args(["--print", "target-libdir", "--target", target])
        .capture()?;
    Ok(Path::new(folder.trim()).is_dir())
}

fn build(
    project: &Project,
    architecture: Architecture,
    names: &[String],
    programs: &Path,
) -> Result<(), Failure> {
    let cargo_lambda = python::cargo_lambda(project)?;
    // It finds its linker by the Python beside it.
    let path = path_with(cargo_lambda.parent().unwrap_or(&project.root))?;
    let mut command = program(&cargo_lambda, &project.root);
    command.args(["lambda", "build", "--locked", "--profile", PROFILE]);
    command.args(["--target", architecture.target(), "--lambda-dir"]).arg(programs);
    // What there is to optimise stands in the profile, and nowhere else.
    command.arg("--disable-optimizations");
    names.iter().fold(&mut command, |command, name| command.args(["--package", name]));
    // What is deployed is compiled by rustc itself, also in CI.
    command.env_remove(COMPILER_VARIABLE);
    command.env("PATH", path).env("CARGO_ENCODED_RUSTFLAGS", flags(project)).run()
}

/// Flags without which a program would hold the paths of the machine that it was built on, in the messages of panics.
fn flags(project: &Project) -> String {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(&project.root, "/project")];
    flags.extend(home.map(|home| remap(&home, "/cargo")));
    flags.join("\u{1f}")
}

fn program_path(programs: &Path, name: &str) -> PathBuf {
    programs.join(name).join("bootstrap")
}

fn program_of(programs: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = program_path(programs, name);
    std::fs::read(&path).map_err(|error| cannot("be read", &path, &error))
}

fn pack(
    name: String,
    architecture: Architecture,
    programs: &Path,
    folder: &Path,
) -> Result<Package, Failure> {
    let path = program_path(programs, &name);
    let program = program_of(programs, &name)?;
    if !architecture.runs(&program) {
        return Err(Failure::new(format!(
            "{} was built for another architecture than {}",
            path.display(),
            architecture.name()
        )));
    }
    let bytes = archive(&program).map_err(|error| cannot("be packed", &path, &error))?;
    let archive = folder.join(format!("{name}.zip"));
    std::fs::write(&archive, &bytes).map_err(|error| cannot("be written", &archive, &error))?;
    Ok(Package { name, program_bytes: program.len(), archive, bytes })
}

/// An archive with the program as `bootstrap`, as Lambda wants it. Its bytes follow from the program's and nothing else.
fn archive(program: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("bootstrap", options)?;
    archive.write_all(program)?;
    Ok(archive.finish()?.into_inner())
}

fn cannot(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{} cannot {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_archive_holds_the_program_as_lambda_wants_it() {
        let program = b"\x7fELF and so on".repeat(100);
        let bytes = archive(&program).unwrap();
        assert_eq!(bytes, archive(&program).unwrap());
        assert!(bytes.len() < program.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        let mut unpacked = Vec::new();
        file.read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, program);
    }

    #[test]
    fn only_programs_below_the_folder_are_functions() {
        let package = |name: &str, manifest: &str, kind: &str| json!({"name": name, "manifest_path": manifest, "targets": [{"kind": ["lib"]}, {"kind": [kind]}]});
        let metadata = json!({"packages": [
            package("worker", "/p/lambdas/worker/Cargo.toml", "bin"),
            package("hello", "/p/lambdas/hello/Cargo.toml", "bin"),
            package("contract", "/p/lambdas/contract/Cargo.toml", "test"),
            package("verifier", "/p/verifier/cli/Cargo.toml", "bin"),
        ]});
        assert_eq!(programs_below(Path::new("/p/lambdas"), &metadata), ["hello", "worker"]);
    }

    #[test]
    fn no_path_of_this_machine_gets_into_a_program() {
        let project = Project::find().unwrap();
        let flags = flags(&project);
        let root = format!("--remap-path-prefix={}=/project", project.root.display());
        assert!(flags.split('\u{1f}').any(|flag| flag == root), "{flags}");
        assert!(flags.contains("=/cargo"), "{flags}");
    }

    #[test]
    fn a_program_of_another_architecture_is_not_packed() {
        let folder = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        let program = folder.join("worker/bootstrap");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        // The header of this test's own program says what it runs on, and is all that is looked at.
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        std::fs::write(program, &this[..64]).unwrap();
        for architecture in Architecture::ALL {
            let packed = pack("worker".to_owned(), architecture, &folder, &folder);
            let is_ours = Some(architecture) == Architecture::of_this_machine();
            assert_eq!(packed.is_ok(), is_ours, "{packed:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
