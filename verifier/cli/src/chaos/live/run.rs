//! A schedule on a live stack: load and changes, the undo, the drain, and the history.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use verifier_chaos::{
    Anomaly, AnomalySet, Event, Expectation, HISTORY_VERSION, Header, History, JobKind, Limits,
    Line, Observation, Observed, Schedule, Setting, StackTerms, Step, Terms, Watch,
};
use verifier_core::experiment::{Lease, ResourceRef};
use verifier_model::faults::{Fault, FaultRule};
use verifier_model::time::Timestamp;

use super::breaking::in_force;
use super::faults::{Faults, Names};
use super::observing::{Depth, Drained, MESSAGES_SUFFIX};
use super::preparing::Prepared;
use super::recorder::Recorder;
use super::redriving::REDRIVE_INFIX;
use super::stack::Live;
use super::undo::{Undo, name};
use super::witness::{SEES, Witness, lines};
use crate::chaos::names::Parts;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How often it is looked whether a condition to abort is met.
pub(super) const GUARD_EVERY: Duration = Duration::from_secs(5);
/// How long the jobs queue may seem to hold messages that are not there any more.
const EMPTIES_WITHIN: Duration = Duration::from_mins(2);
/// How much longer than its own time an experiment may hold its lease: it has to drain, to be restored and to be looked at.
const LEASE_BEYOND: Duration = Duration::from_hours(1);

/// How much longer than it says a stack of AWS may go by a setting that was restored, in milliseconds: attributes of queues take
/// up to a minute, and a mapping that is enabled again polls later still.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
const CHANGED_LATE: u64 = 120_000;

/// The condition that somebody else uses the stack: what was seen is not the experiment's alone.
pub(super) const OTHER_TRAFFIC: &str = "other-traffic";
/// How many jobs of others are named.
const OTHERS_NAMED: usize = 10;

/// What an experiment is guarded by.
pub(crate) struct Guarded<'a> {
    pub(crate) limits: Limits,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

/// What was accepted, and may have been.
#[derive(Default)]
pub(super) struct Load {
    /// The jobs whose acceptance their client was told, each with what is to be expected of it.
    pub(super) accepted: BTreeMap<String, Expectation>,
    pub(super) submits: u64,
}

impl Live {
    /// Runs a schedule. Whatever was changed is restored before anything is evaluated, also when it fails or is interrupted.
    pub(crate) async fn run(
        &self,
        schedule: &Schedule,
        guarded: Guarded<'_>,
    ) -> Result<History, Failure> {
        self.refuse_what_cannot_be_changed(schedule)?;
        // Before anything is changed: whether faults can strike at all.
        let faults = self.faults(schedule)?;
        self.refuse_files_of_others()?;
        let idle = self.idle().await?;
        self.refuse_to_move_others(schedule, idle)?;
        let clock = &self.place.clock;
        let prepared_at = clock.now();
        let undo_at = Duration::from_millis(schedule.undo_at_milliseconds);
        let started = self.started(schedule, prepared_at)?;
        let at = (self.place.aws.clone(), clock.clone(), guarded.progress);
        let mut undo = Undo::begin(at, &self.journal, started).await?;
        undo.stop_by(guarded.interrupt.token());
        let until = prepared_at + undo_at + LEASE_BEYOND;
        let lease = Lease { run: self.run.to_string(), until };
        // What is to be changed from the beginning is, before anything is submitted; a mapping takes a while.
        let prepared = self.prepare(schedule, &lease, &mut undo, &guarded).await;
        let prepared = match prepared {
            Ok(prepared) => self.witness().await.map(|witness| (prepared, witness)),
            Err(failure) => Err(failure),
        };
        let began_at = clock.now();
        let recorder = self.recorder(began_at);
        let load = Mutex::new(Load::default());
        let done = match prepared {
            Ok((prepared, witness)) => {
                let aborted = Box::pin(self.inject(
                    schedule,
                    (&recorder, &load),
                    (&mut undo, faults.as_ref()),
                    (idle, prepared.changed_at),
                    &guarded,
                ));
                aborted.await.map(|aborted| (prepared, witness, aborted))
            }
            Err(failure) => Err(failure),
        };
        let struck = match &faults {
            Some(faults) => faults.end().await,
            None => Ok(Vec::new()),
        };
        // What has ended before its time is restored at once.
        let disturbed = match &done {
            Ok((_, _, None)) => undo.disturbed().await,
            _ => Ok(Vec::new()),
        };
        guarded.progress.say("restoring everything");
        let not_back = self.restore_saved(&mut undo, &recorder, guarded.interrupt).await;
        let at = recorder.watch.since(clock.now());
        // Those that were in force just before.
        let before = at.min(schedule.undo_at_milliseconds).saturating_sub(1);
        for setting in in_force(&schedule.changes, before) {
            recorder.write(clock.now(), Event::Undo { what: setting.kind().into() });
        }
        self.refuse_what_is_not_back(not_back, done.as_ref().err())?;
        guarded.interrupt.leave_word(None);
        for (at, event) in struck? {
            recorder.write(at, event);
        }
        let (prepared, witness, aborted) = done?;
        refuse_what_was_disturbed(&disturbed?)?;
        let met = (&prepared, idle, aborted);
        let seen_by = (&recorder, witness.as_ref());
        Box::pin(self.evaluate_later(schedule, (seen_by, load), met, &guarded)).await
    }

