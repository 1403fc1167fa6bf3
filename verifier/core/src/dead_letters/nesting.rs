//! How deep an expression nests, by a look at its text that needs no stack of its own.

use std::iter::Peekable;
use std::str::Chars;

/// The classes of operators, from those that bind most loosely. The operators that bind more tightly are below one.
const PIPE: usize = 0;
const OR: usize = 1;
const AND: usize = 2;
const COMPARISON: usize = 3;
/// `.`, `*`, `!`, and whatever is in brackets.
const TIGHTEST: usize = 4;
const CLASSES: usize = 5;

/// At most how deep a JMESPath expression nests: by brackets, operators, and chains of operators. It is an upper bound
/// also for text that is no expression, up to where the parser ends.
///
/// Source: <https://jmespath.org/specification.html#grammar>, and its section on precedence.
pub(super) fn nesting(expression: &str) -> usize {
    let mut scan = Scan { levels: vec![Level::default()] };
    let mut characters = expression.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\'' | '`' => skip_quoted(&mut characters, character),
            '(' | '[' | '{' => scan.open(false),
            ')' | ']' | '}' => scan.close(),
            ',' => scan.next_operand(),
            '|' if characters.next_if_eq(&'|').is_some() => scan.count(OR),
            '|' => scan.count(PIPE),
            '&' if characters.next_if_eq(&'&').is_some() => scan.count(AND),
            // A reference to an expression takes everything up to the end of its operand.
            '&' => scan.open(true),
            '!' if characters.peek() != Some(&'=') => scan.count(TIGHTEST),
            '!' | '=' | '<' | '>' => {
                let _ = characters.next_if_eq(&'=');
                scan.count(COMPARISON);
            }
            '.' | '*' => scan.count(TIGHTEST),
            _ => {}
        }
    }
    scan.depth()
}

/// Skips a quoted part; a backslash escapes whatever follows it.
fn skip_quoted(characters: &mut Peekable<Chars<'_>>, quote: char) {
    while let Some(character) = characters.next() {
        if character == quote {
            return;
        }
        if character == '\\' {
            characters.next();
        }
    }
}

/// The brackets that are open, the outermost first; the first is the whole.
struct Scan {
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Default)]
struct Level {
    /// Whether it ends where the text around it does, instead of at a bracket.
    is_reference: bool,
    /// How many operators of each class follow one another, with none in between that binds more loosely.
    run: [usize; CLASSES],
    longest: [usize; CLASSES],
    /// How deep the deepest bracket of this operand is.
    bracket: usize,
    /// How deep the deepest operand is that a comma has ended.
    before: usize,
}

impl Scan {
    fn open(&mut self, is_reference: bool) {
        self.count(TIGHTEST);
        self.levels.push(Level { is_reference, ..Level::default() });
    }

    fn close(&mut self) {
        self.end_references();
        // The parser refuses a bracket that closes nothing, and looks no further.
        if self.levels.len() > 1 {
            self.end_innermost();
        }
    }

    /// Elements and arguments are side by side: a list is as deep as its deepest.
    fn next_operand(&mut self) {
        self.end_references();
        if let Some(level) = self.levels.last_mut() {
            *level = Level { before: level.depth(), ..Level::default() };
        }
    }

    fn count(&mut self, class: usize) {
        if let Some(level) = self.levels.last_mut() {
            level.run[class] += 1;
            level.longest[class] = level.longest[class].max(level.run[class]);
            level.run[class + 1..].fill(0);
        }
    }

    fn end_references(&mut self) {
        while self.levels.last().is_some_and(|level| level.is_reference) {
            self.end_innermost();
        }
    }

    fn end_innermost(&mut self) {
        let depth = self.levels.pop().map_or(0, |level| level.depth());
        if let Some(level) = self.levels.last_mut() {
            level.bracket = level.bracket.max(depth);
        }
    }

    fn depth(mut self) -> usize {
        while self.levels.len() > 1 {
            self.end_innermost();
        }
        self.levels.first().map_or(0, Level::depth)
    }
}

impl Level {
    fn depth(&self) -> usize {
        let operand = self.longest.iter().sum::<usize>() + self.bracket;
        operand.max(self.before)
    }
}

#[cfg(test)]
mod tests;
