//! A parked event, as people and repair hooks see it.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::{Event, InvalidEvent, Position, Recorded};

use crate::shard::ShardNumber;
use crate::store::parking::Parked;

/// An event that is set aside: everything that is needed to handle it later, or to understand it.
#[derive(Debug, Clone)]
pub struct ParkedEvent(Parked);

impl ParkedEvent {
    pub(crate) const fn new(parked: Parked) -> Self {
        Self(parked)
    }

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

    /// The event with other data, to be [edited](crate::ParkedEvents::edit) or
    /// [resubmitted](crate::Repaired::resubmit) so.
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

    /// How often a repair hook was asked what to do with it, this time included if it is now.
    #[must_use]
    pub fn repairs(&self) -> u32 {
        self.0.repairs
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

    /// What tells an event from this one, that is to be handled instead of it: `source`, `id` or
    /// `subject`.
    pub(crate) fn difference(&self, other: &Event) -> Option<&'static str> {
        let original = &self.0.recorded.event;
        [
            ("source", other.source() == original.source()),
            ("id", other.id() == original.id()),
            ("subject", other.subject() == original.subject()),
        ]
        .into_iter()
        .find_map(|(attribute, is_same)| (!is_same).then_some(attribute))
    }
}
