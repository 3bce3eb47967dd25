//! Publishing: from an event that a producer states to one that the store has committed.

mod in_transaction;
mod new_event;
mod outcome;
mod queue;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Event, InvalidEvent};

pub use in_transaction::Receipt;
pub use new_event::{IntoEvent, NewEvent};
pub(crate) use queue::Queue;
pub(crate) use relay::{Relay, Wake};

use crate::feeds::{Feeds, Follower, LiveFeed};
use crate::store::{Append, AppendResult, Appended, Refusal, StoreError, TransactionError};

/// What a publish may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishLimits {
    /// The data of one event, in bytes: 1 MiB unless set.
    pub max_data_bytes: usize,
    /// The events of one batch: 1,000 unless set.
    pub max_batch_events: usize,
    /// The body of one request, in bytes: 16 MiB unless set.
    pub max_body_bytes: usize,
}

impl Default for PublishLimits {
    fn default() -> Self {
        Self { max_data_bytes: 1 << 20, max_batch_events: 1000, max_body_bytes: 16 << 20 }
    }
}

/// How long to wait, each time, for a transaction that publishes for the same subject to end, before
/// a publish with an expected version is refused for it.
const BUSY_SUBJECT_PAUSES_MILLIS: [u64; 7] = [5, 10, 20, 50, 100, 300, 500];

/// Publishes events to the feeds of a server. Cheap to clone.
///
/// A publish returns once the database has committed it with its fsync. Publishes that arrive
/// while a commit is running share the next one.
#[derive(Debug, Clone)]
pub struct Publisher {
    feeds: Arc<Feeds>,
    queue: Queue,
    limits: PublishLimits,
    wake: Wake,
    /// What runs for as long as there is a publisher.
    background: Arc<Background>,
}

/// The tasks behind a server; they end when its router and all its publishers are gone.
#[derive(Debug)]
pub(crate) struct Background {
    /// Gives their places to events that were published in transactions.
    pub(crate) relay: Relay,
    /// Keeps the heads up to date with what other processes commit.
    pub(crate) _follower: Follower,
    /// Nobody can ask those who wait for it to shut down once this is gone.
    pub(crate) _shutdown: Arc<tokio::sync::watch::Sender<bool>>,
}

