//! What a function writes to its standard output and error.

mod lines;

use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub(super) use lines::{CutOff, Item};
use lines::{INVOCATION_BYTES_MAX, LINE_BYTES_MAX, Limits, Lines};

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long output is still read after its environment has ended: processes that the function has started may hold the
/// pipe for as long as they like.
const READ_AFTER_END: Duration = Duration::from_secs(1);

/// Reads a function's output, line by line.
///
/// The emulator keeps a write end of the pipe for itself: a *fence* that it writes comes out behind everything that
/// the function wrote before, so [`Output::drain`] can say that all of it was read. A fence is shorter than `PIPE_BUF`, so
/// nothing that the function writes can come between its bytes, wherever in the function's own output it stands.
///
/// Source: <https://man7.org/linux/man-pages/man7/pipe.7.html>, section "`PIPE_BUF`".
pub(super) struct Output {
    writer: Arc<PipeWriter>,
    fence: Vec<u8>,
    passed: mpsc::UnboundedReceiver<()>,
}

impl Output {
    /// Starts reading; every line, and what was cut off, goes to `sink`. `nonce` must be something that the function
    /// cannot guess.
    pub(super) fn start(nonce: &str, sink: impl Fn(Item) + Send + 'static) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let receiver = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let (sender, passed) = mpsc::unbounded_channel();
        let fence = format!("\u{1e}fence {nonce}\n").into_bytes();
        let limits = Limits { line: LINE_BYTES_MAX, invocation: INVOCATION_BYTES_MAX };
        tokio::spawn(read(receiver, Lines::new(&fence, limits), sink, sender));
        Ok(Self { writer: Arc::new(writer), fence, passed })
    }

    /// A write end for the function.
    pub(super) fn writer(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Returns when everything that was written so far has been read; `false` if that takes longer than `patience`. After
    /// that it cannot be used any more.
    pub(super) async fn drain(&mut self, patience: Duration) -> bool {
        // The pipe must stay blocking, since the function shares its write end; so the write goes to a thread that
        // may block for as long as the reader needs to make room. It ends with the reader.
        let (writer, fence) = (self.writer.clone(), self.fence.clone());
        let passed = async {
            let written = tokio::task::spawn_blocking(move || (&*writer).write_all(&fence)).await;
            // A reader that is gone reads nothing more.
            if matches!(written, Ok(Ok(()))) {
                self.passed.recv().await;
            }
        };
        timeout(patience, passed).await.is_ok()
    }
}

async fn read(
    mut receiver: pipe::Receiver,
    mut lines: Lines,
    sink: impl Fn(Item),
    passed: mpsc::UnboundedSender<()>,
) {
    let fences = passed.clone();
    let tell = move |items: Vec<Item>| {
        for item in items {
            match item {
                // Nobody waits any more: then nobody needs to know.
                Item::Fence => drop(fences.send(())),
                item => sink(item),
            }
        }
    };
    let mut abandoned = pin!(async {
        passed.closed().await;
        sleep(READ_AFTER_END).await;
    });
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        // Ends when every write end is closed: the function's and ours.
        let length = tokio::select! {
            read = receiver.read(&mut chunk) => read.unwrap_or(0),
            () = &mut abandoned => 0,
        };
        if length == 0 {
            break;
        }
        tell(lines.push(&chunk[..length]));
    }
    tell(lines.finish());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn collected() -> (Arc<Mutex<Vec<Item>>>, impl Fn(Item) + Send + 'static) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        (seen, move |item| sink.lock().unwrap().push(item))
    }

    #[tokio::test]
    async fn draining_waits_for_what_was_written_before() {
        let (seen, sink) = collected();
        let mut output = Output::start("n", sink).unwrap();
        for round in 0..100 {
            let mut writer = output.writer().unwrap();
            writeln!(writer, "line {round}").unwrap();
            assert!(output.drain(LONG).await);
            assert_eq!(seen.lock().unwrap().len(), round + 1);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_that_fills_the_pipe_without_a_newline_is_read_to_its_end() {
        let (seen, sink) = collected();
        let mut output = Output::start("n", sink).unwrap();
        for length in [1_048_560, 5_000_000, 3] {
            let mut writer = output.writer().unwrap();
            let write = move || writer.write_all(&vec![b'x'; length]);
            tokio::task::spawn_blocking(write).await.unwrap().unwrap();
            assert!(output.drain(LONG).await, "{length}");
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            let kept = length.min(LINE_BYTES_MAX);
            assert!(seen[0] == Item::Line("x".repeat(kept)), "{length}");
            assert_eq!(seen.len(), if length > kept { 2 } else { 1 });
        }
    }

    /// While a thread of the function never stops writing, each invocation ends all the same.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_does_not_hide_the_fence() {
        let mut output = Output::start("n", |_| ()).unwrap();
        let mut writer = output.writer().unwrap();
        let flood = std::thread::spawn(move || while writer.write_all(&[b'y'; 5000]).is_ok() {});
        for _ in 0..10 {
            assert!(output.drain(LONG).await);
        }
        // The reader ends soon after its environment, and with it whatever writes.
        drop(output);
        let ended = tokio::task::spawn_blocking(move || flood.join());
        timeout(LONG, ended).await.expect("it ends").unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn draining_what_nobody_reads_ends_when_patience_does() {
        let (ends, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        // A worker of the runtime that waits for nothing may be the one that watches the time; so it says that it waits, and
        // another takes over.
        let sink = move |_| {
            tokio::task::block_in_place(|| {
                let _ = wait.lock().unwrap().recv();
            });
        };
        let mut output = Output::start("n", sink).unwrap();
        writeln!(output.writer().unwrap(), "a line that is not put away").unwrap();
        assert!(!output.drain(Duration::from_millis(20)).await);
        drop(ends);
    }
}
