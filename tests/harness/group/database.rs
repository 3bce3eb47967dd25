//! Where the cursors and the history of a group are.

use std::sync::Arc;

use tempfile::TempDir;
use throwaway_postgres::{Cluster, Mode};

use super::plan::Restart;
use crate::postgres::{private_server, url_of};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server of the group's own.
    Postgres,
}

/// A database, which goes away with this.
#[derive(Debug)]
pub(super) enum CursorDatabase {
    Sqlite(TempDir),
    Postgres(Arc<Cluster>),
}

impl CursorDatabase {
    pub(super) async fn start(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a temporary folder")),
            DatabaseKind::Postgres => Self::Postgres(Arc::new(private_server().await)),
        }
    }

    /// Its address, for `--database`.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(home) => home.path().join("consumer.db").display().to_string(),
            Self::Postgres(server) => url_of(server).to_string(),
        }
    }

    /// Stops the server and starts it again.
    pub(super) async fn restart(&self, restart: Restart) {
        let Self::Postgres(server) = self else { panic!("a file is not restarted") };
        let server = Arc::clone(server);
        let restarted = tokio::task::spawn_blocking(move || {
            server.stop(match restart {
                Restart::Orderly => Mode::Fast,
                Restart::Crash => Mode::Immediate,
            })?;
            server.start_again()
        });
        restarted.await.expect("restarting does not panic").expect("the server starts again");
    }
}
