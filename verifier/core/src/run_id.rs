//! The id of a run.

use std::fmt;
use std::time::Duration;

use verifier_model::time::Timestamp;

/// What every run id begins with.
const PREFIX: &str = "vrf-";
/// How much longer than twice its longest wait a run may seem to last: machines' clocks differ, and its start and its
/// end take time too.
const SLACK: Duration = Duration::from_mins(10);

/// The id of a run: when it began, to the second, and a random number that tells it from others of that second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    started_at_seconds: u64,
    random: u32,
}

impl RunId {
    /// The id of a run that begins at that time.
    pub fn new(started_at: Timestamp, random: u32) -> Self {
        Self { started_at_seconds: started_at.as_seconds(), random }
    }

    /// Reads an id as it is written, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, random) = text.strip_prefix(PREFIX)?.split_once('-')?;
        let id = Self {
            started_at_seconds: u64::from_str_radix(seconds, 16).ok()?,
            random: u32::from_str_radix(random, 16).ok()?,
        };
        // Signs, capitals and leading zeros are read as numbers too, and are not what a run writes.
        (id.to_string() == text).then_some(id)
    }

    /// When the run began.
    pub fn started_at(&self) -> Timestamp {
        Timestamp::from_millis(self.started_at_seconds.saturating_mul(1000))
    }

    /// The run that a job's id begins with; what stands behind it, and a dash, is the job's name in the run.
    pub fn of_job(job_id: &str) -> Option<Self> {
        let (run, name) = job_id
            .strip_prefix(PREFIX)?
            .match_indices('-')
            .nth(1)
            .map(|(at, _)| job_id.split_at(at + PREFIX.len()))?;
        Self::parse(run).filter(|_| name.len() > 1)
    }

    /// Whether no run of that id can still be going on. `longest_wait` is how long a run waits at most, for its failing
    /// job and for the log: [`Expect::longest_wait`](crate::settings::Expect::longest_wait). Twice as long and ten
    /// minutes is beyond every run.
    pub fn is_surely_over(&self, now: Timestamp, longest_wait: Duration) -> bool {
        self.started_at() + longest_wait * 2 + SLACK < now
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:x}-{:08x}", self.started_at_seconds, self.random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST_WAIT: Duration = Duration::from_mins(3);
    const NOW: Timestamp = Timestamp::from_millis(2_000_000_000);

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = RunId::new(NOW, 0x0a0b);
        assert_eq!(id.to_string(), "vrf-1e8480-00000a0b");
        assert_eq!(RunId::parse("vrf-1e8480-00000a0b"), Some(id));
        for other in [
            "",
            "vrf-",
            "vrf-1e8480",
            "vrf-1e8480-a0b",
            "vrf-1E8480-00000a0b",
            "vrf-+1e8480-00000a0b",
            "vrf-01e8480-00000a0b",
            "vrf-1e8480-00000a0b-1",
            "run-1e8480-00000a0b",
        ] {
            assert_eq!(RunId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_jobs_id_names_its_run() {
        let id = RunId::new(NOW, 0x0a0b);
        assert_eq!(RunId::of_job(&format!("{id}-good-1")), Some(id));
        for other in [format!("{id}"), format!("{id}-"), format!("x{id}-a"), "vrf-1-2-a".to_owned()]
        {
            assert_eq!(RunId::of_job(&other), None, "{other}");
        }
    }

    #[test]
    fn a_run_is_over_only_when_no_run_could_last_that_long() {
        let id = RunId::new(NOW, 0);
        let bound = LONGEST_WAIT * 2 + SLACK;
        assert!(!id.is_surely_over(NOW, LONGEST_WAIT));
        assert!(!id.is_surely_over(NOW + bound, LONGEST_WAIT));
        assert!(id.is_surely_over(NOW + bound + Duration::from_secs(1), LONGEST_WAIT));
        let ahead = RunId::new(NOW + Duration::from_hours(1), 0);
        assert!(!ahead.is_surely_over(NOW, LONGEST_WAIT));
    }
}
