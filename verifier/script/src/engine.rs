//! The engine that runs a configuration script: `QuickJS`, without its libraries for files and processes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use regex::Regex;
use rquickjs::context::EvalOptions;
use rquickjs::function::Opt;
use rquickjs::object::Filter;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Runtime, Value};
use url::Url;
use verifier_core::check::script::{Script, Values, below};

/// The most memory that a script and the engine may take, in bytes.
const MEMORY_BYTES_MAX: usize = 8 * 1_048_576;

/// The most of the native stack that it may take, in bytes.
const STACK_BYTES_MAX: usize = 256 * 1024;

/// How often the engine may ask whether to go on. It asks about every 10,000 steps.
const ASKS_MAX: u32 = 500;

/// The most jobs of promises that are run after the script.
const JOBS_MAX: u32 = 1_000;

/// How deep members of objects are looked at, and how many in all.
const DEPTH_MAX: usize = 6;
const VALUES_MAX: usize = 1_000;

/// Why a script that runs for too long is undecided.
pub(super) const DOES_NOT_END: &str = "it does not end within the verifier's bounds";

/// What is beside the language in a browser.
const BROWSER: &str = include_str!("browser.js");

/// Why a script is undecided that uses the time, or chance, to choose an address.
const DIFFERS: &str =
    "the address that it sets differs from one visit to the next, by the time or by Math.random";

/// How much later the second visit of a page is, in milliseconds: another part of each hour, day, week and year.
const LATER_MILLIS: f64 = 11_861_234_567.0;

/// What differs from one visit of a page to the next.
#[derive(Clone, Debug, Default)]
struct Visit {
    /// How much later than now it is, in milliseconds.
    later_millis: f64,
    /// The last number that chance gave, below 1.
    chance: Rc<Cell<f64>>,
    /// Whether the script asked for the time or for chance.
    is_asked: Rc<Cell<bool>>,
}

/// Runs a script to its end, or to a bound; where it uses the time or chance, at two visits of the page.
pub(super) fn run(source: &str, page: &str) -> Script {
    let first = Visit::default();
    let script = run_at(source, page, &first);
    if !first.is_asked.get() {
        return script;
    }
    let later_millis = LATER_MILLIS;
    let second = Visit { later_millis, chance: Rc::new(Cell::new(0.5)), ..Visit::default() };
    match (&script, run_at(source, page, &second)) {
        (Script::Ended { window, declared, .. }, Script::Ended { window: w, declared: d, .. })
            if !is_another_address(window, &w) && !is_another_address(declared, &d) =>
        {
            script
        }
        (Script::Undecided { .. }, _) => script,
        _ => Script::Undecided { why: DIFFERS.to_owned() },
    }
}

/// Whether an address is set at one visit and not at the other.
fn is_another_address(one: &Values, other: &Values) -> bool {
    let addresses = |values: &Values| -> BTreeSet<(String, String)> {
        let texts = values.iter().filter_map(|(path, value)| Some((path, value.as_ref()?)));
        let addresses = texts.filter(|(_, text)| text.contains("//"));
        addresses.map(|(path, text)| (path.clone(), text.clone())).collect()
    };
    addresses(one) != addresses(other)
}

/// Runs a script at a visit of its page.
fn run_at(source: &str, page: &str, visit: &Visit) -> Script {
    let is_stopped = Rc::new(Cell::new(false));
    let notes = Rc::new(RefCell::new(Vec::new()));
    let undecided = |why: String| Script::Undecided { why };
    let Ok(runtime) = Runtime::new() else {
        return undecided("no engine could be made".to_owned());
    };
    bound(&runtime, Rc::clone(&is_stopped));
    let Ok(context) = Context::full(&runtime) else {
        return undecided("no engine could be made".to_owned());
    };
    let started = context.with(|ctx| {
        lend(&ctx, page, &notes, visit).ok()?;
        let before = names(&ctx.globals());
        let error = evaluate(&ctx, source).err();
        Some((before, error))
    });
    let Some((before, error)) = started else {
        return undecided("the engine could not be prepared".to_owned());
    };
    let is_settled = settle(&runtime);
    let (window, declared) = context.with(|ctx| (set(&ctx, &before), declared(&ctx, source)));
    // Read last, since a getter is run when its value is looked at.
    let notes = notes.borrow();
    if let Some(note) = notes.first() {
        return undecided(note.clone());
    }
    let is_beyond = |error: &String| BOUNDS.iter().any(|bound| error.contains(bound));
    if is_stopped.get() || !is_settled || error.as_ref().is_some_and(is_beyond) {
        return undecided(DOES_NOT_END.to_owned());
    }
    Script::Ended { window, declared, error }
}

/// How the engine says that a bound is met.
const BOUNDS: [&str; 3] = ["interrupted", "out of memory", "Maximum call stack size exceeded"];

fn bound(runtime: &Runtime, is_stopped: Rc<Cell<bool>>) {
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let mut asks = 0;
    runtime.set_interrupt_handler(Some(Box::new(move || {
        asks += 1;
        is_stopped.set(asks > ASKS_MAX);
        asks > ASKS_MAX
    })));
}

/// Runs the jobs of promises; `false` where there is no end of them.
fn settle(runtime: &Runtime) -> bool {
    for _ in 0..JOBS_MAX {
        // A job that fails is a promise that nobody waits for.
        if matches!(runtime.execute_pending_job(), Ok(false)) {
            return true;
        }
    }
    false
}

