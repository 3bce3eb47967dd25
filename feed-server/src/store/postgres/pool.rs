//! Connections that are used for a bounded time.
//!
//! A machine that loses its power, or a firewall that forgets a connection, says nothing: whoever
//! waits for an answer would wait for as long as TCP does, which is a quarter of an hour or for ever.
//! So each use has a limit, and a use that reaches it gives up all connections of its pool: the others
//! lead to the same machine, and those that are made next lead to the one that has taken its place.

use std::io::ErrorKind;
use std::sync::{PoisonError, RwLock};

use sqlx::PgPool;

use super::{PostgresOptions, setup};
use crate::store::StoreError;

/// A pool that is replaced when it does not answer.
#[derive(Debug)]
pub(super) struct Pool {
    options: PostgresOptions,
    connections: u32,
    current: RwLock<PgPool>,
}

impl Pool {
    /// At most so many connections, made when they are needed.
    pub(super) fn new(options: &PostgresOptions, connections: u32) -> Self {
        let current = RwLock::new(setup::pool(options, connections));
        Self { options: options.clone(), connections, current }
    }

    /// Does something with the pool, within the limit.
    pub(super) async fn run<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        work: impl FnOnce(PgPool) -> F,
    ) -> Result<T, StoreError> {
        let pool = self.current();
        match tokio::time::timeout(self.options.answer_timeout, work(pool.clone())).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.replace();
                tracing::warn!(
                    "the database has not answered within {:?}: its connections are given up",
                    self.options.answer_timeout
                );
                Err(StoreError::Unavailable(sqlx::Error::Io(ErrorKind::TimedOut.into())))
            }
        }
    }

    pub(super) async fn close(&self) {
        self.current().close().await;
    }

    fn current(&self) -> PgPool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !current.is_closed() {
            *current = setup::pool(&self.options, self.connections);
        }
    }
}
