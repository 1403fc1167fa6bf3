//! Which stage of an API serves a path.

use crate::stack::{DEFAULT_STAGE, StageSpec};

/// The stage that serves a request, and the path below it, by which a route is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served<'a> {
    pub(super) stage: &'a str,
    /// Begins with a slash.
    pub(super) path: &'a str,
}

/// The stage that serves `path`, which begins with a slash: the one that its first segment names, or else `$default`.
/// `None` where there is no such stage, or nothing was deployed to it.
///
/// "You can create a `$default` stage that is served from the base of your API's URL"; the names of others are
/// "included in the URL you use to invoke the API". "You must deploy an API for changes to take effect."
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html>.
pub(super) fn served<'a>(stages: &'a [StageSpec], path: &'a str) -> Option<Served<'a>> {
    let below = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
    let named = stages.iter().find(|stage| stage.name == first && first != DEFAULT_STAGE);
    let (stage, path) = match named {
        Some(stage) => (stage, if rest.is_empty() { "/" } else { rest }),
        None => (stages.iter().find(|stage| stage.name == DEFAULT_STAGE)?, path),
    };
    stage.is_deployed.then_some(Served { stage: &stage.name, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(all: &[(&str, bool)]) -> Vec<StageSpec> {
        let stage = |(name, is_deployed): &(&str, bool)| StageSpec {
            name: (*name).to_owned(),
            is_deployed: *is_deployed,
        };
        all.iter().map(stage).collect()
    }

    #[test]
    fn a_path_is_served_by_the_stage_that_it_begins_with_or_else_by_the_default() {
        let both = stages(&[("$default", true), ("prod", true)]);
        for (path, stage, below) in [
            ("/", "$default", "/"),
            ("/hello", "$default", "/hello"),
            ("/prod", "prod", "/"),
            ("/prod/", "prod", "/"),
            ("/prod/hello", "prod", "/hello"),
            ("/prod//hello", "prod", "//hello"),
            ("/prod/prod/hello", "prod", "/prod/hello"),
            ("/prod2/hello", "$default", "/prod2/hello"),
            ("/Prod/hello", "$default", "/Prod/hello"),
            ("//prod/hello", "$default", "//prod/hello"),
            ("/$default/hello", "$default", "/$default/hello"),
        ] {
            assert_eq!(served(&both, path), Some(Served { stage, path: below }), "{path}");
        }
    }

    #[test]
    fn without_a_deployed_stage_nothing_is_served() {
        let prod = stages(&[("prod", true)]);
        for path in ["/", "/hello", "/test/hello", "/$default/hello"] {
            assert_eq!(served(&prod, path), None, "{path}");
        }
        assert_eq!(served(&[], "/hello"), None);
        let later = stages(&[("$default", true), ("prod", false)]);
        assert_eq!(served(&later, "/prod/hello"), None);
        assert!(served(&later, "/hello").is_some());
    }
}
