//! The site: CloudFront on a bucket, from the folders and files that the stack deploys.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use percent_encoding::percent_decode_str;
use verifier_core::time::Timestamp;

use crate::objects::{Change, ChangedObjects, Object};
use crate::reply::{Reply, reply, with_header};
use crate::roots::is_below;
use crate::services::cloudfront::Invalidations;
use crate::services::s3::entity_tag;
use crate::stack::{SiteContent, SiteSpec};

/// The distributions of all stacks.
pub(crate) struct Sites {
    sites: Mutex<Vec<Arc<SiteSpec>>>,
    /// The folder that deployments' folders are relative to.
    project: PathBuf,
    /// When the deployments were made.
    deployed_at: Timestamp,
    /// What was uploaded or deleted since.
    changed: ChangedObjects,
    pub(crate) invalidations: Invalidations,
}

impl Sites {
    pub(crate) fn new(project: PathBuf, deployed_at: Timestamp) -> Self {
        Self {
            sites: Mutex::default(),
            project,
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

    /// The site that a `Host` header means: `localhost` is the first, others go by their domain.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<SiteSpec>> {
        let name = host.split(':').next().unwrap_or_default();
        let sites = self.lock();
        match name.strip_suffix(".localhost") {
            Some(domain) => sites.iter().find(|site| site.domain == domain).cloned(),
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
        if let Some(object) = self.object(site, &key).await {
            return page(200, &object);
        }
        // S3 answers 403 for a key that does not exist to a reader who may not list the bucket, as CloudFront may not.
        if let Some((status, page_path)) = site.error_pages.get(&403) {
            let key = page_path.trim_start_matches('/');
            if let Some(object) = self.object(site, key).await {
                return page(*status, &object);
            }
        }
        reply(
            403,
            "application/xml",
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        )
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
            cache_control: Some("no-cache".to_owned()),
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
            None => self.deployed(site, key).await.map(|bytes| self.made_of(key, bytes)),
        }
    }

    async fn deployed(&self, site: &SiteSpec, key: &str) -> Option<Vec<u8>> {
        // What was deployed last lies on top.
        for content in site.contents.iter().rev() {
            match content {
                SiteContent::File(name, text) if name == key => {
                    return Some(text.clone().into_bytes());
                }
                SiteContent::File(..) => {}
                SiteContent::Directory(directory) => {
                    let folder = self.project.join(directory);
                    let path = below(&folder, key)?;
                    // A link may lead out of it, and what a page shows, others than the user may see.
                    if !is_below(&path, &folder) {
                        continue;
                    }
                    if let Ok(bytes) = tokio::fs::read(path).await {
                        return Some(bytes);
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
                Ok(_) if is_below(&entry.path(), directory) => {
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

fn page(status: u16, object: &Object) -> Reply {
    let page = reply(status, &object.content_type, object.bytes.clone());
    match &object.cache_control {
        Some(control) => with_header(page, "cache-control", control),
        None => page,
    }
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
}
