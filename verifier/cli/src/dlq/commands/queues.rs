//! `verifier dlq queues`.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{DeadLetterQueue, Expiry, QueueArn, dead_letter_queues};
use verifier_model::time::Timestamp;

use crate::dlq::args::DlqQueuesArgs;
use crate::dlq::overview::{Overview, Row};
use crate::dlq::view;
use crate::dlq::{DlqTarget, Keeps, Looking, look_with};
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::print::finish;
use crate::shell::progress::Progress;

/// How many requests are made at once.
const AT_ONCE: usize = 8;
/// The metric that an alarm on a dead-letter queue watches.
const METRIC: &str = "ApproximateNumberOfMessagesVisible";

pub(crate) async fn run(args: DlqQueuesArgs) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let (connection, clock) = endpoint::reach(args.connection).await?;
    let aws = Aws::connect(&connection).await;
    let Some(region) = aws.region().map(str::to_owned) else {
        return Err(AwsError::no_region().into());
    };
    progress.say(&format!("asking for the queues of {region}"));
    let found = tokio::select! {
        found = found(&aws, &progress) => found,
        () = interrupt.asked() => {
            progress.clear();
            return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted));
        }
    };
    let ((all, not_asked), functions) = found.inspect_err(|_| progress.clear())?;
    let account = all.iter().find_map(|queue| QueueArn::parse(queue.arn())).map(|arn| arn.account);
    let queues = all.len() + not_asked.len();
    let now = clock.now();
    let found = dead_letter_queues(all, &functions.destinations);
    let alarms: Vec<Result<Vec<String>, AwsError>> =
        iter(&found).map(|each| alarms(&aws, each)).buffered(AT_ONCE).collect().await;
    let alarms_not_asked =
        alarms.iter().find_map(|alarms| alarms.as_ref().err().map(ToString::to_string));
    let mut rows: Vec<Row> = found
        .into_iter()
        .zip(alarms)
        .map(|(queue, alarms)| row(queue, alarms.ok(), &not_asked, now))
        .collect();
    let mut is_partial = false;
    if args.look {
        let target = |queue| {
            let endpoint = connection.endpoint_url.clone();
            DlqTarget::of_queue(aws.clone(), clock.clone(), endpoint, queue)
        };
        for row in &mut rows {
            if interrupt.is_asked() {
                break;
            }
            let looked = look(row, target, &interrupt, &progress).await;
            is_partial |= looked.inspect_err(|_| progress.clear())?;
        }
    }
    progress.clear();
    let overview = Overview {
        account,
        region,
        at: now,
        queues,
        rows,
        not_asked,
        alarms_not_asked,
        functions_not_asked: functions.not_asked,
        calls: aws.calls().counts(),
    };
    is_partial |= !overview.not_asked.is_empty() || functions.is_denied;
    let printed = view::print_overview(&overview, args.format);
    let exit = if is_partial { Exit::Stopped } else { Exit::Passed };
    finish(interrupt.exit().await.unwrap_or(exit), printed)
}

type Queues = (Vec<QueueEvidence>, Vec<(String, String)>);

/// Where functions put what they have failed.
#[derive(Default)]
struct Functions {
    /// Their names, each with an ARN; one may have several.
    destinations: Vec<(String, String)>,
    /// Why not all of them are known.
    not_asked: Option<String>,
    /// Whether that is because the caller may not ask.
    is_denied: bool,
}

async fn found(aws: &Aws, progress: &Progress) -> Result<(Queues, Functions), Failure> {
    let queues = queues(aws, progress).await?;
    progress.say("asking for the functions, which may have dead-letter queues, too");
    Ok((queues, functions(aws, progress).await?))
}

