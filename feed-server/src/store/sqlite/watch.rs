//! Notices what other connections commit.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{SqliteOptions, setup};

/// How often to look; SQLite has no notification between processes.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often to look while something has changed a moment ago.
const BUSY_INTERVAL: Duration = Duration::from_millis(10);
/// For how long something counts as changed a moment ago.
const MOMENT: Duration = Duration::from_secs(1);

/// A connection that watches `data_version`, which differs once another connection has committed.
/// This process's own commits count too, since they are made through another connection.
#[derive(Debug)]
pub(super) struct Watch {
    options: SqliteOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Watching {
        connection: SqliteConnection,
        version: i64,
    },
    /// The connection was lost; what has changed since is unknown.
    Lost,
    Closed,
}

impl Watch {
    /// Watches from now on.
    pub(super) async fn start(options: &SqliteOptions) -> Result<Self, sqlx::Error> {
        let (connection, version) = connect(options).await?;
        let state = Mutex::new(State::Watching { connection, version });
        Ok(Self { options: options.clone(), state })
    }

    /// Returns once something has changed since this last returned.
    pub(super) async fn changed(&self) {
        let begun = Instant::now();
        while !self.has_changed().await {
            // Called again at once when something has changed, this begins at that moment.
            let busy = begun.elapsed() < MOMENT;
            tokio::time::sleep(if busy { BUSY_INTERVAL } else { INTERVAL }).await;
        }
    }

    async fn has_changed(&self) -> bool {
        let mut state = self.state.lock().await;
        // A caller that drops its future leaves `Lost`, and never half an answer.
        let (next, changed) = match std::mem::replace(&mut *state, State::Lost) {
            State::Watching { mut connection, version } => match look(&mut connection).await {
                Ok(seen) => (State::Watching { connection, version: seen }, seen != version),
                Err(_) => (State::Lost, false),
            },
            State::Lost => match connect(&self.options).await {
                Ok((connection, version)) => (State::Watching { connection, version }, true),
                Err(_) => (State::Lost, false),
            },
            State::Closed => (State::Closed, false),
        };
        *state = next;
        changed
    }

    /// Ends the watch; [`changed`](Self::changed) does not return any more.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        if let State::Watching { connection, .. } = std::mem::replace(&mut *state, State::Closed)
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "a connection could not be closed");
        }
    }
}

async fn connect(options: &SqliteOptions) -> Result<(SqliteConnection, i64), sqlx::Error> {
    let mut connection = setup::reading(options).connect().await?;
    let version = look(&mut connection).await?;
    Ok((connection, version))
}

async fn look(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(include_str!("sql/watch_version.sql")).fetch_one(connection).await
}
