//! Templates of SAM's: AWS's own translator makes CloudFormation's of them, in a Python environment of the verifier's cache.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-serverless.html>,
//! <https://github.com/aws/serverless-application-model>.

mod environment;

use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use verifier_emulator::Template;

use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::progress::Progress;

use environment::Environment;

/// The transform that is done here.
const TRANSFORM: &str = "AWS::Serverless-2016-10-31";
const SCRIPT: &str = include_str!("sam/transform.py");
const STATE_MACHINE: &str = "AWS::Serverless::StateMachine";
/// A bucket that stands for this machine while a template is translated: the translator takes code from buckets only.
const HERE: &str = "verifier-this-machine";
/// The properties with paths, by type, and the property that each becomes, by its type.
const PATHS: [(&str, &str); 3] = [
    ("AWS::Serverless::Function", "CodeUri"),
    ("AWS::Serverless::LayerVersion", "ContentUri"),
    (STATE_MACHINE, "DefinitionUri"),
];
const BECOME: [(&str, &str); 2] =
    [("AWS::Lambda::Function", "Code"), ("AWS::Lambda::LayerVersion", "Content")];

/// The template as CloudFormation processes it: itself where it is none of SAM's.
pub(crate) async fn processed(
    template: Template,
    parameters: &[(String, String)],
    progress: &Progress,
) -> Result<Template, Failure> {
    let Some((mut document, others)) = without_transform(template.document()) else {
        return Ok(template);
    };
    if let Some(problem) = unread(&document) {
        return Err(refused(&problem));
    }
    let paths = take_paths(&mut document);
    let asked = json!({"template": document, "parameters": values(&document, parameters)});
    let mut translated = translate(&asked.to_string(), progress).await?;
    put_paths(&mut translated, &paths);
    if !others.is_empty() {
        translated["Transform"] = Value::Array(others);
    }
    Ok(template.transformed(&translated.to_string())?)
}

/// A template without SAM's transform, and the other transforms that it has; none where it has not SAM's.
fn without_transform(document: &Value) -> Option<(Value, Vec<Value>)> {
    let given = match document.get("Transform")? {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let (own, others): (Vec<Value>, Vec<Value>) =
        given.into_iter().partition(|transform| transform == TRANSFORM);
    let mut document = document.clone();
    document.as_object_mut()?.remove("Transform");
    (!own.is_empty()).then_some((document, others))
}

/// What of a template is in another file, and not read here.
fn unread(document: &Value) -> Option<String> {
    let resources = document.get("Resources").and_then(Value::as_object);
    resources.into_iter().flatten().find_map(|(logical_id, resource)| {
        let kind = resource.get("Type")?.as_str()?;
        if kind == "AWS::Serverless::Application" {
            return Some(format!("{logical_id} ({kind}) is another application (Location), which is not read here"));
        }
        // A state machine is not emulated, so what it does need not be read.
        let is_read = kind != STATE_MACHINE;
        resource.get("Properties")?.get("DefinitionUri").filter(|_| is_read).map(|_| {
            format!("{logical_id} ({kind}) has its definition in a bucket (DefinitionUri), which is not on this machine: name a file beside the template, or put it into DefinitionBody")
        })
    })
}

/// Replaces paths on this machine by places in a bucket, and returns them in that order.
fn take_paths(document: &mut Value) -> Vec<String> {
    let mut paths = Vec::new();
    let mut take = |properties: &mut Value, name: &str| {
        let path = properties.get(name).and_then(Value::as_str);
        let path = path.filter(|path| !path.starts_with("s3://")).map(str::to_owned);
        if let Some(path) = path {
            properties[name] = json!(format!("s3://{HERE}/{}", paths.len()));
            paths.push(path);
        }
    };
    for (kind, name) in PATHS {
        let of_all =
            kind.rsplit("::").next().and_then(|kind| document.get_mut("Globals")?.get_mut(kind));
        if let Some(of_all) = of_all {
            take(of_all, name);
        }
        let resources = document.get_mut("Resources").and_then(Value::as_object_mut);
        for resource in resources.into_iter().flat_map(Map::values_mut) {
            if resource.get("Type").and_then(Value::as_str) == Some(kind)
                && let Some(properties) = resource.get_mut("Properties")
            {
                take(properties, name);
            }
        }
    }
    paths
}

/// Puts the paths back, as the code of what became of them.
fn put_paths(translated: &mut Value, paths: &[String]) {
    let resources = translated.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(Map::values_mut) {
        let kind = resource.get("Type").and_then(Value::as_str);
        let property = BECOME.iter().find(|(become_kind, _)| kind == Some(become_kind));
        let Some((_, property)) = property else { continue };
        let Some(code) = resource.get_mut("Properties").and_then(|all| all.get_mut(property))
        else {
            continue;
        };
        let is_here = code.get("S3Bucket").and_then(Value::as_str) == Some(HERE);
        let key = code.get("S3Key").and_then(Value::as_str).filter(|_| is_here);
        let path = key.and_then(|key| paths.get(key.parse::<usize>().ok()?));
        if let Some(path) = path {
            *code = json!(path);
        }
    }
}

/// The values of the template's parameters, by which the translator decides: those given, and the defaults.
fn values(document: &Value, given: &[(String, String)]) -> Map<String, Value> {
    let parameters = document.get("Parameters").and_then(Value::as_object);
    let defaults = parameters.into_iter().flatten();
    let mut values: Map<String, Value> = defaults
        .filter_map(|(name, parameter)| Some((name.clone(), parameter.get("Default")?.clone())))
        .collect();
    values.extend(given.iter().map(|(name, value)| (name.clone(), json!(value))));
    values
}

/// What the translator makes of a template. The same is not translated twice.
async fn translate(asked: &str, progress: &Progress) -> Result<Value, Failure> {
    let environment = Environment::find()?;
    let kept = environment.kept(&environment::digest(&[SCRIPT, "\0", asked].concat()));
    let before = files::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(translated) = before {
        return Ok(translated);
    }
    let answer = answer(&environment, asked, progress).await?;
    if let Some(problem) = answer.get("problem").and_then(Value::as_str) {
        return Err(refused(problem));
    }
    let Some(template) = answer.get("template") else {
        return Err(refused("the translator made nothing of it"));
    };
    // Whether it is kept decides only how long the next time takes.
    let _ = environment.keep(&kept, template);
    Ok(template.clone())
}

/// Has the translator answer. Where what was installed before does not, it is installed again.
async fn answer(
    environment: &Environment,
    asked: &str,
    progress: &Progress,
) -> Result<Value, Failure> {
    const TRANSLATING: &str = "translating SAM's template";
    if let Some(python) = environment.installed() {
        progress.say(TRANSLATING);
        if let Ok(answer) = run(environment.isolated(&python), asked).await {
            return Ok(answer);
        }
    }
    let python = environment.install(progress).await?;
    progress.say(TRANSLATING);
    run(environment.isolated(&python), asked).await.map_err(|problem| {
        Failure::environment(format!(
            "SAM's translator does not run in {}: {problem}; remove that folder's environment and try again",
            python.display()
        ))
    })
}

/// What a Python answers, or why it does not.
async fn run(mut command: Command, asked: &str) -> Result<Value, String> {
    // It decides the partition by the region, and asks for no credentials.
    command.args(["-c", SCRIPT]).env("AWS_DEFAULT_REGION", "us-east-1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut input) = process.stdin.take() {
        // It reads all before it writes, so neither waits for the other; one that has ended says why.
        let _ = input.write_all(asked.as_bytes()).await;
    }
    let output = process.wait_with_output().await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        said.lines().last().unwrap_or("it said nothing").to_owned()
    })
}

