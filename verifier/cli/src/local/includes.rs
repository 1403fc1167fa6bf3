//! What a template has in other files of this machine: `AWS::Include`, and the definition of an API of SAM's. When it is
//! packaged, both are put into a bucket, and AWS reads them from there.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html>,
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html>.

use std::path::Path;

use serde_json::{Map, Value};
use verifier_emulator::{Trust, template_document};

use crate::shell::failure::Failure;
use crate::shell::files;

/// A transform in a part of a template.
const TRANSFORM: &str = "Fn::Transform";
const INCLUDE: &str = "AWS::Include";
/// Where the definition of an API of SAM's is, and where it may be instead.
const DEFINITION_URI: &str = "DefinitionUri";
const DEFINITION_BODY: &str = "DefinitionBody";
const API: &str = "AWS::Serverless::HttpApi";

/// How much is included at most: one file may be included again and again.
const BYTES_MAX: usize = 16 << 20;

/// A template's text, with what it has in other files in its place.
pub(super) fn included(text: String, folder: &Path, trust: &Trust) -> Result<String, Failure> {
    if !text.contains(INCLUDE) && !text.contains(DEFINITION_URI) {
        return Ok(text);
    }
    let document = template_document(&text)?;
    let mut bytes = 0;
    let mut read = |name: &str| {
        let path = folder.join(name);
        trust.check(&path, folder).map_err(|of_another| {
            let next = "copy it to a folder of your own, and the template with it".to_owned();
            let what = format!("the template includes {name}: {of_another}");
            Failure { next: Some(next), ..Failure::usage(what) }
        })?;
        let (value, size) = read(&path)?;
        bytes += size;
        if bytes > BYTES_MAX {
            return Err(Failure::usage(format!(
                "the template includes more than {BYTES_MAX} bytes in all, the last of them of {name}; AWS takes a template of 1 MB"
            )));
        }
        Ok(value)
    };
    let whole = with_definitions(with_includes(document.clone(), &mut read)?, &mut read)?;
    Ok(if whole == document { text } else { whole.to_string() })
}

/// What a file holds, and how large it is.
fn read(path: &Path) -> Result<(Value, usize), Failure> {
    let failed = |problem: String| {
        Failure::usage(format!(
            "the template includes {}, which cannot be read: {problem}",
            path.display()
        ))
    };
    let text = files::read_text(path).map_err(|error| failed(error.to_string()))?;
    let value = template_document(&text).map_err(|error| failed(error.to_string()))?;
    Ok((value, text.len()))
}

type Read<'r> = &'r mut dyn FnMut(&str) -> Result<Value, Failure>;

/// Puts what files hold beside what includes them. What is in a bucket stays, and is refused where it matters.
fn with_includes(value: Value, read: Read<'_>) -> Result<Value, Failure> {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().map(|item| with_includes(item, read));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let mut whole = Map::new();
            for (name, value) in fields {
                match (name == TRANSFORM).then(|| location(&value)).flatten() {
                    Some(path) => match read(&path)? {
                        Value::Object(included) => whole.extend(included),
                        _ => {
                            return Err(Failure::usage(format!(
                                "the template includes {path}, which is no map of names; AWS would refuse it"
                            )));
                        }
                    },
                    None => {
                        whole.insert(name, with_includes(value, read)?);
                    }
                }
            }
            Ok(Value::Object(whole))
        }
        other => Ok(other),
    }
}

/// The path on this machine that is included, if one is.
fn location(transform: &Value) -> Option<String> {
    let is_include = transform.get("Name")?.as_str() == Some(INCLUDE);
    let location = transform.get("Parameters")?.get("Location")?.as_str()?;
    (is_include && !location.starts_with("s3://")).then(|| location.to_owned())
}

/// Puts the definitions of APIs into their place.
fn with_definitions(mut document: Value, read: Read<'_>) -> Result<Value, Failure> {
    let resources = document.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(Map::values_mut) {
        if resource.get("Type").and_then(Value::as_str) != Some(API) {
            continue;
        }
        let Some(properties) = resource.get_mut("Properties").and_then(Value::as_object_mut) else {
            continue;
        };
        let path = properties.get(DEFINITION_URI).and_then(Value::as_str);
        if let Some(path) = path.filter(|path| !path.starts_with("s3://")) {
            let definition = read(path)?;
            properties.remove(DEFINITION_URI);
            properties.insert(DEFINITION_BODY.to_owned(), definition);
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_name(name: &str) -> Result<Value, Failure> {
        match name {
            "list.yaml" => Ok(json!([1])),
            "nope.yaml" => Err(Failure::usage("not there")),
            _ => Ok(json!({"from": name})),
        }
    }

    fn include(location: &str) -> Value {
        json!({"Name": INCLUDE, "Parameters": {"Location": location}})
    }

    #[test]
    fn what_a_file_holds_is_beside_what_includes_it() {
        let document = json!({"A": {TRANSFORM: include("a.yaml")}, "B": [{TRANSFORM: include("./b.yaml"), "own": 1}]});
        let expected = json!({"A": {"from": "a.yaml"}, "B": [{"from": "./b.yaml", "own": 1}]});
        assert_eq!(with_includes(document, &mut of_name).ok(), Some(expected));
    }

    #[test]
    fn what_is_in_a_bucket_and_other_transforms_stay() {
        for document in [
            json!({"A": {TRANSFORM: include("s3://bucket/a.yaml")}}),
            json!({"A": {TRANSFORM: {"Name": "Own", "Parameters": {"Location": "a.yaml"}}}}),
            json!({"A": {TRANSFORM: {"Name": INCLUDE, "Parameters": {"Location": {"Ref": "P"}}}}}),
        ] {
            let whole = with_includes(document.clone(), &mut of_name);
            assert_eq!(whole.ok(), Some(document));
        }
        for name in ["list.yaml", "nope.yaml"] {
            assert!(with_includes(json!({TRANSFORM: include(name)}), &mut of_name).is_err());
        }
    }

    #[test]
    fn the_definition_of_an_api_is_put_into_its_place() {
        let of = |kind: &str, uri: &str| json!({"Resources": {"X": {"Type": kind, "Properties": {DEFINITION_URI: uri}}}});
        let whole = with_definitions(of(API, "api.yaml"), &mut of_name).ok();
        let expected = json!({"Resources": {"X": {"Type": API, "Properties": {DEFINITION_BODY: {"from": "api.yaml"}}}}});
        assert_eq!(whole, Some(expected));
        for other in [of(API, "s3://b/api.yaml"), of("AWS::Serverless::StateMachine", "a.json")] {
            assert_eq!(with_definitions(other.clone(), &mut of_name).ok(), Some(other));
        }
    }
}
