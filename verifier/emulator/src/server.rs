//! One loopback port: which service a request is for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use verifier_model::faults::Fault;

use crate::access::{Asked, Principal};
use crate::admin::Admin;
use crate::admission::{Admitted, Configuration, Listener, Refused, admit, allow, preflight};
use crate::asking;
use crate::body::{Bodies, HeldBody};
use crate::client::Client;
use crate::clients::Clients;
use crate::clock::{Busy, Clock};
use crate::grace::Grace;
use crate::http_api::{self, ApiRequest};
use crate::incoming::{Incoming, PARAMETERS_MAX, form, is_too_long, text};
use crate::lambda::is_of_function;
use crate::paths;
use crate::reply::{FoundNothing, Reply, aws_json, aws_query, reply, with_header};
use crate::services::cloudformation::{self, CloudFormation};
use crate::services::cloudfront;
use crate::services::cloudwatch::CloudWatchService;
use crate::services::cloudwatch_wire;
use crate::services::lambda::{LambdaRequest, LambdaService};
use crate::services::logs::{self, LogsService};
use crate::services::s3;
use crate::services::sqs_query::{self, Query};
use crate::services::sqs_wire::{self, SqsWire};
use crate::services::sts;
use crate::transport::{self, Disconnected, caller, comes_first};
use crate::world::World;

/// The largest request body that is read: what API Gateway takes, and more than a batch of SQS messages and Lambda's synchronous
/// payload.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What the bodies of all requests of a kind may take together.
const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long a request's body may take, in real time's clock, after its head.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The header by which a request that is not signed, such as one to the stack's own API, names the registered client that makes it:
/// while its answer is late on purpose, that client waits.
pub const CLIENT_HEADER: &str = "x-verifier-client";

/// Everything that requests are answered with.
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) clients: Arc<Clients>,
    pub(crate) admin: Admin,
    /// What the emulator's own endpoint needs.
    pub(crate) token: String,
    /// The origins of pages that may use AWS's services.
    pub(crate) allowed_origins: Vec<String>,
    /// How long clients outside of this process are taken to be at work after an answer.
    pub(crate) grace: Grace,
    pub(crate) bodies: BodiesOfAll,
    pub(crate) sqs: SqsWire,
    pub(crate) cloudformation: CloudFormation,
    pub(crate) lambda: LambdaService,
    pub(crate) logs: LogsService,
    pub(crate) cloudwatch: CloudWatchService,
    pub(crate) world: Arc<World>,
}

/// The bodies that are read or answered now. Those that anybody may send have a room of their own, in which they cannot be in
/// the way of the others.
pub(crate) struct BodiesOfAll {
    of_anybody: Bodies,
    signed: Bodies,
}

impl Default for BodiesOfAll {
    fn default() -> Self {
        let bodies = || Bodies::new(BODIES_BYTES_MAX, BODY_BYTES_MAX, BODY_TIMEOUT);
        Self { of_anybody: bodies(), signed: bodies() }
    }
}

impl Server {
    /// Answers a request. Whom it is from is decided by its head. From its last byte to its answer the clock is held, but
    /// for long polls that wait: a body that comes slowly, or never, holds nothing.
    pub(crate) async fn handle(self: Arc<Self>, request: Request) -> Result<Reply, Disconnected> {
        let (head, body) = request.into_parts();
        let admitted = self.decide(|configuration| admit(&head, &Listener::Stack(configuration)));
        let answer = match admitted {
            Ok(admitted) => self.clone().handle_admitted(&head, &admitted, body).await?,
            Err(refused) => refusal(&head, &refused),
        };
        Ok(with_header(answer, "server", "verifier-emulator"))
    }

