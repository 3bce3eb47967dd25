//! `GET /`: the service document.

use feed_protocol::service::{Collection, MEDIA_TYPE, write_service};
use http::HeaderValue;

use super::HandlerResult;
use super::answer::answer_small;
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
    let content_type = HeaderValue::from_static("application/atomsvc+xml; charset=utf-8");
    answer_small(&read.headers, write_service(&collections).into_bytes(), content_type)
}
