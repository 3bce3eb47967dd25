//! Requests: the one place that speaks HTTP.
//!
//! What comes back is bounded in time and size, and comes from the feed's own origin, or one that
//! the user has listed: redirects that lead elsewhere are refused.
//!
//! # Layout
//!
//! - [`options`]: how requests are made, as a user sets it
//! - [`limits`]: what is accepted of a server
//! - [`credentials`]: who we are
//! - [`redirect`]: which addresses may be asked
//! - [`exchange`]: a request and its answer, after redirects
//! - [`probe`]: requests whose answers are looked at, whatever they are
//! - [`body`]: the whole of an answer's body, or why not
//! - [`cache`]: documents kept on disk (RFC 9111)
//! - [`connection`]: over which connection an answer came
//! - [`stream`]: an answer whose body is read piece by piece

mod body;
mod cache;
mod connection;
mod credentials;
mod exchange;
mod limits;
pub(crate) mod options;
pub(crate) mod probe;
mod redirect;
mod stream;

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use feed_protocol::Problem;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::warn;
use url::Url;

use self::cache::Cache;
use self::credentials::Credentials;
use self::options::HttpOptions;
use self::redirect::Origins;
use super::error::ReadError;
use super::retry_after::retry_after;
use super::stream::MEDIA_TYPE as EVENT_STREAM;
use crate::clock;
use crate::store::Validators;

pub(crate) use connection::ConnectionId;
pub(crate) use credentials::take_credentials;
pub(crate) use limits::Limits;
pub(crate) use redirect::is_loopback;
pub(crate) use stream::StreamBody;

/// The preferences of a request (RFC 7240).
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Makes requests to one feed.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    origins: Origins,
    credentials: Credentials,
    /// `None` unless the user has named a place for it.
    cache: Option<Cache>,
    /// Whether servers may pack what they send.
    is_packed: bool,
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

/// A setting with which no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub(crate) struct ClientError {
    /// The setting.
    pub(crate) key: &'static str,
    /// What is wrong with it, and what would be right.
    pub(crate) message: String,
}

impl ClientError {
    fn new(key: &'static str, message: impl ToString) -> Self {
        Self { key, message: message.to_string() }
    }
}

impl Client {
    /// A client for a feed at this address. A name and password in it are sent with each request,
    /// and shown nowhere.
    pub(crate) fn new(
        feed: &Url,
        options: impl Into<HttpOptions>,
    ) -> Result<(Self, Url), ClientError> {
        install_tls();
        let options = options.into();
        let mut url = feed.clone();
        let credentials = options.credentials(Credentials::taken_from(&mut url))?;
        if credentials.field().is_some() && url.scheme() == "http" && !is_loopback(&url) {
            let origin = url.origin().ascii_serialization();
            warn!("who we are is sent to {origin} unencrypted: use https if there is a choice");
        }
        let origins = Origins::new(&url, &options.listed)
            .map_err(|message| ClientError::new("allow_origin", message))?;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("feed-consumer/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        let http = options.apply(builder)?.build().map_err(|error| {
            let reason = chain(&error.without_url());
            ClientError::new(options.likely_fault(), format!("no client can be made: {reason}"))
        })?;
        let cache = options.cache().map_err(|message| ClientError::new("cache_dir", message))?;
        // Within a machine, to pack and unpack takes far longer than to hand over.
        let is_packed = !is_loopback(&url);
        Ok((Self { http, origins, credentials, cache, is_packed, limits: options.limits }, url))
    }

    /// Whether requests may be made to this address.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        self.origins.allow(url)
    }

    /// Asks for a document. The cache answers where it may.
    pub(crate) async fn get(&self, request: Request<'_>) -> Result<Response, ReadError> {
        let headers = self.headers(&request);
        match &self.cache {
            Some(cache) if request.may_be_kept() => {
                self.get_through(cache, request, headers).await.map(Response::Document)
            }
            _ => self.fetch(request, &headers).await,
        }
    }

    /// Asks the server for a document.
    async fn fetch(
        &self,
        request: Request<'_>,
        headers: &HeaderMap,
    ) -> Result<Response, ReadError> {
        let url = request.url;
        let limit = self.limits.first_byte.saturating_add(request.wait.unwrap_or_default());
        let response = self.exchange(Method::GET, url, headers, limit).await?.response;
        let connection = ConnectionId::of(&response);
        let conditional = [IF_NONE_MATCH, IF_MODIFIED_SINCE].iter();
        let conditional = conditional.clone().any(|name| headers.contains_key(name));
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
        let limit = self.limits.first_byte.saturating_add(request.wait.unwrap_or_default());
        let mut headers = self.headers(request);
        if method == Method::HEAD || request.accept == EVENT_STREAM {
            // Nobody unpacks a body that does not come, so no server need pack it; and what is
            // packed may wait for more to pack, which a stream must not.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(self.exchange(method, request.url, &headers, limit).await?.response)
    }

    fn headers(&self, request: &Request<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        if !self.is_packed {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
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

impl Response {
    /// The document, where there was no condition that could have left it out.
    fn into_document(self, request: Request<'_>) -> Result<Document, ReadError> {
        match self {
            Self::Document(document) => Ok(document),
            Self::NotModified { .. } => {
                let reason = "304 was not asked for".to_owned();
                Err(ReadError::Nonsense { url: request.url.to_string(), reason })
            }
        }
    }
}

impl Document {
    /// The media type, without its parameters and in lower case.
    pub(crate) fn media_type(&self) -> String {
        media_type(&self.headers)
    }

    /// What makes the next request for the document conditional.
    pub(crate) fn validators(&self) -> Validators {
        let text = |name| Some(self.headers.get(name)?.to_str().ok()?.to_owned());
        Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }
}

/// The media type that header fields state, without its parameters and in lower case.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Chooses ring as the TLS library of this process, unless the program has chosen one.
pub(crate) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails when another one is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// An error and its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}

/// The cause without the address, which we name ourselves, and which could hold a password.
fn innermost(error: reqwest::Error) -> Box<dyn Error + Send + Sync> {
    error.without_url().into()
}
