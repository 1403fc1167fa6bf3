//! The stages of an HTTP API.

use super::build::{Builder, Resolved};
use super::{DEFAULT_STAGE, StageSpec};
use crate::template::TemplateError;

const NAME_CHARACTERS: usize = 128;

impl Builder<'_> {
    /// The stages of an API, and whether something was deployed to each: by itself, by the deployment that it names, or
    /// by one that names it. An API with a `Target` brings a default stage that deploys by itself ("quick create").
    ///
    /// A deployment is taken for one of all routes: on AWS it is of those that were there before it.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-stage.html>,
    /// `aws-resource-apigatewayv2-deployment.html` and `aws-resource-apigatewayv2-api.html` beside it.
    pub(super) fn stages(&self, api: &Resolved<'_>) -> Result<Vec<StageSpec>, TemplateError> {
        let mut deployments = Vec::new();
        for deployment in self.of_type("AWS::ApiGatewayV2::Deployment") {
            if deployment.properties().required_text("ApiId")? == api.physical_id {
                deployments.push((deployment, deployment.properties().text("StageName")?));
            }
        }
        let mut stages: Vec<StageSpec> = Vec::new();
        for resource in self.of_type("AWS::ApiGatewayV2::Stage") {
            if resource.properties().required_text("ApiId")? != api.physical_id {
                continue;
            }
            let stage = stage(resource, &deployments)?;
            if stages.iter().any(|other| other.name == stage.name) {
                let problem =
                    format!("has the name {}, as another stage of its API has", stage.name);
                return Err(resource.unsupported(problem));
            }
            stages.push(stage);
        }
        let has_default = stages.iter().any(|stage| stage.name == DEFAULT_STAGE);
        if api.properties().has("Target") && !has_default {
            stages.push(StageSpec { name: DEFAULT_STAGE.to_owned(), is_deployed: true });
        }
        for (deployment, stage_name) in &deployments {
            if let Some(name) = stage_name
                && stages.iter().all(|stage| stage.name != *name)
            {
                let problem = format!("names the stage {name}, which its API does not have");
                return Err(deployment.unsupported(problem));
            }
        }
        Ok(stages)
    }
}

fn stage(
    resource: &Resolved<'_>,
    deployments: &[(&Resolved<'_>, Option<String>)],
) -> Result<StageSpec, TemplateError> {
    let properties = resource.properties();
    let name = properties.required_text("StageName")?;
    if !is_stage_name(&name) {
        let problem = format!(
            "must be {DEFAULT_STAGE} or up to {NAME_CHARACTERS} letters, digits, hyphens and underscores, found {name}"
        );
        return Err(properties.bad("StageName", &problem));
    }
    let named = properties.text("DeploymentId")?;
    if let Some(id) = &named
        && deployments.iter().all(|(deployment, _)| deployment.physical_id != *id)
    {
        let problem =
            format!("names the deployment {id}, which is none of its API's in this stack");
        return Err(resource.unsupported(problem));
    }
    let is_deployed = properties.boolean("AutoDeploy", false)?
        || named.is_some()
        || deployments.iter().any(|(_, stage)| stage.as_ref() == Some(&name));
    Ok(StageSpec { name, is_deployed })
}

/// Source: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html>.
fn is_stage_name(name: &str) -> bool {
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    name == DEFAULT_STAGE
        || ((1..=NAME_CHARACTERS).contains(&name.len()) && name.chars().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_the_default_or_has_a_name_that_fits_into_a_path() {
        for name in ["$default", "prod", "v1", "Test-1_x", &"x".repeat(128)] {
            assert!(is_stage_name(name), "{name}");
        }
        for name in ["", "$latest", "v1/x", "v1.2", "höhe", "a b", &"x".repeat(129)] {
            assert!(!is_stage_name(name), "{name}");
        }
    }
}
