//! What the stack answers to whoever opens it: its page and its API.

use std::time::Duration;

use futures::future::join_all;
use verifier_core::check::rules::api_hello::{self, Holds};
use verifier_core::check::rules::{api_cors, web_config, web_page};
use verifier_core::check::{Check, Evaluation, StackEvidence, Verdict};
use verifier_core::settings::Settings;
use verifier_core::settings::urls::origin_of;

use super::{Run, Stop};

/// How long to wait before what did not answer well is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// A question to the page or the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Page,
    Config,
    Hello,
    Cors,
}

/// A question that was asked, and what its answer was evaluated to be.
pub(super) type Probed = (Probe, Evaluation);

/// Where to ask, as far as the outputs tell.
pub(super) struct Addresses {
    page: Option<String>,
    /// The hello endpoint.
    hello: Option<String>,
    /// The page's configuration.
    config: Option<String>,
    jobs: Option<String>,
    /// The origins whose pages may post jobs.
    origins: Vec<String>,
    /// What the hello endpoint's answer has to hold.
    hello_holds: Holds,
}

impl Addresses {
    pub(super) fn of(stack: &StackEvidence, settings: &Settings) -> Self {
        let outputs = &stack.outputs;
        let page = settings.page_url(outputs);
        let mut origins: Vec<String> = settings.expect.named_origins().map(str::to_owned).collect();
        if origins.is_empty() {
            origins.extend(page.map(origin_of));
        }
        Self {
            hello: settings.hello_url(outputs),
            config: settings.config_url(outputs),
            jobs: settings.job_url(outputs),
            hello_holds: api_hello::holds(&settings.api, &stack.tags),
            origins,
            page: page.map(str::to_owned),
        }
    }
}

impl Addresses {
    /// The origin of the page that jobs are posted from; of several, the first.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origins.first().map(String::as_str)
    }
}

impl Probe {
    const ALL: [Self; 4] = [Self::Page, Self::Config, Self::Hello, Self::Cors];

    fn check(self) -> &'static Check {
        match self {
            Self::Page => &web_page::CHECK,
            Self::Config => &web_config::CHECK,
            Self::Hello => &api_hello::CHECK,
            Self::Cors => &api_cors::CHECK,
        }
    }

    /// How long after the run's start it may answer badly. A distribution's edges learn of a deployment one after the
    /// other, and an API's stage is updated a moment after the deployment.
    fn bound(self) -> Duration {
        match self {
            Self::Page | Self::Config => Duration::from_secs(30),
            Self::Hello | Self::Cors => Duration::from_secs(15),
        }
    }
}

