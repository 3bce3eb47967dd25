//! Requests: the one place that speaks HTTP.
//!
//! What comes back is bounded in time and size, and comes from the feed's own origin: redirects
//! that lead elsewhere are refused.
//!
//! # Layout
//!
//! - [`body`]: the whole of an answer's body, or why not
//! - [`connection`]: over which connection an answer came
//! - [`redirect`]: which redirects are followed

mod body;
mod connection;
mod redirect;

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use feed_protocol::Problem;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::error::ReadError;
use super::retry_after::retry_after;
use crate::clock;
use crate::store::Validators;

pub(crate) use connection::ConnectionId;

/// The preferences of a request (RFC 7240).
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What is accepted of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a connection may take.
    pub(crate) connect: Duration,
    /// How long an answer may take to begin, beyond the time that the server was asked to wait.
    pub(crate) first_byte: Duration,
    /// How long the body may stand still.
    pub(crate) between_bytes: Duration,
    /// How long an answer may take as a whole, once it has begun, beyond the time that its bytes
    /// take at the slowest rate.
    pub(crate) whole: Duration,
    /// The slowest rate at which an answer may come, in bytes a second, uncompressed: 16 KiB, with
    /// which the largest document takes more than an hour.
    pub(crate) slowest: u32,
    /// The size of a document in bytes, uncompressed.
    pub(crate) bytes: usize,
    /// The size of an error's body in bytes.
    pub(crate) error_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(30),
            whole: Duration::from_secs(60),
            slowest: 16 * 1024,
            bytes: 64 * 1024 * 1024,
            error_bytes: 64 * 1024,
        }
    }
}

impl Limits {
    /// How long an answer may have taken once so much of it has come.
    pub(crate) fn time_for(&self, bytes: usize) -> Duration {
        let milliseconds = bytes as u64 * 1000 / u64::from(self.slowest);
        self.whole + Duration::from_millis(milliseconds)
    }
}

/// Makes requests to one origin.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    origin: Url,
    /// Who we are, from the feed's URL.
    authorization: Option<HeaderValue>,
    limits: Limits,
}

/// What to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Where.
    pub(crate) url: &'a Url,
    /// As which media types.
    pub(crate) accept: &'static str,
    /// How long the server may wait for news.
    pub(crate) wait: Option<Duration>,
    /// Whether no cache may answer without asking the server.
    pub(crate) fresh: bool,
    /// What is there already.
    pub(crate) validators: Option<&'a Validators>,
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Response {
    /// A document (200).
    Document(Document),
    /// What is there already is still right (304).
    NotModified {
        /// The header fields.
        headers: HeaderMap,
        /// How it came.
        connection: Option<ConnectionId>,
    },
}

/// A document as it came.
#[derive(Debug)]
pub(crate) struct Document {
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    /// Its header fields.
    pub(crate) headers: HeaderMap,
    /// Its body, whole and uncompressed.
    pub(crate) body: Bytes,
    /// How it came.
    pub(crate) connection: Option<ConnectionId>,
}

/// A client that cannot be made, in words.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made")]
pub(crate) struct ClientError(#[source] reqwest::Error);

impl Client {
    /// A client for a feed at this address. A name and password in it are sent with each request,
    /// and shown nowhere.
    pub(crate) fn new(feed: &Url, limits: Limits) -> Result<(Self, Url), ClientError> {
        install_tls();
        let mut url = feed.clone();
        let authorization = redirect::take_credentials(&mut url);
        let http = reqwest::Client::builder()
            .user_agent(concat!("feed-consumer/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .redirect(redirect::policy(url.origin()))
            .build()
            .map_err(ClientError)?;
        Ok((Self { http, origin: url.clone(), authorization, limits }, url))
    }

    /// Whether requests may be made to this address.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        url.origin() == self.origin.origin()
    }

    /// Asks for a document.
    pub(crate) async fn get(&self, request: Request<'_>) -> Result<Response, ReadError> {
        let url = request.url;
        let response = self.send(Method::GET, &request).await?;
        let connection = ConnectionId::of(&response);
        let conditional = request.validators.is_some_and(|it| *it != Validators::default());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if conditional => {
                let headers = response.headers().clone();
                return Ok(Response::NotModified { headers, connection });
            }
            _ => return Err(self.refusal(url, response).await),
        }
        if let Some(coding) = response.headers().get(CONTENT_ENCODING) {
            // Those that we asked for have been undone, and their field is gone.
            return Err(ReadError::Nonsense {
                url: url.to_string(),
                reason: format!("the content coding {coding:?} was not asked for"),
            });
        }
        let final_url = response.url().clone();
        let headers = response.headers().clone();
        let body = body::read(url, response, &self.limits, self.limits.bytes).await?;
        Ok(Response::Document(Document { url: final_url, headers, body, connection }))
    }

    /// Asks what a document's header fields would be. Its address is that after redirects.
    pub(crate) async fn head(&self, request: Request<'_>) -> Result<(Url, HeaderMap), ReadError> {
        let response = self.send(Method::HEAD, &request).await?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok((response.url().clone(), response.headers().clone()));
        }
        Err(ReadError::Status {
            method: Method::HEAD,
            url: request.url.to_string(),
            status,
            problem: None,
            retry_after: retry_after(response.headers(), clock::now()),
        })
    }

    async fn send(
        &self,
        method: Method,
        request: &Request<'_>,
    ) -> Result<reqwest::Response, ReadError> {
        let url = request.url;
        let limit = self.limits.first_byte + request.wait.unwrap_or_default();
        let asked = self.http.request(method.clone(), url.clone()).headers(self.headers(request));
        // Nobody unpacks a body that does not come, so no server need pack it.
        let asked = match method {
            Method::HEAD => asked.header(ACCEPT_ENCODING, "identity"),
            _ => asked,
        };
        let what = "no answer";
        match timeout(limit, asked.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let (url, source) = (url.to_string(), innermost(error));
                Err(ReadError::Transport { method, url, what, source })
            }
            Err(_) => Err(ReadError::TimedOut { method, url: url.to_string(), what, limit }),
        }
    }

    fn headers(&self, request: &Request<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(wait) = request.wait
            && let Ok(value) = HeaderValue::try_from(format!("wait={}", wait.as_secs()))
        {
            headers.insert(PREFER, value);
        }
        if request.fresh {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let validators = request.validators.cloned().unwrap_or_default();
        for (name, value) in
            [(IF_NONE_MATCH, validators.etag), (IF_MODIFIED_SINCE, validators.last_modified)]
        {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// The error of an answer that is not the document, with what its body says.
    async fn refusal(&self, url: &Url, response: reqwest::Response) -> ReadError {
        let status = response.status();
        let retry_after = retry_after(response.headers(), clock::now());
        // What it says only explains the status, and may be missing.
        let body = body::read(url, response, &self.limits, self.limits.error_bytes).await;
        let problem = body.ok().and_then(|body| Problem::from_json(&body)).map(Box::new);
        let (method, url) = (Method::GET, url.to_string());
        ReadError::Status { method, url, status, problem, retry_after }
    }
}

impl Document {
    /// The media type, without its parameters and in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }

    /// What makes the next request for the document conditional.
    pub(crate) fn validators(&self) -> Validators {
        let text = |name| Some(self.headers.get(name)?.to_str().ok()?.to_owned());
        Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }
}

/// Chooses ring as the TLS library of this process, unless the program has chosen one.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails when another one is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The cause without the address, which we name ourselves, and which could hold a password.
fn innermost(error: reqwest::Error) -> Box<dyn Error + Send + Sync> {
    error.without_url().into()
}
