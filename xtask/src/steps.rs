//! The steps of `cargo xtask test`, and `cargo xtask gen`.

use std::io::Write;

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::graph::Graph;
use crate::project::Project;
use crate::project::cargo;
use crate::suite::{Lane, Step};
use crate::version::Prerequisite;
use crate::{
    awscli2, browser, build, conformance, dependencies, features, lint, modules, moto, npm,
    package, python, rust_tests,
};

/// Every step. Those in the main lane follow each other so that each finds what it needs built: `doc` after `clippy`,
/// since both check the dependencies without building them, and one build for all the rest. In CI, where nothing is
/// there to begin with, that build does the work of both: see `.ci/rustc`.
pub(crate) const STEPS: [Step; 12] = [
    main("fmt", "the Rust code is formatted", fmt),
    main("dependencies", "the dependency rules hold", check_dependencies),
    beside("lint", "workflows, scripts, templates and spelling", lint::lint),
    beside("stack", "the CDK app passes its tests", stack),
    beside("awscli", "the AWS CLI for the documentation's examples is there", awscli),
    beside("package", "the functions are packed for deployment, twice the same", package::check),
    main("clippy", "the Rust code has no lints", clippy),
    main("doc", "the Rust documentation has no dead links", doc),
    main("build", "everything builds: the verifier, the functions and the tests", build),
    Step {
        after: &["stack", "build"],
        ..beside("browser", "the page works in a browser", browser::check)
    },
    Step {
        after: &["build"],
        ..beside(
            "conformance",
            "the emulator behaves as AWS does, and moto as it is known to",
            conformance::check,
        )
    },
    Step {
        after: &["awscli", "build"],
        ..main("test", "the Rust tests pass, those of the documentation too", test)
    },
];

type Task = fn(&Project, &mut dyn Write) -> Result<(), Failure>;

const fn main(name: &'static str, title: &'static str, run: Task) -> Step {
    Step { name, title, lane: Lane::Main, after: &[], run }
}

const fn beside(name: &'static str, title: &'static str, run: Task) -> Step {
    Step { lane: Lane::Beside, ..main(name, title, run) }
}

const CURL: Prerequisite = Prerequisite {
    program: "curl",
    oldest: (7, 76),
    needed_for: "the tests of the documentation's examples",
    install: "install it with `apt-get install curl`",
};

fn fmt(project: &Project, _: &mut dyn Write) -> Result<(), Failure> {
    cargo(project).args(["fmt", "--all", "--check"]).run()
}

fn check_dependencies(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    // With --locked, a lock file that does not fit the manifests is an error here already.
    let metadata =
        cargo(project).args(["metadata", "--format-version", "1", "--locked"]).capture()?;
    let graph = Graph::parse(&metadata)?;
    let mut violations = dependencies::violations(&graph);
    violations.extend(modules::violations(project)?);
    violations.extend(features::differences(project)?);
    if violations.is_empty() {
        return Ok(writeln!(out, "{}", dependencies::summary(&graph))?);
    }
    for violation in &violations {
        writeln!(out, "{violation}")?;
    }
    Err(Failure::new(
        "rules of xtask/src/dependencies.rs or modules.rs are broken, as listed above",
    ))
}

fn stack(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    npm::install_node_modules(project, out)?;
    program("npm", &project.stack()).arg("test").run()
}

fn clippy(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    if build::finds_lints(project) {
        build::without_bugs(project)?;
        return Ok(writeln!(
            out,
            "what is built without seeded bugs has none; `build` finds the others"
        )?);
    }
    cargo(project).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
}

fn doc(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    if build::finds_lints(project) {
        return Ok(writeln!(out, "`build` finds them")?);
    }
    let mut command = cargo(project);
    command.args(["doc", "--no-deps", "--workspace", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings").run()
}

fn awscli(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    python::aws(project)?;
    awscli2::find_or_install(project, out).map(drop)
}

fn build(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let executables = build::everything(project)?;
    let tests = executables.iter().filter(|each| each.is_test).count();
    Ok(writeln!(out, "{} programs, {tests} of tests", executables.len())?)
}

fn test(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    CURL.require()?;
    let aws = python::aws(project)?;
    let moto = moto::start(project)?;
    let aws_2 = awscli2::find_or_install(project, out)?;
    // `verifier/cli/tests/docs` runs the documentation's commands with the one, and `verifier/cli/tests/redrive` replays
    // dead letters in the other.
    let mut environment = vec![
        ("VERIFIER_TEST_AWS", aws.display().to_string()),
        ("VERIFIER_TEST_MOTO", moto.url.clone()),
    ];
    // A name is looked for on the PATH by whoever needs it; a path is a promise.
    if let Some(aws_2) = aws_2.filter(|aws| aws.is_absolute()) {
        environment.push(("VERIFIER_TEST_AWS_2", aws_2.display().to_string()));
    }
    let executables = build::everything(project)?;
    // The tests start many emulators; cargo need not look for changes each time.
    if let Some(functions) = build::functions(&executables) {
        environment.push(("VERIFIER_TEST_FUNCTIONS", functions.display().to_string()));
    }
    rust_tests::run(project, executables, &environment, out)
}

/// Writes what is generated and checked in: the stack's templates, and the reference of the command line.
pub(crate) fn generate(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    npm::install_node_modules(project, out)?;
    program("npm", &project.stack()).args(["run", "synth"]).run()?;
    let reference =
        cargo(project).args(["run", "--quiet", "--", "man", "--format", "markdown"]).capture()?;
    write(project, "docs/cli.md", &reference)?;
    let schema = cargo(project).args(["run", "--quiet", "--", "config", "schema"]).capture()?;
    write(project, "verifier/cli/schema/verifier-toml.1.schema.json", &schema)
}

fn write(project: &Project, path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(project.root.join(path), text)
        .map_err(|error| Failure::new(format!("{path} cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_have_distinct_names() {
        let mut names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn a_step_waits_for_earlier_ones_only() {
        for (index, step) in STEPS.iter().enumerate() {
            for name in step.after {
                let earlier = STEPS[..index].iter().any(|earlier| earlier.name == *name);
                assert!(earlier, "{} would wait for {name} indefinitely", step.name);
            }
        }
    }

    #[test]
    fn node_is_required_as_the_stack_requires_it() {
        let manifest =
            std::fs::read_to_string(Project::find().unwrap().stack().join("package.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(
            manifest["engines"]["node"],
            format!(">={}.{}", npm::NODE.oldest.0, npm::NODE.oldest.1)
        );
    }
}