impl Run<'_> {
    /// Asks everything that is asked for once, at the same time.
    pub(super) async fn ask_all(&self, addresses: &Addresses) -> Vec<Probed> {
        self.ask_each(addresses, &Probe::ALL).await
    }

    async fn ask_each(&self, addresses: &Addresses, probes: &[Probe]) -> Vec<Probed> {
        let asked = probes.iter().map(async |probe| (*probe, self.ask(addresses, *probe).await));
        join_all(asked).await
    }

    async fn ask(&self, addresses: &Addresses, probe: Probe) -> Evaluation {
        if !self.options.selection.wants_any(&[*probe.check()]) {
            return Evaluation::not_run("not asked for");
        }
        let without = |output: &Option<String>| {
            let output = output.as_deref().unwrap_or("for it");
            Evaluation::not_run(format!("the stack has no output {output}"))
        };
        let outputs = &self.options.settings.outputs;
        let Addresses { page, hello, config, jobs, origins, hello_holds } = addresses;
        match probe {
            Probe::Page => match page {
                Some(page) => web_page::evaluate(&self.http.open(page).await),
                None => without(&outputs.preview_url),
            },
            Probe::Config => match (config, jobs) {
                (Some(url), Some(job_url)) => {
                    let settings = &self.options.settings;
                    let hello = hello.as_deref().zip(settings.api.hello_path.as_deref());
                    let expected = web_config::Expected { page: &settings.page, job_url, hello };
                    web_config::evaluate(&self.http.open(url).await, expected)
                }
                (None, _) => without(&outputs.preview_url),
                (_, None) => without(&outputs.job_url),
            },
            Probe::Hello => match hello {
                Some(url) => api_hello::evaluate(&self.http.get(url).await, hello_holds),
                None => without(&outputs.api_url),
            },
            Probe::Cors => match (origins.as_slice(), jobs) {
                ([], _) => without(&outputs.preview_url),
                (_, None) => without(&outputs.job_url),
                (origins, Some(job_url)) => {
                    let evaluation = self.ask_for_cors(origins, job_url).await;
                    self.ask_hello_by_page(addresses, evaluation).await
                }
            },
        }
    }

    async fn ask_for_cors(&self, origins: &[String], job_url: &str) -> Evaluation {
        let headers = api_cors::requested_headers(&self.options.settings.jobs.headers);
        let headers = headers.as_slice();
        let other = api_cors::other_origins(origins);
        let ask = async |origin: &String| self.http.preflight(job_url, origin, headers).await;
        let (own, other) =
            tokio::join!(join_all(origins.iter().map(ask)), join_all(other.iter().map(ask)));
        let any = self.options.settings.expect.allows_any_origin();
        let mut evaluated: Vec<Evaluation> =
            own.iter().map(|own| api_cors::evaluate(own, &other, any)).collect();
        // Each origin has to be allowed, so the first that is not speaks for all.
        let told = evaluated.iter().position(is_bad).unwrap_or_default();
        evaluated.swap_remove(told)
    }

    /// What was evaluated of CORS, unless it is good and the page may not read what the hello endpoint answers.
    async fn ask_hello_by_page(&self, addresses: &Addresses, evaluation: Evaluation) -> Evaluation {
        // A stack without a page may have an API that no page reads.
        let (Some(_), Some(hello), Some(origin)) =
            (&addresses.page, &addresses.hello, addresses.origin())
        else {
            return evaluation;
        };
        if is_bad(&evaluation) {
            return evaluation;
        }
        let exchange = self.http.get_by_page(hello, origin).await;
        api_cors::evaluate_hello(origin, &exchange).unwrap_or(evaluation)
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
            for (probe, evaluation) in pending {
                let patient_until = self.began_at() + probe.bound();
                let asks_until = self.bounded(patient_until);
                // One that took all of its time to answer is asked once more.
                let is_first = rounds == 1 && asks_until == patient_until;
                if is_bad(&evaluation) && (is_first || self.clock.now() < asks_until) {
                    again.push(probe);
                } else if is_bad(&evaluation) && asks_until < patient_until {
                    is_cut_short = true;
                } else {
                    let evaluation = if rounds > 1 {
                        evaluation.with_evidence("requests", rounds)
                    } else {
                        evaluation
                    };
                    let evaluation = match (probe, evaluation.verdict) {
                        (Probe::Cors, Verdict::Pass | Verdict::Warn) => {
                            self.of_posts(addresses).unwrap_or(evaluation)
                        }
                        _ => evaluation,
                    };
                    self.settle(probe.check(), evaluation);
                }
            }
            if again.is_empty() {
                return if is_cut_short { Err(Stop::Timeout) } else { Ok(()) };
            }
            self.clock.sleep(PAUSE).await;
            pending = self.ask_each(addresses, &again).await;
            rounds += 1;
        }
    }
}

impl Run<'_> {
    /// That the page may not read what a job that it posts is answered, or a body that is refused; `None` where it may, or where
    /// none was answered.
    fn of_posts(&self, addresses: &Addresses) -> Option<Evaluation> {
        let origin = addresses.origin()?;
        let mut of_jobs = self.jobs.iter().filter_map(|job| job.exchange.answer.as_ref().ok());
        let of_refused = self.rejections.iter();
        let mut of_refused = of_refused.filter_map(|each| each.exchange.answer.as_ref().ok());
        of_jobs
            .find_map(|answer| api_cors::evaluate_answer(origin, answer))
            .or_else(|| of_refused.find_map(|answer| api_cors::evaluate_refusal(origin, answer)))
    }
}

fn is_bad(evaluation: &Evaluation) -> bool {
    matches!(evaluation.verdict, Verdict::Fail | Verdict::Inconclusive)
}