/// Why events were not published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// There is no such feed.
    #[error("there is no feed {0:?}")]
    UnknownFeed(String),
    /// Not an event, or not a batch that can be published.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// Larger than a limit.
    #[error("{what} of {actual} is larger than the limit of {limit}")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// How large it is.
        actual: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The store holds something that contradicts the events. Nothing of them is stored.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More publishes wait than the queue holds, or than can be stored in time. Nothing is stored; try
    /// again later.
    #[error("more publishes are waiting than can be stored in time")]
    Overloaded,
    /// The database failed. Whether the events are stored is unknown; publishing them again with
    /// the same ids settles it.
    #[error("the outcome of the publish is unknown")]
    Unknown(#[source] Arc<StoreError>),
    /// The caller's transaction is not one to publish in, or has to be done again.
    #[error("the event cannot be published in this transaction")]
    Transaction(#[source] Arc<TransactionError>),
    /// The server is shutting down. Nothing is stored.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Publisher {
    pub(crate) fn new(
        feeds: Arc<Feeds>,
        queue: Queue,
        limits: PublishLimits,
        background: Background,
    ) -> Self {
        let wake = background.relay.wake();
        Self { feeds, queue, limits, wake, background: Arc::new(background) }
    }

    /// The tasks behind the server.
    pub(crate) fn background(&self) -> &Background {
        &self.background
    }

    /// Publishes one event: an [`Event`] or a [`NewEvent`].
    ///
    /// Publishing the same event again answers with its first place.
    ///
    /// # Errors
    ///
    /// See [`PublishError`]; after any of them but [`PublishError::Unknown`] nothing is stored.
    pub async fn publish(
        &self,
        feed: &str,
        event: impl IntoEvent,
    ) -> Result<Appended, PublishError> {
        self.publish_expecting(feed, event, None).await
    }

    /// Publishes one event if its subject has exactly this many events.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish); [`Refusal::VersionMismatch`] when the subject has another
    /// number of events; [`Refusal::SubjectBusy`] when that is not certain for a second, because a
    /// transaction that publishes for the subject is open.
    pub async fn publish_expecting(
        &self,
        feed: &str,
        event: impl IntoEvent,
        expected_version: Option<u64>,
    ) -> Result<Appended, PublishError> {
        let appended =
            self.publish_batch(feed, vec![event.into_event()?], expected_version).await?;
        let [appended] = <[Appended; 1]>::try_from(appended)
            .expect("a store answers for each event that it was given");
        Ok(appended)
    }

    /// Publishes events at successive positions, all or none of them.
    ///
    /// With an expected version, all events must have the same subject.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_batch(
        &self,
        feed: &str,
        events: Vec<Event>,
        expected_version: Option<u64>,
    ) -> Result<Vec<Appended>, PublishError> {
        let published = self.append(feed, events, expected_version).await;
        if let Some(outcome) = outcome::of(&published) {
            self.queue.metrics().published(outcome);
        }
        published
    }

    /// How many publishes wait for the next commit.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    async fn append(
        &self,
        feed: &str,
        events: Vec<Event>,
        expected_version: Option<u64>,
    ) -> Result<Vec<Appended>, PublishError> {
        let (live, append) = self.checked(feed, events, expected_version)?;
        if append.events.is_empty() {
            return Ok(Vec::new());
        }
        let mut pauses = BUSY_SUBJECT_PAUSES_MILLIS.into_iter().map(Duration::from_millis);
        loop {
            let result = self.queue.append(Arc::clone(&live), append.clone()).await?;
            match (result, pauses.next()) {
                (Err(Refusal::SubjectBusy), Some(pause)) => tokio::time::sleep(pause).await,
                (result, _) => return Ok(result?),
            }
        }
    }

    /// What to append, if it keeps to the limits.
    fn checked(
        &self,
        feed: &str,
        events: Vec<Event>,
        expected_version: Option<u64>,
    ) -> Result<(Arc<LiveFeed>, Append), PublishError> {
        let live =
            self.feeds.get(feed).ok_or_else(|| PublishError::UnknownFeed(feed.to_owned()))?;
        self.check_size(&events)?;
        if expected_version.is_some() {
            check_one_subject(&events)?;
        }
        let append = Append { feed: live.feed.clone(), events, expected_version };
        Ok((live, append))
    }

    /// What a publish may hold at most.
    #[must_use]
    pub fn limits(&self) -> PublishLimits {
        self.limits
    }

    fn check_size(&self, events: &[Event]) -> Result<(), PublishError> {
        let within = |what, actual, limit| {
            if actual <= limit {
                Ok(())
            } else {
                Err(PublishError::TooLarge { what, actual, limit })
            }
        };
        within("a batch (in events)", events.len(), self.limits.max_batch_events)?;
        for data in events.iter().filter_map(Event::data) {
            within("data (in bytes)", data.len(), self.limits.max_data_bytes)?;
        }
        Ok(())
    }
}

fn check_one_subject(events: &[Event]) -> Result<(), InvalidEvent> {
    let subject = events.first().and_then(Event::subject);
    if subject.is_none() || events.iter().any(|event| event.subject() != subject) {
        return Err(InvalidEvent::new(
            "subject",
            "an expected version needs a subject, and the same one in every event",
        ));
    }
    Ok(())
}

/// What the queue hands back: the store's answer for one request, or why it was not asked or did
/// not answer.
type QueueResult = Result<AppendResult, PublishError>;

/// A request on its way to the store.
#[derive(Debug)]
struct Pending {
    live: Arc<LiveFeed>,
    append: Append,
    answer: tokio::sync::oneshot::Sender<QueueResult>,
    /// The room that it takes in the queue.
    room: tokio::sync::OwnedSemaphorePermit,
    /// When it was queued.
    since: tokio::time::Instant,
}
