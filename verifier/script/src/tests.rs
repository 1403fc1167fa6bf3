use proptest::prelude::*;

use super::*;

const PAGE: &str = "https://p.example/index.html";

/// The text that a script leaves in `window.J`; an error of the script after that.
fn left(source: &str) -> Result<Option<String>, String> {
    match run(source, PAGE) {
        Script::Ended { window, .. } => Ok(window.get("J").cloned().flatten()),
        Script::Undecided { why } => Err(why),
    }
}

fn leaves(source: &str, text: &str) {
    assert_eq!(left(source), Ok(Some(text.to_owned())), "{source}");
}

fn leaves_nothing(source: &str) {
    assert_eq!(left(source), Ok(None), "{source}");
}

#[test]
fn every_way_to_set_a_property_of_the_window_is_one() {
    for source in [
        "window.J = \"u\";",
        "globalThis[\"J\"] = `u`;",
        "J = 'u'",
        "var a = 1, J = 'u';",
        "'use strict'; self.J = 'u'; // the end",
        "this.J = 'u'; top.a = frames.b = parent.c = window.window.d = 1",
        "\u{feff}window.J = '\\u0075';",
        "const b = 'u'; window.J = `${b}`;",
        "(function (w) { w.J = 'u' })(window);",
        "!function(e){e.J='u'}(window),window.t=!0,window.n=.5;",
        "(() => { window.J = 'u' })();",
        "Object.assign(window, JSON.parse('{\"J\":\"u\"}'));",
        "Object.defineProperty(window, 'J', { value: 'u' });",
        "window.J ??= 'u'; window.J = window.J || 'x';",
        "window.x = /['\"(]/; window.y = `a${`b${1}`}`; window.J = 'u'",
        "<!-- it's\nJ = 'u'",
        "#!/it's\nJ = 'u'",
        "if (typeof window !== 'undefined' && location.hostname === 'p.example') J = 'u';",
        "console.log('x'); Promise.resolve('u').then((u) => { window.J = u });",
        "let other = 1; { let window = {}; window.J = 'x' } window.J = 'u';",
        "window.J = 'u'; foo.bar();",
    ] {
        leaves(source, "u");
    }
    leaves("window.J = new URL('/jobs', 'https://A.example:443/x').href", "https://a.example/jobs");
    leaves("J = `${location.protocol}//${location.host}/jobs`", "https://p.example/jobs");
}

#[test]
fn the_last_value_counts_under_whatever_name_the_window_is_reached() {
    for source in [
        "this.J = 'z'",
        "self.window.J = 'z'",
        "window.window.J = 'z'",
        "frames.J = 'z'",
        "top['J'] = 'z'",
        "parent.J = 'z'",
        "globalThis['\\x4a'] = 'z'",
        "(function (w, k) { w[k] = 'z' })(window, 'J')",
        "[window.J] = ['z']",
        "eval(\"J = 'z'\")",
        "with (window) { J = 'z' }",
        "Reflect.set(window, 'J', 'z')",
    ] {
        leaves(&format!("window.J = 'u';\n{source}"), "z");
    }
    // A carriage return alone ends a line, and so do the two separators of Unicode.
    for end in ["\r", "\u{2028}", "\u{2029}"] {
        leaves(&format!("window.J = 'u'; // x{end}window.J = 'z'"), "z");
    }
    // The time and chance may choose what is no address.
    leaves("window.BUILD = Date.now() + '-' + Math.random(); window.J = 'https://u'", "https://u");
    leaves("window.J = new Date(0).toISOString() + Date.UTC(1970, 0)", "1970-01-01T00:00:00.000Z0");
    leaves("window.J = new Date() instanceof Date && Date().length > 9 ? 'u' : 'v'", "u");
    leaves("Object.defineProperty(window, 'J', { value: 'z' }); J = 'u'", "z");
    leaves_nothing("window.J = 'u'; delete window.J");
    leaves_nothing("window.J = 'u'; window.J = 7");
}

#[test]
fn what_ends_with_an_error_before_it_sets_anything_sets_nothing() {
    for source in [
        "'use strict'; J = 'u'",
        "CONFIG.jobUrl = 'x'; J = 'u'",
        "window.a.b = 1; J = 'u'",
        "const a = 1; a = 2; J = 'u'",
        "let a; let a; J = 'u'",
        "let a; var a; J = 'u'",
        "const location = 1; J = 'u'",
        "var class = 1; J = 'u'",
        "window.a = 1 window.b = 2; J = 'u'",
        "'use strict'; window.a = 017; J = 'u'",
        "window.a = 1__0; J = 'u'",
        "window.a = 3in; J = 'u'",
        "J = 'u'; window.x = ;",
        "J = 'u",
        "J = 'u'; export {}",
        "import './x.js'; J = 'u'",
        "await 0; J = 'u'",
        "return; J = 'u'",
        "<!doctype html><p>",
        "{\"J\": \"u\"}",
        "throw 'x'; J = 'u'",
    ] {
        leaves_nothing(source);
        let Script::Ended { error, .. } = run(source, PAGE) else { panic!("{source}") };
        assert!(error.is_some(), "{source}");
    }
}

#[test]
fn declarations_that_are_no_properties_are_told_apart() {
    let ended = run("let a = 'x'; const C = { jobs: ['u'] }; var v = 'w'; class K {}", PAGE);
    let Script::Ended { window, declared, error: None } = ended else { panic!("{ended:?}") };
    assert_eq!(window, [("v".to_owned(), Some("w".to_owned()))].into());
    assert_eq!(declared.get("a"), Some(&Some("x".to_owned())));
    assert_eq!(declared.get("C.jobs.0"), Some(&Some("u".to_owned())));
    let ended = run("window.C = { jobs: 'u', n: [1, null], f() {} }; C.w = window;", PAGE);
    let Script::Ended { window, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(window.get("C.jobs"), Some(&Some("u".to_owned())));
    assert_eq!(window.get("C.n.1"), Some(&None));
}

#[test]
fn what_depends_on_more_than_the_language_is_undecided() {
    for source in [
        "window.J = Math.random() < 0.5 ? 'https://a.example' : 'https://b.example'",
        "window.J = 'https://a' + Date.now() + '.example'",
        "window.J = `https://${new Date().getDay()}.example`",
        "window.J = document.title",
        "window.J = navigator.language",
        "if (localStorage.getItem('x')) J = 'u'",
        "setTimeout(() => { J = 'u' }, 5000)",
        "window.location = 'https://evil.example'; J = 'u'",
        "const u = new URL('https://a.example'); u.pathname = '/x'; J = u.href",
        "while (true) {} J = 'u'",
        "/(a+)+b/.test('a'.repeat(50)); J = 'u'",
        "J = 'u'.repeat(1e9)",
        "function f() { f() } f()",
        "function f() { Promise.resolve().then(f) } f()",
    ] {
        assert!(left(source).is_err(), "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_run_and_a_literal_is_what_was_written(text in any::<String>()) {
        let _ = run(&text, PAGE);
        let literal = serde_json::to_string(&text).expect("a text");
        prop_assert_eq!(left(&format!("window.J = {literal};")), Ok(Some(text)));
    }
}
