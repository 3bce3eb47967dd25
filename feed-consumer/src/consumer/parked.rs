//! The parked events of a subscription, to look at and to have something done about.
//!
//! # Layout
//!
//! - [`asking`]: what is asked for, and what becomes of it

mod asking;

use std::sync::Arc;

use feed_protocol::Position;

use crate::handler::ParkedEvent;
use crate::store::parking::{ParkedDeed, ParkedFilter, RequestId};
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
        Ok(parked.into_iter().map(ParkedEvent::new).collect())
    }

    /// The event that is parked from this position; `None` if none is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find(&self, position: Position) -> Result<Option<ParkedEvent>, StoreError> {
        Ok(self.store.parked(&self.subscription, position).await?.map(ParkedEvent::new))
    }

    /// The head of the subject of an event that waits behind a parked one, by the event's position:
    /// the parked event or, once that is resolved, the first of those that waited behind it. `None`
    /// for an event that does not wait.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn head_of_follower(
        &self,
        position: Position,
    ) -> Result<Option<Position>, StoreError> {
        self.store.head_of_follower(&self.subscription, position).await
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

#[cfg(test)]
mod tests;