    /// Decides by what this emulator was started with, and serves.
    fn decide<T>(&self, decide: impl FnOnce(&Configuration<'_>) -> T) -> T {
        decide(&Configuration {
            allowed_origins: &self.allowed_origins,
            token: &self.token,
            serves_page: &|host| self.world.sites.find(host).is_some(),
        })
    }

    async fn handle_admitted(
        self: Arc<Self>,
        head: &Parts,
        admitted: &Admitted,
        body: Body,
    ) -> Result<Reply, Disconnected> {
        if let Admitted::Preflight { origin } = admitted {
            return Ok(preflight(&head.headers, origin));
        }
        // It has its room until there is an answer.
        let body = match self.read(head, admitted, body).await {
            Ok(body) => body,
            Err(refused) if *admitted == Admitted::HttpApi => {
                return Ok(http_api::refusal(&refused));
            }
            Err(refused) => return Ok(refusal(head, &refused)),
        };
        let busy = self.clock.busy();
        let access_key = access_key(&head.headers).map(str::to_owned);
        let incoming = Incoming {
            admitted,
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body: body.bytes.clone(),
        };
        let (busy, answer) = self.answer(&incoming, busy, access_key.as_deref()).await;
        self.let_client_work(busy, &incoming, access_key.as_deref(), answer.as_ref().ok());
        match admitted {
            Admitted::Aws { origin: Some(origin) } => answer.map(|answer| allow(answer, origin)),
            _ => answer,
        }
    }

    /// Reads the body of a request that needs one: an API that does not know what is asked for says so without, and files are
    /// served without.
    async fn read(
        &self,
        head: &Parts,
        admitted: &Admitted,
        body: Body,
    ) -> Result<HeldBody, Refused> {
        match admitted {
            Admitted::Page => Ok(HeldBody::none()),
            Admitted::HttpApi => {
                let rest = head.uri.path().strip_prefix(paths::HTTP_APIS).unwrap_or_default();
                match self.world.apis.route_of(&head.method, rest) {
                    Some(_) => self.bodies.of_anybody.read(body).await,
                    None => Ok(HeldBody::none()),
                }
            }
            _ => self.bodies.signed.read(body).await,
        }
    }

    /// Answers a request, with whatever goes wrong on its way and on the answer's.
    async fn answer(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        mut busy: Busy,
        access_key: Option<&str>,
    ) -> (Busy, Result<Reply, Disconnected>) {
        let Some((request, fault)) = transport::fault(&self.world, incoming, access_key) else {
            let (busy, reply) = self.dispatch(incoming, busy, access_key).await;
            return (busy, Ok(reply));
        };
        let mut answer = None;
        if !comes_first(&fault) {
            let (still_busy, reply) = self.dispatch(incoming, busy, access_key).await;
            (busy, answer) = (still_busy, Some(reply));
        }
        match (fault, answer) {
            (Fault::Error { status, code, message, .. }, _) => {
                (busy, Ok(request.refuse(status, &code, &message)))
            }
            (Fault::Latency { milliseconds }, Some(answer)) => {
                let client = access_key.and_then(|key| self.clients.find(key));
                (
                    transport::delay(&self.clock, busy, client.as_ref(), milliseconds).await,
                    Ok(answer),
                )
            }
            _ => (busy, Err(Disconnected)),
        }
    }

    async fn dispatch(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        busy: Busy,
        access_key: Option<&str>,
    ) -> (Busy, Reply) {
        match incoming.admitted {
            Admitted::Admin => self.admin.handle(incoming, busy).await,
            Admitted::HttpApi => {
                let client = access_key.and_then(|key| self.clients.find(key));
                self.api(busy, incoming, client.as_ref()).await
            }
            Admitted::Page => (busy, self.page(incoming).await),
            // A preflight is answered before, and a Runtime API has a port of its own.
            Admitted::Aws { .. } | Admitted::Preflight { .. } | Admitted::RuntimeApi => {
                self.ask_aws(incoming, busy, access_key).await
            }
        }
    }

    async fn ask_aws(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        busy: Busy,
        access_key: Option<&str>,
    ) -> (Busy, Reply) {
        if *incoming.method == Method::POST {
            let target = text(incoming.headers, "x-amz-target").unwrap_or_default();
            if let Some(action) = target.strip_prefix(sqs_wire::TARGET) {
                if let Some(refusal) = self.denied_by_sqs(action, &incoming.body, access_key) {
                    return (busy, refusal);
                }
                let client = access_key.and_then(|key| self.clients.find(key));
                let caller = caller(access_key);
                return self
                    .sqs
                    .handle(action, &incoming.body, busy, client.as_ref(), caller)
                    .await;
            }
            // JSON and CBOR, and Lambda's payloads, may hold what separates a form's parameters.
            let is_form = target.is_empty()
                && cloudwatch_wire::recognise(target, incoming.path).is_none()
                && paths::of_lambda(incoming.path).is_none();
            if is_form && is_too_long(&incoming.body) {
                return (busy, too_many_parameters());
            }
            if let Some(refusal) = self.denied(incoming, access_key) {
                return (busy, refusal);
            }
            if let Some(answer) = self.ask_at_once(target, incoming) {
                return (busy, answer);
            }
            if let Some(query) = Query::recognise(form(&incoming.body), incoming.path) {
                return self.ask_sqs_by_query(busy, query, access_key).await;
            }
        }
        if let Some(path) = paths::of_lambda(incoming.path) {
            if let Some(refusal) = self.denied(incoming, access_key) {
                return (busy, refusal);
            }
            let client = access_key.and_then(|key| self.clients.find(key));
            let request = LambdaRequest {
                method: incoming.method,
                path,
                query: form(incoming.query.as_bytes()),
                headers: incoming.headers,
                body: &incoming.body,
                caller: caller(access_key),
                client: client.as_ref(),
            };
            return self.lambda.handle(busy, &request).await;
        }
        let sites = &self.world.sites;
        if let Some(answer) = cloudfront::answer(sites, incoming, self.clock.now()) {
            return (busy, answer);
        }
        if let Some(answer) = s3::answer(sites, incoming, self.clock.now()).await {
            return (busy, answer);
        }
        (busy, self.page(incoming).await)
    }

    /// SQS's older protocol, which some clients still speak.
    async fn ask_sqs_by_query(
        &self,
        busy: Busy,
        Query { action, body }: Query,
        access_key: Option<&str>,
    ) -> (Busy, Reply) {
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return (busy, *refusal),
        };
        if let Some(refusal) = self.denied_by_sqs(&action, &body, access_key) {
            return (busy, sqs_query::reply(&action, refusal).await);
        }
        let client = access_key.and_then(|key| self.clients.find(key));
        let caller = caller(access_key);
        let (busy, answer) = self.sqs.handle(&action, &body, busy, client.as_ref(), caller).await;
        let found_nothing = answer.extensions().get::<FoundNothing>().copied();
        let mut answer = sqs_query::reply(&action, answer).await;
        if let Some(found_nothing) = found_nothing {
            answer.extensions_mut().insert(found_nothing);
        }
        (busy, answer)
    }

