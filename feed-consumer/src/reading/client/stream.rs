//! An answer whose body is read piece by piece, as it comes.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Client, ConnectionId, EVENT_STREAM, Limits, Request, innermost, media_type};
use crate::reading::error::ReadError;

/// The body of an answer that has begun.
#[derive(Debug)]
pub(crate) struct StreamBody {
    url: Url,
    response: reqwest::Response,
    limits: Limits,
    /// Whether something of it has come.
    has_begun: bool,
    /// The part that has begun to come.
    part: Option<Part>,
}

/// What is not whole yet.
#[derive(Debug, Clone, Copy)]
struct Part {
    begun: Instant,
    /// How many bytes of it have come.
    bytes: usize,
}

impl Client {
    /// Opens a stream of events; the media type of the answer and its body.
    pub(crate) async fn open_stream(&self, url: &Url) -> Result<(String, StreamBody), ReadError> {
        let accept = EVENT_STREAM;
        let request = Request { url, accept, wait: None, fresh: true, validators: None };
        let within = self.limits.stream_opening;
        let opened = timeout(within, self.send(Method::GET, &request));
        let response = opened.await.map_err(|_| ReadError::TimedOut {
            method: Method::GET,
            url: url.to_string(),
            what: "no answer",
            limit: within,
        })??;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(url, response).await);
        }
        let media_type = media_type(response.headers());
        let (url, limits) = (url.clone(), self.limits);
        Ok((media_type, StreamBody { url, response, limits, has_begun: false, part: None }))
    }
}

#[cfg(test)]
impl StreamBody {
    /// One that comes in these pieces, under the limits that hold if nothing is set.
    pub(crate) fn of(pieces: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Self {
        use futures_util::StreamExt;
        let pieces = pieces.map(Ok::<_, std::convert::Infallible>);
        let response = http::Response::new(reqwest::Body::wrap_stream(pieces)).into();
        // Unwrap safety: it is an address.
        let url = "http://a.example/feeds/orders".parse().unwrap();
        Self { url, response, limits: Limits::default(), has_begun: false, part: None }
    }
}

impl StreamBody {
    /// Over which connection it comes.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        ConnectionId::of(&self.response)
    }

    /// The next bytes; `None` at the end. Until [`Self::end_part`] is called they are of the same
    /// part, which has a minute to come, and the time that its bytes take at the slowest rate.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let (what, limit, wait) = self.patience();
        let (method, url) = (Method::GET, || self.url.to_string());
        match timeout(wait, self.response.chunk()).await {
            Ok(Ok(bytes)) => {
                self.has_begun = true;
                let part = self.part.get_or_insert_with(Part::begin);
                part.bytes += bytes.as_ref().map_or(0, Bytes::len);
                Ok(bytes)
            }
            Ok(Err(error)) => {
                let (what, source) = ("the stream broke off", innermost(error));
                Err(ReadError::Transport { method, url: url(), what, source })
            }
            Err(_) => Err(ReadError::TimedOut { method, url: url(), what, limit }),
        }
    }

    /// What has come is whole: the next bytes begin another part.
    pub(crate) fn end_part(&mut self) {
        self.part = None;
    }

    /// What is missing when time is up, within which limit, and how long that still is.
    fn patience(&self) -> (&'static str, Duration, Duration) {
        let (what, limit) = if self.has_begun {
            ("no more of the stream", self.limits.stream_silence)
        } else {
            ("nothing of the stream", self.limits.stream_opening)
        };
        if let Some(part) = &self.part {
            let whole = self.limits.time_for(part.bytes);
            let left = whole.saturating_sub(part.begun.elapsed());
            if left < limit {
                return ("no whole block of the stream", whole, left);
            }
        }
        (what, limit, limit)
    }
}

impl Part {
    fn begin() -> Self {
        Self { begun: Instant::now(), bytes: 0 }
    }
}
