//! Handles events, again and again if need be.

use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;

use feed_protocol::Recorded;
use futures_util::future::FusedFuture;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{ConsumerError, Ended, Next, Worker, until};
use crate::handler::work::{Attempt, Failed, Portion};
use crate::handler::{HandlerError, Kind, Work};
use crate::schedule::failures::Failures;
use crate::store::{Advance, StoreError};

/// A transaction was rolled back at its end.
#[derive(Debug, thiserror::Error)]
#[error("what the handler wrote could not be committed")]
struct NotCommitted(#[source] Box<dyn Error + Send + Sync>);

/// What became of one try.
enum Tried {
    Done,
    Failed(HandlerError),
    /// The shutdown has come, or has waited long enough.
    Interrupted,
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Handles events in their order, as many together as the work can take; of a document of
    /// other software, under these ids.
    pub(super) async fn handle(
        &mut self,
        events: &[Arc<Recorded>],
        entries: &[String],
    ) -> Result<Next, ConsumerError> {
        let mut done = 0;
        while done < events.len() {
            // A handler that never waits, and a reader that is always ahead, leave no other moment.
            if self.shutdown.has_begun() {
                return Ok(Next::End(Ended::Shutdown));
            }
            let rest = &events[done..];
            let next = match self.work.portion(rest) {
                Portion::PassedOver(count) => {
                    self.pass_over(&rest[..count], entries.get(done..done + count));
                    done += count;
                    Next::GoOn
                }
                Portion::Together(count) => {
                    let entries = entries.get(done..done + count).unwrap_or_default();
                    done += count;
                    self.handle_portion(&rest[..count], entries).await?
                }
            };
            if next != Next::GoOn {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }

    fn pass_over(&mut self, events: &[Arc<Recorded>], entries: Option<&[String]>) {
        let entries = entries.unwrap_or_default();
        for (number, event) in events.iter().enumerate() {
            self.cursor.pass(Arc::clone(event), entries.get(number).cloned());
        }
        self.count(events);
    }

    /// Handles events together, and one at a time if that fails.
    async fn handle_portion(
        &mut self,
        events: &[Arc<Recorded>],
        entries: &[String],
    ) -> Result<Next, ConsumerError> {
        if W::IS_TRANSACTIONAL || self.cursor.is_due() {
            // The transaction moves the cursor from where it is stored.
            if let end @ Next::End(_) = self.store().await? {
                return Ok(end);
            }
        }
        if let [_] = events {
            return self.handle_one(events, entries).await;
        }
        match self.attempt(events, entries, 1).await? {
            Tried::Done => return self.store_if_due().await,
            Tried::Interrupted => return Ok(self.interrupted(&events[0])),
            Tried::Failed(error) if error.kind() == Kind::Closed => return Ok(closed(&error)),
            Tried::Failed(error) => warn!(
                position = %events[0].position,
                count = events.len(),
                "events were not handled together: {error}; handling them one at a time",
            ),
        }
        for (number, event) in events.iter().enumerate() {
            let entries = entries.get(number..=number).unwrap_or_default();
            let event = std::slice::from_ref(event);
            let next = match self.work.portion(event) {
                Portion::PassedOver(_) => {
                    self.pass_over(event, Some(entries));
                    Next::GoOn
                }
                Portion::Together(_) if W::IS_TRANSACTIONAL => match self.store().await? {
                    Next::GoOn => self.handle_one(event, entries).await?,
                    end @ Next::End(_) => end,
                },
                Portion::Together(_) => self.handle_one(event, entries).await?,
            };
            if next != Next::GoOn {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }

    /// Handles one event, again and again if need be.
    async fn handle_one(
        &mut self,
        event: &[Arc<Recorded>],
        entry: &[String],
    ) -> Result<Next, ConsumerError> {
        let mut failures = Failures::new(self.manner.retry);
        loop {
            if self.shutdown.has_begun() {
                return Ok(Next::End(Ended::Shutdown));
            }
            if let end @ Next::End(_) = self.store_if_due().await? {
                return Ok(end);
            }
            match self.attempt(event, entry, failures.count().saturating_add(1)).await? {
                // With a window of one, before anything else happens.
                Tried::Done => return self.store_if_due().await,
                Tried::Interrupted => return Ok(self.interrupted(&event[0])),
                Tried::Failed(error) if error.kind() == Kind::Closed => return Ok(closed(&error)),
                Tried::Failed(error) => {
                    if let end @ Next::End(_) =
                        self.after_failure(&event[0], error, &mut failures).await?
                    {
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn store_if_due(&mut self) -> Result<Next, ConsumerError> {
        if self.cursor.is_due() { self.store().await } else { Ok(Next::GoOn) }
    }

    /// Tries once. A transaction that cannot be begun, because the database is away or its write
    /// lock is held, is waited for, and no try.
    async fn attempt(
        &mut self,
        events: &[Arc<Recorded>],
        entries: &[String],
        number: u32,
    ) -> Result<Tried, ConsumerError> {
        let mut troubles = Failures::new(self.manner.patience);
        loop {
            let advance = if W::IS_TRANSACTIONAL {
                Some(self.cursor.advance_past(events, entries))
            } else {
                None
            };
            let attempt = Attempt {
                events: events.to_vec(),
                advance: advance.clone(),
                number,
                deadline: self.manner.deadline,
            };
            let Some(done) = self.carry_out(attempt).await? else { return Ok(Tried::Interrupted) };
            match done {
                Ok(()) => {
                    self.done(events, entries, advance);
                    return Ok(Tried::Done);
                }
                Err(Failed::Handler(error)) => return Ok(Tried::Failed(error)),
                Err(Failed::MovedElsewhere) => return Err(self.cursor.moved_elsewhere().into()),
                Err(Failed::Begin(error)) => {
                    let next = self.bear(error.into(), &mut troubles).await?;
                    if next != Next::GoOn || self.shutdown.has_begun() {
                        return Ok(Tried::Interrupted);
                    }
                }
                Err(Failed::Commit(error)) => {
                    return self.after_commit(events, advance, error).await;
                }
            }
        }
    }

    /// Lets the work go on, and meanwhile moves the cursor when it is time. `None` when a shutdown
    /// has waited for it long enough.
    async fn carry_out(
        &mut self,
        attempt: Attempt,
    ) -> Result<Option<Result<(), Failed>>, ConsumerError> {
        let work = self.work;
        // Not borrowed from the worker, which has to move the cursor meanwhile.
        let transactions = Arc::clone(&self.transactions);
        let mut handling = pin!(work.attempt(&transactions, attempt));
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

    /// Finds out whether a transaction has been committed of which that is unknown.
    async fn after_commit(
        &mut self,
        events: &[Arc<Recorded>],
        advance: Option<Advance>,
        error: StoreError,
    ) -> Result<Tried, ConsumerError> {
        if let Some(advance) = advance {
            self.cursor.may_have_moved(advance.to);
        }
        let mut troubles = Failures::new(self.manner.patience);
        loop {
            match self.cursor.settle().await {
                Ok(true) => {
                    self.count(events);
                    return Ok(Tried::Done);
                }
                // A constraint that is checked at the end, or another transaction in the way.
                Ok(false) => {
                    let error = NotCommitted(error.into_cause());
                    return Ok(Tried::Failed(HandlerError::transient(error)));
                }
                Err(trouble) => {
                    if self.bear(trouble, &mut troubles).await? != Next::GoOn {
                        return Ok(Tried::Interrupted);
                    }
                }
            }
        }
    }

    /// Notes that events are done.
    fn done(&mut self, events: &[Arc<Recorded>], entries: &[String], advance: Option<Advance>) {
        match advance {
            Some(advance) => self.cursor.moved(advance.to),
            None => {
                for (number, event) in events.iter().enumerate() {
                    self.cursor.pass(Arc::clone(event), entries.get(number).cloned());
                }
            }
        }
        self.count(events);
    }

    /// Counts events that have been handled or passed over.
    fn count(&self, events: &[Arc<Recorded>]) {
        let handled = events.iter().filter(|event| self.work.takes(event)).count() as u64;
        let Some(last) = events.last() else { return };
        self.progress.send_modify(|progress| {
            progress.position = last.position;
            progress.head = progress.head.max(last.position);
            progress.handled += handled;
            progress.passed_over += events.len() as u64 - handled;
        });
    }

    fn interrupted(&self, event: &Recorded) -> Next {
        warn!(
            position = %event.position,
            "the event in hand was not finished in time, and will be handled again"
        );
        Next::End(Ended::Shutdown)
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
}

fn closed(error: &HandlerError) -> Next {
    debug!("the handler wants no more events: {error}");
    Next::End(Ended::Closed)
}

/// Does something to its end while something else goes on, which may end before it.
async fn with_progress_of<A, B>(
    mut other: Pin<&mut impl Future<Output = B>>,
    this: impl Future<Output = A>,
) -> (A, Option<B>) {
    let mut this = pin!(this);
    tokio::select! {
        biased;
        done = &mut this => (done, None),
        ended = &mut other => (this.await, Some(ended)),
    }
}
