//! Commands of the AWS CLI that a failure suggests: quoted for a shell, and with the region of what they are about.

use std::borrow::Cow;

/// A command of the AWS CLI about the resource of that ARN, from whose text the region is taken.
///
/// Each argument is quoted where a POSIX shell would take it for more than one word. An ARN without a region, such as the
/// empty one, leaves the choice of the region to the environment.
pub(crate) fn aws(arn: &str, arguments: &[&str]) -> String {
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
    let region = region.into_iter().flat_map(|region| ["--region", region]);
    let words = ["aws"].into_iter().chain(arguments.iter().copied()).chain(region);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// A command that asks a URL, for ten seconds at most. What a stack says of itself, as its outputs do, cannot become a part of
/// the command: whoever pastes it is not whoever deployed that. What looks like a secret is not in it: it goes to logs.
pub(crate) fn curl(arguments: &[&str], url: &str) -> String {
    let words = ["curl", "-sS", "-i", "--max-time", "10"].map(str::to_owned).into_iter();
    let arguments = arguments.iter().map(|argument| without_secret_header(argument));
    let words = words.chain(arguments).chain([without_secrets(url)]);
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

/// Stands where a secret is left out.
const LEFT_OUT: &str = "***";
/// Parts of the names of headers and of parameters whose values are secrets.
const SECRET: [&str; 9] =
    ["auth", "cookie", "token", "secret", "key", "password", "credential", "session", "signature"];

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// A header without its value, where that is a secret.
fn without_secret_header(argument: &str) -> String {
    match argument.split_once(": ") {
        Some((name, _)) if is_header(name) && is_secret(name) => format!("{name}: {LEFT_OUT}"),
        _ => argument.to_owned(),
    }
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// A URL without its user and password, and without the values of parameters that are secrets. What is none stays as it is.
pub(crate) fn without_secrets(url: &str) -> String {
    let without_user = || {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        Some(format!("{scheme}://{LEFT_OUT}{}", &rest[user.len()..]))
    };
    let shown = without_user().unwrap_or_else(|| url.to_owned());
    let Some((before, query)) = shown.split_once('?') else { return shown };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => format!("{name}={LEFT_OUT}"),
        _ => pair.to_owned(),
    });
    format!("{before}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// An argument as one word of a shell.
pub(crate) fn quoted(word: &str) -> String {
    // A word with a NUL cannot be an argument at all, and AWS has no name with one.
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map_or_else(|_| String::new(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_region_of_its_resource_and_is_quoted() {
        let arn = "arn:aws:sqs:eu-central-1:1:q";
        assert_eq!(
            aws(arn, &["sqs", "list-queues", "--queue-name-prefix", "a b; rm"]),
            "aws sqs list-queues --queue-name-prefix 'a b; rm' --region eu-central-1"
        );
        assert_eq!(aws("", &["sqs", "list-queues"]), "aws sqs list-queues");
        assert_eq!(quoted("a$(b)"), "'a$(b)'");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_printed() {
        for (url, shown) in [
            ("https://user:hunter2@a.example/x?q=1", "https://***@a.example/x?q=1"),
            ("http://token@127.0.0.1:9", "http://***@127.0.0.1:9"),
            (
                "https://a.example/x?code=1&api_key=abc&Token=",
                "https://a.example/x?code=1&api_key=***&Token=",
            ),
            ("https://a.example/@home", "https://a.example/@home"),
            ("https://a.example?u=x@y", "https://a.example?u=x@y"),
            ("text", "text"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
        let command =
            curl(&["-H", "Authorization: Bearer abc", "-H", "x-tenant: a"], "https://a.example");
        assert!(
            command.contains("'Authorization: ***'") && command.contains("x-tenant: a"),
            "{command}"
        );
        let origin = curl(&["-H", "origin: https://a.example"], "https://a.example");
        assert!(origin.contains("origin: https://a.example"), "{origin}");
    }

    #[test]
    fn a_url_of_the_stacks_runs_nothing() {
        for url in [
            "https://a.example/?a=1&b=$(touch${IFS}x)",
            "https://a.example/`x`",
            "https://a.example/;x",
            "a b",
        ] {
            let command = curl(&[], url);
            assert_eq!(command, format!("curl -sS -i --max-time 10 '{url}'"));
            let words = shlex::split(&command).unwrap();
            assert_eq!(words.last().map(String::as_str), Some(url));
        }
    }
}
