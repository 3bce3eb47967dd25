//! Each event as a request to an address.
//!
//! # Layout
//!
//! - [`answer`]: what an answer means for the event
//! - [`counts`]: events that the target had already, or did not want any more

mod answer;
mod counts;

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use feed_protocol::header::FEED_POSITION;
use feed_protocol::{Recorded, cloudevents};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use ring::hmac;
use tokio::time::timeout;
use url::Url;

use self::answer::Meaning;
use super::{Handler, HandlerError};
use crate::reading::client::{install_tls, take_credentials};

pub use counts::ForwardCounts;

/// How long a connection to the target may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer may take to begin, if not set.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The signature of the body, as WebSub has it (section 8), under the name by which most software
/// for webhooks knows it.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// Posts each event to an address, the target, as a CloudEvent in binary mode.
///
/// The attributes are in header fields (`ce-id`, `ce-source`, `ce-type` ...), the data is the body,
/// byte for byte, and `feed-position` is the event's position. What the target answers decides:
///
/// | answer | means |
/// | --- | --- |
/// | 2xx | handled |
/// | 409, 410 | handled: the target has the event already, or wants it no more; counted in [`ForwardCounts`] |
/// | 408, 425, 429, 5xx, none | a transient failure; `Retry-After` is respected |
/// | any other | a permanent failure; redirects too, which are not followed |
///
/// The status alone counts: the body of an answer may be cut off.
///
/// An answer that is lost leads to the same event again. A target that must not act on it twice
/// tells events by `ce-source` and `ce-id`. Use it with [`Window::ONE`](crate::Window::ONE), so
/// that after a crash one event at most is sent again.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use feed_consumer::{Consumer, Forward, Window};
///
/// let forward = Forward::new("https://shop.example/hooks/orders")?
///     .sign_with(std::fs::read_to_string("secret.txt")?.trim_end())?;
/// let counts = forward.counts();
/// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
///     .group("shop")
///     .handler(forward)
///     .window(Window::ONE)
///     .build()?;
/// consumer.run(std::future::pending()).await?;
/// println!("{counts}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Forward {
    http: reqwest::Client,
    target: Url,
    headers: HeaderMap,
    key: Option<hmac::Key>,
    timeout: Duration,
    counts: ForwardCounts,
}

/// A setting with which nothing can be forwarded. It repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidForward(String);

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
enum ForwardError {
    /// No answer.
    #[error("POST {target}: no answer")]
    Transport {
        target: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("POST {target}: no answer within {}", humantime::format_duration(*.limit))]
    TimedOut { target: String, limit: Duration },
    /// An answer that does not take the event.
    #[error("POST {target}: {said}")]
    Refused { target: String, said: String },
    /// An attribute that no header field can carry.
    #[error("its attribute {0} fits into no header field")]
    Attribute(String),
}

