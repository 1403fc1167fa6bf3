//! Whether an expression's functions exist and have as many arguments as they take, before anything is evaluated.

use jmespath::ast::Ast;
use jmespath::{DEFAULT_RUNTIME, Expression, JmespathError, Rcvar, Variable};

/// The functions of JMESPath: their names, how many arguments they take at least, and whether they take more.
///
/// Source: <https://jmespath.org/specification.html#built-in-functions>.
const FUNCTIONS: &[(&str, usize, bool)] = &[
    ("abs", 1, false),
    ("avg", 1, false),
    ("ceil", 1, false),
    ("contains", 2, false),
    ("ends_with", 2, false),
    ("floor", 1, false),
    ("join", 2, false),
    ("keys", 1, false),
    ("length", 1, false),
    ("map", 2, false),
    ("max", 1, false),
    ("max_by", 2, false),
    ("merge", 1, true),
    ("min", 1, false),
    ("min_by", 2, false),
    ("not_null", 1, true),
    ("reverse", 1, false),
    ("sort", 1, false),
    ("sort_by", 2, false),
    ("starts_with", 2, false),
    ("sum", 1, false),
    ("to_array", 1, false),
    ("to_number", 1, false),
    ("to_string", 1, false),
    ("type", 1, false),
    ("values", 1, false),
];
/// How similar a name has to be to be suggested.
const SIMILAR: f64 = 0.7;

/// Which of those names was probably meant, as something that can be added to what is said.
pub(super) fn hint<'a>(names: impl IntoIterator<Item = &'a str>, name: &str) -> String {
    let similarity = |known: &str| strsim::jaro_winkler(known, name);
    let nearest = names.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let nearest = nearest.filter(|known| similarity(known) >= SIMILAR);
    nearest.map_or(String::new(), |known| format!("; did you mean {known}?"))
}

/// What is wrong with the functions of an expression, if something is.
pub(super) fn problem(ast: &Ast) -> Option<String> {
    calls(ast).into_iter().find_map(|(name, count)| of_call(name, count))
}

/// Whether evaluating it may fail on some message: only functions care about types.
pub(super) fn has_calls(ast: &Ast) -> bool {
    !calls(ast).is_empty()
}

/// Whether an expression looks at a field of what it is applied to. A field of that name within another one is not meant.
pub(super) fn looks_at(ast: &Ast, field: &str) -> bool {
    let mut open = vec![ast];
    while let Some(ast) = open.pop() {
        match ast {
            Ast::Field { name, .. } if name == field => return true,
            // What stands behind a field is applied to its value.
            Ast::Projection { lhs, rhs, .. } | Ast::Subexpr { lhs, rhs, .. } => {
                open.push(lhs.as_ref());
                if !matches!(**lhs, Ast::Field { .. } | Ast::Subexpr { .. } | Ast::Index { .. }) {
                    open.push(rhs.as_ref());
                }
            }
            other => open.extend(parts(other)),
        }
    }
    false
}

/// Whether an expression may look at everything that it is applied to at once.
pub(super) fn looks_at_all(ast: &Ast) -> bool {
    let mut open = vec![ast];
    while let Some(ast) = open.pop() {
        if matches!(ast, Ast::Identity { .. }) {
            return true;
        }
        open.extend(parts(ast));
    }
    false
}

/// A field that an expression looks for in what it is applied to, and that is not known there.
pub(super) fn unknown_field(ast: &Ast, is_known: impl Fn(&str) -> bool) -> Option<&str> {
    let mut open = vec![ast];
    while let Some(ast) = open.pop() {
        match ast {
            Ast::Field { name, .. } if !is_known(name) => return Some(name),
            // What stands behind something is applied to its value, as is what functions apply to each of many.
            Ast::Projection { lhs, .. } | Ast::Subexpr { lhs, .. } => open.push(lhs),
            Ast::Expref { .. } | Ast::Condition { .. } => {}
            other => open.extend(parts(other)),
        }
    }
    None
}

/// The values that an expression names.
pub(super) fn literals(ast: &Ast) -> Vec<&Rcvar> {
    let (mut found, mut open) = (Vec::new(), vec![ast]);
    while let Some(ast) = open.pop() {
        if let Ast::Literal { value, .. } = ast {
            found.push(value);
        }
        open.extend(parts(ast));
    }
    found
}

/// An expression with other values in place of those that it names.
pub(super) fn with_literals(ast: &Ast, change: &dyn Fn(&Variable) -> Variable) -> Ast {
    let mut changed = ast.clone();
    let mut open = vec![&mut changed];
    while let Some(ast) = open.pop() {
        match ast {
            Ast::Literal { value, .. } => *value = Rcvar::new(change(value)),
            Ast::Function { args: parts, .. } | Ast::MultiList { elements: parts, .. } => {
                open.extend(parts);
            }
            Ast::Comparison { lhs, rhs, .. }
            | Ast::Projection { lhs, rhs, .. }
            | Ast::And { lhs, rhs, .. }
            | Ast::Or { lhs, rhs, .. }
            | Ast::Subexpr { lhs, rhs, .. } => open.extend([&mut **lhs, &mut **rhs]),
            Ast::Condition { predicate, then, .. } => {
                open.extend([&mut **predicate, &mut **then]);
            }
            Ast::Expref { ast: node, .. }
            | Ast::Flatten { node, .. }
            | Ast::Not { node, .. }
            | Ast::ObjectValues { node, .. } => open.push(node),
            Ast::MultiHash { elements, .. } => {
                open.extend(elements.iter_mut().map(|pair| &mut pair.value));
            }
            Ast::Identity { .. } | Ast::Field { .. } | Ast::Index { .. } | Ast::Slice { .. } => {}
        }
    }
    changed
}

