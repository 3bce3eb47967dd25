//! The cursors of a database, to look at and to move by hand.
//!
//! # Layout
//!
//! - [`moving`]: where to, and what that means for events
//! - [`error`]: why a cursor could not be looked at, or moved
//! - [`orders`]: pauses, and another number of shards
//! - [`status`]: how a subscription and its workers are doing

mod error;
mod moving;
mod orders;
mod status;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use feed_protocol::{Incarnation, Position};
use tokio::time::timeout;
use url::Url;

use super::ConfigError;
use super::parked::ParkedEvents;
use crate::reading::client::Client;
use crate::reading::client::options::HttpOptions;
use crate::reading::error::{Discontinuity, ReadError};
use crate::reading::opening::{OpenFeed, Opened, open};
use crate::store::location::CursorDatabase;
use crate::store::shards::Shard;
use crate::store::{CursorStore, Kept, StoreError};

pub use crate::store::orders::Resharding;
pub use error::CursorsError;
pub use moving::PlannedMove;
pub use status::{LagSince, PausedShard, ReshardStatus, ShardStatus, Status, WorkerStatus};

/// How long a feed may take to say where it ends.
const LOOK: Duration = Duration::from_secs(10);

/// The cursors of a database, to look at and to move by hand.
///
/// A cursor is not moved while a worker has leases on it: stop its workers first.
#[derive(Debug, Clone)]
pub struct Cursors {
    store: Arc<dyn CursorStore>,
}

/// A cursor as it is kept.
#[derive(Debug, Clone)]
pub struct KeptCursor {
    kept: Kept,
    shards: Vec<Shard>,
    /// Where to read the feed.
    url: Option<Url>,
    http: HttpOptions,
}

impl Cursors {
    /// The cursors of this database, as [`ConsumerBuilder::database`] takes it.
    ///
    /// # Errors
    ///
    /// When there is no such database: none is created.
    ///
    /// [`ConsumerBuilder::database`]: crate::ConsumerBuilder::database
    pub async fn open(database: impl Into<CursorDatabase>) -> Result<Self, CursorsError> {
        let location = database.into().locate();
        let location = location.map_err(|message| ConfigError::new("database", message))?;
        if let Some(path) = location.missing() {
            let path = path.display();
            let message = format!(
                "the database {path} does not exist: name the one that the consumer runs with"
            );
            return Err(StoreError::Setup { message, source: None }.into());
        }
        let store = location.open().await?.cursors();
        Ok(Self { store })
    }

