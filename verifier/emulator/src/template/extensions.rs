//! What the transform `AWS::LanguageExtensions` makes of a template: loops are written out, and more functions are known.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::evaluate::as_text;
use super::{Evaluator, Template, TemplateError, TemplatePath};

/// The transform that is done here.
pub(super) const TRANSFORM: &str = "AWS::LanguageExtensions";
/// How the name of a loop begins.
const LOOP: &str = "Fn::ForEach";
/// The functions that are known with it only.
const FUNCTIONS: [&str; 3] = [LOOP, "Fn::Length", "Fn::ToJsonString"];
/// How deep loops may be in each other. Source: the page of `Fn::ForEach`.
const NESTED_MAX: usize = 5;
/// How often bodies are written out at most: some lines could fill the memory.
const COPIES_MAX: usize = 10_000;
/// How much the copies take at most, all together. A template has a megabyte at most when its transforms are done.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.
const BYTES_MAX: usize = 16 << 20;
/// What a value takes besides its text, roughly.
const VALUE_BYTES: usize = 32;

/// The template without the transform and with its loops written out; none where it has not the transform.
///
/// # Errors
///
/// A loop that cannot be written out, by its place.
pub(super) fn expanded(
    document: &Value,
    parameters: &BTreeMap<String, String>,
) -> Result<Option<Value>, TemplateError> {
    let Some(others) = other_transforms(document) else { return Ok(None) };
    let mut document = document.clone();
    if let Some(sections) = document.as_object_mut() {
        match others.as_slice() {
            [] => sections.remove("Transform"),
            _ => sections.insert("Transform".to_owned(), Value::Array(others)),
        };
    }
    let known = known_values(&document)?;
    let mut loops =
        Loops { evaluator: Evaluator::new(&known, "", "", "", parameters), copies: 0, bytes: 0 };
    for section in ["Conditions", "Resources", "Outputs"] {
        if let Some(value) = document.get_mut(section) {
            let place = TemplatePath::new(section);
            *value = loops.written_out(value, &place, 0)?;
        }
    }
    Ok(Some(document))
}

/// The transforms besides the one that is done here; none where that one is not there.
fn other_transforms(document: &Value) -> Option<Vec<Value>> {
    let given = match document.get("Transform")? {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let (own, others): (Vec<Value>, Vec<Value>) =
        given.into_iter().partition(|transform| transform == TRANSFORM);
    (!own.is_empty()).then_some(others)
}

/// The first function of a template that is known with the transform only.
pub(super) fn function_of(value: &Value) -> Option<&str> {
    match value {
        Value::Array(items) => items.iter().find_map(function_of),
        Value::Object(fields) => {
            let is_one = |name: &&String| {
                let name = name.as_str();
                FUNCTIONS.contains(&name) || name.starts_with("Fn::ForEach::")
            };
            fields.keys().find(is_one).map(String::as_str).or_else(|| {
                let inner = fields.iter().filter(|(name, _)| *name != "Metadata");
                inner.map(|(_, value)| value).find_map(function_of)
            })
        }
        _ => None,
    }
}

/// What the collection of a loop may refer to: parameters and mappings, and no resources.
fn known_values(document: &Value) -> Result<Template, TemplateError> {
    let nothing = json!({"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}});
    let mut known = json!({"Resources": nothing});
    for section in ["Parameters", "Mappings"] {
        if let Some(value) = document.get(section) {
            known[section] = value.clone();
        }
    }
    Template::parse(&known.to_string())
}

struct Loops<'a> {
    evaluator: Evaluator<'a>,
    copies: usize,
    /// How much the copies take so far.
    bytes: usize,
}

impl Loops<'_> {
    /// A part of the template with the loops in it written out.
    fn written_out(
        &mut self,
        value: &Value,
        place: &TemplatePath,
        depth: usize,
    ) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.written_out(item, place, depth));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(fields) => {
                let mut written = Map::new();
                for (name, value) in fields {
                    let inner = place.child(name);
                    if name.starts_with(LOOP) {
                        for (name, value) in self.copies_of(value, &inner, depth + 1)? {
                            if written.insert(name.clone(), value).is_some() {
                                return Err(bad(&inner, &format!("makes {name} twice")));
                            }
                        }
                    } else {
                        written.insert(name.clone(), self.written_out(value, &inner, depth)?);
                    }
                }
                Ok(Value::Object(written))
            }
            other => Ok(other.clone()),
        }
    }

    /// What a loop makes: `[Identifier, Collection, {OutputKey: OutputValue}]`.
    fn copies_of(
        &mut self,
        value: &Value,
        place: &TemplatePath,
        depth: usize,
    ) -> Result<Map<String, Value>, TemplateError> {
        let Some([Value::String(identifier), collection, Value::Object(body)]) =
            value.as_array().map(Vec::as_slice)
        else {
            return Err(bad(place, "takes an identifier, a collection and a map"));
        };
        if depth > NESTED_MAX {
            return Err(bad(place, &format!("is in more than {NESTED_MAX} others")));
        }
        let resolved = self.evaluator.value(collection, place)?;
        let items: Option<Vec<String>> =
            resolved.as_ref().and_then(Value::as_array).and_then(|items| flat(items));
        let items = items.ok_or_else(|| bad(place, "takes a list of strings as its collection"))?;
        let mut copies = Map::new();
        for item in items {
            self.copies += 1;
            if self.copies > COPIES_MAX {
                return Err(bad(place, &format!("makes more than {COPIES_MAX} copies")));
            }
            // Before it is made, since one copy may fill the memory.
            self.bytes += body
                .iter()
                .map(|(name, value)| {
                    size_of_text(name, identifier, &item) + size(value, identifier, &item)
                })
                .sum::<usize>();
            if self.bytes > BYTES_MAX {
                return Err(bad(place, &format!("makes more than {BYTES_MAX} bytes")));
            }
            let copy: Map<String, Value> = body
                .iter()
                .map(|(name, value)| {
                    (in_text(name, identifier, &item), replaced(value, identifier, &item))
                })
                .collect();
            let copy = self.written_out(&Value::Object(copy), place, depth)?;
            let Value::Object(copy) = copy else { continue };
            for (name, value) in copy {
                if copies.insert(name.clone(), value).is_some() {
                    return Err(bad(place, &format!("makes {name} twice")));
                }
            }
        }
        Ok(copies)
    }
}