/// Lends what a browser lends.
fn lend(
    ctx: &Ctx<'_>,
    page: &str,
    notes: &Rc<RefCell<Vec<String>>>,
    visit: &Visit,
) -> rquickjs::Result<()> {
    let note = |before: &'static str| {
        let notes = Rc::clone(notes);
        Function::new(ctx.clone(), move |name: String| {
            notes.borrow_mut().push(format!("{before} {name}"));
        })
    };
    let lent: Function<'_> = ctx.eval(BROWSER)?;
    let parse = Function::new(ctx.clone(), |text: String, base: Opt<Option<String>>| {
        parts(&text, base.0.flatten().as_deref())
    })?;
    let Visit { later_millis, chance, is_asked } = visit.clone();
    let asked = Rc::clone(&is_asked);
    let later = Function::new(ctx.clone(), move || {
        asked.set(true);
        later_millis
    })?;
    let random = Function::new(ctx.clone(), move || {
        is_asked.set(true);
        // Steps of the golden ratio are spread evenly.
        chance.set((chance.get() + 0.618_033_988_749_895).fract());
        chance.get()
    })?;
    let (asks, goes_on) = (note("it asks the browser for")?, note("it goes on later, by")?);
    lent.call((page, parse, asks, goes_on, later, random))
}

/// The parts of a URL as browsers name them, as JSON.
///
/// Source: <https://url.spec.whatwg.org/#url-class>.
fn parts(text: &str, base: Option<&str>) -> Option<String> {
    let base = base.map(Url::parse).transpose().ok()?;
    let url = Url::options().base_url(base.as_ref()).parse(text).ok()?;
    let port = url.port().map(|port| port.to_string()).unwrap_or_default();
    let hostname = url.host_str().unwrap_or_default();
    let host = if port.is_empty() { hostname.to_owned() } else { format!("{hostname}:{port}") };
    let marked = |mark: &str, text: Option<&str>| {
        text.filter(|text| !text.is_empty()).map(|text| format!("{mark}{text}")).unwrap_or_default()
    };
    let parts = serde_json::json!({
        "href": url.as_str(),
        "origin": url.origin().ascii_serialization(),
        "protocol": format!("{}:", url.scheme()),
        "username": url.username(),
        "password": url.password().unwrap_or_default(),
        "host": host,
        "hostname": hostname,
        "port": port,
        "pathname": url.path(),
        "search": marked("?", url.query()),
        "hash": marked("#", url.fragment()),
    });
    Some(parts.to_string())
}

/// Runs a script; an error as the console of a browser shows it.
fn evaluate(ctx: &Ctx<'_>, source: &str) -> Result<(), String> {
    if source.contains('\0') {
        // The engine takes none, and a script that holds one is most likely compressed.
        return Err("SyntaxError: it holds a NUL character".to_owned());
    }
    let mut options = EvalOptions::default();
    options.strict = false;
    let ended = ctx.eval_with_options::<Value<'_>, _>(source, options).catch(ctx);
    ended.map(drop).map_err(|error| match error {
        CaughtError::Exception(exception) => {
            let name: Option<String> = exception.get("name").ok();
            let name = name.unwrap_or_else(|| "Error".to_owned());
            format!("{name}: {}", exception.message().unwrap_or_default())
        }
        CaughtError::Value(value) => {
            let text = value.as_string().and_then(|text| text.to_string().ok());
            format!("it throws {}", text.unwrap_or_else(|| value.type_name().to_owned()))
        }
        CaughtError::Error(error) => error.to_string(),
    })
}

fn names(object: &Object<'_>) -> BTreeSet<String> {
    object.own_keys::<String>(Filter::new().string()).filter_map(Result::ok).collect()
}

/// What `window` has that it had not before.
fn set(ctx: &Ctx<'_>, before: &BTreeSet<String>) -> Values {
    let (window, mut values) = (ctx.globals(), Values::new());
    for name in names(&window).difference(before) {
        if let Ok(value) = window.get::<_, Value<'_>>(name.as_str()) {
            values.extend(members(name, &value, &window));
        }
    }
    values
}

/// What a script declares beside the window's properties, as far as it is written at the begin of a declaration.
///
/// Source: <https://tc39.es/ecma262/#sec-globaldeclarationinstantiation>.
fn declared(ctx: &Ctx<'_>, source: &str) -> Values {
    let mut values = Values::new();
    let Ok(declaration) = Regex::new(r"\b(?:let|const|class)\s+([A-Za-z_$][\w$]*)") else {
        return values;
    };
    let window = ctx.globals();
    let found = declaration.captures_iter(source).filter_map(|found| found.get(1));
    for name in found.map(|name| name.as_str()).collect::<BTreeSet<_>>() {
        // A name that only functions know is not there, and a property of the window is reported already.
        let is_own = !window.contains_key(name).unwrap_or(true);
        if let Some(value) =
            is_own.then(|| ctx.eval::<Value<'_>, _>(name).catch(ctx).ok()).flatten()
        {
            values.extend(members(name, &value, &window));
        }
    }
    values
}

/// A value, or the members of an object, which may hold the window, and thereby itself.
fn members<'js>(name: &str, value: &Value<'js>, window: &Object<'js>) -> Values {
    let mut values = Values::new();
    walk(name, value, window, DEPTH_MAX, &mut values);
    values
}

fn walk<'js>(
    path: &str,
    value: &Value<'js>,
    window: &Object<'js>,
    depth: usize,
    values: &mut Values,
) {
    if values.len() >= VALUES_MAX || value.as_object() == Some(window) {
        return;
    }
    if let Some(text) = value.as_string() {
        values.insert(path.to_owned(), text.to_string().ok());
        return;
    }
    let members = value.as_object().filter(|object| !object.is_function() && depth > 0);
    let Some(object) = members else {
        values.insert(path.to_owned(), None);
        return;
    };
    for name in names(object) {
        if let Ok(member) = object.get::<_, Value<'_>>(name.as_str()) {
            walk(&below(path, &name), &member, window, depth - 1, values);
        }
    }
}