    /// SQS's refusal of what a function's role or a queue's policy does not allow.
    fn denied_by_sqs(&self, action: &str, body: &[u8], access_key: Option<&str>) -> Option<Reply> {
        let access = &self.world.access;
        if !access.is_on() {
            return None;
        }
        let by = self.principal(access_key);
        if by.is_none() && !self.world.sqs.look(verifier_model::sqs::Sqs::has_policies) {
            return None;
        }
        let (mut all, queue) = asking::of_sqs(action, body, access.region());
        if let (Some(queue), Some(asked)) = (&queue, all.first_mut()) {
            asked.keys = self.world.resource_tags(queue);
        }
        let policy = queue.and_then(|queue| self.world.queue_policy(&queue));
        let now = self.clock.now();
        let decide = |asked: &Asked| access.decide(by.as_ref(), asked, policy.as_deref(), now);
        let denied = all.iter().find_map(|asked| decide(asked).err());
        denied.map(|denied| transport::access_denied_by_sqs(&denied.sentence))
    }

    /// Who asks; none where it is an administrator.
    fn principal(&self, access_key: Option<&str>) -> Option<Principal> {
        let access = &self.world.access;
        match access_key.and_then(|key| self.world.functions.of_access_key(key)) {
            Some(function) => access.function(function),
            None => access.callers(),
        }
    }

    /// The refusal by another service of what the caller's role does not allow.
    fn denied(&self, incoming: &Incoming<'_>, access_key: Option<&str>) -> Option<Reply> {
        let access = &self.world.access;
        let by = self.principal(access_key)?;
        let leads_to = |uuid: &str| self.world.function_of_mapping(uuid);
        let asked = asking::of_other_services(incoming, access.region(), &leads_to)?;
        let decided = access.decide(Some(&by), &asked, None, self.clock.now());
        decided
            .err()
            .map(|denied| transport::access_denied(&self.world, incoming, &denied.sentence))
    }