/// Where functions put what they have failed. What is no endpoint of Lambda's has none.
async fn functions(aws: &Aws, progress: &Progress) -> Result<Functions, Failure> {
    let mut found = Functions::default();
    let all = match aws.functions().await {
        Ok(all) => all,
        Err(error) => {
            found.refused(error)?;
            return Ok(found);
        }
    };
    let count = all.len() as u64;
    let asked = iter(all).map(async |(name, dead_letters)| {
        (aws.failure_destinations(&name).await, name, dead_letters)
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((destinations, name, dead_letters)) = asked.next().await {
        found.destinations.extend(dead_letters.map(|arn| (name.clone(), arn)));
        match destinations {
            Ok(arns) => found.destinations.extend(arns.into_iter().map(|arn| (name.clone(), arn))),
            // It was deleted meanwhile.
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error) => found.refused(error)?,
        }
        done += 1;
        progress.measure_often(done, Some(count), || "functions asked".to_owned());
    }
    Ok(found)
}

impl Functions {
    /// Notes why a function could not be asked, unless that is a failure of the environment.
    fn refused(&mut self, error: AwsError) -> Result<(), Failure> {
        self.is_denied |= error.may_be_denied();
        match error.cause {
            Cause::Denied | Cause::NotFound | Cause::Other => {
                self.not_asked.get_or_insert(error.to_string());
                Ok(())
            }
            _ => Err(error.into()),
        }
    }
}

/// Every queue with its attributes, and those that could not be asked.
async fn queues(aws: &Aws, progress: &Progress) -> Result<Queues, Failure> {
    let urls = aws.queue_urls().await?;
    let count = urls.len() as u64;
    let asked = iter(urls).map(async |url| {
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        (aws.queue(&name, &url).await, name)
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    let (mut found, mut not_asked) = (Vec::new(), Vec::new());
    while let Some((queue, name)) = asked.next().await {
        match queue {
            Ok(queue) => found.push(queue),
            // It was deleted meanwhile.
            Err(error) if error.cause == Cause::NotFound && !error.may_be_denied() => {}
            Err(error) => not_asked.push((name, error.to_string())),
        }
        let done = (found.len() + not_asked.len()) as u64;
        progress.measure_often(done, Some(count), || "queues asked".to_owned());
    }
    Ok((found, not_asked))
}

/// The alarms on a queue's visible messages, also of one that cannot be asked itself: CloudWatch knows it by its name.
async fn alarms(aws: &Aws, queue: &DeadLetterQueue) -> Result<Vec<String>, AwsError> {
    let alarms = aws.alarms_on_queue(name_of(queue), METRIC).await?;
    Ok(alarms.into_iter().map(|alarm| alarm.name).collect())
}

fn name_of(queue: &DeadLetterQueue) -> &str {
    queue.arn.rsplit(':').next().unwrap_or_default()
}

/// A row of the table. A queue that is listed and could not be asked is there, as far as is known, and not gone.
fn row(
    queue: DeadLetterQueue,
    alarms: Option<Vec<String>>,
    not_asked: &[(String, String)],
    now: Timestamp,
) -> Row {
    let is_it = |(name, _): &&(String, String)| name == name_of(&queue);
    let not_asked = match queue.queue {
        None => not_asked.iter().find(is_it).map(|(_, why)| why.clone()),
        Some(_) => None,
    };
    let expiry = match not_asked {
        None => queue.unseen_expiry(now),
        Some(_) => Expiry::Unknown { not_later_than: None },
    };
    Row { queue, expiry, alarms, not_asked, not_looked_at: None }
}

/// Looks at the messages of a queue; says whether some were not reached.
async fn look(
    row: &mut Row,
    target: impl FnOnce(QueueEvidence) -> Result<DlqTarget, Failure>,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<bool, Failure> {
    let Some(queue) = row.queue.queue.clone() else { return Ok(false) };
    if row.queue.depth().total() == 0 {
        return Ok(false);
    }
    if queue.moves_what_is_received() {
        let why = "it has a redrive policy of its own, by which looking may move messages";
        row.not_looked_at = Some(why.to_owned());
        return Ok(true);
    }
    progress.say(&format!("looking at {}", queue.name));
    let place = target(queue)?;
    let looking = Looking { most: usize::MAX, sought: None, wait: Duration::ZERO, progress };
    let look = look_with(&place, &looking, Keeps::Heads, interrupt).await?;
    let is_complete = look.cut_short.is_none();
    row.expiry = row.queue.seen_expiry(&look.messages, is_complete, place.clock.now());
    row.not_looked_at = look.cut_short;
    Ok(!is_complete || !look.not_released.is_empty())
}
