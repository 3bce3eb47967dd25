//! How requests are made, as a user sets it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use url::Url;

use super::ClientError;
use super::cache::Cache;
use super::credentials::{Credentials, Secret};
use super::limits::Limits;

/// How requests are made: time-outs, tokens, proxies, certificates and a cache.
///
/// ```
/// use std::time::Duration;
/// use feed_consumer::{Consumer, HttpOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = HttpOptions::default()
///     .token("a-token-of-the-server")
///     .connect_timeout(Duration::from_secs(3))
///     .allow_origin("https://archive.example");
/// let consumer = Consumer::builder("https://shop.example/feeds/orders")
///     .http(http)
///     .on_any(async |event, _| Ok(println!("{}", event.position)))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpOptions {
    pub(super) limits: Limits,
    pub(super) listed: Vec<String>,
    token: Option<Token>,
    proxy: Option<ProxyChoice>,
    ca_file: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    cache_size: u64,
    decode: bool,
}

#[derive(Debug, Clone)]
enum Token {
    Text(Secret),
    File(PathBuf),
}

#[derive(Debug, Clone)]
enum ProxyChoice {
    None,
    /// The address may hold a password.
    Url(Secret),
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            listed: Vec::new(),
            token: None,
            proxy: None,
            ca_file: None,
            cache_dir: None,
            cache_size: 1024 * 1024 * 1024,
            decode: true,
        }
    }
}

impl HttpOptions {
    /// How long a connection may take. Ten seconds, if not set.
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.limits.connect = limit;
        self
    }

    /// How long an answer may take to begin, the connection included, beyond the time that the
    /// server was asked to wait for news. Thirty seconds, if not set.
    pub const fn first_byte_timeout(mut self, limit: Duration) -> Self {
        self.limits.first_byte = limit;
        self
    }

    /// How long an answer may stand still. Thirty seconds, if not set. Apart from that, a whole
    /// answer may take a minute, and the time that its bytes take at 16 KiB a second.
    pub const fn between_bytes_timeout(mut self, limit: Duration) -> Self {
        self.limits.between_bytes = limit;
        self
    }

    /// Lets redirects and links lead to this origin as well, such as `https://archive.example`.
    /// Otherwise they are followed within the feed's own alone. A token or password is never sent
    /// there.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.listed.push(origin.into());
        self
    }

    /// A bearer token (RFC 6750), which is sent to the feed's own origin alone.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::Text(Secret(token.into())));
        self
    }

    /// A file that holds the bearer token. It is read again when it has changed, and when a server
    /// refuses the token (401).
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = Some(Token::File(path.into()));
        self
    }

    /// The proxy for all requests, but those to hosts that the variable `NO_PROXY` names:
    /// `http://proxy.example:3128`, with a name and password if it wants them. If not set, what the
    /// variables `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` say.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(ProxyChoice::Url(Secret(url.into())));
        self
    }

    /// No proxy, whatever the variables say.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Some(ProxyChoice::None);
        self
    }

    /// A file of root certificates in PEM, which are trusted beside those of the system.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// A folder, created if it is missing, in which documents that never change or stay fresh for a
    /// minute and more are kept, by the rules of HTTP caching (RFC 9111). Any number of
    /// subscriptions and processes can share it. What was read with one token or password is not
    /// shown to another. No cache, if not set.
    pub fn cache_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(path.into());
        self
    }

    /// How many bytes the cache may take; beyond that the documents that were stored first are
    /// deleted. 1 GiB, if not set. Each process that shares the folder may exceed it by a sixteenth
    /// for a while.
    pub const fn cache_size(mut self, bytes: u64) -> Self {
        self.cache_size = bytes;
        self
    }

    pub(super) fn cache(&self) -> Result<Option<Cache>, String> {
        let Some(folder) = &self.cache_dir else { return Ok(None) };
        Cache::open(folder, self.cache_size, self.limits.bytes).map(Some)
    }

    pub(super) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Leaves bodies packed as they come.
    pub(crate) const fn undecoded(mut self) -> Self {
        self.decode = false;
        self
    }

    /// Who we are, if an address does not say so.
    pub(super) fn credentials(&self, of_url: Credentials) -> Result<Credentials, ClientError> {
        let (key, token) = match &self.token {
            None => return Ok(of_url),
            Some(Token::Text(token)) => ("token", Credentials::token(token)),
            Some(Token::File(path)) => ("token_file", Credentials::token_file(path)),
        };
        if of_url.field().is_some() {
            let message = "the address holds a name and password already: leave one of them out";
            return Err(ClientError::new(key, message));
        }
        token.map_err(|message| ClientError::new(key, message))
    }

    /// The settings of the library below.
    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, ClientError> {
        builder = builder.connect_timeout(self.limits.connect);
        if !self.decode {
            builder = builder.no_gzip().no_zstd();
        }
        match &self.proxy {
            None => {}
            Some(ProxyChoice::None) => builder = builder.no_proxy(),
            Some(ProxyChoice::Url(url)) => {
                let proxy = proxy(&url.0).map_err(|it| ClientError::new("proxy", it))?;
                builder = builder.proxy(proxy);
            }
        }
        if let Some(path) = &self.ca_file {
            let certificates =
                certificates(path).map_err(|message| ClientError::new("ca_file", message))?;
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(builder)
    }

    /// Which setting it is when no client can be made of them.
    pub(super) const fn likely_fault(&self) -> &'static str {
        if self.ca_file.is_some() { "ca_file" } else { "url" }
    }
}

fn proxy(text: &str) -> Result<Proxy, String> {
    // An address may hold a password, so it is not repeated.
    let remedy = "name one such as http://proxy.example:3128";
    let url: Url =
        text.parse().map_err(|error| format!("it is no proxy's address ({error}): {remedy}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("only HTTP proxies are used, and not {:?}: {remedy}", url.scheme()));
    }
    let proxy = Proxy::all(url)
        .map_err(|error| format!("it is no proxy's address ({}): {remedy}", error.without_url()))?;
    Ok(proxy.no_proxy(NoProxy::from_env()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let remedy = "name a file of certificates in PEM";
    let shown = path.display();
    let pem = std::fs::read(path)
        .map_err(|error| format!("{shown} cannot be read: {error}: {remedy}"))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("{shown} holds no certificate: {remedy}")),
    }
}

impl From<Limits> for HttpOptions {
    fn from(limits: Limits) -> Self {
        Self::default().with_limits(limits)
    }
}
