//! What the stack answers to whoever opens it: its page and its API.

use std::time::Duration;

use futures::future::join_all;
use verifier_core::check::{
    Addresses, CHECKS, Check, Evaluate, Evaluation, OneOrMore, Posted, Probe, Question, Reply,
    Verdict, absent,
};

use verifier_core::check::rules::web_config::to_run;
use verifier_core::check::script::Script;

use super::{Run, Stop};

/// How long to wait before what did not answer well is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// A check's questions, with what their replies were evaluated to be.
pub(super) struct Probed {
    check: &'static Check,
    probe: Probe,
    evaluation: Evaluation,
}

impl Run<'_> {
    /// Asks everything that is asked for once, at the same time.
    pub(super) async fn ask_all(&self, addresses: &Addresses) -> Vec<Probed> {
        let probes = CHECKS.iter().filter_map(|check| match check.evaluate {
            Evaluate::Probe(probe) => Some((check, probe)),
            _ => None,
        });
        self.ask_each(addresses, probes).await
    }

    async fn ask_each(
        &self,
        addresses: &Addresses,
        probes: impl Iterator<Item = (&'static Check, Probe)>,
    ) -> Vec<Probed> {
        let asked = probes.map(async |(check, probe)| Probed {
            check,
            probe,
            evaluation: self.ask(addresses, check, &probe).await,
        });
        join_all(asked).await
    }

    async fn ask(&self, addresses: &Addresses, check: &Check, probe: &Probe) -> Evaluation {
        if !self.options.selection.wants(check) {
            return Evaluation::not_run("not asked for");
        }
        if let Some(why) = absent(self.subject(), check) {
            return Evaluation::not_run(why);
        }
        let questions = match (probe.ask)(addresses) {
            Ok(questions) => questions,
            Err(nothing_to_ask) => return Evaluation::not_run(nothing_to_ask),
        };
        let more = join_all(questions.more.iter().map(|question| self.reply(question)));
        let (first, more) = tokio::join!(self.reply(&questions.first), more);
        (probe.evaluate)(addresses, &OneOrMore { first, more })
    }

    async fn reply(&self, question: &Question) -> Reply {
        let http = self.http;
        match question {
            Question::Get { url } => Reply::Exchange(http.get(url).await),
            Question::Open { url } => Reply::Exchange(http.open(url).await),
            Question::Run { url } => {
                let exchange = http.open(url).await;
                let script = run(to_run(&exchange), &exchange.url).await;
                Reply::Script(exchange, script)
            }
            Question::GetByPage { url, origin } => {
                Reply::Exchange(http.get_by_page(url, origin).await)
            }
            Question::Preflight { url, origin, requested_headers } => {
                Reply::Preflight(http.preflight(url, origin, requested_headers).await)
            }
        }
    }

    /// Settles what has answered well, and asks the rest again until it does or its time is over. A bad answer is no
    /// result when it is the run's own time that has ended.
    pub(super) async fn settle_probes(
        &mut self,
        addresses: &Addresses,
        probed: Vec<Probed>,
    ) -> Result<(), Stop> {
        let (mut pending, mut rounds) = (probed, 1);
        let mut is_cut_short = false;
        loop {
            let mut again = Vec::new();
            for Probed { check, probe, evaluation } in pending {
                let patient_until = self.began_at() + probe.patience;
                let asks_until = self.bounded(patient_until);
                // One that took all of its time to answer is asked once more.
                let is_first = rounds == 1 && asks_until == patient_until;
                if evaluation.is_bad() && (is_first || self.clock.now() < asks_until) {
                    again.push((check, probe));
                } else if evaluation.is_bad() && asks_until < patient_until {
                    is_cut_short = true;
                } else {
                    let evaluation = if rounds > 1 {
                        evaluation.with_evidence("requests", rounds)
                    } else {
                        evaluation
                    };
                    self.settle(check, self.confirmed(addresses, &probe, evaluation));
                }
            }
            if again.is_empty() {
                return if is_cut_short { Err(Stop::Timeout) } else { Ok(()) };
            }
            self.clock.sleep(PAUSE).await;
            pending = self.ask_each(addresses, again.into_iter()).await;
            rounds += 1;
        }
    }

    /// The same evaluation, or what the submissions show where the replies are good.
    fn confirmed(
        &self,
        addresses: &Addresses,
        probe: &Probe,
        evaluation: Evaluation,
    ) -> Evaluation {
        let is_good = matches!(evaluation.verdict, Verdict::Pass | Verdict::Warn);
        let posted = Posted { jobs: &self.jobs, rejections: &self.rejections };
        let confirm = probe.confirm.filter(|_| is_good);
        confirm.and_then(|confirm| confirm(addresses, &posted)).unwrap_or(evaluation)
    }
}

/// Runs a script in its page. The engine blocks, so it has a thread of those that may.
async fn run(source: Option<&str>, page: &str) -> Option<Script> {
    let (source, page) = (source?.to_owned(), page.to_owned());
    let ended = tokio::task::spawn_blocking(move || verifier_script::run(&source, &page)).await;
    Some(ended.unwrap_or_else(|error| Script::Undecided { why: error.to_string() }))
}
