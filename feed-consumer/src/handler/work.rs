//! What a worker does with a portion of events, in a transaction or not.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use feed_protocol::Recorded;
use tokio::time::timeout;

use super::handed::Handed;
use super::routes::{self, Found, Route, Routes};
use super::{Context, Handler, HandlerError};
use crate::shard::ShardNumber;
use crate::store::location::{Location, Opened};
use crate::store::parking::Resolving;
use crate::store::transaction::{Broken, Database, Open, Transactions, Tx};
use crate::store::{Advance, StoreError};

/// How long closures may take for one handling, if not set.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a [`Consumer`](crate::Consumer) can run: a [`Handler`], or the closures that
/// [`on`](crate::ConsumerBuilder::on) and its like have named.
pub trait Work: sealed::Work {}

impl<W: sealed::Work> Work for W {}

pub(crate) mod sealed {
    use super::{
        Attempt, Duration, Failed, Handed, HandlerError, Location, Opened, Recorded, StoreError,
    };

    /// Kept to ourselves, since it is how the worker goes about it.
    pub trait Work: Send + Sync {
        /// What begins transactions, where handlers need some.
        type Transactions: Send + Sync;

        /// Whether the cursor moves in the transactions of handlers.
        const IS_TRANSACTIONAL: bool;

        /// How long a handling may take under leases of this length, if the user says nothing.
        fn default_deadline(&self, lease: Duration) -> Option<Duration>;

        /// What is wrong with a deadline, under leases of this length.
        fn check_deadline(&self, _: Option<Duration>, _: Duration) -> Result<(), String> {
            Ok(())
        }

        /// What contradicts itself.
        fn check(&self) -> Result<(), String> {
            Ok(())
        }

        /// What is wrong with this database, for this work.
        fn check_location(&self, _: &Location) -> Result<(), String> {
            Ok(())
        }

        /// What begins transactions in this database, each of which may be idle for this long.
        fn transactions(
            &self,
            opened: &Opened,
            idle: Duration,
        ) -> Result<Self::Transactions, StoreError>;

        /// Whether it does anything with an event.
        fn takes(&self, event: &Recorded) -> bool;

        /// Whether an event is done together with those before it, the first of which is this.
        fn joins(&self, first: &Recorded, next: &Recorded) -> bool;

        /// Whether there is nothing to do with a portion of events that were [joined](Self::joins).
        fn passes_over(&self, portion: &[Handed]) -> bool {
            !portion.iter().any(|event| self.takes(&event.recorded))
        }

        /// Does a portion, once.
        fn attempt(
            &self,
            transactions: &Self::Transactions,
            attempt: Attempt,
        ) -> impl Future<Output = Result<(), Failed>>;

        /// Makes all effects so far last.
        fn flush(&self) -> impl Future<Output = Result<(), HandlerError>>;
    }
}

/// One try to do a portion of events.
#[derive(Debug)]
pub struct Attempt {
    pub(crate) events: Vec<Handed>,
    /// How a transaction ends, where there is one.
    pub(crate) ending: Option<Ending>,
    /// 1 for the first.
    pub(crate) number: u32,
    /// How long each handling may take.
    pub(crate) deadline: Option<Duration>,
}

/// How a transaction of handlers ends, before it commits.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Cursors move.
    Advance(Advance),
    /// A parked event is resolved.
    Resolve(Resolving),
}

/// Why a portion was not done.
#[derive(Debug)]
pub enum Failed {
    /// A handler said so, or took too long.
    Handler(HandlerError),
    /// No transaction could be begun.
    Begin(StoreError),
    /// Whether it was committed is unknown.
    Commit(StoreError),
    /// Other workers have these shards now. Nothing was committed.
    Fenced(Vec<ShardNumber>),
}

impl From<HandlerError> for Failed {
    fn from(error: HandlerError) -> Self {
        Self::Handler(error)
    }
}

/// How long a transaction may be in hand under leases of this length.
fn longest_transaction(lease: Duration) -> Duration {
    lease / 3
}

/// Lets a handler go on for so long.
async fn limited(
    deadline: Option<Duration>,
    handling: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), HandlerError> {
    match deadline {
        None => handling.await,
        Some(limit) => timeout(limit, handling).await.unwrap_or_else(|_| {
            let limit = humantime::format_duration(limit);
            Err(HandlerError::transient(format!("it took longer than its deadline of {limit}")))
        }),
    }
}

impl<H: Handler> sealed::Work for H {
    type Transactions = ();
    const IS_TRANSACTIONAL: bool = false;

    fn default_deadline(&self, _: Duration) -> Option<Duration> {
        None
    }

