//! The parked events of a subscription, to look at and to have something done about.
//!
//! # Layout
//!
//! - [`asking`]: what is asked for, and what becomes of it

mod asking;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::{Event, InvalidEvent, Position, Recorded};

use crate::shard::ShardNumber;
use crate::store::parking::{Parked, ParkedDeed, ParkedFilter, RequestId};
use crate::store::{CursorStore, StoreError, Subscription};

pub use asking::{Asked, Outcome, ParkedError};

/// How many lines of the record are read at a time.
const LINES: u32 = 500;

/// The parked events of a subscription: those that could not be handled, and were set aside so that
/// the others could go on. The later events of their subjects wait behind them.
///
/// Only the worker that holds a parked event's shard does something with it. Everybody else
/// [asks](Self::retry) for it, and can wait for the [outcome](Self::outcome).
#[derive(Debug, Clone)]
pub struct ParkedEvents {
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
}

/// An event that is set aside: everything that is needed to handle it later, or to understand it.
#[derive(Debug, Clone)]
pub struct ParkedEvent(Parked);

impl ParkedEvents {
    pub(super) fn new(store: Arc<dyn CursorStore>, subscription: Subscription) -> Self {
        Self { store, subscription }
    }

    /// The parked events that are meant, by position: the first of those beyond `after`, at most so
    /// many. Each is as large as its event; the last one's position leads to the next.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list(
        &self,
        filter: &ParkedFilter,
        after: Position,
        most: u32,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        let filter = ParkedFilter { after, most, ..filter.clone() };
        let parked = self.store.list_parked(&self.subscription, &filter).await?;
        Ok(parked.into_iter().map(ParkedEvent).collect())
    }

    /// The event that is parked from this position; `None` if none is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find(&self, position: Position) -> Result<Option<ParkedEvent>, StoreError> {
        Ok(self.store.parked(&self.subscription, position).await?.map(ParkedEvent))
    }

    /// What was done with the event of a position, and by whom, the oldest first. It stays when the
    /// event is parked no more, until the subscription is forgotten.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn record(&self, position: Position) -> Result<Vec<ParkedDeed>, StoreError> {
        let mut record = Vec::new();
        let mut last = RequestId::default();
        loop {
            let lines = self.deeds(position, last).await?;
            let Some(line) = lines.last() else { return Ok(record) };
            last = line.id;
            record.extend(lines);
        }
    }

    /// The first lines of the record about an event that are younger than one.
    async fn deeds(
        &self,
        position: Position,
        after: RequestId,
    ) -> Result<Vec<ParkedDeed>, StoreError> {
        self.store.record(&self.subscription, Some(position), after, LINES).await
    }
}

impl ParkedEvent {
    /// Its place in the feed.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.recorded.position
    }

    /// Its shard.
    #[must_use]
    pub fn shard(&self) -> ShardNumber {
        self.0.shard
    }

    /// The event and its place, as the feed has it.
    #[must_use]
    pub fn original(&self) -> &Recorded {
        &self.0.recorded
    }

    /// The event as it was edited, if it was.
    #[must_use]
    pub fn edited(&self) -> Option<&Event> {
        self.0.edited.as_ref()
    }

    /// The event as it is handled: edited, if it was.
    #[must_use]
    pub fn event(&self) -> &Event {
        self.edited().unwrap_or(&self.0.recorded.event)
    }

    /// The event with other data, to be [edited](ParkedEvents::edit) so.
    ///
    /// # Errors
    ///
    /// When the data is not of the event's media type, where that is JSON.
    pub fn with_data(&self, data: impl Into<Bytes>) -> Result<Event, InvalidEvent> {
        let mut parts = self.event().clone().into_parts();
        parts.data = Some(data.into());
        Event::new(parts)
    }

    /// Why it failed last, a cause a line.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.0.error
    }

    /// How often it was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How often it was taken up again since it was parked.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.0.retries
    }

    /// When it was parked, by the database's clock.
    #[must_use]
    pub fn parked(&self) -> DateTime<Utc> {
        self.0.parked
    }

    /// How long until it is taken up again, zero if that is due; `None` if it waits for a person.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.0.due
    }

    /// How many events of its subject wait behind it.
    #[must_use]
    pub fn followers(&self) -> u64 {
        self.0.followers
    }
}

#[cfg(test)]
mod tests;