    /// Every cursor, by group and address.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<KeptCursor>, CursorsError> {
        let mut cursors = Vec::new();
        for kept in self.store.list().await? {
            let shards = self.store.shards(&kept.subscription).await?;
            cursors.push(KeptCursor::new(kept, shards));
        }
        Ok(cursors)
    }

    /// The cursor of a group in a feed, which is named by its address or its id. If several feeds
    /// have been at the address, the one whose cursor moved last. A name and password in its
    /// address are those with which the feed is asked.
    ///
    /// # Errors
    ///
    /// When there is none, or the database fails.
    pub async fn find(&self, group: &str, feed: &str) -> Result<KeptCursor, CursorsError> {
        let url = feed.parse::<Url>().ok().filter(Url::has_host);
        let all = self.list().await?;
        let found = all.iter().filter(|it| it.group() == group && it.is_of(feed));
        if let Some(found) = found.max_by_key(|it| it.moved()) {
            let found = found.clone();
            // An id may look like an address, and is none.
            let url = url.filter(|_| found.is_at(feed));
            return Ok(KeptCursor { url: url.or(found.url), ..found });
        }
        let feed = url.map_or_else(|| feed.to_owned(), |url| bare(url).to_string());
        let groups: Vec<_> =
            all.iter().filter(|it| it.is_of(&feed)).map(KeptCursor::group).collect();
        let known = if let [only] = groups[..] {
            format!("the group {only:?} has one: name that")
        } else if !groups.is_empty() {
            format!("the groups {groups:?} have one: name one of them")
        } else if all.is_empty() {
            "the database has no cursors: is it the one that the consumer runs with?".to_owned()
        } else {
            let mut urls: Vec<_> = all.iter().map(KeptCursor::url).collect();
            urls.dedup();
            format!("there are cursors in {}: name one of these feeds", urls.join(", "))
        };
        Err(CursorsError::Unknown { group: group.to_owned(), feed, known })
    }

    /// The parked events of a subscription.
    #[must_use]
    pub fn parked(&self, cursor: &KeptCursor) -> ParkedEvents {
        ParkedEvents::new(Arc::clone(&self.store), cursor.kept.subscription.clone())
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

impl KeptCursor {
    fn new(kept: Kept, shards: Vec<Shard>) -> Self {
        let url = kept.url.parse().ok();
        Self { kept, shards, url, http: HttpOptions::default() }
    }

    /// How its feed is asked where it ends. A database holds cursors of many feeds, so a token is
    /// never that of all: give it to the one whose it is.
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.kept.subscription.group
    }

    /// The feed's `atom:id`.
    #[must_use]
    pub fn feed(&self) -> &str {
        &self.kept.subscription.feed
    }

    /// Where the feed was read last, without name and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.kept.url
    }

    /// The last position up to which every shard has come; of a document of other software, how
    /// many entries were handled.
    #[must_use]
    pub fn position(&self) -> Position {
        let lowest = self.shards.iter().map(|shard| shard.place.position).min();
        lowest.unwrap_or(self.kept.place.position)
    }

    /// The life of the feed in which the position counts; `None` for a document of other software.
    #[must_use]
    pub const fn incarnation(&self) -> Option<&Incarnation> {
        self.kept.place.incarnation.as_ref()
    }

    /// When the subscription began, by the database's clock.
    #[must_use]
    pub const fn begun(&self) -> DateTime<Utc> {
        self.kept.begun
    }

    /// When the cursor last moved, that of any shard.
    #[must_use]
    pub fn moved(&self) -> DateTime<Utc> {
        let last = self.shards.iter().map(|shard| shard.moved).max();
        last.unwrap_or(self.kept.moved)
    }

    /// How many positions there are behind the cursor, as the feed says now.
    ///
    /// # Errors
    ///
    /// When the feed does not say so within ten seconds, is not the one in which the cursor
    /// counts, or has no positions.
    pub async fn behind(&self) -> Result<u64, CursorsError> {
        let (_, feed) = self.ask().await?;
        let (url, position) = (self.kept.url.clone(), self.position());
        match self.incarnation() {
            Some(stored) if *stored == feed.incarnation => {}
            Some(stored) => {
                return Err(CursorsError::Discontinuity(Discontinuity::NewIncarnation {
                    url,
                    stored: stored.clone(),
                    present: Some(feed.incarnation),
                    position,
                }));
            }
            None => {
                return Err(CursorsError::Discontinuity(Discontinuity::OtherKind {
                    url,
                    positions: true,
                }));
            }
        }
        let behind = feed.head.get().checked_sub(position.get());
        behind.ok_or(CursorsError::Discontinuity(Discontinuity::BeyondHead {
            url,
            head: Some(feed.head),
            position,
        }))
    }

    /// Whether a person means this cursor's feed.
    pub fn is_of(&self, feed: &str) -> bool {
        feed == self.feed() || self.is_at(feed)
    }

    /// Whether this is the address of this cursor's feed; a name and password take no part.
    pub fn is_at(&self, address: &str) -> bool {
        let url = address.parse::<Url>().ok().map(|url| bare(url).to_string());
        url.is_some_and(|url| url == self.kept.url)
    }

    /// What the feed says of itself now.
    async fn ask(&self) -> Result<(Client, OpenFeed), CursorsError> {
        let url = || self.kept.url.clone();
        let Some(address) = &self.url else {
            return Err(CursorsError::Unreadable(format!("{} is no address", url()).into()));
        };
        let (client, address) = Client::new(address, self.http.clone()).map_err(unreadable)?;
        match in_time(open(&client, &address)).await? {
            Opened::Feed(feed) if feed.id == self.feed() => Ok((client, feed)),
            Opened::Feed(feed) => Err(CursorsError::Discontinuity(Discontinuity::OtherFeed {
                url: url(),
                stored: self.feed().to_owned(),
                present: feed.id,
            })),
            _ => Err(CursorsError::WithoutPositions { url: url() }),
        }
    }
}

/// An answer of the feed, if it comes in time.
async fn in_time<T>(asking: impl Future<Output = Result<T, ReadError>>) -> Result<T, CursorsError> {
    match timeout(LOOK, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ReadError::Discontinuity(error))) => Err(CursorsError::Discontinuity(error)),
        Ok(Err(error)) => Err(unreadable(error)),
        Err(_) => {
            let limit = humantime::format_duration(LOOK);
            Err(CursorsError::Unreadable(format!("no answer within {limit}").into()))
        }
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CursorsError {
    CursorsError::Unreadable(error.into())
}

/// An address as cursors keep it.
fn bare(mut url: Url) -> Url {
    url.set_fragment(None);
    // Only addresses without a host refuse this, and they have no name either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests;
