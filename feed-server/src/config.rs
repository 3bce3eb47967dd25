//! The settings of the binary: flags, then environment, then a TOML file, then defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use feed_protocol::{FeedName, PageSize};
use serde::Deserialize;
use url::Url;

use crate::builder::normal_base;

/// The sample that `feed-server config example` prints; every setting with its default.
pub(crate) const EXAMPLE: &str = include_str!("config/example.toml");

/// The variables that stand for flags.
const VARIABLES: [&str; 8] = [
    "FEED_SERVER_CONFIG",
    "FEED_SERVER_LISTEN",
    "FEED_SERVER_DATABASE",
    "FEED_SERVER_PUBLIC_URL",
    "FEED_SERVER_FEED",
    "FEED_SERVER_PAGE_SIZE",
    "FEED_SERVER_ALLOW_ANONYMOUS_PUBLISHING",
    "FEED_SERVER_LOG_FORMAT",
];

/// Where the database is: what every command needs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// Settings in TOML; `feed-server config example` prints them all
    #[arg(long, env = "FEED_SERVER_CONFIG", value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The database: a SQLite file, or postgres://USER:PASSWORD@HOST/DATABASE [default: ./feeds.db]
    #[arg(long, env = "FEED_SERVER_DATABASE", value_name = "URL", global = true)]
    pub(crate) database: Option<String>,
}

/// How to serve.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen at; port 0 takes any free one [default: 127.0.0.1:3000]
    #[arg(long, env = "FEED_SERVER_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The URL under which clients reach the server; makes links absolute
    #[arg(long, env = "FEED_SERVER_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<Url>,
    /// A feed to serve, created if it is missing; repeatable [default: customers, orders]
    #[arg(long = "feed", env = "FEED_SERVER_FEED", value_name = "NAME", value_delimiter = ',')]
    pub(crate) feeds: Vec<FeedName>,
    /// How many events a page of a new feed holds [default: 100]
    #[arg(long, env = "FEED_SERVER_PAGE_SIZE", value_name = "N")]
    pub(crate) page_size: Option<u64>,
    /// Let anyone publish who can reach the server, though it does not listen on loopback
    #[arg(long, env = "FEED_SERVER_ALLOW_ANONYMOUS_PUBLISHING")]
    pub(crate) allow_anonymous_publishing: bool,
}

/// What a file may set. A key that is not here is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    database: Option<String>,
    public_url: Option<Url>,
    feeds: Option<Vec<String>>,
    page_size: Option<u64>,
    allow_anonymous_publishing: Option<bool>,
    current_max_age_seconds: Option<u64>,
    long_poll_max_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
    cache_mebibytes: Option<u64>,
}

/// The settings, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) database: String,
    pub(crate) public_url: Option<Url>,
    pub(crate) feeds: Vec<FeedName>,
    /// The page size of feeds that are created; that of others is fixed.
    pub(crate) page_size: PageSize,
    pub(crate) allow_anonymous_publishing: bool,
    pub(crate) current_max_age: Duration,
    pub(crate) long_poll_max: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) cache_bytes: u64,
}

impl Config {
    /// The settings of a command line, its environment and its file.
    pub(crate) fn load(database: &DatabaseArgs, serve: &ServeArgs) -> anyhow::Result<Self> {
        check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let file = match &database.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        Self::merge(database.clone(), serve.clone(), file)
    }

    fn merge(database: DatabaseArgs, serve: ServeArgs, file: File) -> anyhow::Result<Self> {
        let feeds = if serve.feeds.is_empty() {
            let names = file.feeds.unwrap_or_else(|| vec!["customers".into(), "orders".into()]);
            names.iter().map(|name| name.parse()).collect::<Result<_, _>>().context("feeds")?
        } else {
            serve.feeds
        };
        let page_size = serve.page_size.or(file.page_size).unwrap_or(PageSize::DEFAULT.get());
        let seconds = |name: &str, stated: Option<u64>, default: u64, most: u64| {
            let seconds = stated.unwrap_or(default);
            ensure!(seconds <= most, "{name}: {seconds} is more than {most}");
            Ok(Duration::from_secs(seconds))
        };
        let heartbeat = seconds("heartbeat_seconds", file.heartbeat_seconds, 15, 300)?;
        ensure!(!heartbeat.is_zero(), "heartbeat_seconds: must be at least 1");
        Ok(Self {
            listen: serve.listen.or(file.listen).unwrap_or(([127, 0, 0, 1], 3000).into()),
            database: database
                .database
                .or(file.database)
                .unwrap_or_else(|| "./feeds.db".to_owned()),
            public_url: serve
                .public_url
                .or(file.public_url)
                .map(normal_base)
                .transpose()
                .context("public_url")?,
            feeds,
            page_size: PageSize::new(page_size).context("page_size")?,
            allow_anonymous_publishing: serve.allow_anonymous_publishing
                || file.allow_anonymous_publishing.unwrap_or(false),
            current_max_age: seconds(
                "current_max_age_seconds",
                file.current_max_age_seconds,
                1,
                86_400,
            )?,
            long_poll_max: seconds("long_poll_max_seconds", file.long_poll_max_seconds, 30, 300)?,
            heartbeat,
            cache_bytes: file.cache_mebibytes.unwrap_or(64).saturating_mul(1 << 20),
        })
    }

