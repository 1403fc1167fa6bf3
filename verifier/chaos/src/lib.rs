//! Breaking it on purpose, and evaluating what happened.
//!
//! Architecture invariant: nothing here does I/O, knows tokio or the AWS SDK, or reads a clock.
//!
//! A [`History`] is what clients did and what was observed, whoever ran it. [`evaluate`] finds the anomalies in it by
//! name, and says which of them the faults that struck allow.
//!
//! A [`Schedule`] says what is done to a stack and what goes wrong meanwhile. [`simulate`] runs one in-process under virtual
//! time, with the functions as [`Parts`]; another target runs it its own way. [`explore()`] draws schedules from seeds until
//! one violates what holds, and shrinks that one.

mod allowed;
mod anomalies;
mod anomaly;
mod change;
mod checker;
mod earned;
mod experiment;
mod explore;
mod facts;
mod finding;
mod generate;
mod history;
mod id;
mod observation;
mod observed;
mod schedule;
#[cfg(any(test, feature = "seeded-bugs"))]
mod seeded;
mod shrink;
mod simulator;
mod struck;
mod timeline;
mod undo;

pub use anomaly::{Anomaly, AnomalySet};
pub use change::{Change, Setting};
pub use checker::{ChaosReport, Verdict, evaluate};
pub use earned::{missing, missing_in};
pub use experiment::{
    Abort, EXPERIMENT_SCHEMA, Expect, Experiment, ExperimentError, Found, SteadyState,
};
pub use explore::{Coverage, Exploration, Failure, Survey, explore, survey};
pub use finding::{Allowance, Finding};
pub use generate::fault_operations;
pub use history::{
    Content, Event, Expectation, HISTORY_VERSION, Header, History, HistoryError, InvocationEnd,
    Line, Operation, Queue, Terms,
};
pub use id::Id;
pub use observation::Observation;
pub use observed::{Observed, SentMessage, Watch, content_of_body};
pub use schedule::{
    ExitAt, JOBS_MAX, JobKind, RedriveBy, Schedule, ScheduleError, StackTerms, Step,
    TIME_MAX_MILLISECONDS,
};
#[cfg(any(test, feature = "seeded-bugs"))]
pub use seeded::SeededBug;
pub use shrink::{Shrunk, shrink};
pub use simulator::{
    Answer, DRAIN_MILLISECONDS, Limits, Parts, Record, Redriver, ReferenceRedriver, ReferenceRules,
    ReferenceSubmit, ReferenceWorker, Rules, Submit, Work, WorkEffect, Worker, simulate,
    simulate_within,
};
pub use timeline::{Band, Lane, LaneEnd, Mark, MarkKind, Sample, Timeline};
pub use undo::{
    ClaimReadings, Claimed, Difference, Found as UndoFound, Held, HeldReadings, LEASE_EVERY,
    LEASE_LOST_AFTER, LEASE_READS_WITHIN, LEASE_SETTLES, Merged, Refusal, Saved, StackParts,
    Standing, Started, UNDO_SCHEMA, UndoEntry, UndoError, UndoLedger, Way, desired, is_changed,
    merge, still_set, way,
};
