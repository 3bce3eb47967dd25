//! An answer whose body is read piece by piece, as it comes.

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::timeout;
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
        Ok((media_type, StreamBody { url, response, limits, has_begun: false }))
    }
}

impl StreamBody {
    /// Over which connection it comes.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        ConnectionId::of(&self.response)
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let (what, limit) = if self.has_begun {
            ("no more of the stream", self.limits.stream_silence)
        } else {
            ("nothing of the stream", self.limits.stream_opening)
        };
        let (method, url) = (Method::GET, || self.url.to_string());
        match timeout(limit, self.response.chunk()).await {
            Ok(Ok(bytes)) => {
                self.has_begun = true;
                Ok(bytes)
            }
            Ok(Err(error)) => {
                let (what, source) = ("the stream broke off", innermost(error));
                Err(ReadError::Transport { method, url: url(), what, source })
            }
            Err(_) => Err(ReadError::TimedOut { method, url: url(), what, limit }),
        }
    }
}
