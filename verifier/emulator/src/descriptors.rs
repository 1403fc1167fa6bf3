//! File descriptors, which a process has so many of: what of them is for connections, and what for functions.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as are enough for all that there may be at a time.
const ENOUGH: u64 = 32 * 1024;
/// How many a function's environment takes: its pipes, its Runtime API and what that is asked by.
const OF_ENVIRONMENT: u64 = 8;
/// What is taken by all else: logs, files, the terminal.
const OF_OTHERS: u64 = 64;

/// Lets this process, and those that it starts, have as many file descriptors as it may and can use. Where that is refused, it has
/// as many as before.
///
/// Source: <https://man7.org/linux/man-pages/man2/getrlimit.2.html>.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let possible = maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if current.is_some_and(|current| current < possible) {
        let raised = Rlimit { current: Some(possible), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!("the limit of file descriptors stays at {current:?}: {error}");
        }
    }
}

/// How many connections there may be at a time, of clients and of functions' runtimes: half of what this process may have.
pub(crate) fn connections_max() -> usize {
    as_size(of_connections(limit()))
}

/// How many of them there may be on the port of the stack's services: whatever its clients do, functions' runtimes have the rest.
pub(crate) fn connections_of_stack_max() -> usize {
    as_size(of_stack(of_connections(limit())))
}

/// How many environments of functions, in the other half.
pub(crate) fn environments_max() -> usize {
    as_size(of_environments(limit()))
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn of_connections(limit: u64) -> u64 {
    limit / 2
}

fn of_stack(connections: u64) -> u64 {
    connections - connections / 8
}

fn of_environments(limit: u64) -> u64 {
    ((limit - limit / 2).saturating_sub(OF_OTHERS) / OF_ENVIRONMENT).max(1)
}

fn as_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_environments_fit_what_a_process_may_have() {
        for limit in [64, 256, 1024, 4096, ENOUGH] {
            let taken = of_connections(limit) + of_environments(limit) * OF_ENVIRONMENT;
            assert!(taken <= limit, "{limit}: {taken}");
        }
        assert_eq!((of_connections(1024), of_environments(1024)), (512, 56));
        assert_eq!(of_stack(512), 448);
        assert!(of_connections(ENOUGH) > 10_000 && of_environments(ENOUGH) > 1_000);
    }
}
