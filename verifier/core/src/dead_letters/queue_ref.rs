//! Which queue a user names: by name, URL or ARN. Region and account of a URL or an ARN count.

use std::fmt;

use thiserror::Error;

/// The parts of a queue's ARN.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>, resource types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueArn {
    /// `aws`, or that of another partition.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account's id, of 12 digits.
    pub account: String,
    /// The queue's name.
    pub name: String,
}

/// What a user wrote to name a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRef {
    /// A queue of the caller's account and region.
    Name(String),
    /// The queue of a URL.
    Url {
        /// The URL, as it was written.
        url: String,
        /// The queue's name.
        name: String,
        /// The account's id, where the path has one.
        account: Option<String>,
        /// The region, where the host tells.
        region: Option<String>,
        /// Whether the host is one of AWS's.
        is_aws: bool,
        /// The port, where the host is none of AWS's.
        port: Option<u16>,
    },
    /// The queue of an ARN.
    Arn(QueueArn),
}

/// A text that names no queue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text} names no queue: {problem}")]
pub struct QueueRefError {
    /// What was written.
    pub text: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

impl fmt::Display for QueueArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(f, "arn:{partition}:sqs:{region}:{account}:{name}")
    }
}

impl QueueArn {
    /// Reads one; `None` where the text is no ARN of a queue.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sqs", region, account, name] = parts.as_slice() else {
            return None;
        };
        let is_one = !partition.is_empty()
            && !region.is_empty()
            && is_account(account)
            && is_queue_name(name);
        is_one.then(|| Self {
            partition: (*partition).to_owned(),
            region: (*region).to_owned(),
            account: (*account).to_owned(),
            name: (*name).to_owned(),
        })
    }

    /// The ARN of the queue of that URL beside this one: a dead-letter queue and its sources are of one account and region.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
    #[must_use]
    pub fn beside(&self, url: &str) -> Self {
        let name = url.rsplit('/').next().unwrap_or(url).to_owned();
        Self { name, ..self.clone() }
    }

    /// The queue for people: `orders-dlq (account 123456789012, eu-west-1)`.
    pub fn label(&self) -> String {
        format!("{} (account {}, {})", self.name, self.account, self.region)
    }
}

/// A queue's ARN for people; any other text as it is.
pub fn queue_label(arn: &str) -> String {
    QueueArn::parse(arn).map_or_else(|| arn.to_owned(), |arn| arn.label())
}

impl QueueRef {
    /// Reads what a user wrote.
    pub fn parse(text: &str) -> Result<Self, QueueRefError> {
        let wrong =
            |problem: &str| QueueRefError { text: text.to_owned(), problem: problem.to_owned() };
        if text.starts_with("arn:") {
            let expected =
                "expected arn:PARTITION:sqs:REGION:ACCOUNT:NAME, with an account of 12 digits";
            return QueueArn::parse(text).map(Self::Arn).ok_or_else(|| wrong(expected));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let expected = "expected a queue's URL: https://HOST/ACCOUNT/NAME";
            if !matches!(scheme, "http" | "https") {
                return Err(wrong(expected));
            }
            let authority = rest.split('/').next().unwrap_or_default();
            if let Some((_, host)) = authority.rsplit_once('@') {
                // What stands before it may be a password, which is not repeated.
                let text = format!("{scheme}://***@{host}{}", &rest[authority.len()..]);
                let problem =
                    "a queue's URL has no user and no password; leave them out".to_owned();
                return Err(QueueRefError { text, problem });
            }
            return of_url(text, rest).ok_or_else(|| wrong(expected));
        }
        if is_queue_name(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        Err(wrong(
            "expected a name of 1 to 80 letters, digits, - and _ (and .fifo), a URL or an ARN",
        ))
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Url { name, .. } => name,
            Self::Arn(arn) => &arn.name,
        }
    }

