use jmespath::ast::Ast;
use proptest::prelude::*;

use super::*;

#[test]
fn brackets_nest_and_what_is_side_by_side_does_not() {
    for (expression, depth) in [
        ("", 0),
        ("a", 0),
        ("((a))", 2),
        ("[a.b, c.d, e.f]", 2),
        ("[[a], [b], [[c]]]", 3),
        ("a.b.c", 2),
        ("a[0][1]", 2),
        ("!!a", 2),
        ("a || b || c", 2),
        ("a == 'x' || a == 'y' || a == 'z'", 3),
        ("a.b == c.d && e.f != g.h", 3),
        ("map(&a.b, @)", 3),
        ("map(&a | &b | &c, @)", 6),
        ("sort_by(@, &a), b", 2),
        ("'((((' == \"[[[[\"", 1),
        (r"'\'((' == `{\``", 1),
        ("a)((", 2),
    ] {
        assert_eq!(nesting(expression), depth, "{expression}");
    }
}

/// How deep the tree of an expression is.
fn depth(ast: &Ast) -> usize {
    1 + match ast {
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => 0,
        Ast::Expref { ast: node, .. }
        | Ast::Flatten { node, .. }
        | Ast::Not { node, .. }
        | Ast::ObjectValues { node, .. } => depth(node),
        Ast::Function { args: all, .. } | Ast::MultiList { elements: all, .. } => {
            all.iter().map(depth).max().unwrap_or(0)
        }
        Ast::MultiHash { elements, .. } => {
            elements.iter().map(|pair| depth(&pair.value)).max().unwrap_or(0)
        }
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Condition { predicate: lhs, then: rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => depth(lhs).max(depth(rhs)),
    }
}

/// Pieces of the grammar, with what may follow what left to chance and the parser.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", ".", "|", "||", "&&", "&", "!", "!=", "==", "<", ">=", "*", "(", ")", "[", "]",
        "{a:", "}", ",", "[]", "[*]", "[0]", "[1:2]", "[?", "@", "f(", "'x'", "`1`", ".*", ".&",
        ".[", ".{b:", " ",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Expressions, put together as the grammar says.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "@", "*", "'x'", "[]", "`[1]`", "[::2]"]);
    leaf.prop_map(str::to_owned).prop_recursive(8, 64, 3, |inner| {
        let operator = prop::sample::select(vec![
            "||", "&&", "|", "==", "<", ".*.", ".", "[*].", "[]", "[?a].", "[1:].", ".&",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("{a}{op}{b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("!{a}")),
            inner.clone().prop_map(|a| format!("map(&{a}, @)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("@.{{x: {a}, y: {b}}}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{a}[?{b}]")),
        ]
    })
}

proptest! {
    /// One operator is at most three nodes: a slice is one of a value, a projection, and the slice itself.
    #[test]
    fn a_tree_is_never_deeper_than_its_text_says(expression in prop_oneof![soup(), expression()]) {
        if let Ok(ast) = jmespath::parse(&expression) {
            let (depth, nesting) = (depth(&ast), nesting(&expression));
            prop_assert!(depth <= 3 * nesting + 1, "{expression}: {depth} > 3 * {nesting} + 1");
        }
    }

    #[test]
    fn any_text_has_a_depth(text in ".*") {
        prop_assert!(nesting(&text) <= text.len());
    }
}