    /// The services that are called by POST and never wait.
    fn ask_at_once(&self, target: &str, incoming: &Incoming<'_>) -> Option<Reply> {
        if let Some(action) = target.strip_prefix(logs::TARGET) {
            return Some(self.logs.handle(action, &incoming.body, self.clock.now()));
        }
        if let Some((action, protocol)) = cloudwatch_wire::recognise(target, incoming.path) {
            return Some(self.cloudwatch.handle(action, protocol, &incoming.body));
        }
        self.query_protocol(incoming)
    }

    async fn page(&self, incoming: &Incoming<'_>) -> Reply {
        let host = text(incoming.headers, "host").unwrap_or_default();
        match self.world.sites.find(host) {
            Some(site) => self.world.sites.handle(&site, incoming.method, incoming.path).await,
            None => unknown(incoming),
        }
    }

    async fn api(
        &self,
        busy: Busy,
        incoming: &Incoming<'_>,
        client: Option<&Client>,
    ) -> (Busy, Reply) {
        let rest = incoming.path.strip_prefix(paths::HTTP_APIS).unwrap_or_default();
        let (id, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let request = ApiRequest {
            method: incoming.method,
            path: if path.is_empty() { "/" } else { path },
            query: incoming.query,
            headers: incoming.headers,
            body: incoming.body.clone(),
            now: self.clock.now(),
            client,
        };
        self.world.apis.handle(busy, id, request).await
    }

    /// CloudFormation and STS speak AWS's query protocol: a form with an action and the service's version.
    fn query_protocol(&self, incoming: &Incoming<'_>) -> Option<Reply> {
        let mut parameters = form(incoming.query.as_bytes());
        parameters.extend(form(&incoming.body));
        let (action, version) = (parameters.get("Action")?, parameters.get("Version")?);
        match version.as_str() {
            cloudformation::VERSION => Some(self.cloudformation.handle(action, &parameters)),
            sts::VERSION => Some(sts::handle(action)),
            _ => None,
        }
    }

    /// A client of another process has work to do between two requests, of which only time can tell the end. Our own
    /// clients and functions hold the clock by themselves, and who does not sign, as every page does, may ask as often as
    /// they like.
    fn let_client_work(
        &self,
        busy: Busy,
        incoming: &Incoming<'_>,
        access_key: Option<&str>,
        answer: Option<&Reply>,
    ) {
        let known =
            access_key.is_some_and(|key| is_of_function(key) || self.clients.find(key).is_some());
        let is_signed = matches!(incoming.admitted, Admitted::Aws { .. });
        if known || !is_signed || !self.clock.jumps() {
            return;
        }
        let grace = self.grace.after(incoming, answer);
        if grace.is_zero() {
            return;
        }
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            drop(busy);
        });
    }
}

/// The access key of a signed request.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let Some(authorization) = text(headers, header::AUTHORIZATION.as_str()) else {
        return text(headers, CLIENT_HEADER);
    };
    authorization.split_once("Credential=")?.1.split('/').next()
}

/// A refusal in the shape of the protocol that the request speaks.
fn refusal(head: &Parts, refused: &Refused) -> Reply {
    let Refused { status, code, sentence } = refused;
    let target = text(&head.headers, "x-amz-target").unwrap_or_default();
    let path = head.uri.path();
    if let Some((_, protocol)) = cloudwatch_wire::recognise(target, path) {
        cloudwatch_wire::error(protocol, *status, code, sentence)
    } else if !target.is_empty() {
        aws_json::error("1.0", *status, code, sentence)
    } else if paths::of_lambda(path).is_some() {
        aws_json::rest_error(*status, code, sentence)
    } else if head.method == Method::POST {
        aws_query::error(*status, "http://verifier.emulator/refused", code, sentence)
    } else {
        reply(*status, "text/plain; charset=utf-8", format!("{code}: {sentence}\n"))
    }
}

fn too_many_parameters() -> Reply {
    let sentence = format!("The form has more than {PARAMETERS_MAX} parameters.");
    aws_query::error(400, "http://verifier.emulator/refused", "MalformedQueryString", &sentence)
}

fn unknown(incoming: &Incoming<'_>) -> Reply {
    let message = format!(
        "{} {} is for no service of the emulator. It answers CloudFormation, CloudFront's invalidations, CloudWatch, CloudWatch Logs, Lambda, SQS and STS, the site's bucket in S3, the stack's HTTP APIs below /execute-api/, and its site on the host localhost.\n",
        incoming.method, incoming.path
    );
    reply(404, "text/plain; charset=utf-8", message)
}
