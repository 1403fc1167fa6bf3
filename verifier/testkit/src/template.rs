//! The stack's own template, changed for a test.

use std::path::{Path, PathBuf};

use serde_json::Value;
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

    /// The whole template.
    pub fn document(&mut self) -> &mut Value {
        &mut self.0
    }
}
