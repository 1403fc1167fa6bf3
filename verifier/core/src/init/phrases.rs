//! From lines of text to a pattern: the words beside a job's id that only jobs of one end have.

use super::learnt::{Learnt, NO_FAILURE};
use super::probe::Probe;
use super::told::Told;
use crate::settings::Outcomes;

/// How many words beside an id are looked at.
const WORDS: usize = 4;

/// Where words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Directly before the id.
    Before,
    /// Directly after it.
    After,
    /// Anywhere after it.
    Behind,
}

/// Which of a probe's ids a line is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Job,
    Message,
}

impl Id {
    fn of(self, probe: &Probe) -> Option<&str> {
        match self {
            Self::Job => Some(&probe.job_id),
            Self::Message => probe.message_id.as_deref(),
        }
    }

    /// The group of a pattern that it is found by.
    fn group(self) -> &'static str {
        match self {
            Self::Job => "job_id",
            Self::Message => "message_id",
        }
    }
}

/// Words, and the last line of the first probe that has them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Phrase {
    words: String,
    line: usize,
}

/// A way to tell how jobs ended.
struct Way {
    id: Id,
    side: Side,
    success: Phrase,
    failure: Option<Phrase>,
}

/// From lines of text.
pub(super) fn learn(probes: &[Probe], told: &[Told]) -> Option<Learnt> {
    let ids = [Id::Job, Id::Message].into_iter();
    let sides = [Side::Behind, Side::After, Side::Before];
    let ways = ids.flat_map(|id| sides.map(|side| (id, side)));
    let found = ways.filter_map(|(id, side)| {
        let success = phrase(probes, told, (id, side), true)?;
        let failure = phrase(probes, told, (id, side), false);
        Some(Way { id, side, success, failure })
    });
    // One that tells both ends is better than one that tells success alone; then words directly beside the id, before it rather than
    // behind, where reasons stand.
    let best = found.max_by_key(|way| {
        (way.failure.is_some(), way.side != Side::Behind, way.id == Id::Job, way.success.line)
    })?;
    let pattern = best.pattern(probes, told);
    let mut unsure = vec![("pattern", "it was made from the words beside the id".to_owned())];
    if best.failure.is_none() {
        unsure.push(("failure", NO_FAILURE.to_owned()));
    }
    let failure = best.failure.map(|phrase| vec![phrase.words]);
    let outcomes = Outcomes {
        pattern: Some(pattern),
        success: vec![best.success.words],
        failure: failure.unwrap_or_else(|| Outcomes::default().failure),
        ..Outcomes::default()
    };
    Some(Learnt { outcomes, unsure })
}

impl Way {
    fn pattern(&self, probes: &[Probe], told: &[Told]) -> String {
        let words = [Some(&self.success), self.failure.as_ref()].into_iter().flatten();
        let words: Vec<String> = words.map(|phrase| regex::escape(&phrase.words)).collect();
        let words = format!("(?<outcome>{})", words.join("|"));
        let id = format!(r"(?<{}>[\w-]+)", self.id.group());
        match self.side {
            Side::Before => format!(r"\b{words}\W+{id}"),
            Side::After => format!(r"{id}\W+{words}\b"),
            Side::Behind => match self.anchor(probes, told) {
                Some(anchor) => format!(r"{anchor}{id}\b.*?\b{words}\b"),
                // The first word with several dashes, as the ids of the verifier's jobs and of messages have.
                None => {
                    format!(r"(?:^|\s)\W*(?<{}>\w+(?:-\w+){{3,}})\b.*?\b{words}\b", self.id.group())
                }
            },
        }
    }

    /// What tells where the id is, if not the words: what stands directly before it in each of the lines that have them.
    fn anchor(&self, probes: &[Probe], told: &[Told]) -> Option<String> {
        let phrases = || [Some(&self.success), self.failure.as_ref()].into_iter().flatten();
        let chosen: Vec<&Told> = told
            .iter()
            .filter(|told| {
                let behind = beside(&told.text, &probes[told.probe], (self.id, Side::Behind));
                phrases().any(|phrase| behind.contains(&phrase.words))
            })
            .collect();
        let before = |told: &Told| beside(&told.text, &probes[told.probe], (self.id, Side::Before));
        let first = chosen.first().map(|told| before(told)).unwrap_or_default();
        let common = first
            .into_iter()
            .rev()
            .find(|words| chosen.iter().all(|told| before(told).contains(words)));
        if let Some(words) = common {
            return Some(format!(r"\b{}\W+", regex::escape(&words)));
        }
        let is_first = |told: &&Told| {
            let id = self.id.of(&probes[told.probe]).unwrap_or_default();
            told.text.trim_start_matches(|c| !is_word(c)).starts_with(id)
        };
        chosen.iter().all(is_first).then(|| r"^\W*".to_owned())
    }
}

