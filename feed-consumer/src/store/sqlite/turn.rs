//! Whose turn it is to use the connection: leases go first.
//!
//! SQLite has one writer. What this process does with a database goes through one queue, in which
//! whatever keeps or gives back a lease comes before everything else that waits: a worker loses its
//! shards when it is not heard of in time, and handlers' transactions may take long. Within
//! each of the two classes, it is first come, first served.
//!
//! Between processes there is no queue: the write lock goes to whoever asks when it is free. So
//! whoever has a lease at stake asks often, over a connection of its own; and a process whose
//! handlers write leaves the lock alone for a while after each of their transactions, if there are
//! other workers. Transactions that follow upon each other would let nobody else in.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// What a turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// A lease is renewed, acquired or given back: it goes before all work that waits.
    Lease,
    /// Anything else.
    Work,
}

/// The least and the most that a process leaves the write lock alone after a transaction of its
/// handlers, and which part of the time that it took.
const LEAST_PAUSE: Duration = Duration::from_millis(3);
const MOST_PAUSE: Duration = Duration::from_millis(20);
const PAUSE_SHARE: u32 = 4;

/// The connections, and the queue of those who wait to use one.
#[derive(Debug, Clone)]
pub struct Turns {
    pool: SqlitePool,
    /// That of leases.
    leases: SqlitePool,
    queue: Queue,
    /// Whether other workers use the file.
    is_shared: Arc<AtomicBool>,
}

impl Turns {
    pub(super) fn new(pool: SqlitePool, leases: SqlitePool) -> Self {
        let is_shared = Arc::new(AtomicBool::new(false));
        Self { pool, leases, queue: Queue::default(), is_shared }
    }

    pub(super) fn pools(&self) -> [&SqlitePool; 2] {
        [&self.pool, &self.leases]
    }

    /// Whether other workers use the file, to which handlers of this one give way.
    pub(super) fn set_shared(&self, is_shared: bool) {
        self.is_shared.store(is_shared, Ordering::Relaxed);
    }

    /// Waits until others have had time to take the write lock, after a transaction of handlers.
    pub(super) async fn give_way(&self) {
        let until = self.queue.lock().pause_ends;
        if let Some(until) = until.filter(|_| self.is_shared.load(Ordering::Relaxed)) {
            sleep_until(until).await;
        }
    }

    /// The connection of leases again, after it could not have the write lock.
    pub(super) async fn lease_connection(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        acquire(&self.leases).await
    }

    /// Waits for a turn, with a connection that has no transaction open. Whoever stops waiting
    /// leaves the queue.
    pub(super) async fn take(&self, errand: Errand) -> Result<Turn, sqlx::Error> {
        let permit = self.queue.wait(errand).await;
        let pool = match errand {
            Errand::Lease => &self.leases,
            Errand::Work => &self.pool,
        };
        Ok(Turn { connection: acquire(pool).await?, permit })
    }
}

/// Waits for a connection with no transaction open.
///
/// After some errors (a full disk, one that cannot be read) SQLite itself rolls back, and sqlx,
/// whose own rollback then fails, goes on to count the transaction as open and begins no other.
/// Such a connection is closed, and another one taken.
async fn acquire(pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
    use sqlx::Connection;
    loop {
        let connection = pool.acquire().await?;
        // What was dropped half way was rolled back when the connection came back to the pool.
        if !connection.is_in_transaction() {
            return Ok(connection);
        }
        connection.close().await?;
    }
}

/// A turn: the connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    // Dropped first: the next one finds the connection on its way back.
    connection: PoolConnection<Sqlite>,
    permit: Permit,
}

impl Turn {
    /// For a transaction that keeps the connection: the turn lasts as long as the permit.
    pub(super) fn into_parts(self) -> (PoolConnection<Sqlite>, Permit) {
        (self.connection, self.permit)
    }
}

