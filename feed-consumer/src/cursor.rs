//! How far a subscription has come: in the store, and in what has been handled beyond it.
//!
//! A [`Cursor`] moves only after events have been handled, and no further than them. It moves in
//! batches: what has been handled beyond the stored place is what is handled again after a crash,
//! and [`Window`] bounds it.

pub(crate) mod digest;

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use tokio::time::Instant;

use crate::reading::document::DocumentEnd;
use crate::store::pages::{PageKind, SeenEntry};
use crate::store::{Advance, CursorStore, Place, Seen, StoreError, Subscription};

/// How many entries that are in a document no more are remembered, should they come back.
const REMEMBERED_ENTRIES: u32 = 10_000;

/// How much may be handled before the cursor moves past it: what may be handled again after a
/// crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// At most this many events; at least 1.
    pub events: usize,
    /// At most for this long after the first of them.
    pub time: Duration,
}

impl Window {
    /// The cursor moves after every event.
    pub const ONE: Self = Self { events: 1, time: Duration::ZERO };
}

impl Default for Window {
    fn default() -> Self {
        Self { events: 100, time: Duration::from_millis(100) }
    }
}

/// A subscription's cursor.
#[derive(Debug)]
pub(crate) struct Cursor {
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    window: Window,
    /// Where it stands in the store.
    stored: Place,
    /// What has been handled beyond that.
    ahead: Option<Ahead>,
    /// Where it went, if the database did not say whether it has arrived.
    unsettled: Option<Place>,
}

/// What has been handled beyond the stored place.
#[derive(Debug)]
struct Ahead {
    since: Instant,
    events: usize,
    position: Position,
    last: Option<Arc<Recorded>>,
    entries: Vec<SeenEntry>,
}

/// Why a cursor did not move.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CursorError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process has moved it.
    #[error("another process moves the cursor of {0}")]
    MovedElsewhere(Subscription),
}

impl Cursor {
    /// A cursor that stands at this place in the store.
    pub(crate) fn new(
        store: Arc<dyn CursorStore>,
        subscription: Subscription,
        stored: Place,
        window: Window,
    ) -> Self {
        Self { store, subscription, window, stored, ahead: None, unsettled: None }
    }

    /// The last position handled.
    pub(crate) fn position(&self) -> Position {
        self.ahead.as_ref().map_or(self.stored.position, |ahead| ahead.position)
    }

    /// The last position that is stored as handled.
    pub(crate) fn stored_position(&self) -> Position {
        self.stored.position
    }

