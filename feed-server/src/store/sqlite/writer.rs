//! Turns at the one connection that writes.

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::failure::failure;
use super::{SqliteOptions, setup};
use crate::store::StoreError;

/// The one connection that writes.
///
/// Whoever has a turn holds the connection itself. Only a turn that ends with
/// [`Turn::succeeded`] gives it back: after an error, or when the caller drops its future half
/// way, the connection is closed, and SQLite rolls back what was open. So no turn ever meets what
/// an earlier one left behind, and the state of a transaction need not be guessed from an error.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` after a turn that did not succeed.
    connection: Option<SqliteConnection>,
    closed: bool,
}

/// A turn to write.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    connection: SqliteConnection,
    follows_success: bool,
    state: MutexGuard<'a, State>,
}

impl Writer {
    pub(super) fn new(options: SqliteOptions, connection: SqliteConnection) -> Self {
        let state = Mutex::new(State { connection: Some(connection), closed: false });
        Self { options, state }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let mut state = self.state.lock().await;
        if state.closed {
            return Err(StoreError::Unavailable(sqlx::Error::PoolClosed));
        }
        let kept = state.connection.take();
        let follows_success = kept.is_some();
        let connection = match kept {
            Some(connection) => connection,
            // Never a new file: one that has been taken away must not come back empty.
            None => setup::connect_writer(&self.options, false).await.map_err(failure)?,
        };
        Ok(Turn { connection, follows_success, state })
    }

    /// Empties the write-ahead log and closes the connection, once nobody has a turn.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.closed = true;
        let Some(mut connection) = state.connection.take() else { return };
        let checkpoint = sqlx::query(include_str!("sql/close_checkpoint.sql"))
            .execute(&mut connection)
            .await
            .map(drop);
        // Nothing depends on either: the next program finds the log and goes on from it.
        if let Err(error) = checkpoint.and(connection.close().await) {
            tracing::debug!(%error, "the write-ahead log stays beside the database");
        }
    }
}

impl Turn<'_> {
    /// The connection, with no transaction open.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Whether the turn before this one succeeded.
    pub(super) const fn follows_success(&self) -> bool {
        self.follows_success
    }

    /// Gives the connection back, with no transaction open.
    pub(super) fn succeeded(mut self) {
        self.state.connection = Some(self.connection);
    }
}
