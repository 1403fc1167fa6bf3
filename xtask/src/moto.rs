//! moto's server, an emulator that the project's own is compared with.

use crate::failure::Failure;
use crate::project::Project;
use crate::python;
use crate::server::{Server, until_stdin_ends};

/// Installs it if need be, starts it on a free port of 127.0.0.1, and waits until it listens.
pub(crate) fn start(project: &Project) -> Result<Server, Failure> {
    let mut command = until_stdin_ends(project, &python::moto_server(project)?);
    Server::start("moto", command.args(["--host", "127.0.0.1", "--port", "0"]), announced)
}

fn announced(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("Running on ")?;
    rest.split_whitespace().next().filter(|url| url.starts_with("http://127.0.0.1:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_from_the_announcement() {
        assert_eq!(announced(" * Running on http://127.0.0.1:5000"), Some("http://127.0.0.1:5000"));
        for other in [
            "Press CTRL+C to quit",
            " * Running on http://0.0.0.0:5000",
            "127.0.0.1 - - \"POST / HTTP/1.1\" 200 -",
        ] {
            assert_eq!(announced(other), None, "{other}");
        }
    }
}
