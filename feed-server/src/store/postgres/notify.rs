//! Tells the other processes of a database what was committed, and hears it from them.
//!
//! All of it is a hint. A notification is sent after the commit, in a transaction of its own that
//! writes nothing: one that is sent within a transaction would make all commits of the server that
//! notify anybody wait for each other. Those who do not hear it look once a second.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::debug;

use super::{PostgresOptions, setup};
use crate::random;

/// The channel; one for all schemas of a database, since a hint too many does no harm.
const CHANNEL: &str = "feed_changed";
/// How often to look, whatever is heard.
const SLOW_POLL: Duration = Duration::from_secs(1);
/// One connection listens, another speaks.
const CONNECTIONS: u32 = 2;

#[derive(Debug)]
pub(super) struct Notifications {
    pool: PgPool,
    heard: Arc<Notify>,
    committed: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl Notifications {
    /// Listens from now on.
    pub(super) async fn start(options: &PostgresOptions) -> Result<Self, sqlx::Error> {
        let pool = setup::pool(options, CONNECTIONS);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        let (heard, committed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        // What this process says, it does not listen to.
        let ourselves = random::process();
        let tasks = [
            tokio::spawn(listen(listener, Arc::clone(&heard), ourselves.clone())),
            tokio::spawn(speak(pool.clone(), Arc::clone(&committed), ourselves)),
        ];
        Ok(Self { pool, heard, committed, tasks })
    }

    /// Tells the others, soon, that something was committed.
    pub(super) fn announce(&self) {
        self.committed.notify_one();
    }

    /// Returns once others may have committed something since this last returned.
    pub(super) async fn heard(&self) {
        // Whether it was heard or is time to look makes no difference.
        let _ = tokio::time::timeout(SLOW_POLL, self.heard.notified()).await;
    }

    pub(super) async fn close(&self) {
        for task in &self.tasks {
            task.abort();
        }
        self.pool.close().await;
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(mut listener: PgListener, heard: Arc<Notify>, ourselves: String) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) if notification.payload() == ourselves => {}
            // Without a notification the connection was lost, and has just been made again: what
            // was said meanwhile is unknown.
            Ok(_) => heard.notify_one(),
            Err(error) => {
                debug!(%error, "notifications cannot be heard");
                tokio::time::sleep(SLOW_POLL).await;
            }
        }
    }
}

/// Says it once for all commits since it was last said.
async fn speak(pool: PgPool, committed: Arc<Notify>, ourselves: String) {
    loop {
        committed.notified().await;
        let said = sqlx::query(include_str!("sql/notify.sql"))
            .bind(CHANNEL)
            .bind(&ourselves)
            .execute(&pool)
            .await;
        if let Err(error) = said {
            debug!(%error, "a notification cannot be sent");
        }
    }
}
