//! Publishing in a transaction of the caller's: the event and the change that it tells of commit
//! together, or neither does.

use std::sync::Arc;

use super::{IntoEvent, PublishError, Publisher, Wake};
use crate::store::CallersTransaction;

/// An event that is published in a transaction of the caller's.
///
/// It is durable with the caller's commit, and visible right after; it has no position yet. When the
/// transaction is rolled back, the event has never been.
#[derive(Debug, Clone)]
pub struct Receipt {
    created: bool,
    wake: Wake,
}

impl Receipt {
    /// Whether the event is new, rather than published before. It may say so of an event that was
    /// committed elsewhere in the very moment of the publish, or after the snapshot of a transaction
    /// above READ COMMITTED; that event is told of once all the same.
    #[must_use]
    pub const fn created(&self) -> bool {
        self.created
    }

    /// Has the event looked for at once; call it after the commit. Without it, it becomes visible at
    /// the next look: about 10 milliseconds later where events are frequent, and within half a second
    /// where they are rare. When the process that looks has died, it takes up to 6 seconds until another
    /// one does.
    pub fn wake(&self) {
        self.wake.wake();
    }
}

impl Publisher {
    /// Publishes one event in a transaction of yours, on the database in which the feeds are: one
    /// that sqlx has begun, on SQLite or PostgreSQL.
    ///
    /// On PostgreSQL it takes a lock on the event's subject until your transaction ends, and no
    /// other: transactions on different subjects never wait for each other (unless they publish the
    /// same source and id), and events of one subject stand in the order in which their transactions
    /// commit. On SQLite it takes the write
    /// lock of the file; begin with `BEGIN IMMEDIATE`, or publish before you read.
    ///
    /// Publishing the same event again, here or elsewhere, changes nothing. A commit that fails is
    /// unknown, and not failed: do the transaction again with the same event id, and it settles.
    ///
    /// # Errors
    ///
    /// [`PublishError::Transaction`] when the transaction is not one to publish in, or has to be
    /// done again ([`TransactionError::Conflict`](crate::store::TransactionError::Conflict)).
    /// After all other errors the transaction can go on, and the event is not part of it; which of
    /// [`TransactionError`](crate::store::TransactionError) end it, they say themselves.
    pub async fn publish_in<T: CallersTransaction>(
        &self,
        transaction: &mut T,
        feed: &str,
        event: impl IntoEvent + Send,
    ) -> Result<Receipt, PublishError> {
        self.publish_in_expecting(transaction, feed, event, None).await
    }

    /// Publishes one event in a transaction of yours, if its subject has exactly this many events:
    /// those of the feed, those that are committed and wait for their places, and those of this
    /// transaction.
    ///
    /// It excludes all others who state a version for the subject, until your transaction ends. A
    /// publish that states none is not held up, and may come between.
    ///
    /// # Errors
    ///
    /// As [`publish_in`](Self::publish_in), and
    /// [`Refusal::VersionMismatch`](crate::store::Refusal::VersionMismatch). On PostgreSQL it needs
    /// the isolation level READ COMMITTED, which is the default.
    pub async fn publish_in_expecting<T: CallersTransaction>(
        &self,
        transaction: &mut T,
        feed: &str,
        event: impl IntoEvent + Send,
        expected_version: Option<u64>,
    ) -> Result<Receipt, PublishError> {
        let (_, append) = self.checked(feed, vec![event.into_event()?], expected_version)?;
        let put = transaction.put(&append).await;
        let created = put.map_err(|error| PublishError::Transaction(Arc::new(error)))??;
        Ok(Receipt { created, wake: self.wake.clone() })
    }
}
