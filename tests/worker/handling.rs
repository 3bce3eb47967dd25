//! The handler: slow and failing as it is told to, and exact about what it did.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use feed_consumer::{Context, HandlerError, Postgres, Sqlite, Tx};
use feed_tests::history::{Call, History, Kind, record_effect};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::arguments::Arguments;
use crate::settings::lease;

/// How long to wait before a record is made again that the database did not take.
const AGAIN: Duration = Duration::from_millis(50);

/// The handler of one process.
#[derive(Debug)]
pub(crate) struct Handling<'a> {
    arguments: &'a Arguments,
    calls: AtomicI64,
}

/// What befalls a call.
struct Fault {
    takes: Duration,
    fails: bool,
}

impl<'a> Handling<'a> {
    pub(crate) fn new(arguments: &'a Arguments) -> Self {
        Self { arguments, calls: AtomicI64::new(0) }
    }

    /// Handles an event of which the effects go elsewhere.
    pub(crate) async fn outside(
        &self,
        history: &History,
        cx: &Context,
    ) -> Result<(), HandlerError> {
        let call = self.call(cx)?;
        append(history, Kind::Begin, &call).await;
        match self.suffer(cx).await {
            Ok(()) => {
                append(history, Kind::End, &call).await;
                Ok(())
            }
            Err(error) => {
                append(history, Kind::Failed, &call).await;
                Err(error)
            }
        }
    }

    /// Handles an event in a transaction of PostgreSQL.
    pub(crate) async fn in_postgres(
        &self,
        mut tx: Tx<Postgres>,
        cx: &Context,
    ) -> Result<(), HandlerError> {
        // Written first, so that a failure leaves something to roll back.
        record_effect(&mut *tx, &self.call(cx)?).await?;
        self.suffer(cx).await
    }

    /// Handles an event in a transaction of SQLite.
    pub(crate) async fn in_sqlite(
        &self,
        mut tx: Tx<Sqlite>,
        cx: &Context,
    ) -> Result<(), HandlerError> {
        record_effect(&mut *tx, &self.call(cx)?).await?;
        self.suffer(cx).await
    }

    fn call(&self, cx: &Context) -> Result<Call, HandlerError> {
        let subject = cx.subject().ok_or_else(|| HandlerError::permanent("no subject"))?;
        let (shard, token) = lease(cx);
        Ok(Call {
            worker: self.arguments.name.clone(),
            number: self.calls.fetch_add(1, Ordering::Relaxed) + 1,
            position: position(cx),
            subject: subject.to_string(),
            shard,
            token,
        })
    }

    /// Takes its time, and fails or not.
    async fn suffer(&self, cx: &Context) -> Result<(), HandlerError> {
        let Fault { takes, fails } = self.fault(cx);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        if fails { Err(HandlerError::transient("it was told to fail")) } else { Ok(()) }
    }

    /// The same for the same event and seed.
    fn fault(&self, cx: &Context) -> Fault {
        let Arguments { seed, slow, failing, .. } = *self.arguments;
        let mut random = StdRng::seed_from_u64(seed ^ position(cx).unsigned_abs());
        let takes = Duration::from_millis(random.random_range(0..=slow));
        // A batch that has failed is handled event by event, and each begins with its first try.
        let fails = random.random_range(0..100) < failing && cx.attempt() == 1;
        Fault { takes, fails }
    }
}

fn position(cx: &Context) -> i64 {
    i64::try_from(cx.position().get()).expect("tests publish fewer events")
}

/// Makes a record, however long the database is away: whoever calls the handler ends the wait when
/// the lease ends.
async fn append(history: &History, kind: Kind, call: &Call) {
    while let Err(error) = history.append(kind, call).await {
        tracing::warn!("a record has to wait: {error}");
        tokio::time::sleep(AGAIN).await;
    }
}
