//! Stacks whose page, whose configuration of it, or whose hello endpoint is wrong.

use serde_json::{Value, json};
use verifier_testkit::Changes;

use super::mutant::Mutant;

/// The value that names the stack's own job URL.
pub(crate) fn own_url(changes: &mut Changes) -> Value {
    changes.document()["Outputs"]["JobUrl"]["Value"].clone()
}

/// The page's configuration: a text in which `{url}` is the stack's own job URL.
pub(crate) fn configured(name: &'static str, text: &'static str) -> Mutant {
    Mutant::new(name).with_change(move |changes| {
        let url = own_url(changes);
        let mut parts: Vec<Value> = Vec::new();
        for (number, part) in text.split("{url}").enumerate() {
            if number > 0 {
                parts.push(url.clone());
            }
            parts.push(part.into());
        }
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let files = resources.values_mut().map(|each| &mut each["Metadata"]["verifier:files"]);
        let files = files.into_iter().find(|files| files.is_object()).expect("files");
        files["config.js"] = json!({"Fn::Join": ["", parts]});
    })
}

pub(crate) fn hello(name: &'static str, kind: &'static str) -> Mutant {
    Mutant::new(name).with_function("hello", "hello-kinds.py", kind)
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [scripts(), hellos()].concat()
}

fn scripts() -> Vec<Mutant> {
    let fails = |name, text| configured(name, text).expect(1, &[("web.config", "fail")]);
    let is_open = |name, text| configured(name, text).expect(3, &[("web.config", "inconclusive")]);
    vec![
        fails(
            "config.js has the job URL in a comment",
            "// window.__PREVIEW_JOB_URL__ = \"{url}\";\nwindow.__PREVIEW_JOB_URL__ = \"https://other.example/jobs\";",
        ),
        fails(
            "config.js has the job URL in a long comment",
            "/* window.__PREVIEW_JOB_URL__ = \"{url}\"; */ window.__PREVIEW_JOB_URL__ = \"\";",
        ),
        fails(
            "config.js overwrites the job URL",
            "window.__PREVIEW_JOB_URL__ = \"{url}\";\nwindow.__PREVIEW_JOB_URL__ = \"https://other.example/jobs\";",
        ),
        fails(
            "config.js has the job URL inside of a text",
            "window.__PREVIEW_JOB_URL__ = \"see {url} for jobs\";",
        ),
        fails(
            "config.js has a longer job URL",
            "window.__PREVIEW_JOB_URL__ = \"{url}/of/another\";",
        ),
        fails("config.js is torn", "window.__PREVIEW_JOB_URL__ = \"{url}"),
        fails("config.js misses a bracket", "window.config = {\"jobs\": \"{url}\";"),
        fails("config.js is empty", ""),
        fails("config.js is a page", "<!doctype html><title>not found</title>{url}"),
        fails(
            "config.js computes another job URL",
            "const base = \"{url}\"; window.__PREVIEW_JOB_URL__ = base.replace(\"jobs\", \"other\");",
        ),
        fails(
            "config.js decides by the host",
            "if (location.host === \"a\") { window.__PREVIEW_JOB_URL__ = \"{url}\"; } else { window.__PREVIEW_JOB_URL__ = \"https://other.example\"; }",
        ),
        fails(
            "config.js overwrites the job URL by another name of the window",
            "window.__PREVIEW_JOB_URL__ = \"{url}\"; // x\rtop[\"__PREVIEW_\" + \"JOB_URL__\"] = \"https://other.example/jobs\";",
        ),
        fails(
            "config.js dies before it sets the job URL",
            "CONFIG.jobUrl = \"x\"; window.__PREVIEW_JOB_URL__ = \"{url}\";",
        ),
        fails(
            "config.js declares a name twice",
            "let a = 1; let a = 2; window.__PREVIEW_JOB_URL__ = \"{url}\";",
        ),
        fails("config.js declares a constant", "const __PREVIEW_JOB_URL__ = \"{url}\";"),
        fails("config.js misspells the name", "window.__PREVIEW_JOBS_URL__ = \"{url}\";"),
        fails(
            "config.js names another API",
            "window.__PREVIEW_JOB_URL__ = \"{url}\"; window.__PREVIEW_API_URL__ = \"https://other.example/hello\";",
        ),
        is_open(
            "config.js asks the browser",
            "window.__PREVIEW_JOB_URL__ = document.title || \"{url}\";",
        ),
        is_open(
            "config.js names two job URLs",
            "window.jobs = \"{url}\"; window.oldJobs = \"https://other.example/jobs\";",
        ),
        is_open(
            "config.js does not end",
            "while (true) {} window.__PREVIEW_JOB_URL__ = \"{url}\";",
        ),
    ]
}

fn hellos() -> Vec<Mutant> {
    let fails = |name, kind| hello(name, kind).expect(1, &[("api.hello", "fail")]);
    vec![
        fails("hello names a longer pull request", "another"),
        fails("hello names no version", "without-version"),
        fails("hello has an empty version", "empty-version"),
        fails("hello throws", "throws"),
        fails("hello answers a list", "list"),
        fails("hello answers text", "text"),
        fails("hello answers 201", "created"),
    ]
}
