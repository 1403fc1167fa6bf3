//! Packages of Debian and its relatives.

use std::io::Write;
use std::path::Path;

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;

/// Whoever may install packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer {
    /// This process itself.
    Root,
    /// `sudo`, without a password.
    Sudo,
}

/// Whether this is a system whose packages are installed by `apt-get`.
pub(crate) fn is_here() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// Installs packages where this process may. An error says what they are `needed` for, and how they are had.
pub(crate) fn install(
    project: &Project,
    packages: &[&str],
    needed: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let names = packages.join(" ");
    let Some(installer) = installer(project) else {
        return Err(Failure::new(format!(
            "{needed}, and this user may not install it; install it with `apt-get install {names}`"
        )));
    };
    writeln!(out, "installing {names}")?;
    out.flush()?;
    apt(project, installer, &["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(project, installer, &[&install[..], packages].concat())
}

fn installer(project: &Project) -> Option<Installer> {
    let id = program("id", &project.root).arg("-u").capture().ok()?;
    if id.trim() == "0" {
        return Some(Installer::Root);
    }
    let sudo = program("sudo", &project.root).args(["-n", "true"]).output().ok()?;
    sudo.status.success().then_some(Installer::Sudo)
}

fn apt(project: &Project, installer: Installer, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = match installer {
        Installer::Root => program("apt-get", &project.root),
        Installer::Sudo => {
            let mut sudo = program("sudo", &project.root);
            sudo.args(["-n", "apt-get"]);
            sudo
        }
    };
    command.args(["--quiet"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").run()
}
