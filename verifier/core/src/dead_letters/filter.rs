//! Which messages are meant.

use std::time::Duration;

use jmespath::{DEFAULT_RUNTIME, Expression, JmespathError};
use thiserror::Error;
use verifier_model::time::Timestamp;

use super::document::{FIELDS, NULL, applicable, lost_literal};
use super::functions;
use super::nesting::nesting;
use super::{Cause, DeadLetter, shape};

/// How deep an expression may nest. Reading, applying and dropping it recurse as deep as it nests, on a thread that may
/// have no more than 2 MiB of stack.
pub const NESTING_MAX: usize = 100;
/// How much of an expression an error shows, in characters.
const SHOWN_MAX: usize = 200;

/// Which messages are meant: those that satisfy everything that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    expression: Option<Expression<'static>>,
    /// Only messages that were sent at least so long ago.
    pub older_than: Option<Duration>,
    /// Only messages that were sent less than so long ago.
    pub newer_than: Option<Duration>,
    /// Only messages that were received so often, at least and at most.
    pub receives: Option<(u32, u32)>,
    /// Only messages that died for a reason which contains this.
    pub reason: Option<String>,
}

/// An expression that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter {expression} cannot be read: {problem}")]
pub struct FilterError {
    /// What was given, or its beginning.
    pub expression: String,
    /// What is wrong, and where.
    pub problem: String,
}

impl Filter {
    /// Adds a JMESPath expression over `{body, attributes, messageId, receiveCount, ageSeconds, reason, sourceArn}`: messages are meant
    /// for which it gives something else than `null`, `false` or something empty. An expression that nests deeper than
    /// [`NESTING_MAX`], that calls a function which there is not, or one with too few or too many arguments, is refused.
    ///
    /// Source: <https://jmespath.org/specification.html>.
    pub fn with_expression(mut self, expression: &str) -> Result<Self, FilterError> {
        let refused = |problem| FilterError { expression: shown(expression), problem };
        let depth = nesting(expression);
        if depth > NESTING_MAX {
            return Err(refused(format!(
                "it nests {depth} deep, and the limit is {NESTING_MAX}; ask for one of many values with contains(`[\"a\", \"b\"]`, messageId)"
            )));
        }
        let compiled = jmespath::compile(expression)
            .map_err(|error: JmespathError| refused(shown(&error.reason.to_string())))?;
        if let Some(problem) = functions::problem(compiled.as_ast()) {
            return Err(refused(problem));
        }
        if let Some(number) = lost_literal(expression) {
            return Err(refused(format!(
                "its number {} has more digits than are compared",
                shown(&number)
            )));
        }
        if let Some(field) = functions::unknown_field(compiled.as_ast(), |name| {
            name == NULL || FIELDS.contains(&name)
        }) {
            let hint = functions::hint(FIELDS, field);
            let field = shown(field);
            return Err(refused(format!(
                "there is no {field}{hint}; a message has {}",
                FIELDS.join(", ")
            )));
        }
        self.expression = Some(compiled);
        Ok(self)
    }

    /// Whether it needs to know why messages failed.
    pub fn needs_reasons(&self) -> bool {
        self.reason.is_some() || self.expression_needs_reasons()
    }

    fn expression_needs_reasons(&self) -> bool {
        let looks =
            |expression: &Expression<'static>| functions::looks_at(expression.as_ast(), "reason");
        self.expression.as_ref().is_some_and(looks)
    }

    /// Whether every message is meant.
    pub fn is_everything(&self) -> bool {
        // A field that is added has to be named here, and below, or the compiler says so.
        let Self { expression, older_than, newer_than, receives, reason } = self;
        expression.is_none()
            && older_than.is_none()
            && newer_than.is_none()
            && receives.is_none()
            && reason.is_none()
    }

    /// Whether evaluating it may fail on some message: its expression calls functions, which take some types only.
    pub fn may_fail(&self) -> bool {
        self.expression.as_ref().is_some_and(|expression| functions::has_calls(expression.as_ast()))
    }

