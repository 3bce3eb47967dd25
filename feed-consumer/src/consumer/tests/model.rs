//! A transactional consumer against a model: whatever fails, and wherever its future is dropped,
//! its table is what the feed says.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::ledger::{self, Ledger, Note};
use crate::{Postgres, Sqlite, Tx};

/// What a handler does when it is called.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Note,
    FailBefore,
    FailAfter,
    Dawdle,
    TakeTooLong,
}

/// One life of the consumer.
#[derive(Debug, Clone)]
struct Life {
    /// How many events are published before it begins.
    publish: u64,
    batch: usize,
    deeds: Vec<Deed>,
    /// How often its future is polled before it is dropped; to its end, if `None`.
    polls: Option<usize>,
}

fn life() -> impl Strategy<Value = Life> {
    let deed = prop_oneof![
        12 => Just(Deed::Note),
        2 => Just(Deed::FailBefore),
        2 => Just(Deed::FailAfter),
        2 => Just(Deed::Dawdle),
        1 => Just(Deed::TakeTooLong),
    ];
    let deeds = proptest::collection::vec(deed, 1..20);
    let polls = prop_oneof![3 => (10_usize..200).prop_map(Some), 1 => Just(None)];
    (0_u64..25, 1_usize..12, deeds, polls).prop_map(|(publish, batch, deeds, polls)| Life {
        publish,
        batch,
        deeds,
        polls,
    })
}

fn builder(database: &Database, url: &str, shards: ShardCount, life: &Life) -> ConsumerBuilder<()> {
    let millisecond = Duration::from_millis(1);
    Consumer::builder(url)
        .database(database.url())
        .on_exhausted(OnExhausted::Stop)
        .backoff(Backoff { first: millisecond, cap: millisecond })
        .give_up_after(Some(Duration::from_secs(20)))
        .shards(shards)
        .batch(life.batch, Duration::ZERO)
        .deadline(Some(Duration::from_millis(20)))
        .until_idle(true)
}

/// Does what it is told to, with this event.
async fn act<DB: crate::Database>(mut tx: Tx<DB>, n: i64, deed: Deed) -> Result<(), HandlerError>
where
    Tx<DB>: Note,
{
    match deed {
        Deed::Note => ledger::note(&mut tx, n).await?,
        Deed::FailBefore => return Err(HandlerError::transient("before")),
        Deed::FailAfter => {
            ledger::note(&mut tx, n).await?;
            return Err(HandlerError::transient("after"));
        }
        Deed::Dawdle => {
            tokio::task::yield_now().await;
            ledger::note(&mut tx, n).await?;
            tokio::task::yield_now().await;
        }
        Deed::TakeTooLong => {
            ledger::note(&mut tx, n).await?;
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}

/// What a table holds: in the order in which it was noted, if there is one.
async fn noted<DB>(ledger: &Ledger<DB>, shards: ShardCount) -> Vec<i64> {
    let mut all = ledger.all().await;
    if shards != ShardCount::ONE {
        all.sort_unstable();
    }
    all
}

/// Polls a future for so many times, and drops it.
async fn polled<T>(future: impl Future<Output = T>, polls: Option<usize>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == Some(0) {
            return std::task::Poll::Ready(None);
        }
        left = left.map(|left| left - 1);
        future.as_mut().poll(context).map(Some)
    })
    .await
}

macro_rules! model {
    ($name:ident, $kind:ty, $database:ident, $cases:expr) => {
        #[test]
        fn $name() {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let config = ProptestConfig {
                cases: $cases,
                failure_persistence: None,
                max_shrink_iters: 20,
                ..ProptestConfig::default()
            };
            let lives = proptest::collection::vec(life(), 1..6);
            let cases = (proptest::sample::select(vec![1, 8]), lives);
            let run = |(shards, lives): (u16, Vec<Life>)| {
                let shards = ShardCount::new(shards).unwrap();
                runtime.block_on(async {
                    let database = $database().await;
                    let ledger = Ledger::<$kind>::create(&database).await;
                    let (server, feed) = serve(Feed::new(0)).await;
                    let mut total = 0;
                    let end = Life { publish: 3, batch: 5, deeds: vec![Deed::Note], polls: None };
                    for life in lives.iter().chain([&end]) {
                        feed.lock().unwrap().publish(life.publish);
                        total += life.publish as i64;
                        let calls = AtomicUsize::new(0);
                        let consumer = builder(&database, &server.url(FEED), shards, life)
                            .transactional::<$kind>()
                            .on_any(async |tx, recorded, _| {
                                let call = calls.fetch_add(1, Ordering::Relaxed);
                                // What it does not do in the end, it would never do.
                                let deed = life.deeds.get(call).copied().unwrap_or(Deed::Note);
                                act(tx, recorded.position.get() as i64, deed).await
                            })
                            .build()
                            .unwrap();
                        let ended = polled(consumer.run(std::future::pending()), life.polls).await;
                        if let Some(ended) = ended {
                            ended.unwrap();
                            prop_assert_eq!(
                                noted(&ledger, shards).await,
                                (1..=total).collect::<Vec<_>>()
                            );
                        }
                    }
                    prop_assert_eq!(noted(&ledger, shards).await, (1..=total).collect::<Vec<_>>());
                    Ok(())
                })
            };
            TestRunner::new(config).run(&cases, run).unwrap();
        }
    };
}

model!(a_table_in_sqlite_is_what_the_feed_says, Sqlite, sqlite, 24);
model!(a_table_in_postgresql_is_what_the_feed_says, Postgres, postgres, 12);
