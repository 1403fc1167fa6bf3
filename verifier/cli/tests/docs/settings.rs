//! The settings' page and their schema say the same as the types that `verifier.toml` is read into.

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use verifier_core::check::read_settings;
use verifier_core::settings::{KEYS, in_toml, reference, schema};

use super::{read, root};

const SCHEMA: &str = "verifier/cli/schema/verifier-toml.1.schema.json";
/// A settings file of a stack in this repository.
const SECOND_STACK: &str = "verifier/cli/tests/second_stack/verifier.toml";

/// The schema as it is checked in.
struct Checked {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Checked {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let path = root().join(SCHEMA);
        let index = Compiler::new().compile(path.to_str().unwrap(), &mut schemas);
        Self { index: index.unwrap(), schemas }
    }

    /// What the schema finds wrong with a file.
    fn problem(&self, text: &str) -> Option<String> {
        let value: Value = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let result = self.schemas.validate(&value, self.index);
        result.err().map(|error| error.to_string())
    }
}

/// The settings files that a page shows.
fn examples(page: &str) -> Vec<String> {
    let text = read(page);
    let blocks = text.split("```toml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_lists_every_key() {
    let page = read("docs/settings.md");
    let reference = reference();
    assert!(
        page.contains(&reference),
        "docs/settings.md lacks this table of the keys:\n{reference}"
    );
    let listed: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, KEYS.iter().map(|key| key.name.as_str()).collect());
}

#[test]
fn the_schema_is_that_of_the_types_and_describes_every_key() {
    let checked_in: Value = serde_json::from_str(&read(SCHEMA)).unwrap();
    assert!(checked_in == schema(), "{SCHEMA} is stale: run `cargo xtask gen`");
    for key in KEYS.iter() {
        let (section, name) = key.parts();
        let described = &checked_in["properties"][section]["properties"][name];
        assert!(described["description"].as_str().is_some_and(|text| text.ends_with('.')));
        assert_eq!(described["default"], key.default, "{}", key.name);
    }
}

#[test]
fn the_schema_admits_the_defaults_and_every_settings_file() {
    let schema = Checked::new();
    let line = |name: &str, value: &Value| format!("{name} = {}\n", in_toml(value));
    let defaults: String = KEYS.iter().map(|key| line(&key.name, &key.default)).collect();
    let mut files = vec![defaults, read(SECOND_STACK)];
    files.extend(["docs/your-own-stack.md", "docs/settings.md"].into_iter().flat_map(examples));
    assert!(files.len() >= 4, "both pages show a settings file");
    for file in files {
        assert_eq!(schema.problem(&file), None, "{file}");
        read_settings("verifier.toml", &file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    }
    let described = &self::schema()["properties"];
    for key in KEYS.iter() {
        let (section, name) = key.parts();
        let examples = described[section]["properties"][name]["examples"].as_array();
        for example in examples.into_iter().flatten() {
            assert_eq!(schema.problem(&line(&key.name, example)), None, "{}", key.name);
        }
    }
}

#[test]
fn the_schema_refuses_what_is_refused_when_it_is_read() {
    let schema = Checked::new();
    for wrong in [
        "[output]\n",
        "[outputs]\napi_urls = \"A\"\n",
        "[outputs]\napi_url = true\n",
        "[outputs]\njobs_queue = false\n",
        "[outputs]\njobs_queue = \" \"\n",
        "[expect]\nreceives = 0\n",
        "[expect]\nreceives = 1001\n",
        "[expect]\nreceives = 4.5\n",
        "[expect]\norigins = [1]\n",
        "[jobs]\nheaders = { a = 1 }\n",
        "[[expect.allow]]\ncheck = \"cfg.logs\"\n",
        "[[expect.allow]]\ncheck = \"cfg.logs\"\nreason = \"r\"\nuntil = \"u\"\n",
    ] {
        assert!(schema.problem(wrong).is_some(), "{wrong}");
        assert!(read_settings("verifier.toml", wrong).is_err(), "{wrong}");
    }
}
