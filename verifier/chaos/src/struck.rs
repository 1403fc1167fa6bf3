//! What struck, when it was in force, and which jobs it can have touched.
//!
//! A fault excuses what it can have caused, and nothing else: the jobs whose messages it struck, or, where it strikes at no
//! message, the jobs that were in the stack's hands while it was in force. A job that was submitted after it had ended, and one
//! that had come to its end before it began, are not its doing.

use rustc_hash::FxHashMap as Map;

use super::anomaly::{Anomaly, AnomalySet};

/// The number of a line of the history.
pub(super) type LineNumber = usize;
/// The place of a job, a message, an attempt or an invocation among the facts.
pub(super) type Index = usize;

/// A stretch of time, both ends included, and the line at which it began. Milliseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) line: LineNumber,
}

/// What an anomaly is looked at as: whose it is, for how long that job was in the stack's hands, and when the anomaly had shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    /// The job; absent where the anomaly is about the run as a whole.
    pub(super) job: Option<Index>,
    /// When it was submitted.
    pub(super) from: u64,
    /// When it had come to its end, or the anomaly had shown, whichever is earlier.
    pub(super) until: u64,
}

/// A kind of fault that struck, or of setting that was changed, with what it allows.
#[derive(Debug)]
pub(super) struct Struck {
    pub(super) kind: &'static str,
    pub(super) allows: AnomalySet,
    /// Where it struck no message in particular, in the order of their beginnings.
    everywhere: Vec<Span>,
    /// Of the spans up to each, the one that lasts longest.
    longest: Vec<usize>,
    /// Where it struck messages of a job.
    of_job: Map<Index, Vec<Span>>,
}

/// Everything that struck.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    kinds: Vec<Struck>,
}

impl Strikes {
    /// Something strikes the messages of these jobs, or what is not told if there are none. Those that come out of the order of
    /// times want [`Self::sort`].
    pub(super) fn add(
        &mut self,
        (kind, allows): (&'static str, AnomalySet),
        jobs: &[Index],
        span: Span,
    ) {
        if allows.is_empty() {
            return;
        }
        let known = |struck: &Struck| struck.kind == kind && struck.allows == allows;
        let place = self.kinds.iter().position(known).unwrap_or_else(|| {
            self.kinds.push(Struck {
                kind,
                allows,
                everywhere: Vec::new(),
                longest: Vec::new(),
                of_job: Map::default(),
            });
            self.kinds.len() - 1
        });
        let struck = &mut self.kinds[place];
        if jobs.is_empty() {
            struck.push(span);
        }
        for job in jobs {
            struck.of_job.entry(*job).or_default().push(span);
        }
    }

    /// Puts what was added out of the order of times in it.
    pub(super) fn sort(&mut self) {
        for struck in self
            .kinds
            .iter_mut()
            .filter(|struck| !struck.everywhere.is_sorted_by_key(|span| span.from))
        {
            let mut spans = std::mem::take(&mut struck.everywhere);
            struck.longest.clear();
            spans.sort_by_key(|span| (span.from, span.line));
            for span in spans {
                struck.push(span);
            }
        }
    }

    /// What all of them allow together, wherever they struck.
    pub(super) fn allow(&self) -> AnomalySet {
        self.kinds.iter().map(|struck| struck.allows).fold(AnomalySet::NONE, AnomalySet::union)
    }

    /// What allows an anomaly of what was touched, with the line at which that began; absent where nothing does.
    pub(super) fn allowing(
        &self,
        anomaly: Anomaly,
        touched: &Touched,
    ) -> Option<(&'static str, LineNumber)> {
        let allowing = self.kinds.iter().filter(|struck| struck.allows.contains(anomaly));
        allowing
            .filter_map(|struck| Some((struck.kind, struck.touching(touched)?.line)))
            .min_by_key(|(_, line)| *line)
    }
}

impl Struck {
    fn push(&mut self, span: Span) {
        let longest = self.longest.last().copied();
        let own = self.everywhere.len();
        self.everywhere.push(span);
        self.longest.push(
            longest.filter(|other| self.everywhere[*other].until > span.until).unwrap_or(own),
        );
    }

    /// A strike that can have touched that: logarithmic in the strikes that name no message.
    fn touching(&self, touched: &Touched) -> Option<&Span> {
        let overlaps = |span: &&Span| span.from <= touched.until && span.until >= touched.from;
        let own = match touched.job {
            Some(job) => self.of_job.get(&job).and_then(|spans| spans.iter().find(overlaps)),
            // What is about the run as a whole may be any job's doing.
            None => self.of_job.values().flatten().filter(overlaps).min_by_key(|span| span.line),
        };
        let began = self.everywhere.partition_point(|span| span.from <= touched.until);
        let longest = began.checked_sub(1).map(|last| &self.everywhere[self.longest[last]]);
        own.or(longest.filter(overlaps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: AnomalySet = AnomalySet::of(&[Anomaly::Lost]);

    fn span(from: u64, until: u64, line: LineNumber) -> Span {
        Span { from, until, line }
    }

    fn touched(job: Index, from: u64, until: u64) -> Touched {
        Touched { job: Some(job), from, until }
    }

    #[test]
    fn what_had_ended_before_it_and_what_came_after_it_is_not_its_doing() {
        let mut strikes = Strikes::default();
        strikes.add(("answer", LOST), &[], span(100, 200, 2));
        let line = |from, until| strikes.allowing(Anomaly::Lost, &touched(0, from, until));
        assert_eq!(line(0, 99), None);
        assert_eq!(line(0, 100), Some(("answer", 2)));
        assert_eq!(line(200, 300), Some(("answer", 2)));
        assert_eq!(line(201, 300), None);
        assert_eq!(strikes.allowing(Anomaly::Phantom, &touched(0, 0, 300)), None);
    }

    #[test]
    fn what_struck_a_message_is_of_its_job_alone() {
        let mut strikes = Strikes::default();
        strikes.add(("answer", LOST), &[1, 2], span(100, 100, 2));
        let line = |job| strikes.allowing(Anomaly::Lost, &touched(job, 0, 300));
        assert_eq!((line(0), line(1), line(2)), (None, Some(("answer", 2)), Some(("answer", 2))));
        let run = Touched { job: None, from: 0, until: 300 };
        assert_eq!(strikes.allowing(Anomaly::Lost, &run), Some(("answer", 2)));
    }

    #[test]
    fn a_long_one_is_found_behind_short_ones() {
        let mut strikes = Strikes::default();
        for (from, until, line) in [(0, 1_000, 2), (10, 20, 3), (30, 40, 4), (2_000, 2_001, 5)] {
            strikes.add(("freeze", LOST), &[], span(from, until, line));
        }
        let line = |from, until| strikes.allowing(Anomaly::Lost, &touched(0, from, until));
        assert_eq!(line(500, 600), Some(("freeze", 2)));
        assert_eq!(line(1_001, 1_999), None);
        assert_eq!(line(1_001, 2_000), Some(("freeze", 5)));
    }
}
