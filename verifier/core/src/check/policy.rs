//! Resource policies of queues, read as IAM reads them, as far as checks ask.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use serde_json::Value;

use super::QueueEvidence;

/// The statements of a queue's policy that are about the queue. None where it has no policy.
///
/// An error is the reason why the policy cannot be read.
pub(crate) fn statements(queue: &QueueEvidence) -> Result<Vec<Statement>, String> {
    let text = queue.attributes.get("Policy").map(|text| text.trim()).unwrap_or_default();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let policy: Value = serde_json::from_str(text)
        .map_err(|error| format!("the policy of {} is no JSON: {error}", queue.name))?;
    let all = list(&policy["Statement"]).into_iter().cloned().map(Statement);
    Ok(all.filter(|statement| statement.is_about(queue.arn())).collect())
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement(Value);

/// A key of a condition with its operator and its values: all keys of a condition have to hold, and of each one value.
pub(crate) struct Test<'a> {
    pub(crate) operator: &'a str,
    pub(crate) key: &'a str,
    pub(crate) values: Vec<String>,
}

impl Statement {
    pub(crate) fn allows(&self) -> bool {
        self.0["Effect"] == "Allow"
    }

    pub(crate) fn denies(&self) -> bool {
        self.0["Effect"] == "Deny"
    }

    /// Its name.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.0["Sid"].as_str().filter(|sid| !sid.is_empty())
    }

    /// Its actions, in words.
    pub(crate) fn actions(&self) -> String {
        let (listed, but) = (texts(&self.0["Action"]), texts(&self.0["NotAction"]));
        if but.is_empty() { listed.join(", ") } else { format!("all but {}", but.join(", ")) }
    }

    /// Whether it is about every action on queues.
    pub(crate) fn is_about_every_action(&self) -> bool {
        let is_all =
            |action: &String| matches!(action.to_ascii_lowercase().as_str(), "*" | "sqs:*");
        texts(&self.0["Action"]).iter().any(is_all)
    }

    /// Whether it is about every caller, anonymous ones included.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>. An `Allow` with
    /// a `NotPrincipal` is about everybody but those.
    pub(crate) fn is_about_everybody(&self) -> bool {
        let principal = &self.0["Principal"];
        let has_any = |value: &Value| texts(value).iter().any(|name| name.contains('*'));
        has_any(principal)
            || has_any(&principal["AWS"])
            || (self.allows() && !self.0["NotPrincipal"].is_null())
    }

    /// The services of AWS that it names.
    pub(crate) fn services(&self) -> Vec<String> {
        texts(&self.0["Principal"]["Service"])
    }

    /// The accounts whose principals it names.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let named = texts(&self.0["Principal"]["AWS"]);
        named.iter().filter_map(|name| account_of(name)).map(str::to_owned).collect()
    }

    /// The tests of its condition; none where it has no condition, or one that asks for nothing.
    pub(crate) fn tests(&self) -> Vec<Test<'_>> {
        let operators = self.0["Condition"].as_object().into_iter().flatten();
        let tests = operators.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| Test { operator, key, values: texts(values) })
        });
        tests.collect()
    }

    fn is_about(&self, arn: &str) -> bool {
        let names = |value: &Value| texts(value).iter().any(|pattern| matches(pattern, arn));
        match (&self.0["Resource"], &self.0["NotResource"]) {
            (Value::Null, Value::Null) => true,
            (Value::Null, others) => !names(others),
            (resources, _) => names(resources),
        }
    }
}

/// The account of a principal or another ARN; `None` where it names none.
pub(crate) fn account_of(name: &str) -> Option<&str> {
    let is_account = |id: &&str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    Some(name).filter(is_account).or_else(|| name.split(':').nth(4).filter(is_account))
}

/// Whether a text matches a pattern in which `*` stands for any text and `?` for any character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and what of the text it stands for by now ends.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, until)) = star else { return false };
                star = Some((at, until + 1));
                (p, t) = (at + 1, until + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The texts of a value: policies write a list of one as that one, and flags and numbers with or without quotes.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    list(value).into_iter().filter_map(text).collect()
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue(policy: &Value) -> QueueEvidence {
        let attributes = [
            ("QueueArn", "arn:aws:sqs:eu:111111111111:q".to_owned()),
            ("Policy", policy.to_string()),
        ];
        QueueEvidence {
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
            ..QueueEvidence::default()
        }
    }

    #[test]
    fn only_statements_about_the_queue_are_read() {
        for (statement, count) in [
            (json!({"Resource": "arn:aws:sqs:eu:111111111111:q"}), 1),
            (json!({"Resource": ["arn:other", "arn:aws:sqs:*:1111111?1111:*"]}), 1),
            (json!({}), 1),
            (json!({"Resource": "arn:aws:sqs:eu:111111111111:q2"}), 0),
            (json!({"NotResource": "arn:aws:sqs:eu:111111111111:q"}), 0),
            (json!({"NotResource": "arn:other"}), 1),
        ] {
            let found = statements(&queue(&json!({"Statement": statement}))).unwrap();
            assert_eq!(found.len(), count, "{statement}");
        }
        assert_eq!(statements(&QueueEvidence::default()).unwrap(), []);
        let mut torn = queue(&json!({}));
        torn.attributes.insert("Policy".to_owned(), "{".to_owned());
        assert!(statements(&torn).is_err());
    }

    #[test]
    fn everybody_is_a_star_however_it_is_written() {
        let everybody = |statement: Value| Statement(statement).is_about_everybody();
        assert!(everybody(json!({"Principal": "*"})));
        assert!(everybody(json!({"Principal": {"AWS": "*"}})));
        assert!(everybody(json!({"Principal": {"AWS": ["111111111111", "*"]}})));
        assert!(everybody(json!({"Effect": "Allow", "NotPrincipal": {"AWS": "111111111111"}})));
        assert!(!everybody(json!({"Effect": "Deny", "NotPrincipal": {"AWS": "111111111111"}})));
        assert!(!everybody(json!({"Principal": {"AWS": "arn:aws:iam::111111111111:root"}})));
        assert!(!everybody(json!({"Principal": {"Service": "sns.amazonaws.com"}})));
    }

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, does) in [
            ("*", "", true),
            ("a*b?d", "axxbcd", true),
            ("a*b", "abab", true),
            ("a*b", "aba", false),
            ("?", "", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(pattern, text), does, "{pattern} {text}");
        }
    }

    #[test]
    fn an_account_is_twelve_digits_alone_or_in_an_arn() {
        assert_eq!(account_of("123456789012"), Some("123456789012"));
        assert_eq!(account_of("arn:aws:sts::123456789012:assumed-role/r/s"), Some("123456789012"));
        assert_eq!(account_of("arn:aws:s3:::bucket"), None);
        assert_eq!(account_of("AROAEXAMPLEID"), None);
    }
}