    fn transactions(&self, _: &Opened, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    fn takes(&self, _: &Recorded) -> bool {
        true
    }

    fn joins(&self, _: &Recorded, _: &Recorded) -> bool {
        false
    }

    async fn attempt(&self, (): &(), attempt: Attempt) -> Result<(), Failed> {
        for event in attempt.events {
            let cx = Context::new(event, attempt.number);
            limited(attempt.deadline, self.handle_in(cx)).await?;
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), HandlerError> {
        Handler::flush(self).await
    }
}

impl<P, F, R> sealed::Work for Route<P, F, R>
where
    Self: Routes<()>,
{
    type Transactions = ();
    const IS_TRANSACTIONAL: bool = false;

    fn default_deadline(&self, _: Duration) -> Option<Duration> {
        Some(DEADLINE)
    }

    fn check(&self) -> Result<(), String> {
        routes::check(self)
    }

    fn transactions(&self, _: &Opened, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    fn takes(&self, event: &Recorded) -> bool {
        routes::find(self, event).is_some()
    }

    fn joins(&self, first: &Recorded, next: &Recorded) -> bool {
        match routes::find(self, first) {
            Some(Found { is_batch: false, .. }) => false,
            found => routes::find(self, next) == found,
        }
    }

    async fn attempt(&self, (): &(), attempt: Attempt) -> Result<(), Failed> {
        let Attempt { events, number, deadline, .. } = attempt;
        if let (_, Some(found)) = routes::run(self, &events) {
            limited(deadline, self.call(found, (), events, number)).await?;
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Closures that write in the transaction in which the cursor moves.
pub struct InTransaction<DB, R> {
    pub(crate) routes: R,
    kind: PhantomData<fn() -> DB>,
}

impl<DB, R> InTransaction<DB, R> {
    pub(crate) fn new(routes: R) -> Self {
        Self { routes, kind: PhantomData }
    }
}

impl<DB, R: Clone> Clone for InTransaction<DB, R> {
    fn clone(&self) -> Self {
        Self::new(self.routes.clone())
    }
}

impl<DB, R: fmt::Debug> fmt::Debug for InTransaction<DB, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InTransaction").field(&self.routes).finish()
    }
}

impl<DB: Database, P, F, R> InTransaction<DB, Route<P, F, R>>
where
    Route<P, F, R>: Routes<Tx<DB>>,
{
    async fn call_in(
        &self,
        open: &Open<DB>,
        found: Found,
        events: Vec<Handed>,
        attempt: &Attempt,
    ) -> Result<(), HandlerError> {
        let tx = open.lend().ok_or_else(|| HandlerError::permanent(Broken::Kept))?;
        limited(attempt.deadline, self.routes.call(found, tx, events, attempt.number)).await?;
        open.check().await.map_err(HandlerError::permanent)
    }
}

impl<DB: Database, P, F, R> sealed::Work for InTransaction<DB, Route<P, F, R>>
where
    Route<P, F, R>: Routes<Tx<DB>>,
{
    type Transactions = Transactions<DB>;
    const IS_TRANSACTIONAL: bool = true;

    fn default_deadline(&self, lease: Duration) -> Option<Duration> {
        Some(DEADLINE.min(longest_transaction(lease)))
    }

    /// While one worker writes to SQLite no other can renew its leases; and on PostgreSQL what a
    /// stopped worker has locked must be free again before its leases are another's.
    fn check_deadline(&self, deadline: Option<Duration>, lease: Duration) -> Result<(), String> {
        let longest = longest_transaction(lease);
        match deadline {
            Some(deadline) if deadline <= longest => Ok(()),
            _ => Err(format!(
                "transactional handlers have at most a third of the lease, {}: shorten the \
                 deadline, or lengthen the lease",
                humantime::format_duration(longest),
            )),
        }
    }

    fn check(&self) -> Result<(), String> {
        routes::check(&self.routes)
    }

    fn check_location(&self, location: &Location) -> Result<(), String> {
        if DB::is_at(location) {
            return Ok(());
        }
        let kind = DB::NAME;
        Err(format!(
            "the handlers write in transactions of {kind}, and the cursor is elsewhere: name the \
             {kind} database in which they write"
        ))
    }

    fn transactions(
        &self,
        opened: &Opened,
        idle: Duration,
    ) -> Result<Transactions<DB>, StoreError> {
        Transactions::of(opened, Some(idle)).ok_or_else(|| StoreError::Setup {
            message: format!("the cursor is not in a database of {}", DB::NAME),
            source: None,
        })
    }

    fn takes(&self, event: &Recorded) -> bool {
        routes::find(&self.routes, event).is_some()
    }

    fn joins(&self, _: &Recorded, _: &Recorded) -> bool {
        true
    }

    async fn attempt(
        &self,
        transactions: &Transactions<DB>,
        mut attempt: Attempt,
    ) -> Result<(), Failed> {
        let open = transactions.begin().await.map_err(Failed::Begin)?;
        let mut events = std::mem::take(&mut attempt.events);
        while !events.is_empty() {
            let (count, found) = routes::run(&self.routes, &events);
            let rest = events.split_off(count);
            if let Some(found) = found {
                self.call_in(&open, found, events, &attempt).await?;
            }
            events = rest;
        }
        // Expect safety: the worker says so wherever the work is transactional.
        let lost = match attempt.ending.expect("a transaction says how it ends") {
            Ending::Advance(advance) => open.commit(&advance).await,
            Ending::Resolve(resolving) => {
                let resolved = open.commit_resolved(&resolving).await;
                let shard = resolving.lease.shard;
                resolved.map(|resolved| if resolved.is_some() { Vec::new() } else { vec![shard] })
            }
        };
        match lost {
            Ok(lost) if lost.is_empty() => Ok(()),
            Ok(lost) => Err(Failed::Fenced(lost)),
            Err(error) => Err(Failed::Commit(error)),
        }
    }

    async fn flush(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}
