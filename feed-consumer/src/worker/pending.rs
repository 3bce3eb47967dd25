//! Events that wait to be handled together.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use tokio::time::Instant;

/// How many events are handled together, and how long to wait for so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// At most this many; at least 1.
    pub(crate) events: usize,
    /// How long the first of them waits for the others.
    pub(crate) time: Duration,
}

impl Default for Batching {
    fn default() -> Self {
        Self { events: 100, time: Duration::ZERO }
    }
}

/// Events of a feed that wait, oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    batching: Batching,
    events: Vec<Arc<Recorded>>,
    since: Option<Instant>,
    /// How far has been read.
    through: Option<Position>,
}

impl Pending {
    pub(super) fn new(batching: Batching) -> Self {
        Self { batching, events: Vec::new(), since: None, through: None }
    }

    /// More events, and how far has been read with them.
    pub(super) fn add(&mut self, events: Vec<Recorded>, through: Position) {
        self.events.extend(events.into_iter().map(Arc::new));
        self.through = Some(through);
        if !self.events.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// When the events are to be handled at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.batching.time)
    }

    /// The events whose turn it is: as many as are handled together, or all of them when they have
    /// waited long enough.
    pub(super) fn due(&mut self) -> Vec<Arc<Recorded>> {
        let is_late = self.deadline().is_some_and(|deadline| deadline <= Instant::now());
        if self.events.len() >= self.batching.events || is_late { self.next() } else { Vec::new() }
    }

    /// The next events, whether or not there are more to wait for.
    pub(super) fn next(&mut self) -> Vec<Arc<Recorded>> {
        let count = self.events.len().min(self.batching.events);
        let rest = self.events.split_off(count);
        let events = std::mem::replace(&mut self.events, rest);
        if self.events.is_empty() {
            self.since = None;
        }
        events
    }

    /// How far has been read, once all that was read has been taken.
    pub(super) fn take_through(&mut self) -> Option<Position> {
        if self.events.is_empty() { self.through.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use feed_protocol::Event;
    use feed_protocol::event::EventParts;

    use super::*;

    fn events(positions: std::ops::RangeInclusive<u64>) -> Vec<Recorded> {
        let event = |position: u64| {
            let id = position.to_string().parse().unwrap();
            let parts = EventParts::new(id, "/shop".parse().unwrap(), "a".parse().unwrap());
            let event = Event::new(parts).unwrap();
            let position = Position::new(position).unwrap();
            Recorded { position, updated: DateTime::UNIX_EPOCH, event }
        };
        positions.map(event).collect()
    }

    fn positions(events: &[Arc<Recorded>]) -> Vec<u64> {
        events.iter().map(|event| event.position.get()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn events_wait_for_others_but_not_for_longer_than_was_said() {
        let time = Duration::from_millis(100);
        let mut pending = Pending::new(Batching { events: 3, time });
        pending.add(events(1..=4), Position::new(4).unwrap());
        assert_eq!(positions(&pending.due()), [1, 2, 3]);
        assert!(pending.due().is_empty() && pending.take_through().is_none());
        tokio::time::advance(time).await;
        assert_eq!(positions(&pending.due()), [4]);
        assert_eq!(pending.take_through(), Position::new(4));
        assert_eq!(pending.deadline(), None);
    }

    #[tokio::test]
    async fn without_a_time_nothing_waits() {
        let mut pending = Pending::new(Batching::default());
        pending.add(events(1..=1), Position::new(1).unwrap());
        assert_eq!(positions(&pending.due()), [1]);
    }
}
