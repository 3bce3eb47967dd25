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
use crate::store::{CursorStore, Place, Seen, StoreError, Subscription, Validators};

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
        Self { store, subscription, window, stored, ahead: None }
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
    pub(crate) async fn store(&mut self) -> Result<(), CursorError> {
        match self.ahead.take() {
            Some(ahead) => self.move_past(ahead, None).await,
            None => Ok(()),
        }
    }

    async fn move_past(
        &mut self,
        ahead: Ahead,
        validators: Option<Validators>,
    ) -> Result<(), CursorError> {
        let to = Place {
            incarnation: self.stored.incarnation.clone(),
            position: ahead.position,
            last: match &ahead.last {
                Some(recorded) => Some(digest::last_event(recorded)),
                None => self.stored.last.clone(),
            },
            validators: validators.unwrap_or_else(|| self.stored.validators.clone()),
        };
        let moved =
            self.store.advance(&self.subscription, &self.stored, &to, &ahead.entries).await?;
        if !moved {
            return Err(CursorError::MovedElsewhere(self.subscription.clone()));
        }
        self.stored = to;
        Ok(())
    }

    /// Which of these entries have been handled before.
    pub(crate) async fn seen(&self, entries: &[&str]) -> Result<Seen, CursorError> {
        Ok(self.store.seen(&self.subscription, entries).await?)
    }

    /// A document of other software has been handled whole: keeps what its end says, so that it is
    /// not read again, and forgets entries that left such documents long ago.
    pub(crate) async fn finish_document(
        &mut self,
        end: DocumentEnd,
        entries: &[&str],
    ) -> Result<(), CursorError> {
        let (validators, taken, page) = match end {
            DocumentEnd::Nothing => return Ok(()),
            DocumentEnd::Page { place, kind } => (None, Vec::new(), Some((place, kind))),
            DocumentEnd::Document { validators, taken } => (Some(validators), taken, None),
        };
        let position = self.position();
        self.ahead(position).entries.extend(taken);
        if let Some(ahead) = self.ahead.take() {
            self.move_past(ahead, validators).await?;
        }
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