    /// Refuses what would let strangers publish without anybody having said so.
    pub(crate) fn check_exposure(&self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() && !self.allow_anonymous_publishing {
            bail!(
                "listen: {} can be reached from outside, and anyone there could publish; listen \
                 on 127.0.0.1 behind a proxy that checks who publishes, or say \
                 --allow-anonymous-publishing",
                self.listen
            );
        }
        Ok(())
    }
}

impl File {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        // One line: the first of the message, with the place, but without the excerpt below it.
        toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text[..start].matches('\n').count();
            // A wrong value is named by its key.
            let key = text.lines().nth(line).and_then(|line| line.split_once('='));
            let key = key.map(|(key, _)| format!(", {}", key.trim())).unwrap_or_default();
            let message = error.message().replace('\n', "; ");
            anyhow::anyhow!("{}, line {}{key}: {message}", path.display(), line + 1)
        })
    }
}

/// Refuses a variable that looks like a setting and is none: a typing error would otherwise go
/// unnoticed.
fn check_environment(names: impl Iterator<Item = String>) -> anyhow::Result<()> {
    for name in names {
        if name.starts_with("FEED_SERVER_") && !VARIABLES.contains(&name.as_str()) {
            let variables = VARIABLES.join(", ");
            bail!("the environment sets {name}, which is no setting; there are {variables}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(text: &str) -> anyhow::Result<Config> {
        let file = toml::from_str(text)?;
        Config::merge(DatabaseArgs::default(), ServeArgs::default(), file)
    }

    #[test]
    fn the_sample_states_the_defaults() {
        let defaults =
            Config::merge(DatabaseArgs::default(), ServeArgs::default(), File::default()).unwrap();
        assert_eq!(of_file(EXAMPLE).unwrap(), defaults);
        // What the sample shows commented out is a setting as well.
        let all: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#! ").unwrap_or(line).to_owned() + "\n")
            .collect();
        assert!(of_file(&all).unwrap().public_url.is_some());
    }

    #[test]
    fn a_flag_goes_before_the_file() {
        let serve = ServeArgs { listen: Some(([127, 0, 0, 1], 1).into()), ..ServeArgs::default() };
        let file = toml::from_str("listen = '127.0.0.1:2'\npage_size = 7").unwrap();
        let config = Config::merge(DatabaseArgs::default(), serve, file).unwrap();
        assert_eq!((config.listen.port(), config.page_size.get()), (1, 7));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = of_file("lisen = '127.0.0.1:2'").unwrap_err().to_string();
        assert!(error.contains("lisen"), "{error}");
        let environment = ["FEED_SERVER_LISEN".to_owned(), "PATH".to_owned()];
        let error = check_environment(environment.into_iter()).unwrap_err().to_string();
        assert!(error.contains("FEED_SERVER_LISEN"), "{error}");
        assert!(of_file("page_size = 0").is_err());
        assert!(of_file("heartbeat_seconds = 0").is_err());
    }

    #[test]
    fn listening_to_strangers_must_be_asked_for() {
        let outside = of_file("listen = '0.0.0.0:3000'").unwrap();
        assert!(outside.check_exposure().unwrap_err().to_string().starts_with("listen:"));
        assert!(of_file("listen = '[::1]:3000'").unwrap().check_exposure().is_ok());
        let told = of_file("listen = '0.0.0.0:3000'\nallow_anonymous_publishing = true").unwrap();
        assert!(told.check_exposure().is_ok());
    }
}