    /// Whether a message is meant that died for that reason, where it is known. What a message does not tell it does not
    /// satisfy. A message of which the expression cannot be evaluated is neither meant nor not: that is an error.
    pub fn is_met(
        &self,
        message: &DeadLetter,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, NotEvaluable> {
        let Self { expression: _, older_than, newer_than, receives, reason: part } = self;
        let age = message.age(now);
        let old = older_than.is_none_or(|least| age.is_some_and(|age| age >= least));
        let young = newer_than.is_none_or(|most| age.is_some_and(|age| age < most));
        let received = receives.is_none_or(|(least, most)| {
            message.receive_count.is_some_and(|count| (least..=most).contains(&count))
        });
        let because =
            part.as_deref().is_none_or(|part| reason.is_some_and(|reason| has(reason, part)));
        let others = old && young && received && because;
        Ok(others && self.expression_is_met(message, reason, now)?)
    }

    /// Whether a message is selected that failed for that cause. A reason that is inferred selects nothing: what is deleted or
    /// sent because of it could have failed for another. Nor does a reason that is not known, as where a filter asks for another
    /// one than this: it could be this.
    pub fn selects(
        &self,
        message: &DeadLetter,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<Selects, NotEvaluable> {
        let whatever = match &self.expression {
            Some(expression) if cause.told().is_none() && self.expression_needs_reasons() => {
                Self::whatever_the_reason(expression, message, now)?
            }
            _ => {
                let is_met = self.is_met(message, cause.told(), now)?;
                return Ok(if is_met { Selects::Yes } else { self.inferred(message, cause, now) });
            }
        };
        let others = Self { expression: None, ..self.clone() };
        if !others.is_met(message, None, now)? || whatever == Some(false) {
            return Ok(self.inferred(message, cause, now));
        }
        if whatever == Some(true) {
            return Ok(Selects::Yes);
        }
        // A function that does not take the lack of a reason does not tell either.
        if matches!(self.is_met(message, None, now), Ok(true)) {
            return Ok(Selects::NotTold);
        }
        Ok(self.inferred(message, cause, now))
    }

    /// Whether the reason that is inferred would select a message which nothing else selects.
    fn inferred(&self, message: &DeadLetter, cause: &Cause, now: Timestamp) -> Selects {
        let inferred = cause.inferred().filter(|_| self.needs_reasons());
        let would = inferred.map(|reason| self.is_met(message, Some(reason), now));
        if matches!(would, Some(Ok(true))) { Selects::NotTold } else { Selects::No }
    }

    /// Whether the expression is met or not for every reason that the message could have failed for; `None` where that depends
    /// on the reason. So `body.tenant == 'a' || reason == 'x'` selects what is of that tenant, also where no log tells.
    fn whatever_the_reason(
        expression: &Expression<'static>,
        message: &DeadLetter,
        now: Timestamp,
    ) -> Result<Option<bool>, NotEvaluable> {
        let ast = expression.as_ast();
        let applied = applicable(ast, message, None, now)
            .map_err(|problem| NotEvaluable::of(message, &problem, true))?;
        let ast = applied.ast.as_ref().unwrap_or(ast);
        functions::without(ast, "reason", &applied.document)
            .map_err(|error| NotEvaluable::of(message, &error.reason.to_string(), false))
    }

    fn expression_is_met(
        &self,
        message: &DeadLetter,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, NotEvaluable> {
        let Some(expression) = &self.expression else {
            return Ok(true);
        };
        let applied = applicable(expression.as_ast(), message, reason, now)
            .map_err(|problem| NotEvaluable::of(message, &problem, true))?;
        let found = match applied.ast {
            Some(ast) => Expression::new("", ast, &DEFAULT_RUNTIME).search(applied.document),
            None => expression.search(applied.document),
        };
        let found =
            found.map_err(|error| NotEvaluable::of(message, &error.reason.to_string(), false))?;
        Ok(found.is_truthy())
    }
}

/// Whether a filter selects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selects {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It would if the reason were told that is inferred, or by a reason that is not known. The message is left out.
    NotTold,
}

/// A message of which the expression cannot be evaluated: a function has an argument of a type that it does not take, or what is in
/// the message cannot be told exactly.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter cannot be evaluated on the message {message_id}: {problem}")]
pub struct NotEvaluable {
    /// The message's id.
    pub message_id: String,
    /// What is wrong.
    pub problem: String,
    /// Whether the message cannot be read exactly, and no type is wrong.
    pub is_unreadable: bool,
}

impl NotEvaluable {
    fn of(message: &DeadLetter, problem: &str, is_unreadable: bool) -> Self {
        let message_id = message.message_id.clone();
        Self { message_id, problem: shown(problem), is_unreadable }
    }
}

/// Whether a reason contains a text, as it is or in its shape, in which groups are shown.
fn has(reason: &str, part: &str) -> bool {
    reason.contains(part) || shape(reason).contains(part)
}

/// As much of a text as an error shows.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dead_letters::Attribute;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn message() -> DeadLetter {
        DeadLetter {
            message_id: "m-1".to_owned(),
            body: r#"{"task":"resize","size":7}"#.to_owned(),
            attributes: BTreeMap::from([("tenant".to_owned(), Attribute::text("String", "a"))]),
            sent_at: Some(NOW - Duration::from_secs(100)),
            receive_count: Some(4),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn no_message_is_selected_by_a_reason_that_is_inferred() {
        let by_option = Filter { reason: Some("slow".to_owned()), ..Filter::default() };
        let expression = "reason && contains(reason, 'slow')";
        let by_expression = Filter::default().with_expression(expression).unwrap();
        let told = Cause::Told("too slow".to_owned());
        let inferred = Cause::Inferred("too slow".to_owned());
        let other = Cause::Inferred("full".to_owned());
        let reasons = vec!["too slow".to_owned()];
        let one_of = Cause::OneOf { reasons, may_be_another: true };
        for filter in [by_option, by_expression] {
            let selects = |cause| filter.selects(&message(), cause, NOW).unwrap();
            assert_eq!(selects(&told), Selects::Yes);
            assert_eq!(selects(&inferred), Selects::NotTold);
            for cause in [&other, &one_of, &Cause::Unknown] {
                assert_eq!(selects(cause), Selects::No, "{cause:?}");
            }
        }
        let everything = Filter::default();
        assert_eq!(everything.selects(&message(), &inferred, NOW).unwrap(), Selects::Yes);
    }

    #[test]
    fn no_message_is_selected_by_the_lack_of_a_reason_that_is_told() {
        let told = Cause::Told("full".to_owned());
        let inferred = Cause::Inferred("too slow".to_owned());
        for expression in ["!contains(reason || '', 'slow')", "reason != 'slow'"] {
            let filter = Filter::default().with_expression(expression).unwrap();
            let selects = |cause| filter.selects(&message(), cause, NOW).unwrap();
            assert_eq!(selects(&told), Selects::Yes, "{expression}");
            for cause in [&inferred, &Cause::Unknown] {
                assert_eq!(selects(cause), Selects::NotTold, "{expression}: {cause:?}");
            }
        }
        // What does not ask for reasons needs none.
        for expression in ["messageId == 'm-1'", "!(body.reason == 'slow')"] {
            let filter = Filter::default().with_expression(expression).unwrap();
            let selects = filter.selects(&message(), &Cause::Unknown, NOW);
            assert_eq!(selects, Ok(Selects::Yes), "{expression}");
        }
    }

    #[test]
    fn what_is_selected_whatever_the_reason_needs_none() {
        let told = Cause::Told("full".to_owned());
        let inferred = Cause::Inferred("too slow".to_owned());
        let tenant = "attributes.tenant == 'a'";
        for (expression, by_told, by_inferred, by_unknown) in [
            // The message itself decides.
            (format!("{tenant} || reason == 'x'"), Selects::Yes, Selects::Yes, Selects::Yes),
            (
                format!("contains(reason, 'slow') || {tenant}"),
                Selects::Yes,
                Selects::Yes,
                Selects::Yes,
            ),
            (
                format!("{tenant} && !(body.task == 'x' && reason == 'x')"),
                Selects::Yes,
                Selects::Yes,
                Selects::Yes,
            ),
            (
                "body.task == 'x' && contains(reason, 'slow')".to_owned(),
                Selects::No,
                Selects::No,
                Selects::No,
            ),
            // The reason does.
            ("contains(reason, 'slow')".to_owned(), Selects::No, Selects::NotTold, Selects::No),
            (
                format!("{tenant} && contains(reason, 'slow')"),
                Selects::No,
                Selects::NotTold,
                Selects::No,
            ),
            (
                format!("!({tenant}) || reason != 'slow'"),
                Selects::Yes,
                Selects::NotTold,
                Selects::NotTold,
            ),
        ] {
            let filter = Filter::default().with_expression(&expression).unwrap();
            let selects = |cause| filter.selects(&message(), cause, NOW).unwrap();
            assert_eq!(selects(&told), by_told, "{expression}");
            assert_eq!(selects(&inferred), by_inferred, "{expression}");
            assert_eq!(selects(&Cause::Unknown), by_unknown, "{expression}");
            // The other options count beside it as they do alone.
            let older_than = Some(Duration::from_secs(1_000));
            let young = Filter { older_than, ..filter };
            assert_eq!(young.selects(&message(), &Cause::Unknown, NOW), Ok(Selects::No));
        }
        // What fails for the message itself is an error as ever.
        let filter =
            Filter::default().with_expression("length(body.size) || reason == 'x'").unwrap();
        assert!(filter.selects(&message(), &Cause::Unknown, NOW).is_err());
    }

    /// Which of messages with those bodies a filter selects; `?` where that cannot be told.
    fn selected(expression: &str, bodies: &[&str]) -> String {
        let filter = Filter::default().with_expression(expression).unwrap();
        let of = |body: &&str| {
            let message = DeadLetter { body: (*body).to_owned(), ..message() };
            match filter.selects(&message, &Cause::Unknown, NOW) {
                Ok(Selects::Yes) => 'y',
                Ok(_) => 'n',
                Err(_) => '?',
            }
        };
        bodies.iter().map(of).collect()
    }

    #[test]
    fn numbers_are_compared_by_all_of_their_digits() {
        let users = [
            r#"{"user":1234567890123456788,"all":[1,1234567890123456788]}"#,
            r#"{"user":1234567890123456789,"all":[1234567890123456789]}"#,
            r#"{"user":1234567890123456790,"all":[]}"#,
        ];
        for (expression, expected) in [
            ("body.user == `1234567890123456789`", "nyn"),
            ("body.user != `1234567890123456789`", "yny"),
            ("body.user < `1234567890123456789`", "ynn"),
            ("body.user >= `1234567890123456789`", "nyy"),
            ("contains(body.all, `1234567890123456789`)", "nyn"),
            ("contains(`[1234567890123456789, 7]`, body.user)", "nyn"),
            ("body.all[?@ == `1234567890123456788`]", "ynn"),
            ("body == `{\"user\":1234567890123456790,\"all\":[]}`", "nny"),
            ("max(`[1234567890123456789, 1234567890123456788]`) == body.user", "nyn"),
            ("body.user == `1234567890123456789` || reason == 'x'", "nyn"),
            // Functions that make numbers of them cannot tell them, and say so.
            ("sum(body.all) == `1234567890123456789`", "???"),
            ("length(body.all) == `1` && body.user == `1234567890123456789`", "?y?"),
            // What does not come near them is as ever.
            ("length(body.all) == `1`", "nyn"),
            ("ends_with(to_string(body.user), '789')", "nyn"),
            ("receiveCount == `4`", "yyy"),
        ] {
            assert_eq!(selected(expression, &users), expected, "{expression}");
        }
        let near = [r#"{"n":0.71}"#, r#"{"n":0.7100000000000001}"#, r#"{"n":7.1e-1}"#];
        assert_eq!(selected("body.n == `0.71`", &near), "yny");
    }

    #[test]
    fn a_body_that_other_readers_refuse_is_not_taken_for_a_text() {
        let orders = [
            r#"{"type":"order","name":"\ud83d"}"#.to_owned(),
            r#"{"type":"order","n":1e400}"#.to_owned(),
            format!(r#"{{"type":"order","n":{}}}"#, "9".repeat(400)),
            format!(r#"{{"type":"order","n":{}{}}}"#, "[".repeat(150), "]".repeat(150)),
            r#"{"type":"order","n":1e-400}"#.to_owned(),
        ];
        let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
        assert_eq!(selected("body.type != 'order'", &orders), "nnnnn");
        assert_eq!(selected("body.type == 'order'", &orders), "yyyyy");
        assert_eq!(selected("body.n > `1`", &orders), "nyynn");
        assert_eq!(selected("body.name", &orders), "ynnnn");
        // One that cannot be read at all is neither meant nor not, unless the body does not count.
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        assert_eq!(selected("body.type != 'order'", &[&deep]), "?");
        assert_eq!(selected("attributes.tenant == 'a'", &[&deep]), "y");
        assert_eq!(selected("type(body) == 'string'", &["no { JSON", "{\"a\":1}"]), "yn");
    }

    #[test]
    fn a_number_that_a_text_holds_is_not_rounded_either() {
        let attributes =
            BTreeMap::from([("user".to_owned(), Attribute::text("Number", "1234567890123456788"))]);
        let message = DeadLetter { attributes, ..message() };
        let expression = "to_number(attributes.user) == `1234567890123456789`";
        let filter = Filter::default().with_expression(expression).unwrap();
        let error = filter.is_met(&message, None, NOW).unwrap_err();
        assert!(error.is_unreadable && error.to_string().contains("m-1"), "{error}");
        assert!(error.problem.contains("123456789012345678"), "{error}");
    }

    #[test]
    fn an_expression_says_what_it_cannot_mean() {
        for (expression, part) in [
            ("messagesId == 'm-1'", "there is no messagesId; did you mean messageId?"),
            ("body.a == 'x' && receiveCounts > `3`", "there is no receiveCounts"),
            ("contains(attribute.a, 'x')", "did you mean attributes?"),
            ("body.n == `12345678901234567890123`", "12345678901234567890123 has more digits"),
            ("contains(`[1, 0.12345678901234567890]`, body.n)", "more digits"),
        ] {
            let error = Filter::default().with_expression(expression).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        for fine in [
            "body.messagesId == 'x'",
            "body.all[?messagesId == 'x']",
            "values(@)[0]",
            "body.Records != null",
            "body.n == `0.1` || body.n == `18446744073709551615`",
            "body.n == '12345678901234567890123'",
            "[body, messageId] | [0].x",
            "sort_by(body.all, &x)[0]",
        ] {
            assert!(Filter::default().with_expression(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn expressions_see_everything() {
        for (expression, is_met) in [
            ("body.task == 'resize'", true),
            ("body.size > `7`", false),
            ("attributes.tenant == 'a' && receiveCount == `4`", true),
            ("messageId == 'm-1'", true),
            ("ageSeconds >= `100`", true),
            ("contains(reason, 'timed out')", true),
            ("body.other", false),
            ("type(body.size) == 'string' && starts_with(body.size, 'x')", false),
        ] {
            let filter = Filter::default().with_expression(expression).unwrap();
            let found = filter.is_met(&message(), Some("it timed out"), NOW);
            assert_eq!(found, Ok(is_met), "{expression}");
        }
        for expression in ["length(body.size)", "starts_with(body.other, 'x')"] {
            let filter = Filter::default().with_expression(expression).unwrap();
            assert!(filter.may_fail());
            let error = filter.is_met(&message(), None, NOW).unwrap_err();
            assert!(error.message_id == "m-1" && error.problem.contains("type"), "{error}");
        }
        assert!(!Filter::default().with_expression("body.size > `7`").unwrap().may_fail());
        for expression in ["start_with(body.a, 'x')", "contains(body)"] {
            assert!(Filter::default().with_expression(expression).is_err(), "{expression}");
        }
        assert!(Filter::default().with_expression("body.").is_err());
        let text = DeadLetter { body: "no JSON".to_owned(), ..message() };
        let filter = Filter::default().with_expression("contains(body, 'JSON')").unwrap();
        assert_eq!(filter.is_met(&text, None, NOW), Ok(true));
    }

    /// Every construct by which an expression nests: what stands before and behind an operand.
    const NESTING: [(&str, &str); 16] = [
        ("(", ")"),
        ("[", "]"),
        ("@.{a: ", "}"),
        ("length(", ")"),
        ("!", ""),
        ("& ", ""),
        ("", ".a"),
        ("", "[0]"),
        ("", "[]"),
        ("", "[1:]"),
        ("", "[?a]"),
        ("body[?", "]"),
        ("", "|@"),
        ("", "||body"),
        ("", "==body"),
        ("(", ""),
    ];

    fn nested((before, after): (&str, &str), depth: usize) -> String {
        format!("{}body{}", before.repeat(depth), after.repeat(depth))
    }

    /// On a thread with half the stack that a worker of tokio has.
    fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(test);
        thread.unwrap().join().unwrap();
    }

    #[test]
    fn an_expression_at_the_limit_is_read_applied_and_dropped() {
        on_a_small_stack(|| {
            for around in NESTING {
                let expression = nested(around, NESTING_MAX / nesting(&nested(around, 1)));
                if let Ok(filter) = Filter::default().with_expression(&expression) {
                    let _ = filter.clone().is_met(&message(), None, NOW);
                } else {
                    assert!(jmespath::parse(&expression).is_err(), "{expression}");
                }
            }
        });
    }

    #[test]
    fn an_expression_beyond_the_limit_is_refused_however_deep_it_is() {
        on_a_small_stack(|| {
            for around in NESTING {
                for depth in [NESTING_MAX + 1, 20_000, 200_000] {
                    let refusal =
                        Filter::default().with_expression(&nested(around, depth)).unwrap_err();
                    assert!(refusal.problem.contains("the limit is 100"), "{refusal}");
                    assert!(refusal.to_string().len() < 1000, "{refusal}");
                }
            }
        });
    }

    #[test]
    fn a_literal_or_a_body_that_nests_too_deep_is_not_read() {
        on_a_small_stack(|| {
            let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
            assert!(Filter::default().with_expression(&format!("body == `{deep}`")).is_err());
            let filter = Filter::default().with_expression("type(body) == 'string'").unwrap();
            let error =
                filter.is_met(&DeadLetter { body: deep, ..message() }, None, NOW).unwrap_err();
            assert!(error.is_unreadable && error.problem.contains("nests deeper"), "{error}");
            // One at the limit is read, compared and dropped.
            let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
            let filter = Filter::default().with_expression("body == body").unwrap();
            assert_eq!(filter.is_met(&DeadLetter { body: deep, ..message() }, None, NOW), Ok(true));
        });
    }

    #[test]
    fn each_condition_has_to_be_met() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let all = Filter::default;
        for (filter, is_met) in [
            (all(), true),
            (Filter { older_than: seconds(100), ..all() }, true),
            (Filter { older_than: seconds(101), ..all() }, false),
            (Filter { newer_than: seconds(101), ..all() }, true),
            (Filter { newer_than: seconds(100), ..all() }, false),
            (Filter { receives: Some((4, 4)), ..all() }, true),
            (Filter { receives: Some((5, 9)), ..all() }, false),
            (Filter { reason: Some("slow".to_owned()), ..all() }, true),
            (Filter { reason: Some("fast".to_owned()), ..all() }, false),
        ] {
            assert_eq!(filter.is_met(&message(), Some("too slow"), NOW), Ok(is_met), "{filter:?}");
            let unknown = DeadLetter { sent_at: None, receive_count: None, ..message() };
            let expected = Ok(filter.is_everything());
            assert_eq!(filter.is_met(&unknown, None, NOW), expected, "{filter:?}");
        }
    }
}
