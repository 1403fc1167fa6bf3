//! The steps of `cargo xtask test`, cheap ones first, and `cargo xtask gen`.

use std::io::Write;

use crate::command::{Run, cargo, program};
use crate::failure::Failure;
use crate::graph::Graph;
use crate::project::Project;
use crate::suite::Step;
use crate::version::Prerequisite;
use crate::{awscli2, browser, conformance, dependencies, lint, moto, npm, package, python};

/// Every step. `doc` follows `clippy` because both check the dependencies without building them.
pub(crate) const STEPS: [Step; 12] = [
    Step { name: "fmt", title: "the Rust code is formatted", run: fmt },
    Step { name: "dependencies", title: "the dependency rules hold", run: check_dependencies },
    Step { name: "lint", title: "workflows, scripts, templates and spelling", run: lint::lint },
    Step { name: "stack", title: "the CDK app passes its tests", run: stack },
    Step { name: "clippy", title: "the Rust code has no lints", run: clippy },
    Step { name: "doc", title: "the Rust documentation has no dead links", run: doc },
    Step {
        name: "awscli",
        title: "the AWS CLI for the documentation's examples is there",
        run: awscli,
    },
    Step { name: "build", title: "the verifier and the functions build", run: build },
    Step {
        name: "package",
        title: "the functions are packed for deployment, twice the same",
        run: package::check,
    },
    Step { name: "browser", title: "the page works in a browser", run: browser::check },
    Step {
        name: "conformance",
        title: "the emulator behaves as AWS does, and moto as it is known to",
        run: conformance::check,
    },
    Step { name: "test", title: "the Rust tests pass, those of the documentation too", run: test },
];

pub(crate) const NODE: Prerequisite = Prerequisite {
    program: "node",
    oldest: (20, 19),
    needed_for: "the CDK app in stack/",
    install: "install Node 20 with npm, for example from https://nodejs.org/en/download",
};

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
    let violations = dependencies::violations(&graph);
    if violations.is_empty() {
        return Ok(writeln!(out, "{}", dependencies::summary(&graph))?);
    }
    for violation in &violations {
        writeln!(out, "{violation}")?;
    }
    Err(Failure::new("the rules in xtask/src/dependencies.rs are broken, as listed above"))
}

fn stack(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    install_node_modules(project, out)?;
    program("npm", &project.stack()).arg("test").run()
}

/// Runs `npm ci`, unless what it would install is there.
pub(crate) fn install_node_modules(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    NODE.require()?;
    if npm::is_installed(&project.stack()) {
        writeln!(out, "node_modules is what package-lock.json says")?;
        return Ok(out.flush()?);
    }
    program("npm", &project.stack()).arg("ci").run()
}

fn clippy(project: &Project, _: &mut dyn Write) -> Result<(), Failure> {
    cargo(project).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
}

fn doc(project: &Project, _: &mut dyn Write) -> Result<(), Failure> {
    let mut command = cargo(project);
    command.args(["doc", "--no-deps", "--workspace", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings").run()
}

fn awscli(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    python::aws(project)?;
    awscli2::find_or_install(project, out).map(drop)
}

fn build(project: &Project, _: &mut dyn Write) -> Result<(), Failure> {
    cargo(project).arg("build").run()
}

fn test(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    CURL.require()?;
    let aws = python::aws(project)?;
    let moto = moto::start(project)?;
    let aws_2 = awscli2::find_or_install(project, out)?;
    // `verifier/cli/tests/docs` runs the documentation's commands with the one, and `verifier/cli/tests/redrive` replays
    // dead letters in the other.
    let mut command = cargo(project);
    // With the bugs that are there on purpose, README.md's tour of them is run, too.
    command
        .args(["test", "--workspace", "--features", "verifier/planted-bugs"])
        .env("VERIFIER_TEST_AWS", aws);
    // A name is looked for on the PATH by whoever needs it; a path is a promise.
    if let Some(aws_2) = aws_2.filter(|aws| aws.is_absolute()) {
        command.env("VERIFIER_TEST_AWS_2", aws_2);
    }
    command.env("VERIFIER_TEST_MOTO", &moto.url).run()
}

/// Writes what is generated and checked in: the stack's templates, and the reference of the command line.
pub(crate) fn generate(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    install_node_modules(project, out)?;
    program("npm", &project.stack()).args(["run", "synth"]).run()?;
    let reference =
        cargo(project).args(["run", "--quiet", "--", "man", "--format", "markdown"]).capture()?;
    std::fs::write(project.root.join("CLI.md"), reference)
        .map_err(|error| Failure::new(format!("CLI.md cannot be written: {error}")))
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
    fn node_is_required_as_the_stack_requires_it() {
        let manifest =
            std::fs::read_to_string(Project::find().unwrap().stack().join("package.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["engines"]["node"], format!(">={}.{}", NODE.oldest.0, NODE.oldest.1));
    }
}
