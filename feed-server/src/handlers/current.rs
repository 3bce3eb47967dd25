//! `GET /feeds/{feed}`: the current document, and the stream.

use http::HeaderValue;
use tokio::time::{Instant, timeout_at};

use super::HandlerResult;
use super::answer::{Caching, answer, has_copy};
use super::prefer::{Wait, waited};
use super::read::{At, Read};
use super::stream;
use crate::feeds::LiveFeed;
use crate::paging::{Filter, Representation};

/// What the address is to be had as.
const OFFERS: [&str; 3] = [
    Representation::Atom.media_type(),
    Representation::CloudEventsBatch.media_type(),
    stream::MEDIA_TYPE,
];

/// The newest events, newest first, or the stream of those to come.
pub(crate) async fn get(At(feed): At<String>, mut read: Read) -> HandlerResult {
    let live = read.feed(&feed)?;
    let filter = read.filter()?;
    let representation = match read.choose(&OFFERS)? {
        0 => Representation::Atom,
        1 => Representation::CloudEventsBatch,
        _ => return stream::open(read, live, filter).await,
    };
    if let Some(wait) = read.wait() {
        read.shrink();
        return waited(get_waiting(&read, &live, representation, &filter, wait).await);
    }
    let rendered = read.app.paging.current(&live, representation, &filter).await?;
    let max_age = read.app.timing.current_max_age.as_secs();
    let caching = HeaderValue::try_from(format!("public, max-age={max_age}"))
        .map_or(Caching::Revalidate, Caching::MaxAge);
    answer(&read.headers, &rendered, caching, true).await
}

/// Waits for a change against `If-None-Match`; without that condition, or when it does not hold
/// any more, answers at once. Under a filter a change is an event that passes it.
async fn get_waiting(
    read: &Read,
    live: &LiveFeed,
    representation: Representation,
    filter: &Filter,
    wait: Wait,
) -> HandlerResult {
    let deadline = Instant::now() + wait.duration();
    let _open = read.app.metrics.long_poll();
    let paging = &read.app.paging;
    let mut heads = live.subscribe();
    let mut shutdown = read.app.shutdown.clone();
    let mut rendered = paging.current(live, representation, filter).await?;
    if has_copy(&read.headers, &rendered).await {
        let mut seen = rendered.range.last();
        while !*shutdown.borrow() && !live.has_ended() {
            let news = async {
                tokio::select! {
                    moved = heads.changed() => moved.is_ok(),
                    _ = shutdown.changed() => false,
                }
            };
            if !timeout_at(deadline, news).await.unwrap_or(false) {
                break;
            }
            let head = live.head().position;
            if filter.is_empty() || paging.has_match(live, seen, filter).await? {
                break;
            }
            seen = head;
        }
        rendered = paging.current(live, representation, filter).await?;
    }
    answer(&read.headers, &rendered, Caching::Waited(wait), true).await
}
