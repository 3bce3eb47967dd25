//! `GET /`: the service document.

use axum::body::Body;
use axum::response::Response;
use feed_protocol::service::{Collection, MEDIA_TYPE, write_service};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::HandlerResult;
use super::read::Read;

/// Names every feed, and what may be posted to it.
pub(crate) async fn get(read: Read) -> HandlerResult {
    read.choose(&[MEDIA_TYPE])?;
    let root = read.root();
    let collections: Vec<_> = read
        .app
        .feeds
        .all()
        .iter()
        .map(|live| Collection {
            href: format!("{root}feeds/{}", live.feed.name),
            title: live.feed.title.clone(),
        })
        .collect();
    let mut response = Response::new(Body::from(write_service(&collections)));
    let headers = response.headers_mut();
    headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/atomsvc+xml; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
