//! Where a stack answers over HTTP, what is asked there, and what came back.

use std::collections::BTreeMap;

use super::script::Script;
use crate::evidence::{Exchange, Preflight};
use crate::resources::Resources;
use crate::settings::Settings;
use crate::settings::urls::origin_of;

/// Where to ask, as far as the outputs tell.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The URL of the preview page.
    pub page: Option<String>,
    /// The URL of the hello endpoint.
    pub hello: Option<String>,
    /// The URL of the page's configuration.
    pub config: Option<String>,
    /// The URL that jobs are posted to.
    pub jobs: Option<String>,
    /// The origins whose pages may post jobs.
    pub origins: Vec<String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// The settings in force.
    pub settings: Settings,
}

impl Addresses {
    /// The addresses of a team's resources, and the tags of its stack.
    pub fn of(resources: &Resources, tags: BTreeMap<String, String>, settings: &Settings) -> Self {
        let urls = resources.urls();
        let page = urls.preview;
        let mut origins: Vec<String> = settings.expect.named_origins().map(str::to_owned).collect();
        if origins.is_empty() {
            origins.extend(page.map(origin_of));
        }
        Self {
            hello: settings.hello_url(urls),
            config: settings.config_url(urls),
            jobs: settings.job_url(urls),
            origins,
            page: page.map(str::to_owned),
            tags,
            settings: settings.clone(),
        }
    }

    /// The origin of the page that jobs are posted from; of several, the first.
    pub fn origin(&self) -> Option<&str> {
        self.origins.first().map(String::as_str)
    }

    /// The same address, or that the stack has no such output.
    pub(super) fn needed<'a>(
        address: Option<&'a String>,
        output: Option<&String>,
    ) -> Result<&'a String, String> {
        address.ok_or_else(|| {
            let output = output.map_or("for it", String::as_str);
            format!("the stack has no output {output}")
        })
    }
}

/// A list that is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMore<T> {
    /// The first.
    pub first: T,
    /// The others.
    pub more: Vec<T>,
}

impl<T> From<T> for OneOrMore<T> {
    fn from(first: T) -> Self {
        Self { first, more: Vec::new() }
    }
}

impl<T> OneOrMore<T> {
    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// A question to the page or the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `GET`.
    Get {
        /// The URL.
        url: String,
    },
    /// `GET` as a browser opens a page: redirects within the origin are followed.
    Open {
        /// The URL.
        url: String,
    },
    /// The same of a script, which is then run where [`to_run`](super::rules::web_config::to_run) says so.
    Run {
        /// The URL.
        url: String,
    },
    /// `GET` by a page.
    GetByPage {
        /// The URL.
        url: String,
        /// The page's origin.
        origin: String,
    },
    /// `OPTIONS`, as a browser asks before a page may post.
    Preflight {
        /// The URL.
        url: String,
        /// The page's origin.
        origin: String,
        /// The headers for which leave is asked, in small letters and in order.
        requested_headers: Vec<String>,
    },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a `GET`.
    Exchange(Exchange),
    /// To the `GET` of a script, with what it sets; `None` where it was not run.
    Script(Exchange, Option<Script>),
    /// To a preflight.
    Preflight(Preflight),
}

impl Reply {
    /// The exchange with its answer.
    pub fn exchange(&self) -> &Exchange {
        match self {
            Self::Exchange(exchange) | Self::Script(exchange, _) => exchange,
            Self::Preflight(preflight) => &preflight.exchange,
        }
    }

    /// The preflight; `None` where none was asked.
    pub fn preflight(&self) -> Option<&Preflight> {
        match self {
            Self::Preflight(preflight) => Some(preflight),
            Self::Exchange(_) | Self::Script(..) => None,
        }
    }

    /// What a script sets; `None` where none was run.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Self::Script(_, script) => script.as_ref(),
            Self::Exchange(_) | Self::Preflight(_) => None,
        }
    }
}
