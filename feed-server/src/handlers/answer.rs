//! From a rendered document to an answer: validators, conditions, codings, caching.

use axum::body::Body;
use axum::response::Response;
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use headers::{ETag, HeaderMapExt, IfModifiedSince, IfNoneMatch};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK, LOCATION, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::HandlerResult;
use super::accept::best_coding;
use super::failure::Failure;
use super::prefer::{PREFERENCE_APPLIED, Wait};
use crate::clock;
use crate::paging::{Rendered, etag_of};

/// What `Vary` says of documents that do not depend on `Prefer`.
const VARY_PLAIN: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");
/// What `Vary` says of documents that one can wait for.
const VARY_WAITING: HeaderValue = HeaderValue::from_static("Prefer, Accept, Accept-Encoding");

/// How an answer may be kept by caches.
#[derive(Debug, Clone)]
pub(super) enum Caching {
    /// It never changes.
    Immutable,
    /// It may be kept, and must be validated before each use.
    Revalidate,
    /// It is fresh for a while: the value of the field.
    MaxAge(HeaderValue),
    /// It is the answer to one client that waited.
    Waited(Wait),
}

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Answers with a document, or with 304 if the client has it already.
pub(super) async fn answer(
    request: &HeaderMap,
    rendered: &Rendered,
    caching: Caching,
    waitable: bool,
) -> HandlerResult {
    let (coding, variant) = rendered.variant(best_coding(request)).await;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(ETAG, variant.etag.clone());
    if let Some(date) = &rendered.last_modified {
        headers.insert(LAST_MODIFIED, date.clone());
    }
    headers.insert(VARY, if waitable { VARY_WAITING } else { VARY_PLAIN });
    headers.insert(HeaderName::from_static(FEED_RANGE), rendered.feed_range.clone());
    headers.insert(HeaderName::from_static(FEED_CURSOR), rendered.feed_cursor.clone());
    let cache_control = match caching {
        Caching::Immutable => IMMUTABLE,
        Caching::Revalidate => NO_CACHE,
        Caching::MaxAge(value) => value,
        Caching::Waited(wait) => {
            headers.insert(PREFERENCE_APPLIED, wait.applied());
            NO_STORE
        }
    };
    headers.insert(CACHE_CONTROL, cache_control);
    if not_modified(request, &variant.etag, rendered) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, rendered.content_type.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if coding != crate::paging::Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if let Some(link) = &rendered.link {
        headers.insert(LINK, link.clone());
    }
    *response.body_mut() = Body::from(variant.bytes.clone());
    Ok(response)
}

/// Answers with a document that belongs to no feed and is made anew each time, or with 304.
pub(super) fn answer_small(
    request: &HeaderMap,
    bytes: Vec<u8>,
    content_type: HeaderValue,
) -> HandlerResult {
    let etag = etag_of(&bytes);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(CACHE_CONTROL, NO_CACHE);
    headers.insert(ETAG, etag.clone());
    if if_none_match(request, &etag).is_some_and(|passes| !passes) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    *response.body_mut() = Body::from(bytes);
    Ok(response)
}

/// Whether the client's copy would do, were the plain document the answer: for one that waits for
/// a change.
pub(super) async fn has_copy(request: &HeaderMap, rendered: &Rendered) -> bool {
    let (_, variant) = rendered.variant(best_coding(request)).await;
    if_none_match(request, &variant.etag).is_some_and(|passes| !passes)
}

/// Whether `If-None-Match` lets the request pass; `None` when there is no such condition.
fn if_none_match(request: &HeaderMap, etag: &HeaderValue) -> Option<bool> {
    let condition = request.typed_get::<IfNoneMatch>()?;
    let etag: ETag = etag.to_str().ok()?.parse().ok()?;
    // Weak comparison, since a proxy may have weakened the tag (RFC 9110, section 13.1.2).
    Some(condition.precondition_passes(&etag))
}

/// Whether the client has the document already (RFC 9110, sections 13.1.2 and 13.1.3).
fn not_modified(request: &HeaderMap, etag: &HeaderValue, rendered: &Rendered) -> bool {
    if let Some(passes) = if_none_match(request, etag) {
        return !passes;
    }
    let (Some(since), Some(modified)) = (request.typed_get::<IfModifiedSince>(), rendered.modified)
    else {
        return false;
    };
    // Another event may yet come within the second of the newest one, and would bear its date.
    let second_is_over = clock::now().timestamp() > modified.timestamp();
    second_is_over && !since.is_modified(modified.into())
}

/// Leads on to another address, which may be another one the next time.
pub(super) fn redirect(location: &str) -> HandlerResult {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let location = HeaderValue::try_from(location).map_err(|_| super::read::nothing_there())?;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    Ok::<_, Failure>(response)
}