    /// The region that it says, if it does.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url { region, .. } => region.as_deref(),
            Self::Arn(arn) => Some(&arn.region),
        }
    }

    /// The account that it says, if it does.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url { account, .. } => account.as_deref(),
            Self::Arn(arn) => Some(&arn.account),
        }
    }

    /// Whether a queue of that ARN is the one that was named. Endpoints answer with a queue of the same name in another
    /// account or region; that is another queue.
    pub fn is(&self, arn: &str) -> bool {
        let Some(found) = QueueArn::parse(arn) else {
            // An endpoint that does not tell its ARN: only a name can be believed.
            return matches!(self, Self::Name(_));
        };
        let same = |said: Option<&str>, found: &str| said.is_none_or(|said| said == found);
        match self {
            Self::Arn(named) => *named == found,
            _ => {
                self.name() == found.name
                    && same(self.account(), &found.account)
                    && same(self.region(), &found.region)
            }
        }
    }

    /// Why an endpoint cannot be asked for it, where it cannot: the server of a URL is another one.
    pub fn unreachable_at(&self, endpoint: Option<&str>) -> Option<String> {
        let Self::Url { is_aws: false, port, .. } = self else { return None };
        let Some(endpoint) = endpoint else {
            return Some("its host is none of AWS's, and no endpoint is given".to_owned());
        };
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        (*port != port_of(host, scheme)).then(|| format!("requests go to {endpoint}"))
    }
}

fn of_url(url: &str, rest: &str) -> Option<QueueRef> {
    let (host, path) = rest.split_once('/')?;
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (name, before) = segments.split_last()?;
    if !is_queue_name(name) || host.is_empty() || host.contains('@') {
        return None;
    }
    let account = before.last().filter(|account| is_account(account));
    let scheme = url.split("://").next().unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let is_aws = is_aws_host(bare);
    if is_aws && account.is_none() {
        return None;
    }
    Some(QueueRef::Url {
        url: url.trim_end_matches('/').to_owned(),
        name: (*name).to_owned(),
        account: account.map(|account| (*account).to_owned()),
        region: region_of(bare, is_aws),
        is_aws,
        port: if is_aws { None } else { port_of(host, scheme) },
    })
}

fn port_of(host: &str, scheme: &str) -> Option<u16> {
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'));
    match port {
        Some(port) => port.parse().ok(),
        None => Some(if scheme == "https" { 443 } else { 80 }),
    }
}

