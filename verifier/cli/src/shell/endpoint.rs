//! Where AWS is, and by which clock its time passes.

use verifier_aws::{Connection, ServerClock};

use crate::shell::admin::TOKEN_VARIABLE;
use crate::shell::args::ConnectionArgs;
use crate::shell::clock::{RemoteClock, RunClock};
use crate::shell::failure::Failure;

/// The region that the emulator takes itself to be in.
///
/// It is none of AWS's: a client that loses the endpoint on its way then finds no host, instead of an account.
/// The AWS command line's first version even ignores `AWS_ENDPOINT_URL` for SQS in the regions that it knows.
pub(crate) const LOCAL_REGION: &str = "us-local-1";

/// The connection, and the clock: that of an emulator, if there is one behind the endpoint.
/// An emulator that does not get its token is an error, which names the variable.
pub(crate) async fn reach(mut args: ConnectionArgs) -> Result<(Connection, RunClock), Failure> {
    let variable = || std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
    let token = args.emulator_token.take().or_else(variable);
    let mut connection = remote(args);
    let clock = match connection.endpoint_url.as_deref().filter(|url| is_loopback(url)) {
        Some(url) => RemoteClock::register(url, token).await?,
        None => None,
    };
    if let Some(clock) = &clock {
        connection.access_key_id = Some(clock.access_key_id().to_owned());
    }
    let server_clock = connection.server_clock.clone();
    Ok((connection, clock.map_or(RunClock::Wall(server_clock), RunClock::Remote)))
}

/// An endpoint on this machine is an emulator, which takes any credentials: where none are set, some are made up.
pub(crate) fn remote(mut args: ConnectionArgs) -> Connection {
    // The SDK would read it by itself; whether the endpoint is an emulator has to be known here, too.
    let variable = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
    args.endpoint_url = args.endpoint_url.or(variable);
    let on_loopback = args.endpoint_url.as_deref().is_some_and(is_loopback);
    let configured = args.profile.is_some()
        || ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().any(|name| std::env::var_os(name).is_some());
    let has_region = args.region.is_some()
        || args.profile.is_some()
        || ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
    let made_up = on_loopback && !configured;
    Connection {
        region: match args.region {
            None if on_loopback && !has_region => Some(LOCAL_REGION.to_owned()),
            region => region,
        },
        // A profile may have a region or not, which only the SDK knows.
        fallback_region: on_loopback.then(|| LOCAL_REGION.to_owned()),
        profile: args.profile,
        endpoint_url: args.endpoint_url,
        access_key_id: made_up.then(|| "AKIAVERIFIER".to_owned()),
        server_clock: ServerClock::default(),
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}
