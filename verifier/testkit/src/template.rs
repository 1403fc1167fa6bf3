//! The stack's own template, changed for a test.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A template in a file that is gone when this is dropped.
pub struct TemplateFile {
    path: PathBuf,
    _folder: TempDir,
}

impl TemplateFile {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The checked-in template after a change.
pub fn template(change: impl FnOnce(&mut Changes)) -> TemplateFile {
    let source =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../stack/template/Stack-PR123.template.json");
    let text = std::fs::read_to_string(source).expect("the template is checked in");
    let mut changes = Changes(serde_json::from_str(&text).expect("the template is JSON"));
    change(&mut changes);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("Changed.template.json");
    std::fs::write(&path, changes.0.to_string()).expect("the template can be written");
    TemplateFile { path, _folder: folder }
}

/// What can be changed about a template.
pub struct Changes(Value);

impl Changes {
    /// The properties of the only resource of that type for which a condition holds.
    pub fn properties(
        &mut self,
        resource_type: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> &mut Value {
        let resources = self.0["Resources"].as_object_mut().expect("there are resources");
        let mut found = resources.values_mut().filter(|resource| {
            resource["Type"] == resource_type && condition(&resource["Properties"])
        });
        let only = found.next().expect("there is such a resource");
        assert!(found.next().is_none(), "there is more than one {resource_type}");
        &mut only["Properties"]
    }

    /// The properties of the jobs queue: the one that has a redrive policy.
    pub fn jobs_queue(&mut self) -> &mut Value {
        self.properties("AWS::SQS::Queue", |properties| properties.get("RedrivePolicy").is_some())
    }

    /// The properties of the function that a binary is run for.
    pub fn function(&mut self, binary: &str) -> &mut Value {
        let resources = self.document()["Resources"].as_object_mut().expect("resources");
        let mut found = resources
            .values_mut()
            .filter(|resource| resource["Metadata"]["verifier:binary"] == binary);
        &mut found.next().expect("there is one")["Properties"]
    }

    /// The properties of the event source mapping.
    pub fn mapping(&mut self) -> &mut Value {
        self.properties("AWS::Lambda::EventSourceMapping", |_| true)
    }

    /// Lets all roles use all queues and logs: for tests about what functions do, not about what their roles let them.
    pub fn let_roles_use_queues_and_logs(&mut self) {
        let resources = self.document()["Resources"].as_object_mut().expect("resources");
        let is_role = |resource: &Value| resource["Type"] == "AWS::IAM::Role";
        let roles: Vec<Value> = resources
            .iter()
            .filter(|(_, resource)| is_role(resource))
            .map(|(id, _)| json!({"Ref": id}))
            .collect();
        let statement = json!({"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"});
        let policy = json!({"Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "may-use-queues",
            "Roles": roles,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        }});
        resources.insert("MayUseQueues".to_owned(), policy);
    }

    /// Takes an action out of the policies that are resources of their own.
    pub fn deny(&mut self, action: &str) {
        let resources = self.document()["Resources"].as_object_mut().expect("resources");
        for policy in resources.values_mut().filter(|each| each["Type"] == "AWS::IAM::Policy") {
            let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array_mut();
            for statement in statements.into_iter().flatten() {
                match &mut statement["Action"] {
                    Value::Array(actions) => actions.retain(|each| each != action),
                    single if *single == action => *single = "sts:GetCallerIdentity".into(),
                    _ => {}
                }
            }
        }
    }

    /// The whole template.
    pub fn document(&mut self) -> &mut Value {
        &mut self.0
    }
}
