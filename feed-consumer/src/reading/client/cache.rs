//! Documents kept on disk, by the rules of HTTP caching (RFC 9111) for a cache of one user's own.
//!
//! It is there for full pages, which stay fresh for a year: what one subscription has read, the
//! next one does not fetch. What goes stale within a minute is not worth a file.
//!
//! A cache that does not work costs requests, and nothing else: what is damaged is deleted and
//! fetched again, and what cannot be stored is said once.
//!
//! # Layout
//!
//! - [`kept`]: a document and its rules, as bytes
//! - [`folder`]: the files, and their limit

mod folder;
mod kept;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use ring::digest::{Context, SHA256};
use tracing::{debug, warn};

use self::folder::Folder;
use self::kept::Kept;
use super::{Client, ConnectionId, Document, Request, Response};
use crate::clock;
use crate::reading::error::ReadError;

/// What is stale sooner is not kept.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// A cache in a folder.
#[derive(Debug, Clone)]
pub(super) struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Folder,
    /// The largest document, in bytes.
    largest: usize,
    /// It has been said that nothing can be stored.
    said_broken: AtomicBool,
}

/// The name of a file: that of the address, the media types, and who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(String);

impl Key {
    fn of(request: Request<'_>, authorization: Option<&HeaderValue>) -> Self {
        let mut digest = Context::new(&SHA256);
        let authorization = authorization.map_or(&b""[..], HeaderValue::as_bytes);
        for part in [request.accept.as_bytes(), authorization, request.url.as_str().as_bytes()] {
            digest.update(&part.len().to_le_bytes());
            digest.update(part);
        }
        let bytes = digest.finish();
        Self(bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Cache {
    /// A cache in this folder.
    pub(super) fn open(folder: &Path, max_bytes: u64, largest: usize) -> Result<Self, String> {
        let folder = Folder::open(folder, max_bytes).map_err(|error| {
            format!("{} cannot be used: {error}: name a folder to write to", folder.display())
        })?;
        Ok(Self(Arc::new(Inner { folder, largest, said_broken: AtomicBool::new(false) })))
    }

    async fn find(&self, key: &Key) -> Option<Kept> {
        let found = self.with(key, |inner, key| {
            let Some(bytes) = inner.folder.read(&key.0, kept::most_bytes(inner.largest))? else {
                return Ok(None);
            };
            let kept = Kept::from_bytes(bytes);
            if kept.is_none() {
                debug!("a damaged document is deleted from the cache");
                inner.folder.remove(&key.0);
            }
            Ok(kept)
        });
        found.await.flatten()
    }

    async fn keep(&self, key: &Key, policy: CachePolicy, body: Bytes) {
        self.with(key, move |inner, key| {
            let kept = Kept { policy, body };
            inner.folder.write(&key.0, &kept.head(), &kept.body)
        })
        .await;
    }

    async fn forget(&self, key: &Key) {
        self.with(key, |inner, key| {
            inner.folder.remove(&key.0);
            Ok(())
        })
        .await;
    }

    /// Does what may wait for a disk, in a thread of its own.
    async fn with<T: Send + 'static>(
        &self,
        key: &Key,
        act: impl FnOnce(&Inner, &Key) -> std::io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let (inner, key) = (Arc::clone(&self.0), key.clone());
        let done = tokio::task::spawn_blocking(move || act(&inner, &key)).await;
        match done.ok()? {
            Ok(value) => Some(value),
            Err(error) => {
                if !self.0.said_broken.swap(true, Ordering::Relaxed) {
                    let folder = self.0.folder.path().display();
                    warn!("the cache in {folder} does not work: {error}; reading goes on without");
                }
                None
            }
        }
    }
}

impl Request<'_> {
    /// Whether a cache may have a part in it: what asks for news, or the server's own word, or
    /// what has changed, goes past it.
    pub(super) fn may_be_kept(&self) -> bool {
        !self.fresh && self.wait.is_none() && self.validators.is_none()
    }
}

impl Client {
    /// Forgets the answer to a request, if it is kept: it has turned out to be useless.
    pub(crate) async fn forget(&self, request: Request<'_>) {
        if let Some(cache) = &self.cache {
            cache.forget(&self.key(request)).await;
        }
    }

    fn key(&self, request: Request<'_>) -> Key {
        let own = self.origins.is_own(request.url);
        Key::of(request, self.credentials.field().filter(|_| own).as_ref())
    }

    /// Asks for a document, of the cache or else of the server.
    pub(super) async fn get_through(
        &self,
        cache: &Cache,
        request: Request<'_>,
        headers: HeaderMap,
    ) -> Result<Document, ReadError> {
        let key = self.key(request);
        let asked = parts(request, &headers);
        let mut stale = None;
        if let Some(kept) = cache.find(&key).await {
            match kept.policy.before_request(&asked, clock::now()) {
                BeforeRequest::Fresh(answer) => {
                    return Ok(document(request, answer.headers, kept.body));
                }
                BeforeRequest::Stale { request, matches: true } => stale = Some((kept, request)),
                BeforeRequest::Stale { .. } => {}
            }
        }
        let sent = stale.as_ref().map_or(&headers, |(_, request)| &request.headers);
        let document = match (self.fetch(request, sent).await?, stale) {
            (Response::Document(document), _) => document,
            (Response::NotModified { headers: told, .. }, Some((kept, _))) => {
                let answer = answered(StatusCode::NOT_MODIFIED, told);
                match kept.policy.after_response(&asked, &answer, clock::now()) {
                    AfterResponse::NotModified(policy, answer) => {
                        cache.keep(&key, policy, kept.body.clone()).await;
                        return Ok(document(request, answer.headers, kept.body));
                    }
                    // It speaks of another document than the one that is kept.
                    AfterResponse::Modified(..) => {
                        cache.forget(&key).await;
                        self.fetch(request, &headers).await?.into_document(request)?
                    }
                }
            }
            (answer @ Response::NotModified { .. }, None) => answer.into_document(request)?,
        };
        // While it was fetched, the token may have been replaced by another one's.
        if document.url == *request.url && self.key(request) == key {
            let answer = answered(StatusCode::OK, document.headers.clone());
            let options = CacheOptions { shared: false, ..CacheOptions::default() };
            let now = clock::now();
            let policy = CachePolicy::new_options(&asked, &answer, now, options);
            if policy.is_storable() && policy.time_to_live(now) >= SHORTEST_LIFE {
                cache.keep(&key, policy, document.body.clone()).await;
            }
        }
        Ok(document)
    }
}

/// A request as the rules see it. Who asks is part of the key.
fn parts(request: Request<'_>, headers: &HeaderMap) -> http::Request<()> {
    let mut parts = http::Request::new(());
    *parts.method_mut() = Method::GET;
    // An address that the rules cannot read is that of no other document all the same, by its key.
    *parts.uri_mut() = request.url.as_str().parse().unwrap_or_default();
    *parts.headers_mut() = headers.clone();
    parts
}

/// An answer as the rules see it.
fn answered(status: StatusCode, headers: HeaderMap) -> http::Response<()> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// A document that was kept.
fn document(request: Request<'_>, headers: HeaderMap, body: Bytes) -> Document {
    let connection = Some(ConnectionId::Cache);
    Document { url: request.url.clone(), headers, body, connection }
}

#[cfg(test)]
mod tests;
