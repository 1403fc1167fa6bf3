//! The bodies of jobs: from the command line, from files, or from the user.

use std::path::Path;

use crate::init::args::InitArgs;
use crate::shell::ask;
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::interrupt::Interrupt;
use crate::shell::output::tell;
use crate::shell::progress::Progress;

/// What the user knows of jobs: the bodies of one that succeeds and of one that fails, and the headers of both.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    pub(super) headers: Vec<(String, String)>,
    pub(super) good: Option<String>,
    pub(super) failing: Option<String>,
}

impl Bodies {
    /// Those of the command line.
    pub(super) fn given(args: &InitArgs) -> Result<Self, Failure> {
        Ok(Self {
            headers: args.headers.clone(),
            good: body(args.good.as_deref())?,
            failing: body(args.failing.as_deref())?,
        })
    }

    /// Asks for what is not known, where there is somebody to ask.
    pub(super) async fn ask(&mut self, progress: &Progress, interrupt: &Interrupt) {
        if !ask::can_ask() {
            return;
        }
        progress.pause();
        let questions = [
            ("a job that succeeds", &mut self.good),
            ("a job that fails at every attempt", &mut self.failing),
        ];
        for (what, body) in questions.into_iter().filter(|(_, body)| body.is_none()) {
            tell(&format!(
                "The JSON body of {what}, with {{job_id}} in the place of its id (empty: a guess): "
            ));
            let line = ask::line(interrupt).await;
            if interrupt.is_asked() {
                break;
            }
            *body = line.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
        }
        progress.go_on();
    }
}

/// A body, or the file that `@` names.
fn body(given: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(given) = given else { return Ok(None) };
    let Some(path) = given.strip_prefix('@') else { return Ok(Some(given.to_owned())) };
    let text = files::read_text(Path::new(path))
        .map_err(|error| Failure::usage(format!("the body {path} cannot be read: {error}")))?;
    Ok(Some(text.trim().to_owned()))
}
