//! The roles of a stack, with the policies that its template attaches to them.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html> and the pages
//! of the other types beside it.

use std::collections::BTreeMap;

use serde_json::Value;
use verifier_model::iam::{Attached, Policy, PolicyError};

use super::build::{Builder, Resolved};
use super::managed_policies::{Managed, list, managed};
use super::own_arns::{as_own, own_arn};
use super::tags_of;
use crate::template::TemplateError;

/// A role.
#[derive(Clone, Debug)]
pub struct RoleSpec {
    /// Its name in the template.
    pub logical_id: String,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Who may assume it.
    pub(crate) trust: Option<Attached>,
    /// What it may do.
    pub(crate) identity: Vec<Attached>,
    /// The most that it may do, where that is limited.
    pub(crate) boundary: Option<Attached>,
}

/// Where an inline policy's name and document stand.
const NAME: &str = "PolicyName";
const DOCUMENT: &str = "PolicyDocument";
/// Where a role names what limits it.
const BOUNDARY: &str = "PermissionsBoundary";

impl Builder<'_> {
    /// The roles.
    pub(super) fn roles(&self) -> Result<Vec<RoleSpec>, TemplateError> {
        self.of_type("AWS::IAM::Role").map(|role| self.role(role)).collect()
    }

    fn role(&self, role: &Resolved<'_>) -> Result<RoleSpec, TemplateError> {
        let properties = &role.properties;
        let mut identity = Vec::new();
        for inline in list(properties.get("Policies")) {
            let name = inline[NAME].as_str().unwrap_or_default();
            identity.extend(self.read(role, name, &inline[DOCUMENT], Policy::of_identity)?);
        }
        for arn in list(properties.get("ManagedPolicyArns")).iter().filter_map(Value::as_str) {
            identity.extend(self.managed(role, arn)?);
        }
        for (resource, name) in self.attached_to(&role.physical_id) {
            let document = resource.properties.get(DOCUMENT).unwrap_or(&Value::Null);
            identity.extend(self.read(resource, &name, document, Policy::of_identity)?);
        }
        let boundary = match properties.get(BOUNDARY).and_then(Value::as_str) {
            Some(arn) => self.managed(role, arn)?,
            None => None,
        };
        let trust = properties.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null);
        Ok(RoleSpec {
            logical_id: role.logical_id.to_owned(),
            arn: self.role_arn(role)?,
            tags: tags_of(properties),
            trust: self.read(role, "trust policy", trust, Policy::of_trust)?,
            identity,
            boundary,
        })
    }

    /// The policies that are resources of their own and name a role, with what each is called.
    fn attached_to(&self, role: &str) -> Vec<(&Resolved<'_>, String)> {
        let of = |resource_type, by: &str| {
            let by = by.to_owned();
            self.of_type(resource_type).filter(move |policy| {
                let named = policy.properties.get(&by);
                named.is_some_and(|named| list(Some(named)).iter().any(|name| name == role))
            })
        };
        let all = of("AWS::IAM::Policy", "Roles")
            .chain(of("AWS::IAM::RolePolicy", "RoleName"))
            .chain(of("AWS::IAM::ManagedPolicy", "Roles"));
        let name = |policy: &Resolved<'_>| {
            let name = policy.properties.get(NAME).and_then(Value::as_str);
            name.unwrap_or(policy.logical_id).to_owned()
        };
        all.map(|policy| (policy, name(policy))).collect()
    }

    /// The managed policy of that ARN, of the template or of AWS. Of others nothing is known: `unknown_policies` names them.
    fn managed(&self, role: &Resolved<'_>, arn: &str) -> Result<Option<Attached>, TemplateError> {
        if let Some(policy) = self.managed_of_template(arn) {
            let document = policy.properties.get(DOCUMENT).unwrap_or(&Value::Null);
            return self.read(policy, policy.logical_id, document, Policy::of_identity);
        }
        let document = match managed(arn) {
            Managed::Known(document) => document,
            Managed::Unknown => return Ok(None),
            Managed::Refused(sentence) => return Err(role.refused(sentence)),
        };
        let name = arn.rsplit('/').next().unwrap_or_default();
        let policy = Policy::of_identity(&document);
        Ok(policy.ok().map(|policy| Attached { name: name.to_owned(), policy }))
    }

    /// The template's own managed policy of that ARN, which may name the account that it was written for.
    fn managed_of_template(&self, arn: &str) -> Option<&Resolved<'_>> {
        let own = own_arn(arn, self.region());
        self.of_type("AWS::IAM::ManagedPolicy").find(|policy| policy.physical_id == own)
    }

    /// What a role's managed policies do elsewhere and not here, as they are not known.
    pub(super) fn unknown_policies(&self, role: &Resolved<'_>) -> Option<String> {
        let is_unknown =
            |arn: &str| self.managed_of_template(arn).is_none() && managed(arn) == Managed::Unknown;
        let arns = list(role.properties.get("ManagedPolicyArns"));
        let granted: Vec<&str> =
            arns.iter().filter_map(Value::as_str).filter(|arn| is_unknown(arn)).collect();
        let boundary = role.properties.get(BOUNDARY).and_then(Value::as_str);
        let boundary = boundary.filter(|arn| is_unknown(arn));
        let mut parts = Vec::new();
        if !granted.is_empty() {
            parts.push(format!("has policies that grant nothing here: {}", granted.join(", ")));
        }
        if let Some(arn) = boundary {
            parts.push(format!("has a permissions boundary that limits nothing here: {arn}"));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Reads a document. Where a part of it refers to what is not emulated, it need not be whole, and may be no policy.
    fn read(
        &self,
        resource: &Resolved<'_>,
        name: &str,
        document: &Value,
        read: fn(&Value) -> Result<Policy, PolicyError>,
    ) -> Result<Option<Attached>, TemplateError> {
        match read(&as_own(document, self.region())) {
            Ok(policy) => Ok(Some(Attached { name: name.to_owned(), policy })),
            Err(_) if !resource.is_whole => Ok(None),
            Err(error) => {
                Err(resource.refused(format!("MalformedPolicyDocument: {error} (in {name})")))
            }
        }
    }
}
