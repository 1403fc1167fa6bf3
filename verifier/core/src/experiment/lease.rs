//! Who is breaking a stack just now, and until when.

use verifier_model::time::Timestamp;

/// The key of the tag on the jobs queue by which an experiment says that it is under way. A stack's own tags can only be changed
/// by an update of all of it, which no experiment makes.
pub const LEASE_TAG: &str = "verifier:chaos";

/// What the tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The name of the run.
    pub run: String,
    /// When the experiment is over at the latest.
    pub until: Timestamp,
}

impl Lease {
    /// The tag's value, in characters that tags may have.
    pub fn value(&self) -> String {
        format!("{} until {}", self.run, self.until.as_millis())
    }

    /// Reads a tag's value; `None` for what is no lease.
    pub fn read(value: &str) -> Option<Self> {
        let (run, until) = value.split_once(" until ")?;
        let until = Timestamp::from_millis(until.parse().ok()?);
        Some(Self { run: run.to_owned(), until })
    }

    /// Whether its experiment may still go on. One that is over by its own word was killed, and has left something behind.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_as_it_was_written_and_ends() {
        let lease = Lease { run: "chaos-1-a".to_owned(), until: Timestamp::from_millis(5_000) };
        assert_eq!(Lease::read(&lease.value()), Some(lease.clone()));
        assert!(lease.holds(Timestamp::from_millis(4_999)));
        assert!(!lease.holds(Timestamp::from_millis(5_000)));
        for other in ["", "chaos", "chaos until soon", "until 5"] {
            assert_eq!(Lease::read(other), None, "{other}");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
        assert!(lease.value().chars().all(allowed));
    }
}
