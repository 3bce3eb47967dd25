//! A reader of the tail.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use feed_protocol::cloudevents;

use crate::client::{Connection, get};
use crate::stage::{self, FEED};

/// A reader that follows the feed from now on, by long poll.
pub(crate) struct Tail {
    connection: Connection,
    base: String,
    position: u64,
}

impl Tail {
    /// Begins after all that a reader can have now.
    pub(crate) async fn from_now(server: SocketAddr) -> Result<Self> {
        let mut connection = Connection::open(server).await?;
        let cursor = stage::cursor(&mut connection, FEED).await?;
        let base = format!("/feeds/{FEED}/{}", cursor.incarnation);
        let mut tail = Self { connection, base, position: cursor.position.get() };
        // A cursor may be a little old where another process has published.
        while !tail.read(&[]).await?.is_empty() {}
        Ok(tail)
    }

    /// The ids of the next events; none after a second without any.
    pub(crate) async fn next(&mut self) -> Result<Vec<String>> {
        self.read(&[("Prefer", "wait=1")]).await
    }

    async fn read(&mut self, fields: &[(&str, &str)]) -> Result<Vec<String>> {
        let path = format!("{}/after/{}", self.base, self.position);
        let fields = [&[("Accept", cloudevents::BATCH_MEDIA_TYPE)], fields].concat();
        let answer = self.connection.fetch(&get(&path, &fields)).await?;
        ensure!(answer.status == 200, "the tail was answered {}", answer.status);
        let batch = cloudevents::read_recorded_batch(&answer.body, 1_000)?;
        if let Some(last) = batch.last() {
            let (before, now) = (self.position, last.position.get());
            ensure!(now - before == batch.len() as u64, "the feed has a gap after {before}");
            self.position = now;
        }
        Ok(batch.iter().map(|it| it.event.id().to_string()).collect())
    }
}
