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
/// the command: whoever pastes it is not whoever deployed that.
pub(crate) fn curl(arguments: &[&str], url: &str) -> String {
    let words = ["curl", "-sS", "-i", "--max-time", "10"].into_iter();
    let words = words.chain(arguments.iter().copied()).chain([url]);
    words.map(quoted).collect::<Vec<_>>().join(" ")
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
