//! Reading a feed: everything after a place, oldest first, in whole documents.
//!
//! What [asks](Asks) is let ask again and again by [`read`], which paces the requests, bears failures,
//! and hands on what it finds. It reads ahead of the handler by a document or two.
//!
//! # Layout
//!
//! - [`opening`]: what stands at an address
//! - [`feed`]: a feed with positions: pages, then the tail
//! - [`document`]: a document of other software, and its older pages
//! - [`gathering`]: its entries are put into the cursor database, in the order in which they are found
//! - [`entries`]: they are read from there
//! - [`stream`]: a stream of server-sent events
//! - [`outlook`]: how reading goes, for whoever asks
//! - [`silence`]: how long to wait after an answer without news
//! - [`interest`]: whose events are wanted
//! - [`contiguity`]: proof that a document leaves nothing out
//! - [`addresses`]: where pages and tails are
//! - [`links`]: the links in header fields
//! - [`client`]: requests, the one place that speaks HTTP
//! - [`retry_after`]: when a server wants to be asked again
//! - [`error`]: why a feed could not be read
//! - `fuzzing`: whatever a server may answer, for tests

pub(crate) mod addresses;
pub(crate) mod client;
pub(crate) mod contiguity;
pub(crate) mod document;
pub(crate) mod entries;
pub(crate) mod error;
pub(crate) mod feed;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gathering;
pub(crate) mod interest;
mod links;
pub(crate) mod opening;
pub(crate) mod outlook;
pub(crate) mod retry_after;
#[cfg(test)]
pub(crate) mod scripted;
mod silence;
pub(crate) mod stream;

use std::hash::{Hash, Hasher};
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use url::Url;
use xxhash_rust::xxh3::Xxh3Default;

use self::client::Client;
use self::document::{DocumentNews, DocumentReader};
use self::entries::{Entries, EntryReader, EntrySource};
use self::error::{Discontinuity, ReadError};
use self::feed::{FeedNews, FeedReader, Reading, Rest};
use self::interest::Interest;
use self::opening::OpenFeed;
use self::outlook::Outlook;
use self::silence::Silence;
use crate::schedule::Schedule;
use crate::schedule::failures::{Failures, Patience};
use crate::store::shards::ShardPlace;

/// How long a live subscription waits before it asks for a document of other software again.
const LIVE_DOCUMENT: Duration = Duration::from_secs(60);

/// What can be asked for news.
pub(crate) trait Asks: Send + 'static {
    /// What it finds.
    type Found: Send;

    /// Whether it is said each time when there is nothing more, and not only if reading ends then.
    const TELLS_SILENCE: bool = false;

    /// Asks once.
    fn ask(
        &mut self,
        pace: &Pace,
    ) -> impl Future<Output = Result<Result<Self::Found, Silence>, ReadError>> + Send;

    /// Tells news from the same again: there are servers that send a document whole every time.
    fn mark(found: &Self::Found) -> u64;
}

/// Where events come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A feed with positions.
    Feed(Box<FeedReader>),
    /// What was found of a document of other software.
    Entries(Box<EntryReader>),
}

/// What readers of a feed with positions are made of.
#[derive(Debug, Clone)]
pub(crate) struct FeedSource {
    /// What asks.
    pub(crate) client: Client,
    /// Its address.
    pub(crate) url: Url,
    /// What it said of itself.
    pub(crate) feed: OpenFeed,
}

impl FeedSource {
    /// The event at a position; `None` if the feed shows none there.
    pub(crate) async fn event_at(self, position: Position) -> Result<Option<Recorded>, ReadError> {
        let Self { client, url, feed } = self;
        let everything = Interest::everything();
        FeedReader::new(client, url, feed, position, None, everything).event_here().await
    }
}

/// What readers of a subscription are made of.
#[derive(Debug)]
pub(crate) enum Sources {
    /// A feed with positions.
    Feed(Box<FeedSource>),
    /// A document of other software.
    Entries(Box<EntrySource>),
}

/// What an event is read from again.
#[derive(Debug)]
pub(crate) enum EventSource {
    /// A feed with positions.
    Feed(Box<FeedSource>),
    /// What was found of a document of other software.
    Entries(Entries),
}

impl EventSource {
    /// The event at a position; `None` if there is none any more.
    pub(crate) async fn event_at(self, position: Position) -> Result<Option<Recorded>, ReadError> {
        match self {
            Self::Feed(source) => source.event_at(position).await,
            Self::Entries(entries) => entries.event_at(position).await,
        }
    }
}

impl Sources {
    /// What to read on after this place.
    pub(crate) fn reader(&self, place: ShardPlace, interest: Interest) -> Source {
        match self {
            Self::Feed(source) => {
                let FeedSource { client, url, feed } = &**source;
                let (client, url, feed) = (client.clone(), url.clone(), feed.clone());
                let ShardPlace { position, last, .. } = place;
                let reader = FeedReader::new(client, url, feed, position, last, interest);
                Source::Feed(Box::new(reader))
            }
            Self::Entries(source) => {
                Source::Entries(Box::new(source.reader(place.position, interest)))
            }
        }
    }

    /// What to read an event from again.
    pub(crate) fn again(&self) -> EventSource {
        match self {
            Self::Feed(source) => EventSource::Feed(source.clone()),
            Self::Entries(source) => EventSource::Entries(source.entries().clone()),
        }
    }

    /// The feed is known to hold this position.
    pub(crate) fn set_head(&mut self, head: Position) {
        if let Self::Feed(source) = self {
            source.feed.head = source.feed.head.max(head);
        }
    }
}

