//! Handles events one after the other, or several together, and moves the cursor behind them.
//!
//! # Layout
//!
//! - [`pending`]: events that wait to be handled together
//! - [`handling`]: handles them, again and again if need be
//! - [`progress`]: how far a subscription is, and how it ended
//! - [`error`]: why it ended before its time
//! - [`shutdown`]: when to end, and when at the latest

mod error;
mod handling;
mod pending;
mod progress;
mod shutdown;

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use futures_util::future::FusedFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::cursor::{Cursor, CursorError};
use crate::handler::{Kind, Work};
use crate::reading::document::{DocumentEnd, DocumentEntry, DocumentNews};
use crate::reading::feed::FeedNews;
use crate::reading::{News, ReadingEnded};
use crate::schedule::failures::{Failures, Patience};
use crate::store::StoreError;

pub(crate) use self::pending::Batching;
use self::pending::Pending;

pub use error::ConsumerError;
pub use progress::{Ended, Progress, Summary};
pub(crate) use shutdown::Shutdown;

/// What a worker hears of the reader.
pub(crate) type NewsReceiver = mpsc::Receiver<Result<News, ReadingEnded>>;

/// How a worker goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How many events are handled together.
    pub(crate) batching: Batching,
    /// How an event is tried again that was not handled.
    pub(crate) retry: Patience,
    /// How long a handling may take.
    pub(crate) deadline: Option<Duration>,
    /// How failures of the database are met.
    pub(crate) patience: Patience,
}

/// Handles the events of one subscription.
#[derive(Debug)]
pub(crate) struct Worker<'a, W: Work, S> {
    work: &'a W,
    transactions: Arc<W::Transactions>,
    cursor: Cursor,
    manner: Manner,
    pending: Pending,
    progress: watch::Sender<Progress>,
    shutdown: Shutdown<'a, S>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End(Ended),
}

