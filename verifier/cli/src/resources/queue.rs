//! A queue that is named by itself.

use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::QueueRef;

use crate::shell::args::ConnectionArgs;
use crate::shell::failure::Failure;

/// The connection in the region of the queue that is named, where its URL or ARN says one.
pub(crate) fn in_its_region(
    args: ConnectionArgs,
    named: Option<&str>,
) -> Result<ConnectionArgs, Failure> {
    let Some(named) = named else { return Ok(args) };
    let parsed = parse(named)?;
    let region = match (&args.region, parsed.region()) {
        (Some(asked), Some(said)) if asked != said => {
            return Err(Failure {
                next: Some(format!("leave --region out, or say --region {said}")),
                ..Failure::usage(format!("{named} is in {said}, and --region says {asked}"))
            });
        }
        (asked, said) => asked.clone().or(said.map(str::to_owned)),
    };
    Ok(ConnectionArgs { region, ..args })
}

/// What a command line, an output or a file names.
pub(crate) fn parse(named: &str) -> Result<QueueRef, Failure> {
    QueueRef::parse(named).map_err(|error| Failure::usage(error.to_string()))
}

/// A queue by name, URL or ARN. Region and account of a URL or an ARN count: a queue of the same name elsewhere is refused.
pub(crate) async fn queue(
    aws: &Aws,
    endpoint: Option<&str>,
    named: &str,
) -> Result<QueueEvidence, Failure> {
    let parsed = parse(named)?;
    if let Some(why) = parsed.unreachable_at(endpoint) {
        return Err(elsewhere(named, &why));
    }
    if let (Some(said), Some(region)) = (parsed.region(), aws.region())
        && said != region
    {
        return Err(elsewhere(named, &format!("it is in {said}, and requests go to {region}")));
    }
    let name = parsed.name();
    let url = match &parsed {
        QueueRef::Name(name) => aws.queue_url(name).await?,
        QueueRef::Url { url, .. } => url.clone(),
        QueueRef::Arn(arn) => {
            let url = aws.queue_url_of(name, Some(&arn.account)).await;
            url.map_err(|error| not_found(named, error))?
        }
    };
    let found = aws.queue(name, &url).await.map_err(|error| not_found(named, error))?;
    if parsed.is(found.arn()) {
        return Ok(found);
    }
    Err(elsewhere(named, &format!("the endpoint knows {} by that name", found.arn())))
}

fn not_found(named: &str, error: AwsError) -> Failure {
    if error.cause == Cause::NotFound && named.contains(':') {
        return elsewhere(named, &error.to_string());
    }
    error.into()
}

/// A queue of another account, region or server than requests go to.
fn elsewhere(named: &str, why: &str) -> Failure {
    Failure {
        next: Some(
            "check the account, the region and the name, and choose them with --profile, --region (for a destination --to-profile, --to-region) and --endpoint-url"
                .to_owned(),
        ),
        ..Failure::usage(format!("the queue {named} cannot be reached: {why}; nothing was done"))
    }
}