/// What a reader tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News<T> {
    /// Something was found.
    Found(T),
    /// There is nothing more at the moment.
    Idle,
}

/// How to read.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// When to ask for news.
    pub(crate) schedule: Schedule,
    /// Whether to end when there is nothing more.
    pub(crate) until_idle: bool,
    /// How failures are met.
    pub(crate) patience: Patience,
    /// Where readers say how it goes.
    pub(crate) outlook: Outlook,
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadingEnded {
    /// The subscription cannot go on from where it stands.
    #[error(transparent)]
    Discontinuity(#[from] Discontinuity),
    /// Nothing but failures for too long.
    #[error("the feed could not be read for {}", humantime::format_duration(*.lasted))]
    GaveUp {
        lasted: Duration,
        #[source]
        last: ReadError,
    },
}

impl Asks for Source {
    type Found = FeedNews;

    async fn ask(&mut self, pace: &Pace) -> Result<Result<FeedNews, Silence>, ReadError> {
        match self {
            Self::Feed(reader) => {
                let live = pace.schedule.is_live() && !pace.until_idle;
                Ok(match reader.read(live).await? {
                    Reading::News(news) => Ok(news),
                    Reading::Nothing(live) => Err(Silence { live, fresh_for: Duration::ZERO }),
                })
            }
            Self::Entries(reader) => Ok(reader.read(pace.until_idle).await?.ok_or(Silence::NONE)),
        }
    }

    fn mark(found: &FeedNews) -> u64 {
        found.through.get()
    }
}

impl Asks for DocumentReader {
    type Found = DocumentNews;

    const TELLS_SILENCE: bool = true;

    async fn ask(&mut self, _: &Pace) -> Result<Result<DocumentNews, Silence>, ReadError> {
        let news = self.read().await?;
        let (live, fresh_for) = (Rest::For(LIVE_DOCUMENT), self.fresh_for());
        Ok(news.ok_or(Silence { live, fresh_for }))
    }

    fn mark(found: &DocumentNews) -> u64 {
        let mut hasher = Xxh3Default::new();
        for entry in &found.entries {
            (&entry.iri, entry.updated).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Reads until there is nothing more to read, nobody to read for, or no way to go on.
pub(crate) async fn read<A: Asks>(
    mut source: A,
    pace: Pace,
    news: mpsc::Sender<Result<News<A::Found>, ReadingEnded>>,
) {
    let mut failures = Failures::new(pace.patience);
    let mut last_news = Instant::now();
    let mut last_mark = 0;
    loop {
        let told = match source.ask(&pace).await {
            Ok(answer) => {
                if failures.count() > 0 {
                    pace.outlook.recovered();
                }
                recovered(&mut failures);
                match answer {
                    Ok(found) => {
                        let mark = A::mark(&found);
                        let told = news.send(Ok(News::Found(found))).await;
                        if std::mem::replace(&mut last_mark, mark) != mark {
                            last_news = Instant::now();
                        }
                        told
                    }
                    Err(_) if pace.until_idle => {
                        // When the worker is gone, nobody asks.
                        let _ = news.send(Ok(News::Idle)).await;
                        return;
                    }
                    Err(silence) => {
                        let told = match A::TELLS_SILENCE {
                            true => news.send(Ok(News::Idle)).await,
                            false => Ok(()),
                        };
                        if told.is_ok() {
                            silence.lasts(&pace.schedule, last_news, &pace.outlook).await;
                        }
                        told
                    }
                }
            }
            Err(error) => match failed(&mut failures, error) {
                Ok(delay) => {
                    pace.outlook.failed(&failures, delay);
                    sleep(delay).await;
                    Ok(())
                }
                Err(ended) => news.send(Err(ended)).await,
            },
        };
        if told.is_err() || news.is_closed() {
            return;
        }
    }
}

/// Tries to read something until it succeeds.
#[derive(Debug)]
pub(crate) struct Tries(Failures);

impl Tries {
    /// None yet.
    pub(crate) const fn new(patience: Patience) -> Self {
        Self(Failures::new(patience))
    }

    /// What was read; or, after a failure, says so and waits until it is time for the next try.
    pub(crate) async fn settle<T>(
        &mut self,
        result: Result<T, ReadError>,
    ) -> Result<Option<T>, ReadingEnded> {
        match result {
            Ok(value) => {
                recovered(&mut self.0);
                Ok(Some(value))
            }
            Err(error) => {
                sleep(failed(&mut self.0, error)?).await;
                Ok(None)
            }
        }
    }
}

fn recovered(failures: &mut Failures) {
    if failures.count() > 0 {
        let lasted = humantime::format_duration(whole_milliseconds(failures.lasted()));
        info!(failures = failures.count(), "the feed is read again, after {lasted}");
        failures.clear();
    }
}

/// Says what has failed, and how long to wait for the next try.
fn failed(failures: &mut Failures, error: ReadError) -> Result<Duration, ReadingEnded> {
    let error = match error {
        ReadError::Discontinuity(discontinuity) => return Err(discontinuity.into()),
        ReadError::Ended(ended) => return Err(*ended),
        error => error,
    };
    let failure = failures.add(&error, error.retry_after());
    let Some(delay) = failure.next_try else {
        return Err(ReadingEnded::GaveUp {
            lasted: whole_milliseconds(failures.lasted()),
            last: error,
        });
    };
    if failure.is_new {
        warn!(failures = failure.count, "{}; next try in {delay:.1?}", failures.message());
    } else {
        warn!(failures = failure.count, "the same failure again; next try in {delay:.1?}");
    }
    Ok(delay)
}

fn whole_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