impl<'a, W, S> Worker<'a, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// A worker that moves this cursor.
    pub(crate) fn new(
        work: &'a W,
        transactions: Arc<W::Transactions>,
        cursor: Cursor,
        manner: Manner,
        progress: watch::Sender<Progress>,
        shutdown: Shutdown<'a, S>,
    ) -> Self {
        let pending = Pending::new(manner.batching);
        Self { work, transactions, cursor, manner, pending, progress, shutdown }
    }

    /// Handles what the reader finds until there is no more of it, or the shutdown.
    ///
    /// Whatever has been handled when it ends, by an error too, the cursor has moved past.
    pub(crate) async fn run(mut self, mut news: NewsReceiver) -> Result<Summary, ConsumerError> {
        let ended = self.handle_all(&mut news).await;
        // Tells the reader, before the last commit.
        drop(news);
        let stored = match &ended {
            // What cannot be flushed is not handled, and what cannot be stored was tried already.
            Err(
                ConsumerError::Flush { .. }
                | ConsumerError::Store(_)
                | ConsumerError::MovedElsewhere { .. },
            ) => Ok(Next::GoOn),
            _ => self.store().await,
        };
        let ended = match (ended?, stored?) {
            (ended, Next::GoOn) => ended,
            (_, Next::End(closed)) => closed,
        };
        let Progress { handled, passed_over, .. } = *self.progress.borrow();
        Ok(Summary { handled, passed_over, position: self.cursor.stored_position(), ended })
    }

    async fn handle_all(&mut self, news: &mut NewsReceiver) -> Result<Ended, ConsumerError> {
        loop {
            if let Next::End(ended) = self.handle_due().await? {
                return Ok(ended);
            }
            let found = match news.try_recv() {
                Ok(found) => Some(found),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    if let Next::End(ended) = self.flush().await? {
                        return Ok(ended);
                    }
                    tokio::select! {
                        biased;
                        () = self.shutdown.begins() => return Ok(Ended::Shutdown),
                        found = news.recv() => found,
                        () = until(self.cursor.deadline()) => {
                            if let Next::End(ended) = self.store().await? {
                                return Ok(ended);
                            }
                            continue;
                        }
                        () = until(self.pending.deadline()) => continue,
                    }
                }
            };
            let next = match found {
                Some(Ok(News::Feed(news))) => self.take(news),
                Some(Ok(News::Document(news))) => self.handle_document(news).await?,
                Some(Ok(News::Idle)) => match self.handle_pending().await? {
                    Next::GoOn => Next::End(Ended::Idle),
                    end @ Next::End(_) => end,
                },
                Some(Err(ended)) => match self.handle_pending().await? {
                    Next::GoOn => return Err(ended.into()),
                    end @ Next::End(_) => end,
                },
                // Only a reader that panicked leaves without a word.
                None => panic!("the reader has panicked"),
            };
            if let Next::End(ended) = next {
                return Ok(ended);
            }
        }
    }

    fn take(&mut self, news: FeedNews) -> Next {
        self.progress.send_modify(|progress| progress.head = news.head);
        self.pending.add(news.events, news.through);
        Next::GoOn
    }

    /// Handles the events whose turn it is.
    async fn handle_due(&mut self) -> Result<Next, ConsumerError> {
        loop {
            let events = self.pending.due();
            if events.is_empty() {
                self.pass_through();
                return Ok(Next::GoOn);
            }
            if let end @ Next::End(_) = self.handle(&events, &[]).await? {
                return Ok(end);
            }
        }
    }

    /// Handles all events that wait.
    async fn handle_pending(&mut self) -> Result<Next, ConsumerError> {
        loop {
            let events = self.pending.next();
            if events.is_empty() {
                self.pass_through();
                return Ok(Next::GoOn);
            }
            if let end @ Next::End(_) = self.handle(&events, &[]).await? {
                return Ok(end);
            }
        }
    }

    fn pass_through(&mut self) {
        if let Some(through) = self.pending.take_through() {
            self.cursor.pass_to(through);
            self.progress.send_modify(|progress| progress.position = through);
        }
    }

    /// Handles the entries that have not been handled before, and numbers them.
    async fn handle_document(&mut self, mut news: DocumentNews) -> Result<Next, ConsumerError> {
        let end = std::mem::replace(&mut news.end, DocumentEnd::Nothing);
        let ids: Vec<String> = news.entries.iter().map(|entry| entry.iri.clone()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut failures = Failures::new(self.manner.patience);
        let seen = loop {
            match self.cursor.seen(&ids).await {
                Ok(seen) => break seen,
                Err(error) => {
                    if let end @ Next::End(_) = self.bear(error, &mut failures).await? {
                        return Ok(end);
                    }
                }
            }
        };
        let unseen = news.unseen(&seen);
        let mut position = self.cursor.position();
        let head = position.advanced_by(unseen.len() as u64);
        self.progress.send_modify(|progress| progress.head = head);
        let (mut events, mut entries) = (Vec::new(), Vec::new());
        for DocumentEntry { iri, updated, event } in unseen {
            position = position.next();
            events.push(Arc::new(Recorded { position, updated, event }));
            entries.push(iri);
        }
        let size = self.manner.batching.events;
        for (events, entries) in events.chunks(size).zip(entries.chunks(size)) {
            if let end @ Next::End(_) = self.handle(events, entries).await? {
                return Ok(end);
            }
        }
        if let next @ Next::End(_) = self.flush().await? {
            return Ok(next);
        }
        let mut failures = Failures::new(self.manner.patience);
        while let Err(error) = self.cursor.finish_document(&end, &ids).await {
            if let end @ Next::End(_) = self.bear(error, &mut failures).await? {
                return Ok(end);
            }
        }
        Ok(Next::GoOn)
    }

    /// Makes what has been handled last.
    async fn flush(&mut self) -> Result<Next, ConsumerError> {
        let flushed = tokio::select! {
            biased;
            flushed = self.work.flush() => flushed,
            () = self.shutdown.is_over() => return Ok(Next::End(Ended::Shutdown)),
        };
        match flushed {
            Ok(()) => Ok(Next::GoOn),
            Err(error) if error.kind() == Kind::Closed => {
                debug!("the handler wants no more events: {error}");
                Ok(Next::End(Ended::Closed))
            }
            Err(error) => {
                let position: Position = self.cursor.position();
                Err(ConsumerError::Flush { position, source: error.into_inner() })
            }
        }
    }

    /// Moves the cursor past what has been handled.
    async fn store(&mut self) -> Result<Next, ConsumerError> {
        if self.cursor.deadline().is_none() {
            return Ok(Next::GoOn);
        }
        let next = self.flush().await?;
        if next == Next::GoOn {
            let mut failures = Failures::new(self.manner.patience);
            while let Err(error) = self.cursor.store().await {
                if let end @ Next::End(_) = self.bear(error, &mut failures).await? {
                    return Ok(end);
                }
            }
        }
        Ok(next)
    }

    /// Waits after a failure of the database that may pass; any other is returned, and so is one
    /// that lasts too long. The end of a shutdown is not waited beyond: the cursor then stands
    /// before what could not be stored.
    async fn bear(
        &mut self,
        error: CursorError,
        failures: &mut Failures,
    ) -> Result<Next, ConsumerError> {
        let CursorError::Store(StoreError::Unavailable(_)) = &error else {
            return Err(error.into());
        };
        let failure = failures.add(&error, None);
        let Some(delay) = failure.next_try else { return Err(error.into()) };
        if failure.is_new {
            warn!("{}; trying again", failures.message());
        }
        tokio::select! {
            biased;
            () = self.shutdown.is_over() => {
                warn!(
                    position = %self.cursor.stored_position(),
                    "the cursor database was not available up to the end; whatever was handled \
                     after this position will be handled again"
                );
                Ok(Next::End(Ended::Shutdown))
            }
            () = sleep(delay) => Ok(Next::GoOn),
        }
    }
}

/// The moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
