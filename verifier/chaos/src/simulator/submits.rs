//! Clients that submit jobs, the API and the submit function, with what goes wrong between them.

use verifier_model::faults::{Caller, Commit, CrashPoint, Fault, Happening, Stage};
use verifier_model::sqs::md5_of_body;

use super::super::Id;
use super::super::history::{Content, Event, Operation};
use super::super::schedule::JobKind;
use super::agenda::{ClientResult, Task};
use super::core::{Core, JOBS, SUBMIT_JOB};
use super::parts::Submit;

/// The operation as fault rules name it.
const POST_JOBS: &str = "POST /jobs";
/// How long the request is under way, and the answer, in milliseconds.
const ONE_WAY_MILLISECONDS: u64 = 15;
/// How long a client waits for an answer: API Gateway gives up at 30 s.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const CLIENT_TIMEOUT_MILLISECONDS: u64 = 30_000;
/// The timeout of the submit function.
const FUNCTION_TIMEOUT_MILLISECONDS: u64 = 10_000;

impl ClientResult {
    /// What a client concludes from a status: 202 is a promise, 4xx a refusal, and anything else says nothing.
    fn of_status(status: u16, message: Option<Id>) -> Self {
        match status {
            202 => Self::Accepted(message),
            400..=499 => Self::Refused(format!("status {status}").into()),
            _ => Self::Unknown(format!("status {status}").into()),
        }
    }
}

impl Core {
    /// A client submits a job.
    pub(super) fn submit(&mut self, job: usize) {
        let op = self.new_op();
        self.client_calls += 1;
        let SimulatedContent { id, content } = self.submitted(job);
        let kind = self.jobs[job].kind;
        let (nature, ends_batch) = (kind.nature(), kind.ends_batch());
        let fails = kind.fails();
        let operation = Operation::Submit { job: id, nature, content, fails, ends_batch };
        self.write(Event::Invoke { op, operation });
        let fault = if self.plan.is_empty() {
            None
        } else {
            let body = self.jobs[job].body.clone();
            let happening = Happening::new(POST_JOBS, Caller::Client).with_text(&body);
            self.decide(Stage::Transport, POST_JOBS, happening)
        };
        let arrives_at = self.now + ONE_WAY_MILLISECONDS;
        if self.jobs[job].kind == JobKind::CutOff {
            // Half a request is none, whatever would become of it.
            let result = ClientResult::Unknown("the client was cut off".into());
            return self.agenda.put(arrives_at, Task::AnswerSubmit { op, result });
        }
        let (carried_out, instead) = match fault {
            Some(Fault::Error { status, commit, .. }) => {
                (commit == Commit::After, Some(ClientResult::of_status(status, None)))
            }
            Some(Fault::Disconnect { commit }) => {
                let result = ClientResult::Unknown("the connection was closed".into());
                (commit == Commit::After, Some(result))
            }
            Some(Fault::Latency { milliseconds }) if milliseconds < CLIENT_TIMEOUT_MILLISECONDS => {
                let handled = Task::HandleSubmit { op, job, instead: None };
                return self.agenda.put(arrives_at + milliseconds, handled);
            }
            Some(Fault::Latency { .. }) => {
                let result = ClientResult::Unknown("no answer in time".into());
                let gives_up_at = self.now + CLIENT_TIMEOUT_MILLISECONDS;
                self.agenda.put(gives_up_at, Task::AnswerSubmit { op, result });
                (true, Some(ClientResult::Nothing))
            }
            _ => (true, None),
        };
        match (carried_out, instead) {
            (false, Some(result)) => {
                self.agenda.put(arrives_at, Task::AnswerSubmit { op, result });
            }
            (_, instead) => self.agenda.put(arrives_at, Task::HandleSubmit { op, job, instead }),
        }
    }

    /// A client deletes whatever is in the jobs queue.
    pub(super) fn purge(&mut self) {
        let (op, now) = (self.new_op(), self.time());
        self.client_calls += 1;
        self.write(Event::Invoke { op, operation: Operation::Purge });
        let ended = match self.sqs.purge(JOBS, now) {
            Ok(()) => Event::Ok { op, message: None },
            Err(error) => Event::Fail { op, reason: error.to_string().into() },
        };
        self.write(ended);
    }

