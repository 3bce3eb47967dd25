//! What is to be run: flags, then the environment, then a file, then defaults.
//!
//! # Layout
//!
//! - [`draft`]: the settings of one subscription, as they are said
//! - [`file`]: those of several, in TOML
//! - [`sink`]: what is done with events

mod draft;
mod file;
mod sink;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use feed_consumer::{HttpOptions, OnExhausted, Schedule, ShardCount, Start, Updates, Vanished};
use url::Url;

use self::draft::Draft;
pub(super) use self::file::EXAMPLE;
use self::file::File;
pub(super) use self::sink::Sink;
use super::args::run::{GiveUpAfter, RunArgs};
use super::args::{DEFAULT_DATABASE, PlaceArgs};
use super::exit::Failed;
use super::http_args::HttpArgs;

/// One subscription, complete.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) said: Said,
    pub(super) url: String,
    pub(super) group: String,
    pub(super) database: String,
    pub(super) from: Start,
    pub(super) schedule: Schedule,
    pub(super) until_idle: bool,
    pub(super) give_up_after: Option<GiveUpAfter>,
    pub(super) updates: Updates,
    pub(super) vanished: Vanished,
    pub(super) max_pages: Option<u32>,
    /// How long a handling may take.
    pub(super) deadline: Option<Duration>,
    pub(super) on_exhausted: OnExhausted,
    /// A command that may mend parked events.
    pub(super) repair: Option<String>,
    pub(super) repair_deadline: Option<Duration>,
    pub(super) shards: Option<ShardCount>,
    pub(super) workers: u16,
    pub(super) concurrency: u16,
    pub(super) lease: Option<Duration>,
    pub(super) sink: Sink,
    /// How requests for the feed are made.
    pub(super) http: HttpOptions,
}

/// How requests for the feed of one subscription are made.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) url: String,
    pub(super) group: String,
    pub(super) database: String,
    pub(super) http: HttpArgs,
}

/// Where the settings of a subscription are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// On the command line, or in the environment.
    Flags,
    /// In a file, under this name.
    File { path: PathBuf, name: String },
}

/// The subscriptions that a command line, its environment and its file ask for.
pub(super) fn load(run: &RunArgs, place: &PlaceArgs) -> Result<Vec<Subscription>, Failed> {
    let Some(path) = &place.config else {
        let draft = Draft::of_flags(run, place);
        return Ok(vec![draft.complete(Said::Flags)?]);
    };
    if let Some(flag) = draft::said_in_vain(run) {
        return Err(Failed::Usage(format!(
            "{} and --config (FEED_CONSUMER_CONFIG): with a file, it is the file that says so: leave \
             one of the two out",
            Said::Flags.key(flag)
        )));
    }
    let File { database, subscriptions } = File::read(path)?;
    let mut complete = Vec::new();
    for (name, draft) in subscriptions {
        let said = Said::File { path: path.clone(), name };
        complete.push(draft.or_database(database.as_ref()).overridden(run, place).complete(said)?);
    }
    if complete.is_empty() {
        return Err(Failed::Usage(format!(
            "{}: it has no subscription: add a table such as [subscriptions.billing]; `feed-consumer \
             config example` prints one",
            path.display()
        )));
    }
    check_together(&complete)?;
    Ok(complete)
}

/// The databases that a command line, its environment and its file name, each once.
pub(super) fn databases(place: &PlaceArgs) -> Result<Vec<String>, Failed> {
    if let Some(database) = &place.database {
        return Ok(vec![database.clone()]);
    }
    let Some(path) = &place.config else {
        return Ok(vec![DEFAULT_DATABASE.to_owned()]);
    };
    let File { database, subscriptions } = File::read(path)?;
    let common = database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    let mut databases = Vec::new();
    for (_, draft) in subscriptions {
        let database = draft.database.unwrap_or_else(|| common.clone());
        if !databases.contains(&database) {
            databases.push(database);
        }
    }
    Ok(databases)
}

/// How the file of a command line has requests made for each of its feeds.
pub(super) fn requests(place: &PlaceArgs) -> Result<Vec<Requests>, Failed> {
    let Some(path) = &place.config else { return Ok(Vec::new()) };
    let File { database, subscriptions } = File::read(path)?;
    let own = subscriptions.into_values().filter_map(|draft| {
        let mut draft = draft.or_database(database.as_ref());
        draft.database = place.database.clone().or(draft.database);
        draft.requests()
    });
    Ok(own.collect())
}

/// Refuses subscriptions that would move the same cursor, or write into each other's lines.
fn check_together(all: &[Subscription]) -> Result<(), Failed> {
    for (index, one) in all.iter().enumerate() {
        for other in &all[..index] {
            let problem = if one.cursor() == other.cursor() {
                "read the same feed as the same group, and would move the same cursor: give one of \
                 them another group"
            } else if matches!((&one.sink, &other.sink), (Sink::Print, Sink::Print)) {
                "both print, and nobody could tell their lines apart: let one print, and run the \
                 other in a process of its own"
            } else {
                continue;
            };
            return Err(Failed::Usage(format!("{} and {} {problem}", other.said, one.said)));
        }
    }
    Ok(())
}

impl Subscription {
    /// What tells its cursor from others.
    fn cursor(&self) -> (String, &str, &str) {
        // Name and password take no part.
        let url = self.url.parse::<Url>().map(|mut url| {
            url.set_fragment(None);
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        });
        (url.unwrap_or_else(|_| self.url.clone()), &self.group, &self.database)
    }
}

impl Said {
    /// The name of the subscription, if it has one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Flags => None,
            Self::File { name, .. } => Some(name),
        }
    }

    /// A setting, by its name in a file, as it is said here.
    pub(super) fn key(&self, key: &str) -> String {
        match self {
            Self::Flags => {
                let variable = key.to_ascii_uppercase();
                let flag = match key {
                    "url" => "URL".to_owned(),
                    "forward_headers" => {
                        return "--forward-header (FEED_CONSUMER_FORWARD_HEADER)".to_owned();
                    }
                    "requests" | "cache" => {
                        return "a setting of requests (such as FEED_CONSUMER_TOKEN_FILE)"
                            .to_owned();
                    }
                    _ => format!("--{}", key.replace('_', "-")),
                };
                format!("{flag} (FEED_CONSUMER_{variable})")
            }
            Self::File { .. } => format!("{self}, {key}"),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags => f.write_str("the command line"),
            Self::File { path, name } => write!(f, "{}, subscriptions.{name}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests;
