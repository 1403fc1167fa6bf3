//! A page about messages: why they failed, when, and the story of each. It needs nothing else and no network.
//!
//! How it looks is in `templates/messages.html`, which escapes every text.

use std::io;
use std::path::Path;

use askama::Template;
use verifier_core::dead_letters::Bucket;

use super::page;
use super::words::iso;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Target};

/// What looks otherwise than in the report of a check.
const STYLE: &str = include_str!("../../templates/messages.css");
/// How many messages are told of one by one.
pub(crate) const MESSAGES_MAX: usize = 2_000;
/// How many bars there are at most.
pub(crate) const BARS_MAX: usize = 48;

#[derive(Template)]
#[template(path = "messages.html")]
struct Page<'a> {
    style: String,
    policy: String,
    story: &'a StoryPage,
    bars: Vec<Bar>,
}

/// What the page says. Every text is clean.
#[derive(Default)]
pub(crate) struct StoryPage {
    /// What it is about.
    pub(crate) title: String,
    /// How it ended, in a word.
    pub(crate) verdict: String,
    /// `pass`, `warn`, `fail` or `info`.
    pub(crate) class: &'static str,
    pub(crate) reason: String,
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) groups: Vec<GroupRow>,
    /// What is counted over time, and the counts.
    pub(crate) times_of: String,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) messages: Vec<MessageRow>,
    /// How many messages are not told of one by one.
    pub(crate) more: usize,
    pub(crate) notes: Vec<String>,
}

/// Messages of one cause.
pub(crate) struct GroupRow {
    pub(crate) count: usize,
    pub(crate) cause: String,
    pub(crate) when: String,
    pub(crate) sample: String,
}

/// A step of a ramp.
pub(crate) struct StepRow {
    pub(crate) number: usize,
    pub(crate) size: u64,
    pub(crate) sent: u64,
    pub(crate) succeeded: String,
    pub(crate) bounced: String,
    pub(crate) unknown: String,
    pub(crate) class: &'static str,
}

/// A message and its story.
pub(crate) struct MessageRow {
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) class: &'static str,
    pub(crate) events: Vec<(String, String)>,
}

/// A bar of the histogram, in percent of its picture.
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    title: String,
}

impl StoryPage {
    /// The page, as HTML.
    pub(crate) fn html(&self) -> io::Result<String> {
        let style = format!("{}{STYLE}", page::STYLE);
        let policy = page::policy(&style);
        let page = Page { style, policy, story: self, bars: bars(&self.buckets) };
        page.render().map_err(io::Error::other)
    }

    /// Writes the page to a file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let write =
            |html: String| Target::named(path).write_report(clean::document(&html).as_bytes());
        let written = self.html().and_then(write);
        written.map_err(|error| files::failed("report", path, &error))
    }

    /// From when to when, below the bars.
    fn span(&self) -> Option<(String, String)> {
        Some((iso(self.buckets.first()?.from), iso(self.buckets.last()?.until)))
    }

    fn highest(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.count).max().unwrap_or_default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "they are percentages of a picture")]
fn bars(buckets: &[Bucket]) -> Vec<Bar> {
    let highest = buckets.iter().map(|bucket| bucket.count).max().unwrap_or_default().max(1);
    let width = 100.0 / buckets.len().max(1) as f64;
    let percent = |value: f64| format!("{value:.2}%");
    let bar = |(number, bucket): (usize, &Bucket)| {
        let height = 100.0 * bucket.count as f64 / highest as f64;
        Bar {
            x: percent(width * number as f64),
            y: percent(100.0 - height),
            width: percent(width * 0.9),
            height: percent(height),
            title: format!("{}: {} to {}", bucket.count, iso(bucket.from), iso(bucket.until)),
        }
    };
    buckets.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use verifier_core::dead_letters::histogram;
    use verifier_model::time::Timestamp;

    use super::*;

    fn sample(text: &str) -> StoryPage {
        let text = || text.to_owned();
        let times: Vec<Timestamp> = [1000, 2000, 2000, 9000].map(Timestamp::from_millis).into();
        StoryPage {
            title: text(),
            verdict: text(),
            class: "warn",
            reason: text(),
            facts: vec![(text(), text())],
            groups: vec![GroupRow { count: 3, cause: text(), when: text(), sample: text() }],
            times_of: text(),
            buckets: histogram(&times, 4),
            steps: vec![StepRow {
                number: 1,
                size: 2,
                sent: 2,
                succeeded: text(),
                bounced: text(),
                unknown: text(),
                class: "fail",
            }],
            messages: vec![MessageRow {
                id: text(),
                summary: text(),
                class: "fail",
                events: vec![(text(), text())],
            }],
            more: 7,
            notes: vec![text()],
        }
    }

    #[test]
    fn no_text_becomes_markup_and_nothing_is_loaded() {
        let page = sample("</td><script>alert(1)</script>\" onload='x'").html().unwrap();
        let (_, body) = page.split_once("</style>").unwrap();
        assert!(!body.contains("<script") && !body.contains("onload='"), "{body}");
        page::assert_policy(&sample("text").html().unwrap());
    }

    #[test]
    fn the_page_has_groups_bars_steps_and_messages() {
        let page = sample("text").html().unwrap();
        assert_eq!(page.matches("<rect").count(), 4, "{page}");
        for part in ["id=\"causes\"", "id=\"when\"", "id=\"ramp\"", "id=\"messages\"", "7 more"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let empty = StoryPage::default().html().unwrap();
        for part in ["id=\"causes\"", "id=\"when\"", "id=\"ramp\"", "id=\"messages\""] {
            assert!(!empty.contains(part), "{part}: {empty}");
        }
    }
}
