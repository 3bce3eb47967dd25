//! How requests are made, on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use feed_consumer::HttpOptions;
use serde::{Deserialize, Deserializer};

const HEADING: &str = "Requests";

#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = HEADING)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpArgs {
    /// A file that holds the bearer token for the feed's server; it is read again when it changes
    ///
    /// The variable FEED_CONSUMER_TOKEN can hold the token itself instead. A token is sent to the
    /// feed's own origin alone, and shown nowhere.
    #[arg(long, value_name = "FILE", env = "FEED_CONSUMER_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    // By the variable alone: other users of the machine can see the arguments of a program.
    #[arg(long, hide = true, env = "FEED_CONSUMER_TOKEN", hide_env_values = true)]
    #[serde(skip)]
    token: Option<String>,
    /// An origin such as https://archive.example to which links and redirects may lead as well
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "FEED_CONSUMER_ALLOW_ORIGIN")]
    allow_origin: Vec<String>,
    /// The proxy for all requests, or `none` [default: what HTTP_PROXY and HTTPS_PROXY say]
    #[arg(long, value_name = "URL", env = "FEED_CONSUMER_PROXY", hide_env_values = true)]
    proxy: Option<String>,
    /// A file of root certificates in PEM to trust beside those of the system
    #[arg(long, value_name = "FILE", env = "FEED_CONSUMER_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// How long a connection may take [default: 10s]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "FEED_CONSUMER_CONNECT_TIMEOUT"
    )]
    #[serde(deserialize_with = "some_duration")]
    connect_timeout: Option<Duration>,
    /// How long an answer may take to begin, beyond the time that the server was asked to wait
    /// [default: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "FEED_CONSUMER_FIRST_BYTE_TIMEOUT"
    )]
    #[serde(deserialize_with = "some_duration")]
    first_byte_timeout: Option<Duration>,
    /// How long an answer may stand still [default: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "FEED_CONSUMER_BETWEEN_BYTES_TIMEOUT"
    )]
    #[serde(deserialize_with = "some_duration")]
    between_bytes_timeout: Option<Duration>,
}

/// Where documents are kept.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = HEADING)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CacheArgs {
    /// A folder in which full pages are kept, for other groups and for reading again
    #[arg(long, value_name = "FOLDER", env = "FEED_CONSUMER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// How many MiB the cache may take; what was stored first is deleted first [default: 1024]
    #[arg(long, value_name = "MIB", env = "FEED_CONSUMER_CACHE_SIZE_MIB")]
    cache_size_mib: Option<u32>,
}

impl HttpArgs {
    /// The same for the library.
    pub(super) fn options(&self) -> HttpOptions {
        let mut options = HttpOptions::default();
        if let Some(limit) = self.connect_timeout {
            options = options.connect_timeout(limit);
        }
        if let Some(limit) = self.first_byte_timeout {
            options = options.first_byte_timeout(limit);
        }
        if let Some(limit) = self.between_bytes_timeout {
            options = options.between_bytes_timeout(limit);
        }
        for origin in &self.allow_origin {
            options = options.allow_origin(origin);
        }
        // A file is the better place, so it wins over a variable that is left over.
        options = match (&self.token_file, &self.token) {
            (Some(path), _) => options.token_file(path),
            (None, Some(token)) => options.token(token.trim()),
            (None, None) => options,
        };
        options = match self.proxy.as_deref() {
            Some("none") => options.no_proxy(),
            Some(url) => options.proxy(url),
            None => options,
        };
        match &self.ca_file {
            Some(path) => options.ca_file(path),
            None => options,
        }
    }
}

impl HttpArgs {
    /// The same, without who we are.
    pub(super) fn without_token(&self) -> Self {
        Self { token_file: None, token: None, ..self.clone() }
    }

    /// Whether they say who we are.
    pub(super) fn has_token(&self) -> bool {
        self.token_file.is_some() || self.token.is_some()
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.token_file.is_none()
            && self.token.is_none()
            && self.allow_origin.is_empty()
            && self.proxy.is_none()
            && self.ca_file.is_none()
            && self.connect_timeout.is_none()
            && self.first_byte_timeout.is_none()
            && self.between_bytes_timeout.is_none()
    }
}

impl CacheArgs {
    /// With a cache, if there is a place for it.
    pub(super) fn add_to(&self, options: HttpOptions) -> HttpOptions {
        let options = match self.cache_size_mib {
            Some(size) => options.cache_size(u64::from(size) << 20),
            None => options,
        };
        match &self.cache_dir {
            Some(path) => options.cache_dir(path),
            None => options,
        }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.cache_dir.is_none() && self.cache_size_mib.is_none()
    }
}

/// A time that is not nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        Ok(_) => Err("no request succeeds in no time: use a duration such as '10s'".to_owned()),
        Err(error) => Err(format!("{error}: use a duration such as '10s'")),
    }
}

/// The same in a file.
fn some_duration<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(text)?;
    duration(&text).map(Some).map_err(serde::de::Error::custom)
}
