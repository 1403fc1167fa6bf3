//! What a function writes to its standard output and error.

use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// The longest line that stays whole: the limit of a CloudWatch Logs event.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const LINE_BYTES_MAX: usize = 1_048_576;

/// Reads a function's output, line by line.
///
/// The emulator keeps a write end of the pipe for itself: a *fence* that it writes comes out behind everything that
/// the function wrote before, so [`Output::drain`] can say that all of it was read.
pub(super) struct Output {
    writer: Arc<PipeWriter>,
    fence: String,
    passed: mpsc::UnboundedReceiver<()>,
}

impl Output {
    /// Starts reading; every line goes to `sink`. `nonce` must be something that the function cannot guess.
    pub(super) fn start(nonce: &str, sink: impl Fn(String) + Send + 'static) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let receiver = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let (sender, passed) = mpsc::unbounded_channel();
        let fence = format!("\u{1e}fence {nonce}\n");
        let lines = Lines { fence: fence.trim_end().as_bytes().to_vec(), buffer: Vec::new() };
        tokio::spawn(read(receiver, lines, sink, sender));
        Ok(Self { writer: Arc::new(writer), fence, passed })
    }

    /// A write end for the function.
    pub(super) fn writer(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Returns when everything that was written so far has been read.
    pub(super) async fn drain(&mut self) {
        // The pipe must stay blocking, since the function shares its write end; so the write goes to a thread that
        // may block for as long as the reader needs to make room.
        let (writer, fence) = (self.writer.clone(), self.fence.clone());
        let written =
            tokio::task::spawn_blocking(move || (&*writer).write_all(fence.as_bytes())).await;
        if matches!(written, Ok(Ok(()))) {
            self.passed.recv().await;
        }
    }
}

async fn read(
    mut receiver: pipe::Receiver,
    mut lines: Lines,
    sink: impl Fn(String),
    passed: mpsc::UnboundedSender<()>,
) {
    let mut chunk = vec![0; 16 * 1024];
    // Ends when every write end is closed: the function's and ours.
    while let Ok(length @ 1..) = receiver.read(&mut chunk).await {
        for item in lines.push(&chunk[..length]) {
            match item {
                Item::Line(line) => sink(line),
                // Nobody waits any more: then nobody needs to know.
                Item::Fence => drop(passed.send(())),
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Item {
    Line(String),
    Fence,
}

/// Splits a byte stream into lines and fences.
struct Lines {
    fence: Vec<u8>,
    buffer: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.buffer.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.buffer.pop();
                self.flush(&mut items);
            } else if self.buffer.len() >= LINE_BYTES_MAX {
                self.flush(&mut items);
            }
        }
        items
    }

    fn flush(&mut self, items: &mut Vec<Item>) {
        let line = std::mem::take(&mut self.buffer);
        // A fence may stand behind the beginning of a line that the function has not finished.
        let (text, fence) = match line.strip_suffix(self.fence.as_slice()) {
            Some(text) => (text, true),
            None => (line.as_slice(), false),
        };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.is_empty() {
            items.push(Item::Line(String::from_utf8_lossy(text).into_owned()));
        }
        if fence {
            items.push(Item::Fence);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn lines_and_fences_are_told_apart_wherever_the_stream_is_cut() {
        let stream = b"one\ntwo\r\n\nhalf\x1efence 7\nthree\n\x1efence 7\n\x1efence 8\n";
        let line = |text: &str| Item::Line(text.to_owned());
        let expected = vec![
            line("one"),
            line("two"),
            line("half"),
            Item::Fence,
            line("three"),
            Item::Fence,
            line("\u{1e}fence 8"),
        ];
        for size in 1..stream.len() {
            let mut lines = Lines { fence: b"\x1efence 7".to_vec(), buffer: Vec::new() };
            let items: Vec<Item> =
                stream.chunks(size).flat_map(|chunk| lines.push(chunk)).collect();
            assert_eq!(items, expected, "cut every {size} bytes");
        }
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let mut lines = Lines { fence: b"f".to_vec(), buffer: Vec::new() };
        let items: Vec<Item> = (0..1000).flat_map(|_| lines.push(&[b'x'; 4096])).collect();
        assert_eq!(items.len(), 3);
        assert!(lines.buffer.len() < LINE_BYTES_MAX);
    }

    #[tokio::test]
    async fn draining_waits_for_what_was_written_before() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let mut output = Output::start("n", move |line| sink.lock().unwrap().push(line)).unwrap();
        for round in 0..100 {
            let mut writer = output.writer().unwrap();
            writeln!(writer, "line {round}").unwrap();
            output.drain().await;
            assert_eq!(seen.lock().unwrap().len(), round + 1);
        }
    }
}