impl Forward {
    /// Posts to this address, with `http` or `https`. A name and password in it are sent as
    /// HTTP Basic authentication, and shown nowhere; nor is its query.
    ///
    /// # Errors
    ///
    /// When it is no such address.
    pub fn new(target: &str) -> Result<Self, InvalidForward> {
        const REMEDY: &str = "name a target such as https://shop.example/hooks/orders";
        // An address may hold a password, so it is not repeated.
        let mut target = match target.parse::<Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            Ok(url) => {
                let scheme = url.scheme();
                return Err(invalid(format!(
                    "the scheme {scheme:?} is not http or https: {REMEDY}"
                )));
            }
            Err(error) => return Err(invalid(format!("it is not a URL ({error}): {REMEDY}"))),
        };
        target.set_fragment(None);
        let mut headers = HeaderMap::new();
        if let Some(credentials) = take_credentials(&mut target) {
            headers.insert(AUTHORIZATION, credentials);
        }
        install_tls();
        let http = reqwest::Client::builder()
            .user_agent(concat!("feed-consumer/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .build()
            .map_err(|error| invalid(format!("no HTTP client can be made: {error}")))?;
        let counts = ForwardCounts::default();
        Ok(Self { http, target, headers, key: None, timeout: DEFAULT_TIMEOUT, counts })
    }

    /// Signs each body with this secret: `X-Hub-Signature-256: sha256=HEX`, an HMAC-SHA256 as in
    /// WebSub (section 8). It covers the body, which is the data, and not the attributes.
    ///
    /// # Errors
    ///
    /// When the secret is empty.
    pub fn sign_with(mut self, secret: impl AsRef<[u8]>) -> Result<Self, InvalidForward> {
        if secret.as_ref().is_empty() {
            return Err(invalid("the secret is empty".to_owned()));
        }
        self.key = Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()));
        Ok(self)
    }

    /// Sends a token with each request: `Authorization: Bearer TOKEN` (RFC 6750).
    ///
    /// # Errors
    ///
    /// When the token is empty or fits into no header field, or the address has a password.
    pub fn bearer(self, token: &str) -> Result<Self, InvalidForward> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(
                "it is not a token: one line of visible ASCII characters without spaces".to_owned(),
            ));
        }
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a header field with each request. Its value is taken for a secret, and shown nowhere.
    ///
    /// # Errors
    ///
    /// When it is no header field, is one that the event or the connection decides, or is there
    /// already.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidForward> {
        let Ok(field) = HeaderName::from_str(name) else {
            return Err(invalid(format!("{name:?} is not the name of a header field")));
        };
        let Ok(mut value) = HeaderValue::from_str(value) else {
            return Err(invalid(format!("the value of {field} is not that of a header field")));
        };
        let of_request = [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING];
        let name = field.as_str();
        if of_request.contains(&field)
            || field == SIGNATURE
            || name == FEED_POSITION
            || name.starts_with("ce-")
        {
            return Err(invalid(format!("{name} is decided by the event: leave it out")));
        }
        if self.headers.contains_key(&field) {
            return Err(invalid(format!("{name} is stated twice: leave one out")));
        }
        value.set_sensitive(true);
        self.headers.insert(field, value);
        Ok(self)
    }

    /// How long a request may take until its answer begins. Thirty seconds, if not set.
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Counts what the target had already or did not want, while this runs and after it has ended.
    #[must_use]
    pub fn counts(&self) -> ForwardCounts {
        self.counts.clone()
    }

    /// The target without its query, which may hold a secret.
    fn shown(&self) -> String {
        let mut target = self.target.clone();
        target.set_query(None);
        target.into()
    }

    /// All header fields of a request.
    fn headers_of(&self, recorded: &Recorded, body: &[u8]) -> Result<HeaderMap, ForwardError> {
        let mut headers = self.headers.clone();
        for (name, value) in cloudevents::write_binary(&recorded.event) {
            let field = HeaderName::from_str(&name).ok().zip(HeaderValue::from_str(&value).ok());
            let (field, value) = field.ok_or(ForwardError::Attribute(name))?;
            headers.insert(field, value);
        }
        headers.insert(FEED_POSITION, HeaderValue::from(recorded.position.get()));
        if let Some(key) = &self.key {
            let tag = hmac::sign(key, body);
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let signature = HeaderValue::from_str(&format!("sha256={hex}"));
            headers.insert(SIGNATURE, signature.expect("hexadecimal digits fit into a field"));
        }
        Ok(headers)
    }

    async fn post(&self, recorded: &Recorded) -> Result<reqwest::Response, HandlerError> {
        let body = recorded.event.data().cloned().unwrap_or_default();
        let headers = self.headers_of(recorded, &body).map_err(HandlerError::permanent)?;
        let request = self.http.post(self.target.clone()).headers(headers).body(body);
        match timeout(self.timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let (target, source) = (self.shown(), error.without_url().into());
                Err(ForwardError::Transport { target, source }.into())
            }
            Err(_) => {
                Err(ForwardError::TimedOut { target: self.shown(), limit: self.timeout }.into())
            }
        }
    }
}

impl Handler for Forward {
    async fn handle(&self, event: Arc<Recorded>) -> Result<(), HandlerError> {
        let response = self.post(&event).await?;
        let status = response.status();
        let meaning = Meaning::of(status);
        let (said, wait) = answer::read(response, &self.headers).await;
        let refused = || ForwardError::Refused { target: self.shown(), said };
        match meaning {
            Meaning::Handled => Ok(()),
            Meaning::NotNeeded => {
                self.counts.add(status);
                Ok(())
            }
            Meaning::TryAgain => Err(HandlerError::from(refused()).retry_after(wait)),
            Meaning::Refused => Err(HandlerError::permanent(refused())),
        }
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("target", &self.shown())
            .field("signs", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

fn invalid(message: String) -> InvalidForward {
    InvalidForward(message)
}

#[cfg(test)]
mod tests;
