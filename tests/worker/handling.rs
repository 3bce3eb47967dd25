//! The handler: slow, failing and deadly as it is told to be, and exact about what it did.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use feed_consumer::{Context, HandlerError, Postgres, Sqlite, Tx};
use feed_tests::group::fate::Fate;
use feed_tests::history::{Call, History, Kind, record_effect};

use crate::arguments::Arguments;
use crate::dying::die;
use crate::settings::lease;

/// How long to wait before a record is made again that the database did not take.
const AGAIN: Duration = Duration::from_millis(50);

/// The handler of one process.
#[derive(Debug)]
pub(crate) struct Handling<'a> {
    arguments: &'a Arguments,
    calls: AtomicI64,
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

    /// Takes its time, and fails or not, or ends the process.
    async fn suffer(&self, cx: &Context) -> Result<(), HandlerError> {
        let (fates, position) = (self.arguments.fates(), position(cx));
        if self.arguments.holds == Some(position) {
            std::future::pending::<()>().await;
        }
        let takes = fates.takes(position);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        match fates.of(position) {
            // A batch that has failed is handled event by event, and each begins with its first try.
            Fate::Flaky if cx.attempt() == 1 => Err(HandlerError::transient("it was told to fail")),
            Fate::Handled | Fate::Flaky => Ok(()),
            Fate::Fatal => Err(HandlerError::permanent("it was told to fail always")),
            Fate::Deadly(way) => die(way, position),
        }
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
