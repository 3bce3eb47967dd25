//! From settings to a subscription that is ready to run.

use std::time::Duration;

use tokio::sync::watch;
use url::Url;

use super::super::Consumer;
use super::{ConfigError, ConsumerBuilder};
use crate::cursor::Window;
use crate::handler::Work;
use crate::lease::LeaseSettings;
use crate::reading::Pace;
use crate::reading::client::Client;
use crate::reading::outlook::Outlook;
use crate::schedule::backoff::Backoff;
use crate::schedule::failures::Patience;
use crate::worker::{Batching, Manner, OnExhausted, Progress};

/// How long a subscription that is to end by itself bears failures, if not set.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How an event is tried before it is parked, if not set. Its shard waits meanwhile.
const IN_PLACE: Patience = Patience {
    backoff: Backoff { first: Duration::from_millis(100), cap: Duration::from_millis(400) },
    give_up_after: Some(Duration::from_secs(1)),
    failures: Some(3),
};

/// As long as for ever: a longer time may lead to a moment that no clock knows.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The longest name of a group, in bytes.
const MAX_GROUP: usize = 200;

impl<H: Work> ConsumerBuilder<H> {
    /// The subscription, ready to run.
    ///
    /// # Errors
    ///
    /// When a setting is wrong. The feed and the database are not looked at yet.
    pub fn build(self) -> Result<Consumer<H>, ConfigError> {
        let Self { url, settings, handler } = self;
        let url = parse_url(&url).map_err(|message| ConfigError::new("url", message))?;
        let group = settings.group;
        if group.is_empty() || group.len() > MAX_GROUP || group.chars().any(char::is_control) {
            let message = format!(
                "{group:?} is not a name: 1 to {MAX_GROUP} bytes without control characters"
            );
            return Err(ConfigError::new("group", message));
        }
        let database = settings.database.locate().and_then(|location| {
            handler.check_location(&location)?;
            Ok(location)
        });
        let database = database.map_err(|message| ConfigError::new("database", message))?;
        handler.check().map_err(|message| ConfigError::new("handlers", message))?;
        let (client, url) = Client::new(&url, settings.http)
            .map_err(|error| ConfigError::new(error.key, error.message))?;
        let give_up_after = settings.give_up_after.unwrap_or(if settings.until_idle {
            Some(DEFAULT_PATIENCE)
        } else {
            None
        });
        let patience = Patience { backoff: settings.backoff, give_up_after, failures: None };
        let lease = settings.lease.min(LONGEST);
        if lease < LeaseSettings::SHORTEST {
            let shortest = humantime::format_duration(LeaseSettings::SHORTEST);
            return Err(ConfigError::new("lease", format!("it lasts {shortest} or longer")));
        }
        let deadline = settings.deadline.unwrap_or_else(|| handler.default_deadline(lease));
        handler
            .check_deadline(deadline, lease)
            .map_err(|message| ConfigError::new("deadline", message))?;
        let repair = match (settings.repair, settings.repair_deadline) {
            (Some(_), _) if settings.on_exhausted == OnExhausted::Stop => {
                let message = "no event is parked, since the subscription stops before one that \
                               fails (on_exhausted): leave one of the two out";
                return Err(ConfigError::new("repair", message));
            }
            (Some(repair), Some(deadline)) => Some(repair.within(deadline.min(LONGEST))),
            (None, Some(_)) => {
                let message = "there is no repair hook: add one (repair), or leave this out";
                return Err(ConfigError::new("repair_deadline", message));
            }
            (repair, None) => repair,
        };
        let Batching { events, time } = settings.batching;
        let window = settings.window;
        let manner = Manner {
            batching: Batching { events, time: time.min(LONGEST) },
            concurrency: settings.concurrency.saturating_mul(usize::from(settings.workers)),
            window: Window { events: window.events, time: window.time.min(LONGEST) },
            retry: match (settings.retry, settings.on_exhausted) {
                (Some(retry), _) => retry.into(),
                (None, OnExhausted::Stop) => patience,
                (None, OnExhausted::Park) => IN_PLACE,
            },
            on_exhausted: settings.on_exhausted,
            parked_retries: settings.parked_retries.into(),
            most_behind: settings.most_behind,
            deadly_after: settings.deadly_after.max(1),
            repair,
            deadline: deadline.map(|limit| limit.min(LONGEST)),
            patience,
        };
        Ok(Consumer {
            client,
            url,
            group,
            database,
            start: settings.start,
            pace: Pace {
                schedule: settings.schedule,
                until_idle: settings.until_idle,
                patience,
                outlook: Outlook::default(),
            },
            documents: settings.documents,
            shards: settings.shards,
            workers: settings.workers,
            lease,
            manner,
            grace: settings.grace.min(LONGEST),
            handler,
            progress: watch::Sender::new(Progress::default()),
        })
    }
}

/// The address of a feed.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    const REMEDY: &str = "name a feed such as http://127.0.0.1:3000/feeds/orders";
    match text.parse::<Url>() {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            url.set_fragment(None);
            Ok(url)
        }
        // An address may hold a password, so it is not repeated.
        Ok(url) => Err(format!("the scheme {:?} is not http or https: {REMEDY}", url.scheme())),
        Err(error) => Err(format!("it is not a URL ({error}): {REMEDY}")),
    }
}