    /// When the cursor must move at the latest; `None` when it stands where it should.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ahead.as_ref().map(|ahead| ahead.since + self.window.time)
    }

    /// Whether the cursor must move before another event is handled.
    pub(crate) fn is_due(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| {
            ahead.events >= self.window.events || ahead.since.elapsed() >= self.window.time
        })
    }

    /// An event has been handled; of a document of other software, under this id.
    pub(crate) fn pass(&mut self, recorded: Arc<Recorded>, entry: Option<String>) {
        let ahead = self.ahead(recorded.position);
        ahead.events += 1;
        let updated = recorded.updated;
        ahead.entries.extend(entry.map(|iri| SeenEntry { iri, updated }));
        ahead.last = Some(recorded);
    }

    /// There is nothing to handle up to this position.
    pub(crate) fn pass_to(&mut self, position: Position) {
        if position > self.position() {
            self.ahead(position);
        }
    }

    fn ahead(&mut self, position: Position) -> &mut Ahead {
        let ahead = self.ahead.get_or_insert_with(|| Ahead {
            since: Instant::now(),
            events: 0,
            position,
            last: None,
            entries: Vec::new(),
        });
        ahead.position = position;
        ahead
    }

    /// Moves the cursor to the last position handled.
    ///
    /// After an error it can be tried again.
    pub(crate) async fn store(&mut self) -> Result<(), CursorError> {
        self.settle().await?;
        let Some(ahead) = &self.ahead else { return Ok(()) };
        let advance = self.advance(ahead.position, ahead.last.as_deref(), ahead.entries.clone());
        self.carry_out(advance).await
    }

    /// How the cursor moves in a transaction in which these events are handled; of a document of
    /// other software, under these ids.
    pub(crate) fn advance_past(&self, events: &[Arc<Recorded>], entries: &[String]) -> Advance {
        let seen = entries.iter().zip(events);
        let seen = seen.map(|(iri, it)| SeenEntry { iri: iri.clone(), updated: it.updated });
        let last = events.last().map(|last| &**last);
        let position = last.map_or(self.position(), |last| last.position);
        self.advance(position, last, seen.collect())
    }

    fn advance(
        &self,
        position: Position,
        last: Option<&Recorded>,
        seen: Vec<SeenEntry>,
    ) -> Advance {
        let to = Place {
            incarnation: self.stored.incarnation.clone(),
            position,
            last: match last {
                Some(recorded) => Some(digest::last_event(recorded)),
                None => self.stored.last.clone(),
            },
            validators: self.stored.validators.clone(),
        };
        Advance { subscription: self.subscription.clone(), from: self.stored.clone(), to, seen }
    }

    async fn carry_out(&mut self, advance: Advance) -> Result<(), CursorError> {
        match self.store.advance(&advance).await {
            Ok(true) => {
                self.moved(advance.to);
                Ok(())
            }
            Ok(false) => Err(self.moved_elsewhere()),
            Err(error) => {
                self.unsettled = Some(advance.to);
                Err(error.into())
            }
        }
    }

    /// The cursor stands there now, as the database has said.
    pub(crate) fn moved(&mut self, to: Place) {
        self.ahead.take_if(|ahead| ahead.position <= to.position);
        self.unsettled = None;
        self.stored = to;
    }

    /// The database did not say whether the cursor has moved there.
    pub(crate) fn may_have_moved(&mut self, to: Place) {
        self.unsettled = Some(to);
    }

    /// Finds out where the cursor stands, if that is unknown, and says whether it has moved.
    ///
    /// After an error it can be tried again.
    pub(crate) async fn settle(&mut self) -> Result<bool, CursorError> {
        let Some(to) = self.unsettled.clone() else { return Ok(false) };
        match self.store.find_settled(&self.subscription).await? {
            Some(place) if place == to => {
                self.moved(to);
                Ok(true)
            }
            Some(place) if place == self.stored => {
                self.unsettled = None;
                Ok(false)
            }
            _ => Err(self.moved_elsewhere()),
        }
    }

    /// The error that says that another process moves the cursor.
    pub(crate) fn moved_elsewhere(&self) -> CursorError {
        CursorError::MovedElsewhere(self.subscription.clone())
    }

    /// Which of these entries have been handled before.
    pub(crate) async fn seen(&self, entries: &[&str]) -> Result<Seen, CursorError> {
        Ok(self.store.seen(&self.subscription, entries).await?)
    }

    /// A document of other software has been handled whole: keeps what its end says, so that it is
    /// not read again, and forgets entries that left such documents long ago.
    ///
    /// After an error it can be tried again.
    pub(crate) async fn finish_document(
        &mut self,
        end: &DocumentEnd,
        entries: &[&str],
    ) -> Result<(), CursorError> {
        let (validators, taken, page) = match end {
            DocumentEnd::Nothing => return Ok(()),
            DocumentEnd::Page { place, kind } => (None, &[][..], Some((*place, *kind))),
            DocumentEnd::Document { validators, taken } => (Some(validators), &taken[..], None),
        };
        self.settle().await?;
        let (last, mut seen) = match &self.ahead {
            Some(ahead) => (ahead.last.clone(), ahead.entries.clone()),
            None => (None, Vec::new()),
        };
        seen.extend(taken.iter().cloned());
        let mut advance = self.advance(self.position(), last.as_deref(), seen);
        if let Some(validators) = validators {
            advance.to.validators = validators.clone();
        }
        self.carry_out(advance).await?;
        self.store.forget_others(&self.subscription, entries, REMEMBERED_ENTRIES).await?;
        match page {
            Some((place, PageKind::Archive)) => {
                self.store.page_done(&self.subscription, place).await?;
            }
            Some((place, PageKind::Paged)) => {
                self.store.drop_pages(&self.subscription, place, place).await?;
            }
            None => {}
        }
        Ok(())
    }
}
