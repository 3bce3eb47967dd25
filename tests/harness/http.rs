//! Requests, and answers with what a test asks of them.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use feed_protocol::atom::{self, ReadDocument};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::wait::PATIENCE;

/// An HTTP client that shows what the server sent: it follows no redirect, decodes no body, and
/// asks no proxy.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
}

/// A request that is being made.
#[derive(Debug)]
pub struct Request(reqwest::RequestBuilder);

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The address that was asked.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Another library of this process may have chosen one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .no_zstd()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE + Duration::from_secs(30))
        .build()
        .expect("the client's settings are right")
}

impl Http {
    /// A client of the server at this address.
    #[must_use]
    pub fn new(base: Url) -> Self {
        Self { client: client(), base }
    }

    /// The address of a path, relative to the server's.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        self.base.join(path.trim_start_matches('/')).expect("a path")
    }

    /// A request.
    ///
    /// # Panics
    ///
    /// When there can be no such method.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request(self.client.request(method, self.url(path)))
    }

    /// A request that reads.
    #[must_use]
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A request for the header alone.
    #[must_use]
    pub fn head(&self, path: &str) -> Request {
        self.request("HEAD", path)
    }

    /// A request that posts a body of this type.
    #[must_use]
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Request {
        self.request("POST", path).header("content-type", content_type).body(body)
    }

    /// A request that posts CloudEvents: an object in structured mode, an array as a batch.
    #[must_use]
    pub fn post_json(&self, path: &str, events: &Value) -> Request {
        let kind = if events.is_array() { crate::events::BATCH } else { crate::events::STRUCTURED };
        self.post(path, kind, events.to_string())
    }
}

impl Request {
    /// With a header field.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        Self(self.0.header(name, value))
    }

    /// With a body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0.body(body.into()))
    }

    /// Sends it, and takes the answer whole.
    ///
    /// # Panics
    ///
    /// When there is no whole answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// Sends it, and takes the answer whole.
    ///
    /// # Errors
    ///
    /// When there is no whole answer.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.0.send().await?;
        Ok(Answer {
            url: response.url().clone(),
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    /// Sends it, and leaves the body to be read bit by bit.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn open(self) -> reqwest::Response {
        self.try_open().await.expect("an answer")
    }

    /// Sends it, and leaves the body to be read bit by bit.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn try_open(self) -> Result<reqwest::Response, reqwest::Error> {
        self.0.timeout(Duration::from_secs(3600)).send().await
    }
}

impl Answer {
    /// That its status is this one.
    ///
    /// # Panics
    ///
    /// When it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {:?} {}", self.url, self.headers, self.text());
        self
    }

    /// A header field, which stands there once.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            panic!("{}: {name} does not stand there once: {:?}", self.url, self.headers)
        };
        value.to_str().expect("text")
    }

    /// That it has these header fields and no others, but for those of every HTTP answer. A value
    /// of `*` may be anything.
    ///
    /// # Panics
    ///
    /// When one differs, is absent, or is one too many.
    #[track_caller]
    pub fn expect_fields(&self, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            let actual = self.header(name);
            assert!(*value == "*" || actual == *value, "{}: {name}: {actual}", self.url);
        }
        let named = |name: &str| fields.iter().any(|(it, _)| *it == name);
        let hop = |name: &str| matches!(name, "content-length" | "date");
        let others: Vec<_> = self
            .headers
            .keys()
            .map(HeaderName::as_str)
            .filter(|it| !named(it) && !hop(it))
            .collect();
        assert!(others.is_empty(), "{}: {others:?} in {:?}", self.url, self.headers);
    }

    /// Whether there is a header field.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.text()))
    }

    /// The body as an Atom feed.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn atom(&self) -> ReadDocument {
        assert_eq!(self.header("content-type"), "application/atom+xml; charset=utf-8");
        atom::read_document(&self.body, &atom::Limits::default())
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.text()))
    }

    /// The positions of the entries of an Atom feed, in their order.
    ///
    /// # Panics
    ///
    /// When it is none, or none of ours.
    #[must_use]
    #[track_caller]
    pub fn atom_positions(&self) -> Vec<u64> {
        let position = |entry: atom::ReadEntry| entry.position.expect("an entry of ours").get();
        self.atom().entries.into_iter().map(position).collect()
    }

    /// The positions of the events of a batch, in their order.
    ///
    /// # Panics
    ///
    /// When it is none, or none of ours.
    #[must_use]
    #[track_caller]
    pub fn batch_positions(&self) -> Vec<u64> {
        let events = self.json();
        let position = |event: &Value| {
            event["feedposition"].as_str().expect("a position").parse().expect("a number")
        };
        events.as_array().expect("an array").iter().map(position).collect()
    }

    /// The address that a relation of the `Link` field leads to, resolved against the document's.
    ///
    /// # Panics
    ///
    /// When there is no such link.
    #[must_use]
    #[track_caller]
    pub fn link(&self, relation: &str) -> Url {
        self.find_link(relation)
            .unwrap_or_else(|| panic!("{}: no {relation} in {:?}", self.url, self.headers))
    }

    /// The address that a relation of the `Link` field leads to, if there is one.
    ///
    /// # Panics
    ///
    /// When it is no address.
    #[must_use]
    #[track_caller]
    pub fn find_link(&self, relation: &str) -> Option<Url> {
        let (_, href) = self.links().into_iter().find(|(name, _)| name == relation)?;
        Some(self.url.join(&href).expect("an address"))
    }

    /// The links of the `Link` field as they are written: relation and target.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn links(&self) -> Vec<(String, String)> {
        let link = |link: &str| {
            let (href, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
            let relation = rest.trim().strip_prefix("; rel=\"")?.strip_suffix('"')?;
            Some((relation.to_owned(), href.to_owned()))
        };
        let field = self.header("link");
        field.split(", ").map(|it| link(it).unwrap_or_else(|| panic!("{it:?}"))).collect()
    }

    /// That it is a problem of this status and kind, as every problem must be.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_problem(self, status: u16, kind: &str) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.has("etag") && !answer.has("last-modified"), "{:?}", answer.headers);
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:feed-protocol:problem:{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].as_str().is_some_and(|it| !it.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|it| !it.is_empty()), "{problem}");
        problem
    }
}