/// The words that all jobs of one end have at a side of their id, and none of the others: those of the last line that has any, and
/// there as many as there are; of those anywhere behind the id the first.
fn phrase(probes: &[Probe], told: &[Told], way: (Id, Side), succeeds: bool) -> Option<Phrase> {
    let of = |probe: usize| told.iter().enumerate().filter(move |(_, told)| told.probe == probe);
    let lines_with = |probe: usize, words: &str| {
        let has = |told: &Told| {
            beside(&told.text, &probes[probe], way).iter().any(|found| found == words)
        };
        of(probe).filter(|(_, told)| has(told)).count()
    };
    let is_ours = |probe: &usize| probes[*probe].succeeds == succeeds;
    let ours: Vec<usize> = (0..probes.len()).filter(is_ours).collect();
    let theirs: Vec<usize> = (0..probes.len()).filter(|probe| !is_ours(probe)).collect();
    let first = *ours.first()?;
    let lines: Vec<(usize, &Told)> = of(first).collect();
    lines.into_iter().rev().find_map(|(line, told)| {
        let mut all = beside(&told.text, &probes[first], way);
        if way.1 != Side::Behind {
            all.reverse();
            // What Lambda itself writes before a line is apart by tabs.
            all.sort_by_key(|words| words.contains('\t'));
        }
        let words = all.into_iter().find(|words| {
            let count = lines_with(first, words);
            ours.iter().all(|&probe| lines_with(probe, words) == count)
                && theirs.iter().all(|&probe| lines_with(probe, words) == 0)
        })?;
        Some(Phrase { words, line })
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words at a side of an id, without what has digits, which differs from job to job: directly beside it the next one, two, and
/// so on; anywhere behind it each by itself.
fn beside(text: &str, probe: &Probe, (id, side): (Id, Side)) -> Vec<String> {
    let Some((before, after)) = id.of(probe).and_then(|id| text.split_once(id)) else {
        return Vec::new();
    };
    // Where the id is a part of a longer word, its end is not known.
    if side != Side::Before && after.starts_with(is_word) {
        return Vec::new();
    }
    match side {
        Side::Before => {
            let text = before.trim_end_matches(|c| !is_word(c));
            if text.len() == before.len() {
                return Vec::new();
            }
            let last = words(text).into_iter().rev().take_while(|word| word.is_constant);
            last.take(WORDS).map(|word| text[word.start..].to_owned()).collect()
        }
        Side::After => {
            let text = after.trim_start_matches(|c| !is_word(c));
            let first = words(text).into_iter().take_while(|word| word.is_constant);
            first.take(WORDS).map(|word| text[..word.end].to_owned()).collect()
        }
        Side::Behind => {
            let all = words(after).into_iter().filter(|word| word.is_constant);
            all.map(|word| after[word.start..word.end].to_owned()).collect()
        }
    }
}

/// A word of a text.
struct Word {
    start: usize,
    end: usize,
    /// Whether it is no part of an id, a time or a number, all of which have digits.
    is_constant: bool,
}

/// The words of a text.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    // What ids and times consist of, which are several words each.
    let is_joint = |c: char| is_word(c) || "-:./".contains(c);
    let mut at = 0;
    for run in text.split_inclusive(|c| !is_joint(c)) {
        let is_constant = !run.contains(|c: char| c.is_ascii_digit());
        let mut from = at;
        for word in run.split_inclusive(|c| !is_word(c)) {
            let end = from + word.trim_end_matches(|c| !is_word(c)).len();
            if end > from {
                words.push(Word { start: from, end, is_constant });
            }
            from += word.len();
        }
        at += run.len();
    }
    words
}
