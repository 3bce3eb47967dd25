//! The stream of server-sent events.
//!
//! A stream is pulled: the next blocks are read only once the client has taken the ones before,
//! so a slow reader holds no more than one run of events, and resumes by its cursor when its
//! connection is cut.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use feed_protocol::{Cursor, Position, Problem, ProblemType};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderValue, Method};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::failure::Failure;
use super::read::Read;
use super::{App, HandlerResult};
use crate::feeds::LiveFeed;
use crate::metrics::Open;
use crate::paging::{Filter, id_block};
use crate::store::Head;

/// The media type of a stream.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";

/// How long a browser waits before it comes back, in milliseconds.
const RETRY: &[u8] = b"retry: 1000\n";

/// Opens a stream at `Last-Event-ID` or `?after=`, or now.
pub(super) async fn open(read: Read, live: Arc<LiveFeed>, filter: Filter) -> HandlerResult {
    let position = start(&read, &live).await?;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Prefer, Accept, Accept-Encoding"));
    // nginx would otherwise collect the events before it passes them on.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if read.method != Method::HEAD {
        let blocks = Blocks::new(Arc::clone(&read.app), live, filter, position);
        *response.body_mut() = Body::from_stream(stream::unfold(blocks, |mut blocks| async {
            let bytes = blocks.next().await?;
            Some((Ok::<_, std::convert::Infallible>(bytes), blocks))
        }));
    }
    Ok(response)
}

/// Where a stream starts: after the cursor that the client states, or after the head.
async fn start(read: &Read, live: &LiveFeed) -> Result<Position, Failure> {
    let header = read.headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let stated = match header {
        // A browser sends an empty one after a block with an empty id.
        Some("") | None => read.parameter("after"),
        Some(text) => Some(text.to_owned()),
    };
    let head = read.app.paging.fresh_head(live).await?.position;
    let Some(stated) = stated else { return Ok(head) };
    let cursor: Cursor = stated.parse().map_err(|error| {
        Problem::new(ProblemType::BadRequest, format!("The stream cannot start there: {error}."))
    })?;
    if cursor.incarnation != live.feed.incarnation {
        return Err(read.gone(live, cursor.incarnation.as_str()));
    }
    if cursor.position > head {
        return Err(crate::paging::PagingError::BeyondHead(head).into());
    }
    Ok(cursor.position)
}

/// What is still to come of a stream.
struct Blocks {
    app: Arc<App>,
    live: Arc<LiveFeed>,
    filter: Filter,
    heads: watch::Receiver<Head>,
    shutdown: watch::Receiver<bool>,
    position: Position,
    opened: bool,
    _open: Open,
    /// When the client must hear something.
    heartbeat: Instant,
}

impl Blocks {
    fn new(app: Arc<App>, live: Arc<LiveFeed>, filter: Filter, position: Position) -> Self {
        let heads = live.subscribe();
        let shutdown = app.shutdown.clone();
        let heartbeat = Instant::now() + app.timing.heartbeat;
        let open = app.metrics.stream();
        let opened = false;
        Self { app, live, filter, heads, shutdown, position, opened, _open: open, heartbeat }
    }

    /// The next bytes; `None` at the end: the server shuts down, the feed begins another life, or
    /// the store fails. The client comes back with its cursor.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.opened {
            self.opened = true;
            let opening = [RETRY, &id_block(&self.live, self.position)].concat();
            return Some(self.say(opening.into()));
        }
        loop {
            if *self.shutdown.borrow() || self.live.has_ended() {
                return None;
            }
            // Seen before it is read, so that what comes meanwhile is noticed.
            let head = *self.heads.borrow_and_update();
            if head.position > self.position {
                match self.read_on().await {
                    Ok(bytes) if bytes.is_empty() => continue,
                    Ok(bytes) => return Some(self.say(bytes)),
                    Err(()) => return None,
                }
            }
            tokio::select! {
                moved = self.heads.changed() => moved.ok()?,
                _ = self.shutdown.changed() => return None,
                () = sleep_until(self.heartbeat) => {
                    let beat = [b":\n", id_block(&self.live, self.position).as_slice()].concat();
                    return Some(self.say(beat.into()));
                }
            }
        }
    }

    async fn read_on(&mut self) -> Result<Bytes, ()> {
        // Boxed, so that the many streams that only wait do not carry the room that reading takes.
        let blocks =
            Box::pin(self.app.paging.stream_blocks(&self.live, self.position, &self.filter)).await;
        match blocks {
            Ok(blocks) => {
                self.position = blocks.range.last();
                Ok(blocks.plain().clone())
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "a stream ends");
                Err(())
            }
        }
    }

    fn say(&mut self, bytes: Bytes) -> Bytes {
        self.heartbeat = Instant::now() + self.app.timing.heartbeat;
        bytes
    }
}