impl Deref for Turn {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// Those who wait.
#[derive(Debug, Clone, Default)]
struct Queue(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// Whether there is a permit, or one on its way to somebody who waited.
    is_taken: bool,
    /// Until when handlers are to leave the write lock alone.
    pause_ends: Option<Instant>,
    leases: VecDeque<oneshot::Sender<Permit>>,
    work: VecDeque<oneshot::Sender<Permit>>,
}

impl Queue {
    async fn wait(&self, errand: Errand) -> Permit {
        let turn = {
            let mut waiting = self.lock();
            if !waiting.is_taken {
                waiting.is_taken = true;
                return Permit { queue: Some(self.clone()), writes_since: None };
            }
            let (caller, turn) = oneshot::channel();
            match errand {
                Errand::Lease => waiting.leases.push_back(caller),
                Errand::Work => waiting.work.push_back(caller),
            }
            turn
        };
        // Expect safety: who is in the queue is dropped by the permit's way through it alone, which
        // sends a permit first.
        turn.await.expect("a permit is handed on until nobody waits")
    }

    /// Hands the permit to the next who still waits for it.
    fn hand_on(self) {
        loop {
            let next = {
                let mut waiting = self.lock();
                let lease = waiting.leases.pop_front();
                let next = lease.or_else(|| waiting.work.pop_front());
                waiting.is_taken = next.is_some();
                next
            };
            let Some(next) = next else { return };
            match next.send(Permit { queue: Some(self.clone()), writes_since: None }) {
                Ok(()) => return,
                // It has stopped waiting; the permit is not to hand itself on.
                Err(mut unused) => unused.queue = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use a connection; the next one's when this is dropped.
#[derive(Debug)]
pub struct Permit {
    /// `None` if it was never used.
    queue: Option<Queue>,
    /// Since when handlers write with it.
    writes_since: Option<Instant>,
}

impl Permit {
    /// Handlers have the write lock from now on, until this is dropped.
    pub(super) fn writes_from_now_on(&mut self) {
        self.writes_since = Some(Instant::now());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            if let Some(since) = self.writes_since {
                let pause = (since.elapsed() / PAUSE_SHARE).clamp(LEAST_PAUSE, MOST_PAUSE);
                queue.lock().pause_ends = Some(Instant::now() + pause);
            }
            queue.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, FutureExt};

    use super::*;

    fn waits(queue: &Queue, errand: Errand) -> BoxFuture<'static, Permit> {
        let queue = queue.clone();
        let mut waits = async move { queue.wait(errand).await }.boxed();
        assert!((&mut waits).now_or_never().is_none(), "the turn is another's");
        waits
    }

    #[test]
    fn leases_go_before_all_work_that_waits_and_each_class_in_its_order() {
        let queue = Queue::default();
        let permit = queue.wait(Errand::Work).now_or_never().unwrap();
        let mut work = [waits(&queue, Errand::Work), waits(&queue, Errand::Work)];
        let mut leases = [waits(&queue, Errand::Lease), waits(&queue, Errand::Lease)];
        drop(permit);
        assert!((&mut work[0]).now_or_never().is_none());
        assert!((&mut leases[1]).now_or_never().is_none());
        drop((&mut leases[0]).now_or_never().unwrap());
        drop((&mut leases[1]).now_or_never().unwrap());
        assert!((&mut work[1]).now_or_never().is_none());
        drop((&mut work[0]).now_or_never().unwrap());
        drop((&mut work[1]).now_or_never().unwrap());
        assert!(queue.wait(Errand::Work).now_or_never().is_some());
    }

    #[test]
    fn who_stops_waiting_takes_nobodys_turn() {
        let queue = Queue::default();
        let permit = queue.wait(Errand::Work).now_or_never().unwrap();
        let (first, second) = (waits(&queue, Errand::Lease), waits(&queue, Errand::Lease));
        let mut third = waits(&queue, Errand::Work);
        drop(first);
        drop(permit);
        // The second has its turn, and does not come for it.
        drop(second);
        drop((&mut third).now_or_never().unwrap());
        assert!(queue.wait(Errand::Lease).now_or_never().is_some());
    }
}
