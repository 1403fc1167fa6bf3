//! The site: CloudFront on a bucket, from the folders and files that the stack deploys.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::Method;
use percent_encoding::percent_decode_str;
use tokio_util::io::ReaderStream;
use verifier_model::time::Timestamp;

use crate::invalidations::Invalidations;
use crate::objects::{Change, ChangedObjects, Object, entity_tag};
use crate::reply::{Reply, reply, with_header};
use crate::roots::is_below;
use crate::stack::{SiteContent, SiteSpec};
use crate::trust::Trust;

/// What caches may do with what a deployment made.
const NO_CACHE: &str = "no-cache";
/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The distributions of all stacks.
pub(crate) struct Sites {
    sites: Mutex<Vec<Arc<SiteSpec>>>,
    /// The folder that deployments' folders are relative to.
    project: PathBuf,
    /// Whose files are shown.
    trust: Trust,
    /// When the deployments were made.
    deployed_at: Timestamp,
    /// What was uploaded or deleted since.
    changed: ChangedObjects,
    pub(crate) invalidations: Invalidations,
}

impl Sites {
    pub(crate) fn new(project: PathBuf, trust: Trust, deployed_at: Timestamp) -> Self {
        Self {
            sites: Mutex::default(),
            project,
            trust,
            deployed_at,
            changed: ChangedObjects::default(),
            invalidations: Invalidations::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn add(&self, sites: &[SiteSpec]) {
        self.lock().extend(sites.iter().cloned().map(Arc::new));
    }

    pub(crate) fn remove(&self, sites: &[SiteSpec]) {
        self.lock().retain(|site| sites.iter().all(|gone| gone.domain != site.domain));
        for site in sites {
            self.changed.forget(&site.bucket);
        }
    }

    /// When the deployments were made.
    pub(crate) fn deployed_at(&self) -> Timestamp {
        self.deployed_at
    }

    /// Every site.
    pub(crate) fn all(&self) -> Vec<Arc<SiteSpec>> {
        self.lock().clone()
    }

    /// The site that a `Host` header means, in whatever case it is written: `localhost` is the first, others go by their domain.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<SiteSpec>> {
        let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let sites = self.lock();
        match name.strip_suffix(".localhost") {
            Some(domain) => {
                sites.iter().find(|site| site.domain.eq_ignore_ascii_case(domain)).cloned()
            }
            None if name == "localhost" => sites.first().cloned(),
            None => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<SiteSpec>>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request to a site.
    pub(crate) async fn handle(&self, site: &SiteSpec, method: &Method, path: &str) -> Reply {
        if *method != Method::GET && *method != Method::HEAD {
            return reply(403, "text/plain", "This distribution allows GET and HEAD only.");
        }
        let key = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
        let key = if key.is_empty() { site.default_root_object.clone() } else { key };
        if let Some(page) = self.page(site, method, 200, &key).await {
            return page;
        }
        // S3 answers 403 for a key that does not exist to a reader who may not list the bucket, as CloudFront may not.
        if let Some((status, page_path)) = site.error_pages.get(&403) {
            let key = page_path.trim_start_matches('/');
            if let Some(page) = self.page(site, method, *status, key).await {
                return page;
            }
        }
        reply(
            403,
            "application/xml",
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        )
    }

    /// The answer with what is in the bucket by that key.
    ///
    /// A file is read while it is sent: whatever page asks for it, and how often, it takes no memory, and a stop does not wait for it.
    async fn page(
        &self,
        site: &SiteSpec,
        method: &Method,
        status: u16,
        key: &str,
    ) -> Option<Reply> {
        let (length, body, control) = match self.changed.get(&site.bucket, key) {
            Some(Change::Uploaded(object)) => {
                let page = reply(status, &object.content_type, object.bytes);
                return Some(unframed(match object.cache_control {
                    Some(control) => with_header(page, "cache-control", &control),
                    None => page,
                }));
            }
            Some(Change::Deleted) => return None,
            None => match self.deployed(site, key)? {
                Deployed::Text(text) => (text.len() as u64, Body::from(text), NO_CACHE),
                Deployed::File(path) => {
                    let file = tokio::fs::File::open(path).await.ok()?;
                    let length = file.metadata().await.ok()?.len();
                    let stream = ReaderStream::with_capacity(file, CHUNK_BYTES);
                    (length, Body::from_stream(stream), NO_CACHE)
                }
            },
        };
        let body = if *method == Method::HEAD { Body::empty() } else { body };
        let page = with_header(reply(status, content_type(key), body), "cache-control", control);
        Some(unframed(with_header(page, "content-length", &length.to_string())))
    }

    /// Everything in the bucket, by key.
    pub(crate) async fn objects(&self, site: &SiteSpec) -> BTreeMap<String, Object> {
        let mut deployed = BTreeMap::new();
        for content in &site.contents {
            match content {
                SiteContent::File(name, text) => {
                    deployed.insert(name.clone(), text.clone().into_bytes());
                }
                SiteContent::Directory(directory) => {
                    deployed.extend(files_below(&self.project.join(directory)).await);
                }
            }
        }
        let made = |(key, bytes): (String, Vec<u8>)| {
            let object = self.made_of(&key, bytes);
            (key, object)
        };
        let mut objects: BTreeMap<String, Object> = deployed.into_iter().map(made).collect();
        for (key, object) in self.changed.of(&site.bucket) {
            match object {
                Some(object) => objects.insert(key, object),
                None => objects.remove(&key),
            };
        }
        objects
    }

    /// Puts an object into the bucket.
    pub(crate) fn put(&self, site: &SiteSpec, key: &str, object: Object) {
        self.changed.set(&site.bucket, key, Some(object));
    }

    /// Deletes what is in the bucket by that key, if there is anything.
    pub(crate) fn delete(&self, site: &SiteSpec, key: &str) {
        self.changed.set(&site.bucket, key, None);
    }

    /// An object that a deployment made.
    fn made_of(&self, key: &str, bytes: Vec<u8>) -> Object {
        Object {
            content_type: content_type(key).to_owned(),
            cache_control: Some(NO_CACHE.to_owned()),
            entity_tag: entity_tag(&bytes),
            modified_at: self.deployed_at,
            bytes: bytes.into(),
        }
    }

    /// What is in the bucket by that key.
    pub(crate) async fn object(&self, site: &SiteSpec, key: &str) -> Option<Object> {
        match self.changed.get(&site.bucket, key) {
            Some(Change::Uploaded(object)) => Some(object),
            Some(Change::Deleted) => None,
            None => {
                let bytes = match self.deployed(site, key)? {
                    Deployed::Text(text) => text.into_bytes(),
                    Deployed::File(path) => tokio::fs::read(path).await.ok()?,
                };
                Some(self.made_of(key, bytes))
            }
        }
    }

    fn deployed(&self, site: &SiteSpec, key: &str) -> Option<Deployed> {
        // What was deployed last lies on top.
        for content in site.contents.iter().rev() {
            match content {
                SiteContent::File(name, text) if name == key => {
                    return Some(Deployed::Text(text.clone()));
                }
                SiteContent::File(..) => {}
                SiteContent::Directory(directory) => {
                    let folder = self.project.join(directory);
                    let path = below(&folder, key)?;
                    // A link may lead out of it, and what a page shows, others than the user may see.
                    let is_own = || self.trust.check(&path, &self.project).is_ok();
                    if is_below(&path, &folder) && path.is_file() && is_own() {
                        return Some(Deployed::File(path));
                    }
                }
            }
        }
        None
    }
}

/// The files below a folder, by their keys. What cannot be read is not there.
async fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(directory.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else {
            continue;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type().await {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), format!("{key}/"))),
                Ok(_) if is_below(&entry.path(), directory) && entry.path().is_file() => {
                    files.extend(tokio::fs::read(entry.path()).await.map(|file| (key, file)));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    files
}

/// The file of that key below a folder; `None` if the key would lead out of it.
fn below(directory: &Path, key: &str) -> Option<PathBuf> {
    let key = Path::new(key);
    let inside = key.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| directory.join(key))
}

/// What a deployment put into a bucket.
enum Deployed {
    Text(String),
    /// A regular file: another may have no end.
    File(PathBuf),
}

/// A page that no other origin's page can show, or steer once it has opened it: what such a page does there would be taken for
/// what the user does.
///
/// Sources: <https://www.w3.org/TR/CSP3/#directive-frame-ancestors> and
/// <https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies>.
fn unframed(page: Reply) -> Reply {
    let page = with_header(page, "content-security-policy", "frame-ancestors 'self'");
    let page = with_header(page, "x-frame-options", "SAMEORIGIN");
    let page = with_header(page, "cross-origin-resource-policy", "same-origin");
    with_header(page, "cross-origin-opener-policy", "same-origin")
}

/// The type of an object's content, by the ending of its key.
fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let directory = Path::new("/site");
        assert_eq!(below(directory, "a/b.js"), Some(PathBuf::from("/site/a/b.js")));
        for key in ["../secret", "a/../../b", "/etc/passwd", "./a"] {
            assert_eq!(below(directory, key), None, "{key}");
        }
    }

    #[test]
    fn a_host_has_no_case() {
        let sites = Sites::new(PathBuf::new(), Trust::default(), Timestamp::default());
        let domain = "d1.cloudfront.net".to_owned();
        sites.add(&[SiteSpec {
            distribution_id: "E1".to_owned(),
            domain: domain.clone(),
            bucket: "page".to_owned(),
            default_root_object: "index.html".to_owned(),
            error_pages: BTreeMap::new(),
            contents: Vec::new(),
        }]);
        for host in ["localhost", "LOCALHOST:4566", "D1.CloudFront.net.LocalHost"] {
            assert_eq!(sites.find(host).map(|site| site.domain.clone()), Some(domain.clone()));
        }
        assert!(sites.find("127.0.0.1").is_none());
    }
}
