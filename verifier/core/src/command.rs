//! Commands of the AWS CLI that a failure suggests: quoted for a shell, and with the region of what they are about.

use std::borrow::Cow;

use serde_json::Value;

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

/// Whether a header or a parameter of that name has a value that is a secret.
pub fn is_secret(name: &str) -> bool {
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

/// Text without the users and passwords of its URLs, and without the values of the queries of those: any of them may be a key,
/// whatever it is called. What has no URL stays as it is.
pub fn without_secrets(text: &str) -> String {
    let Some((before, rest)) = text.split_once("://") else { return text.to_owned() };
    let ends = |c: char| c.is_whitespace() || "\"'<>`".contains(c);
    let (url, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    let url = match authority.rsplit_once('@') {
        Some((user, _)) => format!("{LEFT_OUT}{}", &url[user.len()..]),
        None => url.to_owned(),
    };
    let url = match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}", without_values(query)),
        None => url,
    };
    format!("{before}://{url}{}", without_secrets(after))
}

fn without_values(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}={LEFT_OUT}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Which values of a command line for a template are secrets: those of its parameters that are not to be shown, and of what it
/// takes from where secrets are kept.
///
/// Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>, `NoEcho`;
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>.
#[derive(Clone, Debug, Default)]
pub struct SecretValues {
    template: Option<(String, Value)>,
}

impl SecretValues {
    /// Those of a template, by its text and what that holds. Where it is not known, all are.
    pub fn of(template: Option<(String, Value)>) -> Self {
        Self { template }
    }

    /// The value of an option, `NAME=VALUE`, as it is printed: a secret is left out, with what belongs there instead.
    pub fn shown(&self, option: &str, value: &str) -> String {
        let is_secret = |name: &str| match option {
            "--parameter" => self.is_parameter(name),
            "--value" => self.is_looked_up(name),
            _ => false,
        };
        match value.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}=<the value of {name}>"),
            _ => without_secrets(value),
        }
    }

    fn is_parameter(&self, name: &str) -> bool {
        let Some((_, template)) = &self.template else { return true };
        let declared = template.get("Parameters").and_then(|all| all.get(name));
        let no_echo = declared.and_then(|parameter| parameter.get("NoEcho"));
        no_echo.is_some_and(|no_echo| no_echo == true || no_echo == "true" || no_echo == "True")
    }

    /// A name that a template puts together is not found in its text: where it has secrets, what is not plainly none is one.
    fn is_looked_up(&self, name: &str) -> bool {
        let Some((text, _)) = &self.template else { return true };
        let has_secrets = ["resolve:secretsmanager:", "resolve:ssm-secure:"]
            .iter()
            .any(|reference| text.contains(reference));
        let is_plain = || text.contains(&format!("resolve:ssm:{name}"));
        name.contains(":SecretString") || is_secret(name) || has_secrets && !is_plain()
    }
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
            ("https://user:hunter2@a.example/x?q=1", "https://***@a.example/x?q=***"),
            ("http://token@127.0.0.1:9", "http://***@127.0.0.1:9"),
            (
                "https://a.example/x?code=1&api_key=abc&Token=",
                "https://a.example/x?code=***&api_key=***&Token=",
            ),
            ("https://a.example/@home", "https://a.example/@home"),
            ("https://a.example?u=x@y", "https://a.example?u=***"),
            (
                "no https://u:p@a/x?k=1 nor http://v@b: it broke",
                "no https://***@a/x?k=*** nor http://***@b: it broke",
            ),
            ("--api=https://u:p@a/x?k=1", "--api=https://***@a/x?k=***"),
            ("what?a=b", "what?a=b"),
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
    fn a_value_that_is_a_secret_is_left_out_of_a_command() {
        let text = "{{resolve:ssm:/app/plain}} {{resolve:ssm-secure:/app/table}}".to_owned();
        let template = serde_json::json!({"Parameters": {"P": {"NoEcho": "true"}, "Q": {"NoEcho": true}, "R": {}}});
        let of_template = SecretValues::of(Some((text, template)));
        let left_out = |secrets: &SecretValues, option, value: &str| {
            let shown = secrets.shown(option, value);
            assert!(shown == value || shown.contains("=<the value of ") && !shown.contains("abc"));
            shown != value
        };
        for (option, value, expected) in [
            ("--parameter", "P=abc", true),
            ("--parameter", "Q=abc", true),
            ("--parameter", "R=abc", false),
            ("--value", "/app/table=abc", true),
            ("--value", "/app/plain=abc", false),
            ("--value", "prod/db:SecretString:password=abc", true),
            ("--only", "P=abc", false),
        ] {
            assert_eq!(left_out(&of_template, option, value), expected, "{option} {value}");
        }
        let plain = SecretValues::of(Some((String::new(), Value::Null)));
        assert!(!left_out(&plain, "--value", "Export=abc"));
        assert!(left_out(&plain, "--value", "db-password=abc"));
        for option in ["--parameter", "--value"] {
            assert!(left_out(&SecretValues::default(), option, "R=abc"), "{option}");
        }
    }

    #[test]
    fn a_url_of_the_stacks_runs_nothing() {
        for url in [
            "https://a.example/?$(touch${IFS}x)",
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