    /// The files beside the journal must not be there yet, either: one that is met later would cost the whole run.
    fn refuse_files_of_others(&self) -> Result<(), Failure> {
        let journal = self.journal.display().to_string();
        let folder = self.journal.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new(".")));
        let mut there = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        match there.find(|path| is_named_after(path, &self.journal)) {
            None => Ok(()),
            Some(other) => Err(Failure {
                next: Some("name another file with --journal".to_owned()),
                ..Failure::usage(format!(
                    "{} is there already, which belongs to an earlier run with the journal {journal}",
                    other.display()
                ))
            }),
        }
    }

    /// Drains the stack, and tells the whole history.
    async fn evaluate_later(
        &self,
        schedule: &Schedule,
        ((recorder, witness), load): ((&Recorder, Option<&Witness>), Mutex<Load>),
        (prepared, idle, aborted): (&Prepared, Depth, Option<&'static str>),
        guarded: &Guarded<'_>,
    ) -> Result<History, Failure> {
        guarded.progress.say("waiting until everything is processed");
        let restore_at = self.place.clock.now();
        let load = load.into_inner().unwrap_or_else(PoisonError::into_inner);
        let drained = self
            .drain(recorder, &load.accepted, longest_hidden(schedule), guarded.interrupt)
            .await?;
        let Drained { is_empty, remaining, observed } = drained;
        self.refuse_other_circumstances(&prepared.before, restore_at).await?;
        let others = self.others_in(recorder, &observed.outcomes, prepared.changed_at);
        let messages = observed.messages.iter();
        let messages = messages.filter(|(_, message)| recorder.watch.is_of_others(message)).count();
        if messages as u64 > idle.dead {
            guarded.progress.say(&format!(
                "{} holds {messages} messages of others, and held {} when the run began",
                self.place.dead_letters.name, idle.dead
            ));
            recorder.meet(OTHER_TRAFFIC);
        }
        let is_aborted = self.tell_of_abort(recorder, aborted, &others, guarded);
        // What was broken off is not evaluated to its end.
        let complete = is_empty && !is_aborted;
        let now = self.place.clock.now();
        recorder
            .messages(now, observed.messages.iter().map(|(_, message)| message.clone()).collect());
        let testimony = match witness {
            Some(witness) => Some(witness.end().await?).filter(|testimony| testimony.is_whole),
            None => None,
        };
        if let Some(left) = self.remove_messages(recorder, guarded.interrupt).await? {
            guarded.progress.say(&left);
        }
        // Those that a redrive has taken out are among them.
        let observed = Observed { messages: recorder.all_messages(), ..observed };
        recorder.write(now, Event::Drained { complete, remaining });
        match testimony {
            Some(testimony) => {
                let inside = lines(&testimony, &recorder.watch, &self.names()?, now);
                Ok(self.told_from_inside(schedule, recorder, observed, inside))
            }
            None => Ok(self.told_from_outside(schedule, recorder, observed)),
        }
    }

    /// The history of what a stack shows outside: the worker's lines, and the dead-letter queue.
    fn told_from_outside(
        &self,
        schedule: &Schedule,
        recorder: &Recorder,
        observed: Observed,
    ) -> History {
        let with_receives =
            recorder.watch.tells_every_receive(&observed, self.terms.max_receive_count);
        let told = Observed { messages: Vec::new(), ..observed };
        let tells_attempts =
            self.place.log_group.is_some() && !loses_lines(schedule) && !ends_processes(schedule);
        let mut sees = match (tells_attempts, with_receives) {
            (true, true) => vec![Observation::Attempts, Observation::Receives],
            (true, false) => vec![Observation::Attempts],
            (false, _) => Vec::new(),
        };
        let tells_effects = recorder.watch.tells_effects(&told) && !doubles_lines(schedule);
        sees.extend(tells_effects.then_some(Observation::EffectLines));
        let more = recorder.watch.lines(&told, with_receives);
        let terms = Terms {
            told_late_milliseconds: told_late(&self.terms, schedule),
            changed_late_milliseconds: if self.emulator.is_some() { 0 } else { CHANGED_LATE },
            ..self.terms.terms()
        };
        // A standard queue may deliver a message again at any time, and an invocation's end is not seen.
        let allows = AnomalySet::of(&[Anomaly::Redelivered]);
        History { header: self.header(schedule, terms, sees, allows), lines: recorder.finish(more) }
    }

    /// The history of what an emulator has seen inside, with the worker's lines. It delivers again what the queue's own terms make
    /// it deliver, and nothing else.
    fn told_from_inside(
        &self,
        schedule: &Schedule,
        recorder: &Recorder,
        observed: Observed,
        mut inside: Vec<Line>,
    ) -> History {
        let told = Observed { messages: Vec::new(), ..observed };
        let mut sees = SEES.to_vec();
        // How an attempt ended is told by its line alone.
        sees.retain(|one| *one != Observation::Attempts || !loses_lines(schedule));
        let tells_effects = recorder.watch.tells_effects(&told) && !doubles_lines(schedule);
        sees.extend(tells_effects.then_some(Observation::EffectLines));
        recorder.forget_messages();
        inside.extend(recorder.watch.lines(&told, false));
        let lines = recorder.finish(inside);
        History { header: self.header(schedule, self.terms.terms(), sees, AnomalySet::NONE), lines }
    }

    fn header(
        &self,
        schedule: &Schedule,
        terms: Terms,
        sees: Vec<Observation>,
        allows: AnomalySet,
    ) -> Header {
        Header {
            version: HISTORY_VERSION,
            seed: schedule.seed,
            target: self.target.into(),
            terms,
            observes: sees.into(),
            allows,
            not_seen: Vec::new(),
        }
    }

    /// An emulator that looks on from now, where the stack is on one.
    async fn witness(&self) -> Result<Option<Witness>, Failure> {
        match &self.emulator {
            Some(emulator) => Witness::begin(emulator.clone()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Writes down which condition has ended the run, or does not let it pass; says whether one does.
    fn tell_of_abort(
        &self,
        recorder: &Recorder,
        aborted: Option<&'static str>,
        others: &BTreeSet<String>,
        guarded: &Guarded<'_>,
    ) -> bool {
        if !others.is_empty() {
            recorder.meet(OTHER_TRAFFIC);
            let some: Vec<&str> = others.iter().take(OTHERS_NAMED).map(String::as_str).collect();
            guarded.progress.say(&format!(
                "while {} was changed its worker was at {} jobs of others, which may have suffered: {}",
                self.name,
                others.len(),
                some.join(", ")
            ));
        }
        let condition = aborted.or(recorder.met());
        if let Some(condition) = condition {
            let now = self.place.clock.now();
            recorder.write(now, Event::Aborted { condition: condition.into() });
        }
        condition.is_some()
    }

    /// Fails where the schedule has a redrive and the dead-letter queue holds messages, which are none of the run's: they would be
    /// sent to the jobs queue with its own, worked on again, and gone.
    fn refuse_to_move_others(&self, schedule: &Schedule, idle: Depth) -> Result<(), Failure> {
        let moves = schedule.steps.iter().any(|step| matches!(step, Step::Redrive { .. }));
        if !moves || idle.dead == 0 {
            return Ok(());
        }
        let queue = &self.place.dead_letters.name;
        Err(Failure {
            next: Some("replay them by verifier redrive, keep them by verifier dlq export and purge, or choose an experiment without a redrive".to_owned()),
            ..Failure::usage(format!(
                "{queue} holds {} messages of others, which the experiment's redrive would move with its own",
                idle.dead
            ))
        })
    }

    /// The faults of the emulator, where the schedule has some. A deployed stack lets nobody into its inside.
    fn faults(&self, schedule: &Schedule) -> Result<Option<Faults>, Failure> {
        match &self.emulator {
            _ if schedule.faults.is_empty() => Ok(None),
            Some(emulator) => Ok(Some(Faults::of(emulator.clone()))),
            None => Err(Failure {
                next: Some(
                    "take one that only changes settings: `verifier chaos list` says which do"
                        .to_owned(),
                ),
                ..Failure::usage(format!(
                    "the experiment has faults that strike inside of a stack, and {} cannot be entered",
                    self.name
                ))
            }),
        }
    }

    /// Fails on a rule about a queue or a function that the stack does not have.
    pub(crate) fn refuse_unknown_names(&self, schedule: &Schedule) -> Result<(), Failure> {
        let names = self.names()?;
        let of_type = |wanted: &str| -> Vec<String> {
            let ours = self.resources.iter().filter(|resource| resource.resource_type == wanted);
            // A queue's physical id is its URL, of which its name is the last part.
            let name = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
            ours.map(|resource| name(&resource.physical_id)).collect()
        };
        let own = |own: &[&str], others: Vec<String>| -> Vec<String> {
            own.iter().map(|name| (*name).to_owned()).chain(others).collect()
        };
        let submit: &[&str] =
            if names.submit.is_some() { &["worker", "submit-job"] } else { &["worker"] };
        let parts = Parts {
            queues: own(&["jobs", "dlq"], of_type("AWS::SQS::Queue")),
            functions: own(submit, of_type("AWS::Lambda::Function")),
        };
        parts.refuse_others(&schedule.faults, &self.name)
    }

    /// What the parts of the stack are called.
    pub(super) fn names(&self) -> Result<Names, Failure> {
        let worker = self.parts.worker.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Names {
            jobs: self.place.needed_source()?.name.clone(),
            dead_letters: self.place.dead_letters.name.clone(),
            worker,
            submit: self.parts.submit.clone(),
            has_route: self.job_url.as_deref().is_some_and(|url| path_of(url).ends_with("/jobs")),
            has_contract: self.settings.jobs.are_of_contract(),
            prefix: self.prefix(),
        })
    }

    /// What the ids of the run's jobs begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.run)
    }

    fn recorder(&self, began_at: Timestamp) -> Recorder {
        Recorder::new(Watch {
            prefix: self.prefix(),
            ids: self.settings.jobs.message_ids(),
            began_at,
            message_is_body: self.settings.jobs.message_is_body,
        })
    }

    /// Fails on a setting that the stack has no part for, before anything is changed.
    fn refuse_what_cannot_be_changed(&self, schedule: &Schedule) -> Result<(), Failure> {
        let lacks = |setting: Setting| {
            !matches!(setting, Setting::CompetingReceiver { .. })
                && self.parts.of(setting).is_none()
        };
        let without = schedule.changes.iter().find(|change| lacks(change.setting));
        if let Some(change) = without {
            return Err(Failure::usage(format!(
                "{} cannot be changed about {}: no function of it is known that sends to its jobs queue",
                change.setting.kind(),
                self.name
            )));
        }
        // What is not its own, no rollback would restored.
        let mut parts = self.parts_of(&schedule.changes);
        parts.insert(self.lease_part()?);
        match parts.iter().find(|part| !part.belongs_to(&self.resources)) {
            None => Ok(()),
            Some(part) => Err(Failure {
                next: Some("choose a stack that has its own".to_owned()),
                ..Failure::usage(format!(
                    "{} cannot be changed: it is no resource of the stack {}",
                    name(part),
                    self.name
                ))
            }),
        }
    }

    /// How many messages there are that have nothing to do with the experiment. Counts are old for up to a minute, and the steady
    /// state has just removed what it made.
    async fn idle(&self) -> Result<Depth, Failure> {
        let clock = &self.place.clock;
        let until = clock.now() + EMPTIES_WITHIN;
        loop {
            let idle = self.depth().await?;
            if idle.jobs == 0 {
                return Ok(idle);
            }
            if clock.now() >= until {
                return Err(Failure {
                    next: Some("wait until they are processed".to_owned()),
                    ..Failure::environment(format!(
                        "there are {} messages in the jobs queue of {}: the faults could strike them instead of the experiment's own",
                        idle.jobs, self.name
                    ))
                });
            }
            clock.sleep(GUARD_EVERY).await;
        }
    }
}

/// Whether a file is called as one of those that a run keeps beside its journal.
pub(crate) fn is_named_after(path: &Path, journal: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(OsStr::to_os_string).unwrap_or_default();
    let (name, own) = (name(path), name(journal));
    let (name, own) = (name.to_string_lossy(), own.to_string_lossy());
    name.strip_prefix(&*own)
        .is_some_and(|rest| rest == MESSAGES_SUFFIX || rest.starts_with(REDRIVE_INFIX))
}

/// Fails where somebody has changed what the experiment had changed, also back to what it was: what was seen is not of the
/// experiment then.
fn refuse_what_was_disturbed(parts: &[ResourceRef]) -> Result<(), Failure> {
    if parts.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = parts.iter().map(name).collect();
    Err(Failure {
        next: Some("run it again while nothing else changes the stack".to_owned()),
        ..Failure::environment(format!(
            "another actor has changed meanwhile what the experiment had changed: {}",
            parts.join(", ")
        ))
    })
}

/// The path of a URL.
fn path_of(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after.split_once('/').map_or("", |(_, path)| path);
    format!("/{}", path.split(['?', '#']).next().unwrap_or_default())
}

/// Whether lines of the log may be missing, on purpose: then what it does not tell may have happened all the same.
fn loses_lines(schedule: &Schedule) -> bool {
    let loses =
        |rule: &FaultRule| matches!(rule.fault, Fault::LogLost | Fault::LogTruncated { .. });
    schedule.faults.iter().any(loses)
}

/// Whether processes end on purpose: one that does leaves no line of what it did not come to.
fn ends_processes(schedule: &Schedule) -> bool {
    let ends = |step: &Step| matches!(step.job(), Some(JobKind::Exiting { .. }));
    schedule.steps.iter().any(ends)
}

/// Whether lines of the log may be there twice, on purpose: then one effect cannot be told from two.
fn doubles_lines(schedule: &Schedule) -> bool {
    schedule.faults.iter().any(|rule| matches!(rule.fault, Fault::LogDoubled))
}

/// For how long a message may be hidden beyond what the stack's own terms say.
fn longest_hidden(schedule: &Schedule) -> Duration {
    let hides = schedule.changes.iter().filter_map(|change| change.setting.hides_seconds());
    Duration::from_secs(hides.max().unwrap_or_default().into())
}

/// How much later than it took place a receive may be reported, in milliseconds: when its message's line was written, after the
/// window of its batch and the work on it.
fn told_late(terms: &StackTerms, schedule: &Schedule) -> u64 {
    let (mut window, mut timeout) =
        (terms.maximum_batching_window_seconds, terms.function_timeout_seconds);
    for change in &schedule.changes {
        match change.setting {
            Setting::BatchingWindow { seconds } => window = window.max(seconds),
            Setting::WorkerTimeout { seconds } => timeout = timeout.max(seconds),
            _ => {}
        }
    }
    u64::from(window + timeout) * 1_000
}

#[cfg(test)]
mod tests {
    use verifier_chaos::Change;

    use super::*;

    #[test]
    fn what_a_run_keeps_is_named_after_its_journal() {
        let is = |path: &str| is_named_after(Path::new(path), Path::new("a/j.undo"));
        assert!(is("a/j.undo.messages.jsonl") && is("b/j.undo.redrive-0.jsonl"));
        assert!(!is("a/j.undo") && !is("a/j.undo.html") && !is("a/k.undo.messages.jsonl"));
    }

    #[test]
    fn the_path_of_a_url_is_without_query() {
        assert_eq!(path_of("https://a.execute-api.eu-west-1.amazonaws.com/jobs"), "/jobs");
        assert_eq!(path_of("http://127.0.0.1:80/v1/tickets?a=b"), "/v1/tickets");
        assert_eq!(path_of("http://127.0.0.1"), "/");
    }

    #[test]
    fn a_receive_is_told_after_the_longest_window_and_the_longest_work() {
        let change = |setting| Change { setting, from_milliseconds: 0, until_milliseconds: 1 };
        let terms = StackTerms::default();
        let of = |changes| told_late(&terms, &Schedule { changes, ..Schedule::default() });
        assert_eq!(of(vec![]), 10_000);
        assert_eq!(of(vec![change(Setting::BatchingWindow { seconds: 0 })]), 10_000);
        assert_eq!(
            of(vec![
                change(Setting::BatchingWindow { seconds: 20 }),
                change(Setting::WorkerTimeout { seconds: 30 }),
            ]),
            50_000
        );
    }
}
