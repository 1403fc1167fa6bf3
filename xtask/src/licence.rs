//! Licences: SPDX expressions, and which of them are permissive.
//!
//! Source: <https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>.

/// The licences under which a dependency may be, alone or in combination: all that they ask for is that their text is
/// kept, or for the Blue Oak Model License that text or a link to it.
const PERMISSIVE: [&str; 10] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// The exceptions that add permissions to a permissive licence.
const EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

/// Whether an expression lets us choose permissive licences only. What is no expression is not permissive.
pub(crate) fn is_permissive(expression: &str) -> bool {
    // Before SPDX expressions, crates wrote `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = Words { words: spaced.split_whitespace().collect() };
    words.either() == Some(true) && words.words.is_empty()
}

/// What is left of an expression. Each method reads one construct and returns whether it is permissive, or `None`
/// where the construct is not there.
struct Words<'a> {
    words: Vec<&'a str>,
}

impl Words<'_> {
    /// `OR` binds least; one permissive side is enough.
    fn either(&mut self) -> Option<bool> {
        let mut permissive = self.both()?;
        while self.take("OR") {
            permissive |= self.both()?;
        }
        Some(permissive)
    }

    /// With `AND`, both sides apply.
    fn both(&mut self) -> Option<bool> {
        let mut permissive = self.one()?;
        while self.take("AND") {
            permissive &= self.one()?;
        }
        Some(permissive)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let inner = self.either()?;
            return self.take(")").then_some(inner);
        }
        let name = self.next().filter(|word| !matches!(*word, "OR" | "AND" | "WITH" | ")"))?;
        let mut permissive = PERMISSIVE.contains(&name);
        if self.take("WITH") {
            permissive &= EXCEPTIONS.contains(&self.next()?);
        }
        Some(permissive)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words.remove(0);
        }
        found
    }

    fn next(&mut self) -> Option<&str> {
        (!self.words.is_empty()).then(|| self.words.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_one_permissive_side_and_a_sum_both() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "MIT OR GPL-3.0-only",
            "GPL-3.0-only OR MIT AND ISC",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_permissive(expression), "{expression}");
        }
    }

    #[test]
    fn what_forces_another_licence_on_us_is_not_permissive() {
        for expression in [
            "GPL-3.0-only",
            "MPL-2.0",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND GPL-3.0-only",
            "MIT WITH Classpath-exception-2.0",
        ] {
            assert!(!is_permissive(expression), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_permissive() {
        for expression in
            ["", "MIT OR", "OR MIT", "MIT Apache-2.0", "(MIT", "MIT)", "()", "MIT WITH", "mit"]
        {
            assert!(!is_permissive(expression), "{expression}");
        }
    }
}