    fn submitted(&self, job: usize) -> SimulatedContent {
        let job = &self.jobs[job];
        let content =
            Content { md5_of_body: md5_of_body(&job.body).into(), md5_of_attributes: None };
        SimulatedContent { id: job.id.clone(), content }
    }

    /// The submit function gets the request.
    pub(super) fn handle_submit(
        &mut self,
        function: &mut dyn Submit,
        op: u64,
        job: usize,
        instead: Option<ClientResult>,
    ) {
        let body = std::mem::take(&mut self.jobs[job].body);
        let fault = if self.submit_is_stopped {
            Some(Fault::Throttle)
        } else {
            self.fault_of_submit(&body)
        };
        let disturbed = fault.and_then(|fault| process_fault(&fault));
        let runs = disturbed.as_ref().is_none_or(|process_fault| process_fault.runs);
        // The body has to be back in its place while the function sends it.
        self.jobs[job].body.clone_from(&body);
        let answered = runs.then(|| {
            let answer = function.submit(&body, &mut |body| self.send(&body, job));
            ClientResult::of_status(answer.status, answer.message_id)
        });
        let (late, own) = match disturbed {
            Some(Disturbed { late, answer: Some(answer), .. }) => (late, answer),
            Some(Disturbed { late, .. }) => (late, answered.unwrap_or_else(unavailable)),
            None => (0, answered.unwrap_or_else(unavailable)),
        };
        let result = instead.unwrap_or(own);
        let at = self.now + late + ONE_WAY_MILLISECONDS;
        self.agenda.put(at, Task::AnswerSubmit { op, result });
    }

    fn fault_of_submit(&mut self, body: &str) -> Option<Fault> {
        let happening =
            Happening::new("Invoke", Caller::Client).of_function(SUBMIT_JOB).with_text(body);
        self.decide(Stage::Invocation, "Invoke", happening)
    }

    /// The client gets its answer.
    pub(super) fn answer_submit(&mut self, op: u64, result: ClientResult) {
        self.write(match result {
            ClientResult::Accepted(message) => Event::Ok { op, message },
            ClientResult::Refused(reason) => Event::Fail { op, reason },
            ClientResult::Unknown(reason) => Event::Info { op, reason },
            ClientResult::Nothing => return,
        });
    }
}

struct SimulatedContent {
    id: Id,
    content: Content,
}

/// What a fault does to an invocation of the submit function.
struct Disturbed {
    /// Whether the function runs at all.
    runs: bool,
    /// How much later the answer comes, in milliseconds.
    late: u64,
    /// What arrives in place of the function's answer.
    answer: Option<ClientResult>,
}

fn process_fault(fault: &Fault) -> Option<Disturbed> {
    let failed = |runs| Disturbed { runs, late: 0, answer: Some(unavailable()) };
    match fault {
        Fault::Throttle | Fault::Crash { at: CrashPoint::BeforeEffect } => Some(failed(false)),
        Fault::Crash { at: CrashPoint::AfterEffect } => Some(failed(true)),
        Fault::Freeze { milliseconds } => {
            let times_out = *milliseconds >= FUNCTION_TIMEOUT_MILLISECONDS;
            let late = (*milliseconds).min(FUNCTION_TIMEOUT_MILLISECONDS);
            Some(Disturbed { late, ..if times_out { failed(false) } else { delayed(late) } })
        }
        Fault::ColdStart { milliseconds } => {
            let gives_up = *milliseconds >= CLIENT_TIMEOUT_MILLISECONDS;
            let timeout = || ClientResult::Unknown("no answer in time".into());
            let late = (*milliseconds).min(CLIENT_TIMEOUT_MILLISECONDS);
            Some(Disturbed { answer: gives_up.then(timeout), ..delayed(late) })
        }
        // API Gateway takes a payload without a status for the body of a success, which is no 202.
        Fault::Answer { .. } => {
            let answer = Some(ClientResult::Unknown("an answer that is none".into()));
            Some(Disturbed { runs: true, late: 0, answer })
        }
        _ => None,
    }
}

fn delayed(late: u64) -> Disturbed {
    Disturbed { runs: true, late, answer: None }
}

fn unavailable() -> ClientResult {
    ClientResult::of_status(503, None)
}
