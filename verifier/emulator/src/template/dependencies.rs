//! What a template's resources and outputs refer to: it has to be there, and not to lead back.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::TemplateError;

/// Checks all references of a template as it was written.
pub(super) fn check(template: &Value) -> Result<(), TemplateError> {
    let names = |section: &str| -> BTreeSet<&str> {
        template[section].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    let (resources, parameters) = (names("Resources"), names("Parameters"));
    // With a transform, some are made of others, which are not seen here.
    let is_transformed = template.get("Transform").is_some();
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for section in ["Resources", "Outputs"] {
        let mut missing = BTreeSet::new();
        for (name, definition) in template[section].as_object().into_iter().flatten() {
            let mut references = References::default();
            references.collect(definition);
            if section == "Resources" {
                references.depends_on(&definition["DependsOn"]);
            }
            let undefined = references.attributes.iter().find(|id| !resources.contains(*id));
            if let Some(undefined) = undefined.filter(|_| !is_transformed) {
                return Err(TemplateError::Invalid(format!(
                    "Template error: instance of Fn::GetAtt references undefined resource {undefined}"
                )));
            }
            let all = || references.names.union(&references.attributes).copied();
            missing.extend(all().filter(|id| !resources.contains(id) && !parameters.contains(id)));
            if section == "Resources" {
                needs.insert(name, all().filter(|id| resources.contains(id)).collect());
            }
        }
        if !missing.is_empty() && !is_transformed {
            let missing = Vec::from_iter(missing).join(", ");
            return Err(TemplateError::Invalid(format!(
                "Template format error: Unresolved resource dependencies [{missing}] in the {section} block of the template"
            )));
        }
    }
    let circle = in_circles(needs);
    if circle.is_empty() {
        return Ok(());
    }
    Err(TemplateError::Invalid(format!(
        "Circular dependency between resources: [{}]",
        Vec::from_iter(circle).join(", ")
    )))
}

/// What is left when everything is taken away, again and again, that needs nothing of what is left, or is needed by
/// nothing of it.
fn in_circles<'a>(mut needs: BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    loop {
        let left: BTreeSet<&str> = needs.keys().copied().collect();
        let needed: BTreeSet<&str> = needs.values().flatten().copied().collect();
        needs.retain(|name, others| {
            others.retain(|other| left.contains(other));
            !others.is_empty() && needed.contains(name)
        });
        if needs.len() == left.len() {
            return left;
        }
    }
}

/// The names in a part of a template.
#[derive(Default)]
struct References<'a> {
    /// Of `Ref`, `Fn::Sub` and `DependsOn`.
    names: BTreeSet<&'a str>,
    /// Of `Fn::GetAtt`.
    attributes: BTreeSet<&'a str>,
}

impl<'a> References<'a> {
    fn collect(&mut self, value: &'a Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(members) => {
                for (name, inner) in members {
                    match (name.as_str(), inner) {
                        ("Ref", Value::String(target)) if members.len() == 1 => self.name(target),
                        ("Fn::GetAtt", inner) if members.len() == 1 => self.attribute(inner),
                        ("Fn::Sub", inner) if members.len() == 1 => self.substituted(inner),
                        // What is there about a resource is not resolved.
                        ("Metadata", _) if members.contains_key("Type") => {}
                        (_, inner) => self.collect(inner),
                    }
                }
            }
            _ => {}
        }
    }

    fn depends_on(&mut self, value: &'a Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.depends_on(item)),
            Value::String(name) => self.name(name),
            _ => {}
        }
    }

    fn name(&mut self, name: &'a str) {
        if !name.starts_with("AWS::") {
            self.names.insert(name);
        }
    }

    /// `[Resource, Attribute]`, or `Resource.Attribute`.
    fn attribute(&mut self, value: &'a Value) {
        let name = match value {
            Value::String(text) => text.split('.').next(),
            Value::Array(parts) => parts.first().and_then(Value::as_str),
            _ => None,
        };
        self.attributes.extend(name);
        if let Value::Array(parts) = value {
            parts.iter().skip(1).for_each(|part| self.collect(part));
        }
    }

    /// A text with `${Name}`, `${Name.Attribute}` and `${!Literal}`, and names of its own besides.
    fn substituted(&mut self, value: &'a Value) {
        let (text, own) = match value {
            Value::String(text) => (text.as_str(), None),
            Value::Array(parts) => {
                (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1))
            }
            _ => return,
        };
        let own_names = own.and_then(Value::as_object);
        for part in text.split("${").skip(1) {
            let Some((inner, _)) = part.split_once('}') else { continue };
            let inner = inner.trim();
            let is_own = own_names.is_some_and(|names| names.contains_key(inner));
            if !inner.starts_with('!') && !is_own {
                self.name(inner.split('.').next().unwrap_or(inner));
            }
        }
        if let Some(own) = own {
            self.collect(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(resources: &Value) -> Option<String> {
        let template = json!({"Parameters": {"P": {"Type": "String"}}, "Resources": resources});
        check(&template).err().map(|error| error.to_string())
    }

    fn queue(properties: &Value) -> Value {
        json!({"Type": "AWS::SQS::Queue", "Properties": properties})
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (properties, words) in [
            (
                json!({"QueueName": {"Ref": "Nope"}}),
                "Unresolved resource dependencies [Nope] in the Resources block",
            ),
            (json!({"QueueName": {"Fn::Sub": "a-${Nope}"}}), "[Nope]"),
            (json!({"QueueName": {"Fn::Sub": ["${Own}-${Nope.Arn}", {"Own": "x"}]}}), "[Nope]"),
            (
                json!({"QueueName": {"Fn::GetAtt": ["Nope", "Arn"]}}),
                "Fn::GetAtt references undefined resource Nope",
            ),
            (json!({"QueueName": {"Fn::GetAtt": "Nope.Arn"}}), "undefined resource Nope"),
        ] {
            let refused = refused(&json!({"Q": queue(&properties)})).unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
        let mut depends = queue(&json!({}));
        depends["DependsOn"] = json!(["Nope"]);
        assert!(refused(&json!({"Q": depends})).unwrap_or_default().contains("[Nope]"));
    }

    #[test]
    fn what_is_there_is_not() {
        for properties in [
            json!({"QueueName": {"Ref": "P"}}),
            json!({"QueueName": {"Ref": "AWS::StackName"}}),
            json!({"QueueName": {"Fn::Sub": "${AWS::Region}-${P}-${!Literal}"}}),
            json!({"QueueName": {"Fn::Sub": ["${Own}", {"Own": {"Ref": "P"}}]}}),
            json!({"Tags": [{"Key": "Ref", "Value": "Nope"}]}),
        ] {
            assert_eq!(refused(&json!({"Q": queue(&properties)})), None, "{properties}");
        }
    }

    #[test]
    fn a_circle_is_named_without_what_leads_to_it_and_away() {
        let of = |name: &str| queue(&json!({"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}));
        let refused_of = refused(
            &json!({"A": of("B"), "B": of("C"), "C": of("B"), "D": queue(&json!({})), "E": of("D")}),
        );
        let expected = "Circular dependency between resources: [B, C]";
        assert!(refused_of.unwrap_or_default().starts_with(expected));
        let mut alone = queue(&json!({}));
        alone["DependsOn"] = json!("A");
        assert!(refused(&json!({"A": alone})).unwrap_or_default().contains("[A]"));
        assert_eq!(refused(&json!({"A": of("B"), "B": of("C"), "C": queue(&json!({}))})), None);
    }
}
