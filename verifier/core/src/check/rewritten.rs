//! Refused bodies that were put on the queue in another form: as jobs of their own, which name no run.
//!
//! Nothing of such a message says whose it is. What tells is when it came: as many came when the bodies were posted, and as many
//! again whenever they were posted once more, and none just before that.

/// How many messages of no known job came when refused bodies were posted, and when they were posted once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// When they were posted first.
    pub first: usize,
    /// How many of those are no further work: they came before any job of the run was done.
    pub ahead: usize,
    /// Whenever they were posted once more.
    pub again: Vec<usize>,
    /// In as much time just before that.
    pub before: usize,
    /// In the rest of the run.
    pub elsewhere: usize,
}

impl Rewritten {
    /// Whether as many messages may be the bodies as came when those were posted first: each makes two at most.
    pub fn may_be(first: usize, posted: usize) -> bool {
        first > 0 && first <= posted * 2
    }

    /// Whether as many came again each time, and none just before.
    pub fn came_again(&self) -> bool {
        let is_again = |again: &usize| *again >= self.first;
        self.first > 0
            && self.before == 0
            && !self.again.is_empty()
            && self.again.iter().all(is_again)
    }

    /// Whether nobody else was seen to send who may have sent those.
    pub fn is_certain(&self) -> bool {
        self.came_again() && self.elsewhere == 0
    }

    /// In words.
    pub(super) fn in_words(&self) -> String {
        let again: Vec<String> = self.again.iter().map(usize::to_string).collect();
        let first = match self.first {
            1 => "1 message of no known job".to_owned(),
            several => format!("{several} messages of no known job"),
        };
        format!(
            "{first} came to the worker when the bodies were posted, and {} when they were posted again",
            again.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_each_time_and_none_before_are_the_bodies_unless_others_send() {
        let of = |first, again: &[usize], before, elsewhere| {
            let again = again.to_vec();
            let seen = Rewritten { first, ahead: first, again, before, elsewhere };
            (seen.came_again(), seen.is_certain())
        };
        assert_eq!(of(2, &[2, 2], 0, 0), (true, true));
        assert_eq!(of(2, &[2, 3], 0, 1), (true, false));
        // One of them came alone, nothing did, or they come all the time.
        for (again, before) in [(&[2, 1][..], 0), (&[0], 0), (&[], 0), (&[2, 2], 1)] {
            assert_eq!(of(2, again, before, 0), (false, false), "{again:?} {before}");
        }
        assert_eq!(
            [0, 1, 6, 7].map(|first| Rewritten::may_be(first, 3)),
            [false, true, true, false]
        );
    }
}
