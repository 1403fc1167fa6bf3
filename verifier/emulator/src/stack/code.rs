//! What a function runs: a program that its metadata names, or its own code.

use serde_json::Value;

use super::build::{Builder, Resolved};
use super::{BINARY_KEY, Code, CodePlace, Layer, Program, Runtime};
use crate::template::TemplateError;

/// The versions of Node.js that Lambda has and that are run here.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
const NODE: [u32; 3] = [20, 22, 24];
/// The same of Python 3.
const PYTHON: std::ops::RangeInclusive<u32> = 10..=14;
/// Where CDK says where an asset is, from the folder of the template.
const ASSET_PATH: &str = "aws:asset:path";
/// Of which property it says that.
const ASSET_PROPERTY: &str = "aws:asset:property";

impl Runtime {
    /// The runtime of that name, as Lambda names it.
    ///
    /// # Errors
    ///
    /// Why it is not run here, and what to do.
    pub fn parse(name: &str) -> Result<Self, String> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
        let node = number(name.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")));
        let python = number(name.strip_prefix("python3."));
        match (node, python) {
            (Some(version), _) if NODE.contains(&version) => Ok(Self::Node(version)),
            (_, Some(version)) if PYTHON.contains(&version) => Ok(Self::Python(version)),
            _ if name == "provided" || name.starts_with("provided.") => Ok(Self::Provided),
            _ => {
                let [first, .., last] = NODE;
                Err(format!(
                    "has the runtime {name}, and nodejs{first}.x to nodejs{last}.x, python3.{} to python3.{} and provided.* are run here: take one of these, name a program by \"{BINARY_KEY}\", or check the deployed stack",
                    PYTHON.start(),
                    PYTHON.end()
                ))
            }
        }
    }
}

impl Builder<'_> {
    /// What a function runs.
    pub(super) fn program(&self, function: &Resolved<'_>) -> Result<Program, TemplateError> {
        let binary = function.definition.metadata.get(BINARY_KEY).and_then(Value::as_str);
        match binary {
            Some(binary) => Ok(Program::Binary(binary.to_owned())),
            None => self.code(function).map(Program::Code),
        }
    }

    fn code(&self, function: &Resolved<'_>) -> Result<Code, TemplateError> {
        let properties = function.properties();
        if properties.text("PackageType")?.as_deref() == Some("Image") {
            return Err(function.unsupported(format!(
                "is a container image (PackageType), which is not run here: name a program by \"{BINARY_KEY}\", or check the deployed stack"
            )));
        }
        let runtime = properties.text("Runtime")?.unwrap_or_default();
        let runtime = Runtime::parse(&runtime).map_err(|problem| function.unsupported(problem))?;
        let place = code_place(function, "Code")
            .ok_or_else(|| function.unsupported("has no Code that could be run"))?;
        let mut layers = Vec::new();
        for name in properties.texts("Layers")? {
            layers.push(self.layer(function, &name)?);
        }
        Ok(Code { runtime, place, layers })
    }

    /// A layer of the same stack, whose content may be on this machine.
    fn layer(&self, function: &Resolved<'_>, name: &str) -> Result<Layer, TemplateError> {
        let mut layers = self.of_type("AWS::Lambda::LayerVersion");
        let found = layers.find(|layer| layer.physical_id == name);
        let place = found.and_then(|layer| Some((layer, code_place(layer, "Content")?)));
        let Some((layer, place)) = place else {
            return Err(function.unsupported(format!(
                "has a layer of elsewhere (Layers: {name}), whose content is not on this machine: put what it holds into the function's code, or name a program by \"{BINARY_KEY}\""
            )));
        };
        Ok(Layer { logical_id: layer.logical_id.to_owned(), place })
    }
}

/// Where the code of a function is, or the content of a layer.
fn code_place(resource: &Resolved<'_>, property: &str) -> Option<CodePlace> {
    let metadata = &resource.definition.metadata;
    let of = metadata.get(ASSET_PROPERTY).and_then(Value::as_str);
    let asset = metadata.get(ASSET_PATH).and_then(Value::as_str);
    if let Some(path) = asset.filter(|_| of.is_none_or(|of| of == property)) {
        return Some(CodePlace::Path(path.to_owned()));
    }
    place_of(resource.properties.get(property)?)
}

/// Where the code is by the property itself. A path is what `aws cloudformation package` and SAM would upload.
fn place_of(code: &Value) -> Option<CodePlace> {
    let text = |name: &str| code.get(name).and_then(Value::as_str).map(str::to_owned);
    match code.as_str() {
        Some(address) if address.starts_with("s3://") => {
            Some(CodePlace::Object(address.to_owned()))
        }
        Some(path) => Some(CodePlace::Path(path.to_owned())),
        None => {
            text("ZipFile").map(CodePlace::Inline).or_else(|| text("S3Key").map(CodePlace::Object))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_runtimes_that_are_run_are_known_and_others_are_refused_by_name() {
        for (name, runtime) in [
            ("nodejs20.x", Runtime::Node(20)),
            ("nodejs24.x", Runtime::Node(24)),
            ("python3.10", Runtime::Python(10)),
            ("python3.14", Runtime::Python(14)),
            ("provided.al2023", Runtime::Provided),
            ("provided", Runtime::Provided),
        ] {
            assert_eq!(Runtime::parse(name), Ok(runtime), "{name}");
        }
        for name in [
            "",
            "nodejs18.x",
            "nodejs23.x",
            "nodejs20",
            "nodejs",
            "python3.9",
            "python3.15",
            "python2.7",
            "python3.",
            "java21",
            "dotnet8",
            "ruby3.3",
            "go1.x",
            "providedx",
        ] {
            let refused = Runtime::parse(name).unwrap_err();
            assert!(refused.contains(&format!("has the runtime {name},")), "{refused}");
        }
    }

    #[test]
    fn code_is_inline_on_a_path_or_an_object() {
        for (code, expected) in [
            (json!({"ZipFile": "x"}), Some(CodePlace::Inline("x".to_owned()))),
            (json!("./src"), Some(CodePlace::Path("./src".to_owned()))),
            (json!("s3://bucket/a.zip"), Some(CodePlace::Object("s3://bucket/a.zip".to_owned()))),
            (
                json!({"S3Bucket": "b", "S3Key": "a/b.zip"}),
                Some(CodePlace::Object("a/b.zip".to_owned())),
            ),
            (json!({"ImageUri": "i"}), None),
            (json!({}), None),
        ] {
            assert_eq!(place_of(&code), expected, "{code}");
        }
    }
}
