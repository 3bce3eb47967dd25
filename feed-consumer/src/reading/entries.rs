//! Reading what was found of a document of other software, from the cursor database, as if it were
//! a feed with positions.
//!
//! Whoever gathers in this process wakes the readers here. What another process finds is noticed by
//! looking now and then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::document::{DocumentPlace, FirstAnswer};
use super::error::ReadError;
use super::feed::FeedNews;
use super::gathering::gather;
use super::interest::Interest;
use super::{Pace, ReadingEnded};
use crate::store::shards::Lease;
use crate::store::{CursorStore, StoreError, Subscription};

/// How many entries are read at a time.
const RUN: u16 = 200;

/// How long to wait before looking again for what another process may have found: the shortest wait,
/// and the longest, to which it grows while nothing is found.
const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(1);

/// So many times the feed has to be read to its end before one of them is sure to have begun after a
/// worker did: one may have been under way.
const SEARCHES: u64 = 2;

/// How long what the opening request brought is used: later, the document is asked for again.
const FRESH: Duration = Duration::from_secs(30);

/// What was found of a document of other software.
#[derive(Debug, Clone)]
pub(crate) struct Entries {
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
}

/// What readers of a document of other software are made of, and what gathers its entries.
#[derive(Debug)]
pub(crate) struct EntrySource {
    entries: Entries,
    /// Which document, and for whom.
    document: DocumentPlace,
    /// What the opening request brought, and when, until it is used.
    opened: Option<(Instant, FirstAnswer)>,
    /// How often the feed had been read to its end when this worker began.
    searched: u64,
    gathered: Arc<Gathered>,
}

/// What is known in this process of the gathering.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    told: watch::Sender<Told>,
    /// Why it ended, until a reader has said so.
    ended: Mutex<Option<ReadingEnded>>,
}

/// What readers are told.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// The feed was read to its end since this worker began.
    is_whole: bool,
    /// There is no way to go on, for the reason that is beside.
    has_ended: bool,
    /// Only a fault of this program ends it so.
    has_panicked: bool,
}

/// Reads entries after a position, in their order.
#[derive(Debug)]
pub(crate) struct EntryReader {
    entries: Entries,
    position: Position,
    interest: Interest,
    searched: u64,
    gathered: Arc<Gathered>,
    told: watch::Receiver<Told>,
    /// How long to wait before looking again.
    wait: Duration,
}

impl Entries {
    /// The event at a position; `None` if it is gone.
    pub(crate) async fn event_at(self, position: Position) -> Result<Option<Recorded>, ReadError> {
        Ok(self.store.entry(&self.subscription, position).await?)
    }
}

impl EntrySource {
    /// What to read and to gather a document with. Also says how many entries were found.
    pub(crate) async fn new(
        document: DocumentPlace,
        opened: FirstAnswer,
    ) -> Result<(Self, Position), StoreError> {
        let (store, subscription) = (Arc::clone(&document.store), document.subscription.clone());
        let run = store.entries(&subscription, Position::ZERO, 0, &|_| false).await?;
        let source = Self {
            entries: Entries { store, subscription },
            document,
            opened: Some((Instant::now(), opened)),
            searched: run.searched,
            gathered: Arc::default(),
        };
        Ok((source, run.found))
    }

    /// Where the entries are.
    pub(crate) const fn entries(&self) -> &Entries {
        &self.entries
    }

    pub(super) fn reader(&self, position: Position, interest: Interest) -> EntryReader {
        EntryReader {
            entries: self.entries.clone(),
            position,
            interest,
            searched: self.searched,
            gathered: Arc::clone(&self.gathered),
            told: self.gathered.told.subscribe(),
            wait: SOON,
        }
    }

    /// Gathers under this lease, until there is nothing more (where that ends the reading), or no way
    /// to go on. Dropped, it leaves nothing half done.
    pub(crate) fn gather(
        &mut self,
        lease: Lease,
        pace: Pace,
    ) -> impl Future<Output = ()> + Send + use<> {
        let opened = self.opened.take().filter(|(at, _)| at.elapsed() < FRESH);
        let opened = opened.map(|(_, opened)| opened);
        gather(self.document.clone(), opened, lease, pace, Arc::clone(&self.gathered))
    }

    /// What the opening request brought is of no use to this worker: another one gathers.
    pub(crate) fn forget_opened(&mut self) {
        self.opened = None;
    }
}

impl Gathered {
    /// There may be more entries.
    pub(super) fn found(&self) {
        self.told.send_modify(|_| {});
    }

    /// The feed was read to its end.
    pub(super) fn is_whole(&self) {
        self.told.send_modify(|told| told.is_whole = true);
    }

    /// There is no way to go on.
    pub(super) fn ended(&self, ended: ReadingEnded) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        self.told.send_modify(|told| told.has_ended = true);
    }

    /// A fault of this program has ended it.
    pub(super) fn panicked(&self) {
        self.told.send_modify(|told| told.has_panicked = true);
    }

    fn take_ended(&self) -> Option<ReadingEnded> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl EntryReader {
    /// The next entries, as soon as there are any; or, with `until_idle`, `None` when there are none,
    /// and the feed was read to its end since this worker began.
    ///
    /// When the gathering has ended in this process, that is said after all that was found.
    pub(super) async fn read(&mut self, until_idle: bool) -> Result<Option<FeedNews>, ReadError> {
        loop {
            // Registered first, so that nothing is missed that comes while the database is asked.
            let told = *self.told.borrow_and_update();
            assert!(!told.has_panicked, "whoever gathers the entries has panicked");
            let scope = self.interest.scope();
            let wanted = |hash| scope.wants_hash(hash);
            let Entries { store, subscription } = &self.entries;
            let run = store.entries(subscription, self.position, RUN, &wanted).await?;
            if run.through > self.position {
                self.position = run.through;
                self.wait = SOON;
                let (events, through, head) = (run.events, run.through, run.found);
                return Ok(Some(FeedNews { events, scope, through, head }));
            }
            if told.has_ended
                && let Some(ended) = self.gathered.take_ended()
            {
                return Err(ReadError::Ended(Box::new(ended)));
            }
            let is_whole = told.is_whole || run.searched >= self.searched.saturating_add(SEARCHES);
            if until_idle && is_whole {
                return Ok(None);
            }
            tokio::select! {
                // The other half is in `self.gathered`, so it does not end.
                _ = self.told.changed() => {}
                () = sleep(self.wait) => self.wait = (self.wait * 2).min(LATER),
            }
        }
    }
}
