//! Settings that are changed while a simulation runs, and restored.

use super::super::change::{Change, Setting};
use super::super::history::Event;
use super::core::Core;
use super::mapping::Mapping;

/// What was changed and not restored yet, by its place in the schedule, with what was there before.
#[derive(Default)]
pub(super) struct Changed(Vec<(usize, Before)>);

/// A setting as it was.
#[derive(Clone, Copy)]
enum Before {
    MappingEnabled(bool),
    ReportsBatchItemFailures(bool),
    BatchSize(u32),
    WorkerConcurrency(Option<u32>),
    SubmitStopped(bool),
    BatchingWindow(u32),
    MaximumConcurrency(Option<u32>),
    /// `VisibilityTimeout`, in seconds.
    VisibilityTimeout(u32),
    MaxReceiveCount(u32),
    /// The worker's, in seconds.
    FunctionTimeout(u32),
    /// Nothing that a simulated stack has.
    Nothing,
    NobodyElseReceives,
}

impl Before {
    /// Whether a setting is another than that. A simulated worker has no memory that could be so before.
    fn is_changed_by(self, setting: Setting) -> bool {
        match (self, setting) {
            (Self::MappingEnabled(is_on) | Self::ReportsBatchItemFailures(is_on), _) => is_on,
            (Self::SubmitStopped(is_stopped), _) => !is_stopped,
            (Self::BatchSize(before), Setting::BatchSize { size: now })
            | (Self::BatchingWindow(before), Setting::BatchingWindow { seconds: now })
            | (Self::VisibilityTimeout(before), Setting::VisibilityTimeout { seconds: now })
            | (Self::MaxReceiveCount(before), Setting::MaxReceiveCount { count: now })
            | (Self::FunctionTimeout(before), Setting::WorkerTimeout { seconds: now }) => {
                before != now
            }
            (Self::WorkerConcurrency(before), Setting::WorkerConcurrency { limit: now })
            | (Self::MaximumConcurrency(before), Setting::MaximumConcurrency { limit: now }) => {
                before != Some(now)
            }
            _ => true,
        }
    }
}

impl Changed {
    /// Changes a setting.
    pub(super) fn change(
        &mut self,
        core: &mut Core,
        mapping: &mut Mapping,
        place: usize,
        change: Change,
    ) {
        let Change { setting, .. } = change;
        core.client_calls += 1;
        let before = apply(core, mapping, setting);
        // What was so before is not changed, and strikes nothing.
        if before.is_changed_by(setting) {
            core.write(Event::Changed { setting });
            self.0.push((place, before));
        }
    }

    /// Puts a setting back, if that was not done yet.
    pub(super) fn restore_saved(
        &mut self,
        core: &mut Core,
        mapping: &mut Mapping,
        place: usize,
        change: Change,
    ) {
        let Some(index) = self.0.iter().position(|(changed, _)| *changed == place) else {
            return;
        };
        let (_, before) = self.0.remove(index);
        core.client_calls += 1;
        core.write(Event::Undo { what: change.setting.kind().into() });
        restore(core, mapping, before);
    }

    /// Puts back whatever is changed, the last first.
    pub(super) fn put_all_back(
        &mut self,
        core: &mut Core,
        mapping: &mut Mapping,
        changes: &[Change],
    ) {
        while let Some((place, _)) = self.0.last() {
            let place = *place;
            self.restore_saved(core, mapping, place, changes[place]);
        }
    }
}

fn apply(core: &mut Core, mapping: &mut Mapping, setting: Setting) -> Before {
    let configuration = &mut mapping.configuration;
    match setting {
        Setting::MappingDisabled => {
            Before::MappingEnabled(std::mem::replace(&mut configuration.enabled, false))
        }
        Setting::BatchItemFailuresIgnored => Before::ReportsBatchItemFailures(std::mem::replace(
            &mut configuration.report_batch_item_failures,
            false,
        )),
        Setting::BatchSize { size } => {
            Before::BatchSize(std::mem::replace(&mut configuration.batch_size, size))
        }
        Setting::WorkerConcurrency { limit } => {
            Before::WorkerConcurrency(mapping.worker_concurrency.replace(limit))
        }
        Setting::SubmitStopped => {
            Before::SubmitStopped(std::mem::replace(&mut core.submit_is_stopped, true))
        }
        Setting::BatchingWindow { seconds } => Before::BatchingWindow(std::mem::replace(
            &mut configuration.maximum_batching_window_seconds,
            seconds,
        )),
        Setting::MaximumConcurrency { limit } => {
            Before::MaximumConcurrency(configuration.maximum_concurrency.replace(limit))
        }
        Setting::VisibilityTimeout { seconds } => {
            Before::VisibilityTimeout(core.set_visibility_timeout(seconds))
        }
        Setting::MaxReceiveCount { count } => {
            Before::MaxReceiveCount(core.set_max_receive_count(count))
        }
        Setting::WorkerTimeout { seconds } => {
            Before::FunctionTimeout(std::mem::replace(&mut core.function_timeout_seconds, seconds))
        }
        Setting::WorkerMemory { .. } => Before::Nothing,
        Setting::CompetingReceiver { seconds } => {
            core.begin_to_compete(seconds);
            Before::NobodyElseReceives
        }
    }
}

fn restore(core: &mut Core, mapping: &mut Mapping, before: Before) {
    let configuration = &mut mapping.configuration;
    match before {
        Before::MappingEnabled(enabled) => {
            configuration.enabled = enabled;
            // Whatever came meanwhile waits for it.
            core.poll_at(core.now);
        }
        Before::ReportsBatchItemFailures(reports) => {
            configuration.report_batch_item_failures = reports;
        }
        Before::BatchSize(size) => configuration.batch_size = size,
        Before::WorkerConcurrency(limit) => mapping.worker_concurrency = limit,
        Before::SubmitStopped(stopped) => core.submit_is_stopped = stopped,
        Before::BatchingWindow(seconds) => configuration.maximum_batching_window_seconds = seconds,
        Before::MaximumConcurrency(limit) => {
            configuration.maximum_concurrency = limit;
            core.poll_at(core.now);
        }
        Before::VisibilityTimeout(seconds) => drop(core.set_visibility_timeout(seconds)),
        Before::MaxReceiveCount(count) => drop(core.set_max_receive_count(count)),
        Before::FunctionTimeout(seconds) => core.function_timeout_seconds = seconds,
        Before::Nothing => {}
        Before::NobodyElseReceives => core.competing = None,
    }
}
