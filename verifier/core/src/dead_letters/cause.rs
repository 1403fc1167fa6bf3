//! Why a message failed, and how that is known.

use super::shape;

/// Why a message failed, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A line says so that is about the message by its own fields, or an invocation does whose lines are, or a service has written
    /// it on it.
    Told(String),
    /// A line of free text mentions the message, which may be about another one; or no line names it. By the time of its first receive, every invocation that can have held it failed for this
    /// reason. It may have been in none: a throttled invocation writes nothing, and still counts as a receive.
    Inferred(String),
    /// No line names the message, and the invocations of that time do not agree.
    OneOf {
        /// The shapes of their reasons.
        reasons: Vec<String>,
        /// Whether it may have failed for another reason, since some of those invocations tell of none.
        may_be_another: bool,
    },
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Cause {
    /// The reason that is told. What is deleted or sent for its reason is chosen by this alone.
    pub fn told(&self) -> Option<&str> {
        match self {
            Self::Told(reason) => Some(reason),
            Self::Inferred(_) | Self::OneOf { .. } | Self::Unknown => None,
        }
    }

    /// The reason that is inferred.
    pub fn inferred(&self) -> Option<&str> {
        match self {
            Self::Inferred(reason) => Some(reason),
            Self::Told(_) | Self::OneOf { .. } | Self::Unknown => None,
        }
    }

    /// The reason, told or inferred.
    pub fn reason(&self) -> Option<&str> {
        self.told().or(self.inferred())
    }

    /// The reasons of which one may be it, where that is all that is known.
    pub fn possible(&self) -> &[String] {
        match self {
            Self::OneOf { reasons, .. } => reasons,
            Self::Told(_) | Self::Inferred(_) | Self::Unknown => &[],
        }
    }

    /// What is said of a message that is left out for want of a told reason: the inferred one, or what else is known.
    pub fn untold(&self) -> String {
        self.inferred().map_or_else(|| self.in_words(), str::to_owned)
    }

    /// The same with the shape of its reason, by which messages of one cause are one group.
    #[must_use]
    pub fn shape(self) -> Self {
        match self {
            Self::Told(reason) => Self::Told(shape(&reason)),
            Self::Inferred(reason) => Self::Inferred(shape(&reason)),
            // Those are shapes.
            Self::OneOf { .. } | Self::Unknown => self,
        }
    }

    /// In words: the reason, how it is known where it is not told, and the candidates where it is not known.
    pub fn in_words(&self) -> String {
        match self {
            Self::Told(reason) => reason.clone(),
            Self::Inferred(reason) => format!("inferred: {reason}"),
            Self::OneOf { reasons, may_be_another: false } => {
                format!("unknown: one of {}", reasons.join("; "))
            }
            Self::OneOf { reasons, may_be_another: true } => {
                format!("unknown: perhaps {}", reasons.join("; "))
            }
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_told_selects_and_everything_is_said() {
        let reasons = vec!["slow".to_owned(), "full".to_owned()];
        let one_of = |may_be_another| Cause::OneOf { reasons: reasons.clone(), may_be_another };
        for (cause, told, reason, words) in [
            (Cause::Told("slow".to_owned()), Some("slow"), Some("slow"), "slow"),
            (Cause::Inferred("slow".to_owned()), None, Some("slow"), "inferred: slow"),
            (one_of(false), None, None, "unknown: one of slow; full"),
            (one_of(true), None, None, "unknown: perhaps slow; full"),
            (Cause::Unknown, None, None, "unknown"),
        ] {
            assert_eq!((cause.told(), cause.reason()), (told, reason));
            assert_eq!(cause.in_words(), words);
        }
    }
}
