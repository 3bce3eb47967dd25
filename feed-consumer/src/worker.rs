//! Handles events one after the other, and moves the cursor behind them.
//!
//! # Layout
//!
//! - [`progress`]: how far a subscription is, and how it ended
//! - [`error`]: why it ended before its time
//! - [`shutdown`]: when to end, and when at the latest

mod error;
mod progress;
mod shutdown;

use std::pin::Pin;
use std::sync::Arc;

use feed_protocol::{Position, Recorded};
use futures_util::future::FusedFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::cursor::Cursor;
use crate::handler::{Handler, HandlerError, Kind};
use crate::reading::document::{DocumentEnd, DocumentEntry, DocumentNews};
use crate::reading::feed::FeedNews;
use crate::reading::{News, ReadingEnded};
use crate::schedule::failures::{Failures, Patience};

pub use error::ConsumerError;
pub use progress::{Ended, Progress, Summary};
pub(crate) use shutdown::Shutdown;

/// What a worker hears of the reader.
pub(crate) type NewsReceiver = mpsc::Receiver<Result<News, ReadingEnded>>;

/// Handles the events of one subscription.
#[derive(Debug)]
pub(crate) struct Worker<'a, H, S> {
    handler: &'a H,
    cursor: Cursor,
    patience: Patience,
    progress: watch::Sender<Progress>,
    shutdown: Shutdown<'a, S>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End(Ended),
}