fn bad(place: &TemplatePath, problem: &str) -> TemplateError {
    TemplateError::BadFunction {
        place: place.to_string(),
        function: LOOP.to_owned(),
        problem: problem.to_owned(),
    }
}

/// The strings of a list, and of lists in it: a parameter may be one of the items.
fn flat(items: &[Value]) -> Option<Vec<String>> {
    let texts = items.iter().map(|item| match item {
        Value::Array(inner) => flat(inner),
        other => as_text(other).map(|text| vec![text]),
    });
    texts.collect::<Option<Vec<_>>>().map(|texts| texts.concat())
}

/// A body with an item in place of the identifier: `${Name}` is the item, `&{Name}` its letters and digits, and a `Ref` of
/// the identifier is the item, too.
fn replaced(value: &Value, identifier: &str, item: &str) -> Value {
    match value {
        Value::String(text) => Value::String(in_text(text, identifier, item)),
        Value::Array(items) => items.iter().map(|each| replaced(each, identifier, item)).collect(),
        Value::Object(fields) => {
            let is_item =
                fields.len() == 1 && fields.get("Ref").and_then(Value::as_str) == Some(identifier);
            if is_item {
                return Value::from(item);
            }
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| {
                (in_text(name, identifier, item), replaced(value, identifier, item))
            });
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn in_text(text: &str, identifier: &str, item: &str) -> String {
    let plain: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = text.replace(&format!("${{{identifier}}}"), item);
    text.replace(&format!("&{{{identifier}}}"), &plain)
}

/// How much a value takes at most with an item in place of the identifier.
fn size(value: &Value, identifier: &str, item: &str) -> usize {
    let inner = match value {
        Value::String(text) => size_of_text(text, identifier, item),
        Value::Array(items) => items.iter().map(|each| size(each, identifier, item)).sum(),
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| {
                size_of_text(name, identifier, item) + size(value, identifier, item)
            };
            item.len() + fields.iter().map(of).sum::<usize>()
        }
        _ => 0,
    };
    VALUE_BYTES + inner
}

fn size_of_text(text: &str, identifier: &str, item: &str) -> usize {
    text.len() + text.matches(&format!("{{{identifier}}}")).count() * item.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(resources: &Value, given: &[(&str, &str)]) -> Result<Value, String> {
        let template = json!({
            "Transform": TRANSFORM,
            "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
            "Mappings": {"All": {"of": {"names": ["x", "y"]}}},
            "Resources": resources,
        });
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let written = expanded(&template, &given.collect()).map_err(|error| error.to_string())?;
        let written = written.unwrap_or_default();
        assert_eq!(written.get("Transform"), None);
        Ok(written["Resources"].clone())
    }

    #[test]
    fn a_loop_is_written_out_for_each_item_of_its_collection() {
        let queue = json!({"Queue${Name}": {"Type": "T", "Name": {"Ref": "Name"}}});
        let both = |first: &str, second: &str| {
            json!({
                format!("Queue{first}"): {"Type": "T", "Name": first},
                format!("Queue{second}"): {"Type": "T", "Name": second},
                "Other": {"Type": "O"},
            })
        };
        for (collection, given, expected) in [
            (json!(["A", "B"]), None, both("A", "B")),
            (json!({"Ref": "Names"}), None, both("a", "b")),
            (json!({"Ref": "Names"}), Some(("Names", "c,d")), both("c", "d")),
            (json!({"Fn::FindInMap": ["All", "of", "names"]}), None, both("x", "y")),
            (json!(["A", {"Fn::Select": [0, ["B"]]}]), None, both("A", "B")),
        ] {
            let resources =
                json!({"Fn::ForEach::Each": ["Name", collection, queue], "Other": {"Type": "O"}});
            let given: Vec<(&str, &str)> = given.into_iter().collect();
            assert_eq!(of(&resources, &given), Ok(expected));
        }
    }

    #[test]
    fn loops_may_be_in_each_other_and_in_properties() {
        let inner = json!({"Q${A}${B}": {"Type": "T", "Properties": {
            "Fn::ForEach::P": ["C", ["1"], {"P${C}": "${A}-${B}-${C}-&{A}"}],
        }}});
        let outer = json!({"Fn::ForEach::I": ["B", ["y"], inner]});
        let resources = json!({"Fn::ForEach::O": ["A", ["x"], outer]});
        let expected = json!({"Qxy": {"Type": "T", "Properties": {"P1": "x-y-1-x"}}});
        assert_eq!(of(&resources, &[]), Ok(expected));
    }

    #[test]
    fn what_is_no_loop_is_refused_by_its_place() {
        for (value, words) in [
            (json!(["A"]), "Resources.Fn::ForEach::X: Fn::ForEach takes an identifier"),
            (json!(["A", "b", {"C": 1}]), "takes a list of strings as its collection"),
            (json!(["A", {"Ref": "Nope"}, {"C": 1}]), "refers to Nope"),
            (json!(["A", ["a", "b"], {"C": 1}]), "makes C twice"),
        ] {
            let refused = of(&json!({"Fn::ForEach::X": value}), &[]).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn loops_that_fill_the_memory_are_ended_before() {
        let names = |count: usize| (0..count).map(|index| format!("n{index}")).collect::<Vec<_>>();
        let large = json!({"Q${A}x${B}": {"Type": "T", "Metadata": vec!["y"; 9000]}});
        let inner = json!({"Fn::ForEach::I": ["B", names(99), large]});
        let wide = json!({"Fn::ForEach::O": ["A", names(99), inner]});
        let text = "${A}".repeat(10_000);
        let long = json!({"Fn::ForEach::O": ["A", ["z".repeat(40_000)], {"Q": {"Type": text}}]});
        for resources in [wide, long] {
            let refused = of(&resources, &[]).unwrap_err();
            assert!(refused.contains("makes more than 16777216 bytes"), "{refused}");
        }
    }

    #[test]
    fn a_function_of_the_transform_is_found_wherever_it_is() {
        let found = |value: Value| function_of(&value).map(str::to_owned);
        assert_eq!(found(json!({"A": [{"Fn::Length": []}]})).as_deref(), Some("Fn::Length"));
        assert_eq!(found(json!({"Fn::ForEach::X": []})).as_deref(), Some("Fn::ForEach::X"));
        assert_eq!(found(json!({"A": {"Fn::Join": ["", ["Fn::Length"]]}})), None);
        assert_eq!(found(json!({"Metadata": {"Fn::Length": []}})), None);
    }

    proptest! {
        /// Each item makes one copy of each of the body's, and nothing of the loop is left.
        #[test]
        fn there_are_as_many_copies_as_items(
            items in proptest::collection::btree_set("[A-Za-z0-9]{1,6}", 0..6),
            bodies in 1_usize..4,
        ) {
            let body = (0..bodies).map(|index| (format!("R{index}x${{N}}"), json!({"Type": "${N}"})));
            let body: Map<String, Value> = body.collect();
            let items: Vec<String> = items.into_iter().collect();
            let written = of(&json!({"Fn::ForEach::X": ["N", items, body]}), &[]).unwrap();
            let written = written.as_object().unwrap();
            prop_assert_eq!(written.len(), items.len() * bodies);
            prop_assert!(function_of(&Value::Object(written.clone())).is_none());
            let text = Value::Object(written.clone()).to_string();
            prop_assert!(!text.contains('$'), "{}", text);
        }
    }
}
