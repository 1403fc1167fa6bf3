//! What the stack answers to whoever opens it: its page and its API.

use std::time::Duration;

use futures::future::join_all;
use verifier_core::check::rules::{api_cors, api_hello, web_config, web_page};
use verifier_core::check::{Check, Judgement, StackEvidence, Verdict};
use verifier_core::time::Timestamp;

use super::super::discovery::{API_URL, JOB_URL, PREVIEW_URL};
use super::Run;

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

/// A question that was asked, and what its answer was judged to be.
pub(super) type Probed = (Probe, Judgement);

/// Where to ask, as far as the outputs tell.
pub(super) struct Addresses {
    /// Without a slash at the end.
    page: Option<String>,
    /// Without a slash at the end.
    api: Option<String>,
    jobs: Option<String>,
    pr: Option<String>,
}

impl Addresses {
    pub(super) fn of(stack: &StackEvidence) -> Self {
        let output =
            |name: &str| stack.outputs.get(name).map(|url| url.trim_end_matches('/').to_owned());
        Self {
            page: output(PREVIEW_URL),
            api: output(API_URL),
            jobs: stack.outputs.get(JOB_URL).cloned(),
            pr: stack.tags.get("pr").cloned(),
        }
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

    async fn ask(&self, addresses: &Addresses, probe: Probe) -> Judgement {
        if !self.options.selection.wants_any(&[*probe.check()]) {
            return Judgement::not_exercised("not asked for");
        }
        let without =
            |output: &str| Judgement::not_exercised(format!("the stack has no output {output}"));
        let Addresses { page, api, jobs, pr } = addresses;
        match probe {
            Probe::Page => match page {
                Some(page) => web_page::judge(&self.http.get(&format!("{page}/")).await),
                None => without(PREVIEW_URL),
            },
            Probe::Config => match (page, jobs) {
                (Some(page), Some(job_url)) => {
                    let config = self.http.get(&format!("{page}/config.js")).await;
                    web_config::judge(&config, job_url)
                }
                (None, _) => without(PREVIEW_URL),
                (_, None) => without(JOB_URL),
            },
            Probe::Hello => match api {
                Some(api) => {
                    api_hello::judge(&self.http.get(&format!("{api}/hello")).await, pr.as_deref())
                }
                None => without(API_URL),
            },
            Probe::Cors => match (page, jobs) {
                (Some(page), Some(job_url)) => self.ask_for_cors(page, job_url).await,
                (None, _) => without(PREVIEW_URL),
                (_, None) => without(JOB_URL),
            },
        }
    }

    async fn ask_for_cors(&self, page: &str, job_url: &str) -> Judgement {
        let origin = origin_of(page);
        let (own, foreign) = tokio::join!(
            self.http.preflight(job_url, origin),
            self.http.preflight(job_url, api_cors::FOREIGN_ORIGIN)
        );
        api_cors::judge(&own, &foreign, self.options.allow_any_origin)
    }

    /// Settles what has answered well, and asks the rest again until it does or its time is over.
    pub(super) async fn settle_probes(&mut self, addresses: &Addresses, probed: Vec<Probed>) {
        let (mut pending, mut rounds) = (probed, 1);
        loop {
            let mut again = Vec::new();
            for (probe, judgement) in pending {
                if is_bad(&judgement) && self.clock.now() < self.patience(probe) {
                    again.push(probe);
                } else {
                    let judgement = if rounds > 1 {
                        judgement.with_evidence("requests", rounds)
                    } else {
                        judgement
                    };
                    self.settle(probe.check(), judgement);
                }
            }
            if again.is_empty() {
                return;
            }
            self.clock.sleep(PAUSE).await;
            pending = self.ask_each(addresses, &again).await;
            rounds += 1;
        }
    }

    /// Until when a probe is asked again.
    fn patience(&self, probe: Probe) -> Timestamp {
        self.bounded(self.started_at + probe.bound())
    }
}

fn is_bad(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Fail | Verdict::Inconclusive)
}

/// The origin of a URL: its scheme, host and port.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin_of("https://a.example/x/"), "https://a.example");
        assert_eq!(origin_of("http://localhost:80/?a"), "http://localhost:80");
        assert_eq!(origin_of("https://a.example"), "https://a.example");
    }
}
