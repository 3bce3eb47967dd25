//! Requests whose answers are looked at, whatever they are.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Client, body, innermost};
use crate::clock;
use crate::reading::error::ReadError;

/// What to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe<'a> {
    /// Where.
    pub(crate) url: &'a Url,
    /// With which header fields.
    pub(crate) headers: &'a [(HeaderName, &'a str)],
    /// How long the server may wait for news.
    pub(crate) wait: Duration,
    /// Whether the first bytes of the body will do.
    pub(crate) only_beginning: bool,
}

/// An answer of any kind.
#[derive(Debug)]
pub(crate) struct Probed {
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    /// The redirects: their status, and where they led.
    pub(crate) redirects: Vec<(StatusCode, Url)>,
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// How long it took to begin.
    pub(crate) took: Duration,
    /// When it began.
    pub(crate) at: SystemTime,
}

impl Client {
    /// Asks, and tells what came.
    pub(crate) async fn probe(&self, probe: Probe<'_>) -> Result<Probed, ReadError> {
        let mut headers = HeaderMap::new();
        for (name, value) in probe.headers {
            // A validator that no field can hold was none that came in one.
            if let Ok(value) = HeaderValue::try_from(*value) {
                headers.insert(name.clone(), value);
            }
        }
        let limit = self.limits.first_byte + probe.wait;
        let begun = Instant::now();
        let exchange = self.exchange(Method::GET, probe.url, &headers, limit).await?;
        let (took, at) = (begun.elapsed(), clock::now());
        let mut response = exchange.response;
        let (url, status) = (response.url().clone(), response.status());
        let headers = response.headers().clone();
        let body = if probe.only_beginning {
            match timeout(self.limits.between_bytes, response.chunk()).await {
                Ok(Ok(chunk)) => chunk.unwrap_or_default(),
                Ok(Err(error)) => {
                    let (method, url, what) = (Method::GET, url.to_string(), "no answer");
                    return Err(ReadError::Transport {
                        method,
                        url,
                        what,
                        source: innermost(error),
                    });
                }
                Err(_) => Bytes::new(),
            }
        } else {
            body::read(probe.url, response, &self.limits, self.limits.bytes).await?
        };
        Ok(Probed { url, redirects: exchange.redirects, status, headers, body, took, at })
    }
}

impl Probed {
    /// The text of a header field; that of several, joined.
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let texts: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}