/// Sources: <https://docs.aws.amazon.com/general/latest/gr/sqs-service.html> and, for endpoints of a VPC,
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html>.
fn is_aws_host(host: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

/// The region of a host: `sqs.REGION.…`, `REGION.queue.amazonaws.com`, or `queue.amazonaws.com`, which is us-east-1.
fn region_of(host: &str, is_aws: bool) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    if is_aws && let Some(at) = labels.iter().position(|label| *label == "queue") {
        let region = at.checked_sub(1).map_or("us-east-1", |before| labels[before]);
        return Some(region.to_owned());
    }
    let at = labels.iter().position(|label| matches!(*label, "sqs" | "sqs-fips"))?;
    let region = labels.get(at + 1)?;
    // An emulator's host may be called sqs.
    let looks_like_one = region.contains('-') && region.ends_with(|c: char| c.is_ascii_digit());
    (is_aws || looks_like_one).then(|| (*region).to_owned())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>, `QueueName`.
fn is_queue_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !stem.is_empty() && text.len() <= 80 && stem.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";

    fn parsed(text: &str) -> QueueRef {
        QueueRef::parse(text).unwrap()
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let url = "https://user:hunter2@sqs.eu-west-1.amazonaws.com/000000000000/q";
        let refused = QueueRef::parse(url).unwrap_err().to_string();
        assert!(refused.contains("no password") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn a_stroke_at_the_end_of_a_url_is_no_part_of_the_queue() {
        let bare = "http://127.0.0.1:4100/123456789012/orders-dlq";
        assert_eq!(parsed(&format!("{bare}/")), parsed(bare));
    }

    #[test]
    fn a_name_is_any_queue_of_that_name() {
        let name = parsed("orders-dlq");
        assert!(name.is(ARN) && name.is(""));
        assert!(!name.is("arn:aws:sqs:eu-west-1:123456789012:orders"));
        assert_eq!((name.region(), name.account()), (None, None));
        assert_eq!(parsed("a.fifo").name(), "a.fifo");
    }

    #[test]
    fn region_and_account_of_an_arn_count() {
        assert!(parsed(ARN).is(ARN));
        for other in [
            "arn:aws:sqs:us-east-1:123456789012:orders-dlq",
            "arn:aws:sqs:eu-west-1:999999999999:orders-dlq",
            "arn:aws-cn:sqs:eu-west-1:123456789012:orders-dlq",
            "",
        ] {
            assert!(!parsed(ARN).is(other), "{other}");
        }
    }

    #[test]
    fn region_and_account_of_a_url_count() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq", Some("eu-west-1")),
            ("https://sqs-fips.eu-west-1.amazonaws.com/123456789012/orders-dlq", Some("eu-west-1")),
            ("https://sqs.eu-west-1.api.aws/123456789012/orders-dlq", Some("eu-west-1")),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/orders-dlq", Some("eu-west-1")),
            (
                "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com/123456789012/orders-dlq",
                Some("eu-west-1"),
            ),
            ("http://127.0.0.1:4100/123456789012/orders-dlq", None),
            ("http://sqs:9324/queue/orders-dlq", None),
            (
                "http://sqs.eu-west-1.localhost.localstack.cloud:4566/123456789012/orders-dlq",
                Some("eu-west-1"),
            ),
        ] {
            let named = parsed(url);
            assert_eq!((named.region(), named.name()), (region, "orders-dlq"), "{url}");
            assert!(named.is(ARN), "{url}");
            let other = ARN.replace("123456789012", "999999999999");
            assert_eq!(named.is(&other), named.account().is_none(), "{url}");
        }
        let old = parsed("https://queue.amazonaws.com/123456789012/orders-dlq");
        assert_eq!(old.region(), Some("us-east-1"));
        assert!(!old.is(ARN));
    }

    #[test]
    fn a_url_of_another_server_cannot_be_asked_for() {
        let local = parsed("http://127.0.0.1:4100/000000000000/q");
        assert_eq!(local.unreachable_at(Some("http://localhost:4100")), None);
        assert_eq!(local.unreachable_at(Some("http://localhost:4100/")), None);
        assert!(local.unreachable_at(Some("http://127.0.0.1:4101")).is_some());
        assert!(local.unreachable_at(None).is_some());
        let aws = parsed("https://sqs.eu-west-1.amazonaws.com/123456789012/q");
        assert_eq!(aws.unreachable_at(None), None);
        assert_eq!(parsed("q").unreachable_at(None), None);
    }

    #[test]
    fn what_names_no_queue_is_refused() {
        for text in [
            "",
            "a/b",
            "a:b",
            "name with blanks",
            "arn:aws:sns:eu-west-1:123456789012:topic",
            "arn:aws:sqs:eu-west-1:123456789012",
            "arn:aws:sqs:eu-west-1:12345:orders",
            "arn:aws:sqs:eu-west-1:123456789012:a:b",
            "https://sqs.eu-west-1.amazonaws.com/orders",
            "https://sqs.eu-west-1.amazonaws.com",
            "ftp://host/123456789012/q",
            &"a".repeat(81),
        ] {
            let refused = QueueRef::parse(text).unwrap_err();
            assert!(refused.problem.starts_with("expected"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_label_says_account_and_region() {
        assert_eq!(queue_label(ARN), "orders-dlq (account 123456789012, eu-west-1)");
        assert_eq!(queue_label("orders"), "orders");
        let arn = QueueArn::parse(ARN).unwrap();
        assert_eq!(arn.to_string(), ARN);
        let source = arn.beside("https://sqs.eu-west-1.amazonaws.com/123456789012/orders");
        assert_eq!(source.to_string(), "arn:aws:sqs:eu-west-1:123456789012:orders");
    }
}