impl<'a, H, S> Worker<'a, H, S>
where
    H: Handler,
    S: FusedFuture<Output = ()>,
{
    /// A worker that moves this cursor.
    pub(crate) fn new(
        handler: &'a H,
        cursor: Cursor,
        patience: Patience,
        progress: watch::Sender<Progress>,
        shutdown: Shutdown<'a, S>,
    ) -> Self {
        Self { handler, cursor, patience, progress, shutdown }
    }

    /// Handles what the reader finds until there is no more of it, or the shutdown.
    ///
    /// Whatever has been handled when it ends, by an error too, the cursor has moved past.
    pub(crate) async fn run(mut self, mut news: NewsReceiver) -> Result<Summary, ConsumerError> {
        let ended = self.handle_all(&mut news).await;
        // Tells the reader, before the last commit.
        drop(news);
        let stored = match &ended {
            // What cannot be flushed is not handled.
            Err(ConsumerError::Flush { .. }) => Ok(Next::GoOn),
            _ => self.store().await,
        };
        let ended = match (ended?, stored?) {
            (ended, Next::GoOn) => ended,
            (_, Next::End(closed)) => closed,
        };
        let handled = self.progress.borrow().handled;
        Ok(Summary { handled, position: self.cursor.stored_position(), ended })
    }

    async fn handle_all(&mut self, news: &mut NewsReceiver) -> Result<Ended, ConsumerError> {
        loop {
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
                    }
                }
            };
            let next = match found {
                Some(Ok(News::Feed(news))) => self.handle_feed(news).await?,
                Some(Ok(News::Document(news))) => self.handle_document(news).await?,
                Some(Ok(News::Idle)) => Next::End(Ended::Idle),
                Some(Err(ended)) => return Err(ended.into()),
                // Only a reader that panicked leaves without a word.
                None => panic!("the reader has panicked"),
            };
            if let Next::End(ended) = next {
                return Ok(ended);
            }
        }
    }

    async fn handle_feed(&mut self, news: FeedNews) -> Result<Next, ConsumerError> {
        self.progress.send_modify(|progress| progress.head = news.head);
        for recorded in news.events {
            if let next @ Next::End(_) = self.handle(recorded, None).await? {
                return Ok(next);
            }
        }
        self.cursor.pass_to(news.through);
        self.progress.send_modify(|progress| progress.position = news.through);
        Ok(Next::GoOn)
    }

    /// Handles the entries that have not been handled before, and numbers them.
    async fn handle_document(&mut self, mut news: DocumentNews) -> Result<Next, ConsumerError> {
        let end = std::mem::replace(&mut news.end, DocumentEnd::Nothing);
        let ids: Vec<String> = news.entries.iter().map(|entry| entry.iri.clone()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let seen = self.cursor.seen(&ids).await?;
        let unseen = news.unseen(&seen);
        let head = self.cursor.position().advanced_by(unseen.len() as u64);
        self.progress.send_modify(|progress| progress.head = head);
        for DocumentEntry { iri, updated, event } in unseen {
            let position = self.cursor.position().next();
            let recorded = Recorded { position, updated, event };
            if let next @ Next::End(_) = self.handle(recorded, Some(iri)).await? {
                return Ok(next);
            }
        }
        if let next @ Next::End(_) = self.flush().await? {
            return Ok(next);
        }
        self.cursor.finish_document(end, &ids).await?;
        Ok(Next::GoOn)
    }

    /// Handles one event, again and again if need be.
    async fn handle(
        &mut self,
        recorded: Recorded,
        entry: Option<String>,
    ) -> Result<Next, ConsumerError> {
        // A handler that never waits, and a reader that is always ahead, leave no other moment.
        if self.shutdown.has_begun() {
            return Ok(Next::End(Ended::Shutdown));
        }
        let recorded = Arc::new(recorded);
        let mut failures = Failures::new(self.patience);
        loop {
            if self.cursor.is_due()
                && let next @ Next::End(_) = self.store().await?
            {
                return Ok(next);
            }
            let Some(result) = self.attempt(&recorded).await? else {
                warn!(
                    position = %recorded.position,
                    "the event in hand was not finished in time, and will be handled again"
                );
                return Ok(Next::End(Ended::Shutdown));
            };
            match result {
                Ok(()) => {
                    let position = recorded.position;
                    self.cursor.pass(recorded, entry);
                    self.progress.send_modify(|progress| {
                        progress.position = position;
                        progress.head = progress.head.max(position);
                        progress.handled += 1;
                    });
                    // With a window of one, before anything else happens.
                    return if self.cursor.is_due() { self.store().await } else { Ok(Next::GoOn) };
                }
                Err(error) if error.kind() == Kind::Closed => {
                    debug!("the handler wants no more events: {error}");
                    return Ok(Next::End(Ended::Closed));
                }
                Err(error) => {
                    if let next @ Next::End(_) =
                        self.after_failure(&recorded, error, &mut failures).await?
                    {
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// Lets the handler handle the event, and meanwhile moves the cursor when it is time. `None`
    /// when a shutdown has waited for it long enough.
    async fn attempt(
        &mut self,
        recorded: &Arc<Recorded>,
    ) -> Result<Option<Result<(), HandlerError>>, ConsumerError> {
        let handler = self.handler;
        let mut handling = std::pin::pin!(handler.handle(Arc::clone(recorded)));
        let mut next = Next::GoOn;
        loop {
            tokio::select! {
                biased;
                result = &mut handling => return Ok(Some(result)),
                () = self.shutdown.is_over() => return Ok(None),
                () = until(self.cursor.deadline()), if next == Next::GoOn => {
                    // The handler goes on meanwhile: to flush may have to wait for what only the
                    // event in hand sets free. Should it want no more, it will say so again after
                    // this event.
                    let (stored, result) = with_progress_of(handling.as_mut(), self.store()).await;
                    next = stored?;
                    if result.is_some() {
                        return Ok(result);
                    }
                }
            }
        }
    }

    /// Says what has failed, and waits for the next try.
    async fn after_failure(
        &mut self,
        recorded: &Recorded,
        error: HandlerError,
        failures: &mut Failures,
    ) -> Result<Next, ConsumerError> {
        let failure = failures.add(error.as_error(), error.wait());
        let delay = failure.next_try.filter(|_| error.kind() == Kind::Transient);
        let Some(delay) = delay else {
            return Err(ConsumerError::Handler {
                position: recorded.position,
                source_attribute: recorded.event.source().to_string(),
                id: recorded.event.id().to_string(),
                attempts: failure.count,
                source: error.into_inner(),
            });
        };
        warn!(
            position = %recorded.position,
            id = %recorded.event.id(),
            attempt = failure.count,
            "the event was not handled: {}; next try in {delay:.1?}",
            failures.message(),
        );
        if let next @ Next::End(_) = self.store().await? {
            return Ok(next);
        }
        tokio::select! {
            biased;
            () = self.shutdown.begins() => Ok(Next::End(Ended::Shutdown)),
            () = sleep(delay) => Ok(Next::GoOn),
        }
    }

    /// Makes what has been handled last.
    async fn flush(&mut self) -> Result<Next, ConsumerError> {
        let flushed = tokio::select! {
            biased;
            flushed = self.handler.flush() => flushed,
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
            self.cursor.store().await?;
        }
        Ok(next)
    }
}

/// The moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Does something to its end while something else goes on, which may end before it.
async fn with_progress_of<A, B>(
    mut other: Pin<&mut impl Future<Output = B>>,
    this: impl Future<Output = A>,
) -> (A, Option<B>) {
    let mut this = std::pin::pin!(this);
    tokio::select! {
        biased;
        done = &mut this => (done, None),
        ended = &mut other => (this.await, Some(ended)),
    }
}
