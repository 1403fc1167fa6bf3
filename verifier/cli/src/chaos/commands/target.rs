//! What a command line's experiment is run against.

use std::path::PathBuf;

use verifier_chaos::{Anomaly, Experiment};
use verifier_core::resources::Named;
use verifier_emulator::Emulator;

use crate::chaos::args::{ChaosTarget, LiveArgs};
use crate::chaos::live::{Live, Where};
use crate::chaos::names::Parts;
use crate::chaos::run::run_experiment;
use crate::chaos::{By, Outcome, Sim, Target};
use crate::config;
use crate::config::args::SettingsArgs;
use crate::local::args::{ClockArg, TemplateArgs};
use crate::local::stack::{self, LocalOptions};
use crate::resources::{self, Wanted};
use crate::shell::args::ConnectionArgs;
use crate::shell::ask::{can_ask, confirm};
use crate::shell::endpoint;
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// A target, and the emulator that it is on if that is in this process.
pub(super) struct Found {
    target: Target,
    emulator: Option<Emulator>,
    /// A folder for the journal of a stack that nobody can restore any more when this process has ended.
    scratch: Option<PathBuf>,
}

impl Found {
    /// The simulator, with a seeded bug if one was asked for.
    pub(super) fn sim(seeded: Option<Anomaly>) -> Result<Self, Failure> {
        Ok(Self { target: Target::Sim(Sim::with(seeded)?), emulator: None, scratch: None })
    }

    /// Runs an experiment on it, and ends what is in this process; `None` where the process was asked to stop before.
    pub(super) async fn carry_out(
        mut self,
        experiment: Experiment,
        interrupt: &Interrupt,
        progress: &Progress,
    ) -> Result<Option<Outcome>, Failure> {
        let is_live = matches!(self.target, Target::Live(_));
        let experiment = match &self.target {
            Target::Live(live) => match live.with_known_jobs(experiment, progress) {
                Ok(experiment) => experiment,
                Err(failure) => {
                    self.shut_down().await;
                    return Err(failure);
                }
            },
            Target::Sim(_) => experiment,
        };
        let by = By { interrupt, progress };
        let again = match &self.target {
            Target::Live(live) if live.target == "stack" => super::again_on(live),
            _ => super::reproduce(),
        };
        let ran = tokio::select! {
            ran = run_experiment(experiment, &mut self.target, again, by) => Some(ran),
            // A stack that is really there is restored first, which the run sees to.
            () = interrupt.asked(), if !is_live => None,
        };
        progress.clear();
        let undo = self.undo_journal();
        self.shut_down().await;
        let mut outcome = ran.transpose()?;
        if let Some(outcome) = &mut outcome {
            outcome.files.extend(undo.map(|journal| ("undo", journal)));
        }
        Ok(outcome)
    }

    /// Where it stands what was changed and restored, if that is kept.
    fn undo_journal(&self) -> Option<PathBuf> {
        let Target::Live(live) = &self.target else { return None };
        let exists = self.scratch.is_none() && live.journal.exists();
        exists.then(|| live.journal.clone())
    }

    /// Ends what is in this process.
    async fn shut_down(self) {
        drop(self.target);
        if let Some(emulator) = self.emulator {
            emulator.shut_down().await;
        }
        if let Some(folder) = self.scratch {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Finds what was asked for. A stack that is deployed is only broken when somebody has said so.
pub(super) async fn find(
    target: ChaosTarget,
    live: LiveArgs,
    (experiment, seeded): (&Experiment, Option<Anomaly>),
    progress: &Progress,
) -> Result<Found, Failure> {
    let is_deployed = live.is_deployed();
    let LiveArgs {
        stack,
        yes,
        allow_purge,
        journal,
        config,
        connection,
        functions,
        template,
        resources: named,
    } = live;
    let known = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = experiment.name.chars().map(known).collect();
    let name = format!("chaos-{name}-{:08x}.undo.jsonl", fastrand::u32(..));
    let settings = SettingsArgs { config, ..SettingsArgs::default() };
    if is_deployed {
        if seeded.is_some() {
            return Err(Failure::usage("--bug is of the simulated stack: leave it out"));
        }
        let settings = resources::load(&settings, &named)?;
        let wanted = resources::wanted(stack.as_deref(), &named.files, &settings)?;
        let wanted = wanted.ok_or_else(|| Failure::usage("no jobs queue is named"))?;
        let stack = wanted.label();
        if let (Some(deletes), false) = (experiment.schedule().deletes(), allow_purge) {
            return Err(Failure {
                next: Some("say --allow-purge if that is meant".to_owned()),
                ..Failure::usage(format!(
                    "{} {deletes}, those of others in {stack} included, which nothing restores",
                    experiment.name
                ))
            });
        }
        ask(&stack, experiment, yes)?;
        let journal = journal.unwrap_or_else(|| PathBuf::from(name));
        let place = Where { wanted, target: "stack", connection, settings, journal };
        let live = Box::pin(Live::find(place)).await?;
        live.refuse_unknown_names(&experiment.schedule())?;
        let target = Target::Live(Box::new(live));
        return Ok(Found { target, emulator: None, scratch: None });
    }
    if target == ChaosTarget::Sim {
        Parts::simulated().refuse_others(&experiment.faults, "the simulated stack")?;
        return Found::sim(seeded);
    }
    let (journal, scratch) = if let Some(journal) = journal {
        (journal, None)
    } else {
        let folder = scratch()?;
        (folder.join(name), Some(folder))
    };
    let options = LocalOptions {
        port: 0,
        clock: ClockArg::SkipIdle,
        stack: None,
        region: endpoint::LOCAL_REGION.to_owned(),
        for_others: false,
        allowed_origins: Vec::new(),
    };
    let template = TemplateArgs { template, functions, ..TemplateArgs::default() };
    let emulator = stack::start(template, options, progress).await?;
    let connection = ConnectionArgs {
        region: Some(endpoint::LOCAL_REGION.to_owned()),
        profile: None,
        endpoint_url: Some(emulator.endpoint().to_owned()),
        emulator_token: Some(emulator.token().to_owned()),
    };
    let settings = config::load(&settings)?;
    let named = Named::of(&settings).outputs_only();
    let wanted = Wanted::Stack { name: emulator.stack().name.clone(), named, outputs: None };
    let place = Where { wanted, target: "local", connection, settings, journal };
    let live = Box::pin(Live::find(place)).await;
    let live = live.and_then(|live| {
        live.refuse_unknown_names(&experiment.schedule())?;
        Ok(live)
    });
    match live {
        Ok(live) => {
            Ok(Found { target: Target::Live(Box::new(live)), emulator: Some(emulator), scratch })
        }
        Err(failure) => {
            emulator.shut_down().await;
            Err(failure)
        }
    }
}

/// A new folder among the temporary files.
fn scratch() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("verifier-chaos-{:016x}", fastrand::u64(..)));
    files::make_private_folder(&folder).map_err(|error| {
        Failure::environment(format!("the folder {} cannot be made: {error}", folder.display()))
    })?;
    Ok(folder)
}

fn ask(stack: &str, experiment: &Experiment, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Failure {
            next: Some("look at it with `verifier chaos show NAME`, then pass --yes".to_owned()),
            ..Failure::usage("confirmation needed and stdin is not a terminal")
        });
    }
    let question = format!(
        "{} submits {} jobs to {stack} and changes {} of its settings for a while. Break it?",
        experiment.name,
        experiment.schedule().job_count(),
        experiment.changes.len()
    );
    if confirm(&question) {
        return Ok(());
    }
    Err(Failure { next: None, ..Failure::usage("nothing was done") })
}