fn refused(problem: &str) -> Failure {
    Failure::usage(format!("SAM's template cannot be translated: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sam_s_transform_is_taken_out_and_others_stay() {
        for (transform, others) in [
            (json!(TRANSFORM), Some(vec![])),
            (json!([TRANSFORM]), Some(vec![])),
            (
                json!(["AWS::LanguageExtensions", TRANSFORM]),
                Some(vec![json!("AWS::LanguageExtensions")]),
            ),
            (json!("AWS::LanguageExtensions"), None),
        ] {
            let found = without_transform(&json!({"Transform": transform, "Resources": {}}));
            let expected = others.map(|others| (json!({"Resources": {}}), others));
            assert_eq!(found, expected, "{transform}");
        }
        assert_eq!(without_transform(&json!({"Resources": {}})), None);
    }

    #[test]
    fn paths_are_places_in_a_bucket_while_it_is_translated_and_paths_again_after_it() {
        let mut document = json!({
            "Globals": {"Function": {"CodeUri": "src/"}},
            "Resources": {
                "A": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "a/"}},
                "B": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://x/y"}},
                "C": {"Type": "AWS::Serverless::Function"},
                "L": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "l/"}},
            },
        });
        let paths = take_paths(&mut document);
        assert_eq!(paths, ["src/", "a/", "l/"]);
        assert_eq!(document["Globals"]["Function"]["CodeUri"], format!("s3://{HERE}/0"));
        assert_eq!(document["Resources"]["B"]["Properties"]["CodeUri"], "s3://x/y");
        let function =
            |code: Value| json!({"Type": "AWS::Lambda::Function", "Properties": {"Code": code}});
        let mut translated = json!({"Resources": {
            "A": function(json!({"S3Bucket": HERE, "S3Key": "1"})),
            "B": function(json!({"S3Bucket": "x", "S3Key": "0"})),
            "L": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": HERE, "S3Key": "2"}}},
        }});
        put_paths(&mut translated, &paths);
        let resources = &translated["Resources"];
        assert_eq!(resources["A"]["Properties"]["Code"], "a/");
        assert_eq!(resources["B"]["Properties"]["Code"]["S3Bucket"], "x");
        assert_eq!(resources["L"]["Properties"]["Content"], "l/");
    }

    #[test]
    fn what_is_in_other_files_is_named() {
        let of = |kind: &str, properties: Value| {
            unread(&json!({"Resources": {"X": {"Type": kind, "Properties": properties}}}))
        };
        let api = of("AWS::Serverless::HttpApi", json!({"DefinitionUri": "api.yaml"}));
        assert!(
            api.is_some_and(|said| said.contains("X (AWS::Serverless::HttpApi)")
                && said.contains("DefinitionUri"))
        );
        let nested = of("AWS::Serverless::Application", json!({"Location": "a.yaml"}));
        assert!(nested.is_some_and(|said| said.contains("Location")));
        assert_eq!(of("AWS::Serverless::HttpApi", json!({})), None);
    }

    #[test]
    fn parameters_have_their_values_or_defaults() {
        let document = json!({"Parameters": {"A": {"Default": "1"}, "B": {}, "C": {"Default": 3}}});
        let given = [("A".to_owned(), "2".to_owned())];
        let expected = json!({"A": "2", "C": 3});
        assert_eq!(Value::Object(values(&document, &given)), expected);
    }
}
