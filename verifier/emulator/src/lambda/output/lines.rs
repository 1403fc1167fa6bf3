//! A function's output as a stream of bytes, split into lines, each of them and all of them bounded.

use memchr::memmem;

/// The longest line: the limit of a CloudWatch Logs event.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The most that is kept of an invocation's output. CloudWatch Logs has no such limit, and no developer's memory to fill.
pub(super) const INVOCATION_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an event counts besides its message.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
const EVENT_OVERHEAD_BYTES: usize = 26;

/// How much is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) line: usize,
    pub(super) invocation: usize,
}

/// What a stream of output consists of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::lambda) enum Item {
    Line(String),
    /// What was not kept since the fence before; it stands before the next fence.
    CutOff(CutOff),
    Fence,
}

/// How much of an output was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lambda) struct CutOff {
    /// The lines of which something is missing, or all.
    pub(in crate::lambda) lines: usize,
    /// The bytes that are missing.
    pub(in crate::lambda) bytes: usize,
}

/// Splits a byte stream into lines and fences. What comes out does not depend on where the stream is cut.
pub(super) struct Lines {
    limits: Limits,
    fence: Vec<u8>,
    /// The end of what was pushed, if a fence may begin with it.
    held: Vec<u8>,
    /// The beginning of the line that is not ended, as much as is kept of it.
    line: Vec<u8>,
    /// How long that line is beyond what is kept.
    beyond: usize,
    /// How much was kept since the last fence.
    kept: usize,
    is_full: bool,
    cut_off: CutOff,
}

impl Lines {
    /// Splits at this fence, which may stand anywhere. It must not be empty.
    pub(super) fn new(fence: &[u8], limits: Limits) -> Self {
        Self {
            limits,
            fence: fence.to_vec(),
            held: Vec::new(),
            line: Vec::new(),
            beyond: 0,
            kept: 0,
            is_full: false,
            cut_off: CutOff::default(),
        }
    }

    /// Takes more of the stream, and returns what is complete with it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        let mut stream = std::mem::take(&mut self.held);
        stream.extend_from_slice(bytes);
        let mut rest = stream.as_slice();
        while let Some(at) = memmem::find(rest, &self.fence) {
            self.text(&rest[..at], &mut items);
            self.end(&mut items);
            items.push(Item::Fence);
            rest = &rest[at + self.fence.len()..];
        }
        let (text, held) = rest.split_at(rest.len() - self.fence_begun(rest));
        self.held = held.to_vec();
        self.text(text, &mut items);
        items
    }

    /// Ends the stream, and returns what is left of it.
    pub(super) fn finish(mut self) -> Vec<Item> {
        let mut items = Vec::new();
        let held = std::mem::take(&mut self.held);
        self.text(&held, &mut items);
        self.end(&mut items);
        items
    }

    /// How many bytes at the end may be the beginning of a fence.
    fn fence_begun(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(self.fence.len() - 1);
        (1..=most).rev().find(|length| bytes.ends_with(&self.fence[..*length])).unwrap_or(0)
    }

    fn text(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_whole) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = self.limits.line.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(&text[..room]);
            self.beyond += text.len() - room;
            if is_whole {
                self.end_of_line(items);
            }
        }
    }

    fn end_of_line(&mut self, items: &mut Vec<Item>) {
        let (line, beyond) = (std::mem::take(&mut self.line), std::mem::take(&mut self.beyond));
        let length = line.len() + beyond;
        if length == 0 || line == b"\r" {
            return;
        }
        let text = if beyond == 0 { line.strip_suffix(b"\r").unwrap_or(&line) } else { &line };
        let (text, cut) = shown(text, self.limits.line, beyond > 0);
        let size = text.len() + EVENT_OVERHEAD_BYTES;
        // Once something is missing, all that follows is: what is kept has no gap.
        self.is_full |= self.kept.saturating_add(size) > self.limits.invocation;
        if self.is_full {
            self.cut(length);
            return;
        }
        self.kept += size;
        if cut + beyond > 0 {
            self.cut(cut + beyond);
        }
        items.push(Item::Line(text));
    }

    fn cut(&mut self, bytes: usize) {
        self.cut_off.lines += 1;
        self.cut_off.bytes += bytes;
    }

    /// Ends an invocation: a line that the function has not ended ends here, and what was cut off is told.
    fn end(&mut self, items: &mut Vec<Item>) {
        self.end_of_line(items);
        (self.kept, self.is_full) = (0, false);
        let cut_off = std::mem::take(&mut self.cut_off);
        if cut_off != CutOff::default() {
            items.push(Item::CutOff(cut_off));
        }
    }
}

/// A line as text of at most so many bytes, and how many bytes are not in it. A character that the cut goes through is
/// left out.
fn shown(line: &[u8], most: usize, is_cut: bool) -> (String, usize) {
    let whole = match std::str::from_utf8(line) {
        Err(error) if is_cut && error.error_len().is_none() => error.valid_up_to(),
        _ => line.len(),
    };
    let mut text = String::from_utf8_lossy(&line[..whole]).into_owned();
    // What is no UTF-8 takes three bytes where it took one.
    let end = text.floor_char_boundary(most);
    let beyond = text.len() - end;
    text.truncate(end);
    (text, line.len() - whole + beyond)
}

#[cfg(test)]
mod tests;
