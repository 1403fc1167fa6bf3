//! What the command line says of where messages go, and the client for there.

use verifier_aws::{Aws, Connection};

use crate::dlq::DlqTarget;
use crate::redrive::args::{RedriveArgs, ToArgs};
use crate::shell::args::ConnectionArgs;
use crate::shell::endpoint;
use crate::shell::failure::Failure;

/// What the command line says of the destination.
pub(super) struct Asked {
    pub(super) to: ToArgs,
    pub(super) endpoint_url: Option<String>,
    pub(super) log_group: Option<String>,
}

impl Asked {
    pub(super) fn of(args: &RedriveArgs) -> Self {
        Self {
            to: args.to.clone(),
            endpoint_url: args.place.connection.endpoint_url.clone(),
            log_group: args.place.log_group.clone(),
        }
    }

    /// The client for a destination, which may be in another region or account than the messages. `said` is the region that
    /// `named` says.
    pub(super) async fn client(
        &self,
        place: &DlqTarget,
        named: Option<&str>,
        said: Option<&str>,
    ) -> Result<Aws, Failure> {
        let ToArgs { to_region, to_profile, .. } = &self.to;
        if let (Some(asked), Some(said), Some(named)) = (to_region.as_deref(), said, named)
            && asked != said
        {
            return Err(Failure {
                next: Some(format!("leave --to-region out, or say --to-region {said}")),
                ..Failure::usage(format!("{named} is in {said}, and --to-region says {asked}"))
            });
        }
        let said = said.filter(|region| place.aws.region() != Some(region)).map(str::to_owned);
        let region = to_region.clone().or(said);
        if region.is_none() && to_profile.is_none() {
            return Ok(place.aws.clone());
        }
        let (profile, endpoint_url) = (to_profile.clone(), self.endpoint_url.clone());
        let other = ConnectionArgs { region, profile, endpoint_url, emulator_token: None };
        let connection = endpoint::remote(other);
        // Another account need not say in which region the rehearsal is.
        let fallback_region = place.aws.region().map(str::to_owned);
        Ok(Aws::connect(&Connection { fallback_region, ..connection }).await)
    }
}
