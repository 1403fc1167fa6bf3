//! By which name a request came here.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header;
use axum::http::request::Parts;

use super::{Refused, single};

/// The `Host` of a request, which has to be a name of the loopback. A target with an authority has to name the same.
///
/// A page whose name was made to lead to 127.0.0.1 ("DNS rebinding") is taken by its browser for one of the same origin;
/// its own name in `Host` gives it away.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2> and <https://www.rfc-editor.org/rfc/rfc6761.html#section-6.3>.
pub(super) fn of(head: &Parts) -> Result<&str, Refused> {
    let misdirected = || {
        Refused::new(
            421,
            "MisdirectedRequest",
            "Expected one Host header with a name of the loopback, such as 127.0.0.1 or localhost.",
        )
    };
    let host = single(&head.headers, &header::HOST).filter(|host| is_loopback(host));
    let host = host.ok_or_else(misdirected)?;
    match head.uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => Err(misdirected()),
        _ => Ok(host),
    }
}

/// Whether a `Host` is an address of the loopback and not a name.
pub(super) fn is_address(host: &str) -> bool {
    name_of(host).is_some_and(is_loopback_address)
}

/// Whether a `Host` is an address of the loopback, or its plain name, `localhost`.
pub(super) fn is_plain(host: &str) -> bool {
    is_address(host) || name_of(host).is_some_and(|name| name.eq_ignore_ascii_case("localhost"))
}

/// Whether a `Host`, with or without a port, is a name or an address of the loopback.
fn is_loopback(host: &str) -> bool {
    name_of(host).is_some_and(|name| is_loopback_address(name) || is_loopback_name(name))
}

/// A `Host` without its port; `None` if it is not written as one.
fn name_of(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        host.find(']')? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at(end);
    match port.strip_prefix(':') {
        None if port.is_empty() => Some(name),
        Some(port)
            if port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok() =>
        {
            Some(name)
        }
        _ => None,
    }
}

fn is_loopback_address(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn is_loopback_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.split('.').all(is_label) && last.eq_ignore_ascii_case("localhost")
}
