//! Why a function's process ended, or never began, in words.

use std::collections::VecDeque;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

/// How much of a function's last output an error shows, in bytes.
const TAIL_BYTES_MAX: usize = 4 * 1024;
/// How much of a program is looked at to say why it cannot be started, in bytes.
pub(super) const HEAD_BYTES: usize = 256;

/// The last that a function wrote, bounded.
#[derive(Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    is_cut: bool,
}

impl Tail {
    pub(super) fn push(&mut self, line: &str) {
        let from = line.ceil_char_boundary(line.len().saturating_sub(TAIL_BYTES_MAX));
        self.is_cut |= from > 0;
        self.lines.push_back(line[from..].to_owned());
        // A line counts with its end: empty ones would cost nothing otherwise.
        self.bytes += line.len() - from + 1;
        while self.bytes > TAIL_BYTES_MAX + 1 {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.len() + 1;
            self.is_cut = true;
        }
    }

    pub(super) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        format!("{}{}", if self.is_cut { "…\n" } else { "" }, lines.join("\n"))
    }
}

/// What Lambda says of a process that ended by itself.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html>.
pub(super) fn exit_problem(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => {
            format!("Runtime exited with error: signal: {}", signal_name(signal))
        }
        (None, None) => format!("Runtime exited with error: {status}"),
    }
}

/// A signal as Lambda names it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// Why a program could not be started, and what to do about it. `head` is its beginning, if it can be read.
pub(super) fn entrypoint_problem(
    program: &Path,
    error: &io::Error,
    head: Option<&[u8]>,
    machine: &str,
) -> String {
    let cause = match (error.kind(), head) {
        (io::ErrorKind::NotFound, Some(head)) => match interpreter(head) {
            Some(interpreter) => format!(
                "its first line asks for the interpreter {interpreter}, which is not there; install it or change that line"
            ),
            None => "the loader that it is linked for is not there; build it for this machine"
                .to_owned(),
        },
        (io::ErrorKind::PermissionDenied, Some(_)) => NOT_EXECUTABLE.to_owned(),
        (_, Some(head)) if error.raw_os_error() == Some(EXEC_FORMAT_ERROR) => {
            match elf_machine(head) {
                Some(built_for) => format!(
                    "it is built for {built_for}, and this machine is {machine}; build it for this machine"
                ),
                None => "it is neither a script that begins with #! nor a program of this system"
                    .to_owned(),
            }
        }
        _ => "see whether it can be run by hand".to_owned(),
    };
    format!("fork/exec {}: {error}: {cause}", program.display())
}

/// What keeps a program from being started, as far as that shows before; `None` where nothing does.
pub(super) fn unstartable(is_executable: bool, head: &[u8]) -> Option<String> {
    let is_text = !head.contains(&0);
    if is_text && !head.starts_with(b"#!") {
        return Some(format!("its first line names no interpreter by #!; {HANDLER_ALONE}"));
    }
    (!is_executable).then(|| NOT_EXECUTABLE.to_owned())
}

const NOT_EXECUTABLE: &str = "it is not executable; run chmod +x on it";

/// What a program has to do that a handler does not.
pub(super) const HANDLER_ALONE: &str = "a file with a handler alone is not started: the program has to ask Lambda's Runtime API for invocations (docs/your-own-stack.md)";

/// `ENOEXEC`.
const EXEC_FORMAT_ERROR: i32 = 8;

/// The interpreter that a script's first line names.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    // A line of Windows ends with a carriage return, which would be part of the name.
    Some(line.split(' ').find(|word| !word.is_empty())?.escape_debug().to_string())
}

/// The machine that an executable is built for.
///
/// Source: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
fn elf_machine(head: &[u8]) -> Option<String> {
    let header = head.strip_prefix(b"\x7fELF")?;
    let is_little_endian = *header.get(1)? == 1;
    let bytes: [u8; 2] = header.get(14..16)?.try_into().ok()?;
    let number =
        if is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    Some(match number {
        3 => "x86".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv".to_owned(),
        other => format!("machine {other}"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_exit_is_told_as_lambda_tells_it() {
        for (raw, told) in [
            (0, "Runtime exited without providing a reason"),
            (1 << 8, "Runtime exited with error: exit status 1"),
            (127 << 8, "Runtime exited with error: exit status 127"),
            (9, "Runtime exited with error: signal: killed"),
            (11, "Runtime exited with error: signal: segmentation fault"),
            (40, "Runtime exited with error: signal: signal 40"),
        ] {
            assert_eq!(exit_problem(ExitStatus::from_raw(raw)), told);
        }
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[2, 0, 183, 0]].concat();
        for (errno, head, told) in [
            (2, Some(b"#!/no/such -x\n".as_slice()), "asks for the interpreter /no/such,"),
            (2, Some(b"#! /bin/sh\r\n"), r"asks for the interpreter /bin/sh\r,"),
            (2, Some(&elf), "the loader that it is linked for is not there"),
            (2, None, "see whether it can be run by hand"),
            (13, Some(b"#!/bin/sh\n"), "run chmod +x on it"),
            (8, Some(&elf), "it is built for aarch64, and this machine is x86_64"),
            (8, Some(b"echo\n"), "neither a script that begins with #! nor a program"),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            let problem = entrypoint_problem(Path::new("/f/worker"), &error, head, "x86_64");
            assert!(problem.starts_with("fork/exec /f/worker: "), "{problem}");
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn what_is_no_program_is_known_before_it_is_started() {
        let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[2, 0, 183, 0]].concat();
        assert_eq!(unstartable(true, b"#!/usr/bin/env python3\n"), None);
        assert_eq!(unstartable(true, &elf), None);
        for (is_executable, head, told) in [
            (false, b"#!/usr/bin/env python3\n".as_slice(), "run chmod +x on it"),
            (false, &elf, "run chmod +x on it"),
            // To make it executable would not be enough.
            (false, b"def handler(event, context):\n", "names no interpreter by #!"),
            (true, b"def handler(event, context):\n", "a file with a handler alone is not started"),
            (true, b"", "names no interpreter by #!"),
        ] {
            let problem = unstartable(is_executable, head).expect(told);
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn a_tail_is_the_last_that_was_written() {
        let mut tail = Tail::default();
        tail.push("Traceback");
        tail.push("ModuleNotFoundError: No module named 'x'");
        assert_eq!(tail.text(), "Traceback\nModuleNotFoundError: No module named 'x'");
        (0..1000).for_each(|line| tail.push(&format!("line {line}")));
        assert!(tail.text().starts_with("…\nline "), "{}", tail.text());
        assert!(tail.text().ends_with("line 998\nline 999"));
    }

    proptest! {
        #[test]
        fn a_tail_is_bounded_and_has_the_end(lines in prop::collection::vec("[a€]{0,3000}", 1..8)) {
            let mut tail = Tail::default();
            for line in &lines {
                tail.push(line);
            }
            let text = tail.text();
            prop_assert!(text.len() <= TAIL_BYTES_MAX + 16 + lines.len());
            let last = lines.last().map(String::as_str).unwrap_or_default();
            let end = last.ceil_char_boundary(last.len().saturating_sub(TAIL_BYTES_MAX));
            prop_assert!(text.ends_with(&last[end..]));
        }
    }
}