/// Whether an expression holds whatever value a field has that is not known; `None` where that depends on it.
pub(super) fn without(
    ast: &Ast,
    unknown: &str,
    document: &Rcvar,
) -> Result<Option<bool>, JmespathError> {
    let of = |ast: &Ast| without(ast, unknown, document);
    Ok(match ast {
        Ast::Or { lhs, rhs, .. } => match of(lhs)? {
            Some(true) => Some(true),
            left => match (left, of(rhs)?) {
                (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        },
        Ast::And { lhs, rhs, .. } => match of(lhs)? {
            Some(false) => Some(false),
            left => match (left, of(rhs)?) {
                (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
        },
        Ast::Not { node, .. } => of(node)?.map(|holds| !holds),
        other if looks_at(other, unknown) => None,
        other => {
            let expression = Expression::new("", other.clone(), &DEFAULT_RUNTIME);
            Some(expression.search(document.clone())?.is_truthy())
        }
    })
}

fn of_call(name: &str, count: usize) -> Option<String> {
    let Some((_, least, takes_more)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        let hint = hint(FUNCTIONS.iter().map(|(known, ..)| *known), name);
        return Some(format!("there is no function {name}{hint}"));
    };
    let fits = count == *least || *takes_more && count > *least;
    let more = if *takes_more { "or more " } else { "" };
    (!fits).then(|| format!("{name} takes {least} {more}arguments, and has {count}"))
}

/// The functions that are called, with how many arguments.
pub(super) fn calls(ast: &Ast) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut open = vec![ast];
    while let Some(ast) = open.pop() {
        if let Ast::Function { name, args, .. } = ast {
            found.push((name.as_str(), args.len()));
        }
        open.extend(parts(ast));
    }
    found
}

/// The expressions of which one is made.
fn parts(ast: &Ast) -> Vec<&Ast> {
    match ast {
        Ast::Function { args: parts, .. } | Ast::MultiList { elements: parts, .. } => {
            parts.iter().collect()
        }
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => vec![lhs.as_ref(), rhs.as_ref()],
        Ast::Condition { predicate, then, .. } => vec![predicate.as_ref(), then.as_ref()],
        Ast::Expref { ast: node, .. }
        | Ast::Flatten { node, .. }
        | Ast::Not { node, .. }
        | Ast::ObjectValues { node, .. } => vec![node.as_ref()],
        Ast::MultiHash { elements, .. } => elements.iter().map(|pair| &pair.value).collect(),
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Option<String> {
        problem(&jmespath::parse(expression).unwrap())
    }

    #[test]
    fn a_field_is_told_from_one_of_that_name_within_another() {
        for (expression, looks) in [
            ("reason", true),
            ("!reason", true),
            ("!contains(reason || '', 'x')", true),
            ("body.size > `7` && reason != 'x'", true),
            ("@.reason", true),
            ("[reason, messageId] | [0]", true),
            ("body.reason == 'x'", false),
            ("body.a[?reason == 'x']", false),
            ("contains(messageId, 'reason')", false),
        ] {
            let ast = jmespath::parse(expression).unwrap();
            assert_eq!(looks_at(&ast, "reason"), looks, "{expression}");
        }
    }

    #[test]
    fn functions_that_do_not_exist_are_found_wherever_they_are() {
        for expression in [
            "start_with(body.a, 'x')",
            "a && !start_with(a, 'x')",
            "[a, start_with(a, 'x')]",
            "{b: start_with(a, 'x')}",
            "a[?start_with(@, 'x')].b",
            "length(start_with(a, 'x'))",
            "sort_by(a, &start_with(@, 'x'))",
            "a | start_with(@, 'x')",
            "start_with(a, 'x')[0][]",
            "a == start_with(a, 'x')",
        ] {
            let found = of(expression).unwrap();
            assert_eq!(found, "there is no function start_with; did you mean starts_with?");
        }
        assert_eq!(of("zzz(a)").unwrap(), "there is no function zzz");
    }

    #[test]
    fn arguments_are_counted() {
        assert_eq!(of("contains(a)").unwrap(), "contains takes 2 arguments, and has 1");
        assert_eq!(of("length(a, b)").unwrap(), "length takes 1 arguments, and has 2");
        assert_eq!(of("not_null()").unwrap(), "not_null takes 1 or more arguments, and has 0");
        for fine in ["contains(a, 'x')", "not_null(a, b, c)", "merge(a)", "a.b[0]", "body == `1`"] {
            assert_eq!(of(fine), None, "{fine}");
        }
        assert!(has_calls(&jmespath::parse("a || length(b)").unwrap()));
        assert!(!has_calls(&jmespath::parse("a.b > `1`").unwrap()));
    }

    #[test]
    fn every_function_of_the_library_is_known() {
        for (name, least, _) in FUNCTIONS {
            let arguments = vec!["@"; *least].join(", ");
            let expression = jmespath::compile(&format!("{name}({arguments})")).unwrap();
            let error =
                expression.search(jmespath::Variable::Null).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(!error.contains("undefined") && !error.contains("rguments"), "{name}: {error}");
        }
    }
}
