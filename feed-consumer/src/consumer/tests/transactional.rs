//! Handlers that write in the transaction in which the cursor moves.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use tokio::sync::Notify;

use super::*;
use crate::handler::Context;
use crate::schedule::failures::Retry;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::ledger::{self, Ledger};
use crate::{Postgres, Sqlite, Tx};

#[derive(Debug, Deserialize)]
struct Numbered {
    n: i64,
}

/// The settings of a subscription with its cursor in this database, which stops before an event that
/// cannot be handled.
fn builder(database: &Database, url: &str) -> ConsumerBuilder<()> {
    let millisecond = Duration::from_millis(1);
    Consumer::builder(url)
        .database(database.url())
        .shards(ShardCount::ONE)
        .on_exhausted(OnExhausted::Stop)
        .backoff(Backoff { first: millisecond, cap: millisecond })
        .give_up_after(Some(Duration::from_secs(10)))
        .until_idle(true)
}

/// A promise about handlers in a kind of database, tested in each of them.
macro_rules! in_both {
    ($(async fn $name:ident($database:ident, $ledger:ident: Ledger<DB>) $body:block)+) => {
        mod on_sqlite {
            use super::*;
            type DB = Sqlite;
            $(#[tokio::test] async fn $name() {
                let $database = sqlite().await;
                let $ledger: Ledger<DB> = Ledger::<DB>::create(&$database).await;
                $body
            })+
        }
        mod on_postgres {
            use super::*;
            type DB = Postgres;
            $(#[tokio::test] async fn $name() {
                let $database = postgres().await;
                let $ledger: Ledger<DB> = Ledger::<DB>::create(&$database).await;
                $body
            })+
        }
    };
}

in_both! {
    async fn events_of_several_types_are_in_the_table_once_and_in_order(database, ledger: Ledger<DB>) {
        let (server, feed) = serve(Feed::new(37)).await;
        let run = async || {
            builder(&database, &server.url(FEED))
                .transactional::<DB>()
                .on("a", async |mut tx, it: Numbered, cx: Context| {
                    assert_eq!(cx.position().get() as i64, it.n);
                    Ok(ledger::note(&mut tx, it.n).await?)
                })
                .on_any(async |mut tx, recorded, _| {
                    Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
                })
                .build()
                .unwrap()
                .run(std::future::pending())
                .await
        };
        let summary = run().await.unwrap();
        assert_eq!((summary.handled, summary.position), (37, at(37)));
        feed.lock().unwrap().publish(5);
        assert_eq!(run().await.unwrap().handled, 5);
        assert_eq!(ledger.all().await, (1..=42).collect::<Vec<_>>());
    }

    async fn a_batch_in_which_an_event_fails_loses_and_doubles_nothing(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(37)).await;
        let failures = AtomicU32::new(0);
        let summary = builder(&database, &server.url(FEED))
            .transactional::<DB>()
            .on_any(async |mut tx, recorded, _| {
                let n = recorded.position.get() as i64;
                ledger::note(&mut tx, n).await?;
                if n == 17 && failures.fetch_add(1, Ordering::Relaxed) < 3 {
                    return Err(HandlerError::transient("busy"));
                }
                Ok(())
            })
            .build()
            .unwrap()
            .run(std::future::pending())
            .await
            .unwrap();
        assert_eq!((summary.handled, summary.position), (37, at(37)));
        assert_eq!(ledger.all().await, (1..=37).collect::<Vec<_>>());
    }

    async fn a_permanent_failure_in_a_batch_ends_it_right_before_the_event(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(37)).await;
        let error = builder(&database, &server.url(FEED))
            .transactional::<DB>()
            .on_any_batch(async |mut tx, events, cx| {
                assert_eq!(events.len(), cx.events().len());
                for event in &events {
                    ledger::note(&mut tx, event.position.get() as i64).await?;
                    if event.position == at(17) {
                        return Err(HandlerError::permanent("no such customer"));
                    }
                }
                Ok(())
            })
            .build()
            .unwrap()
            .run(std::future::pending())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ConsumerError::Handler { position, attempts: 1, .. } if *position == at(17)),
            "{error:?}"
        );
        assert_eq!(ledger.all().await, (1..=16).collect::<Vec<_>>());
    }

    async fn an_error_of_the_database_that_a_handler_ignores_commits_nothing(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(5)).await;
        let tries = AtomicU32::new(0);
        let summary = builder(&database, &server.url(FEED))
            .transactional::<DB>()
            .on_any(async |mut tx, recorded, _| {
                let n = recorded.position.get() as i64;
                ledger::note(&mut tx, n).await?;
                if n == 3 && tries.fetch_add(1, Ordering::Relaxed) < 2 {
                    // The same number again, which the table refuses.
                    ledger::note(&mut tx, n).await.unwrap_err();
                }
                Ok(())
            })
            .build()
            .unwrap()
            .run(std::future::pending())
            .await
            .unwrap();
        assert_eq!(summary.position, at(5));
        assert_eq!(ledger.all().await, (1..=5).collect::<Vec<_>>());
    }

    async fn a_handling_over_its_deadline_leaves_nothing_behind(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(5)).await;
        let slow = AtomicU32::new(0);
        let summary = builder(&database, &server.url(FEED))
            .deadline(Some(Duration::from_millis(50)))
            .transactional::<DB>()
            .on_any(async |mut tx, recorded, _| {
                ledger::note(&mut tx, recorded.position.get() as i64).await?;
                if recorded.position == at(3) && slow.fetch_add(1, Ordering::Relaxed) < 2 {
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
            .build()
            .unwrap()
            .run(std::future::pending())
            .await
            .unwrap();
        assert_eq!(summary.position, at(5));
        assert_eq!(ledger.all().await, (1..=5).collect::<Vec<_>>());
    }

    async fn a_handler_that_keeps_its_transaction_is_told(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(1)).await;
        let kept: Mutex<Option<Tx<DB>>> = Mutex::default();
        let error = builder(&database, &server.url(FEED))
            .transactional::<DB>()
            .on_any(async |tx, _, _| {
                *kept.lock().unwrap() = Some(tx);
                Ok(())
            })
            .build()
            .unwrap()
            .run(std::future::pending())
            .await
            .unwrap_err();
        let ConsumerError::Handler { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("has kept its transaction"), "{source}");
        assert!(ledger.all().await.is_empty());
    }

    async fn shards_are_given_back_while_a_handler_writes(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(60)).await;
        let worker = || {
            builder(&database, &server.url(FEED))
                .shards(ShardCount::default())
                .batch(1, Duration::ZERO)
                .transactional::<DB>()
                .on_any(async |mut tx, recorded, _| {
                    ledger::note(&mut tx, recorded.position.get() as i64).await?;
                    // On SQLite nobody else can write meanwhile.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(())
                })
                .build()
                .unwrap()
        };
        let (one, two) = (worker(), worker());
        let mut begun = one.progress();
        let second = async {
            begun.wait_for(|it| it.handled > 0).await.unwrap();
            two.run(std::future::pending()).await
        };
        let (one, two) = tokio::join!(one.run(std::future::pending()), second);
        let (one, two) = (one.unwrap().handled, two.unwrap().handled);
        assert!(one + two == 60 && two > 0, "{one} {two}");
        let mut all = ledger.all().await;
        all.sort_unstable();
        assert_eq!(all, (1..=60).collect::<Vec<_>>());
    }

    async fn of_two_workers_none_doubles_what_the_other_has_done(database, ledger: Ledger<DB>) {
        let (server, _) = serve(Feed::new(30)).await;
        let (reached, release) = (Notify::new(), Notify::new());
        let first = builder(&database, &server.url(FEED))
            .batch(1, Duration::ZERO)
            .transactional::<DB>()
            .on_any(async |mut tx, recorded, _| {
                if recorded.position == at(3) {
                    reached.notify_one();
                    release.notified().await;
                }
                Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
            })
            .build()
            .unwrap();
        let second = builder(&database, &server.url(FEED))
            .transactional::<DB>()
            .on_any(async |mut tx, recorded, _| {
                Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
            })
            .build()
            .unwrap();
        let other = async {
            reached.notified().await;
            let (ended, ()) = tokio::join!(second.run(std::future::pending()), async {
                tokio::task::yield_now().await;
                release.notify_one();
            });
            ended
        };
        let (first, second) = tokio::join!(first.run(std::future::pending()), other);
        assert_eq!(first.unwrap().handled + second.unwrap().handled, 30);
        let mut all = ledger.all().await;
        all.sort_unstable();
        assert_eq!(all, (1..=30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_database_of_another_kind_is_refused_with_the_remedy() {
    let build = |database: &str| {
        Consumer::builder("http://127.0.0.1/feeds/orders")
            .database(database)
            .transactional::<Postgres>()
            .on("a", async |_, (), _| Ok(()))
            .build()
            .map(drop)
    };
    build("postgres://localhost/shop").unwrap();
    let error = build("./consumer.db").unwrap_err();
    assert_eq!(error.key(), "database");
    assert!(error.message().contains("name the PostgreSQL database"), "{error}");
}

#[tokio::test]
async fn waiting_for_the_write_lock_counts_neither_as_an_attempt_nor_against_the_deadline() {
    let database = sqlite().await;
    let ledger: Ledger<Sqlite> = Ledger::<Sqlite>::create(&database).await;
    let (server, _) = serve(Feed::new(3)).await;
    let attempts = Mutex::new(Vec::new());
    let consumer = builder(&database, &server.url(FEED))
        .deadline(Some(Duration::from_millis(100)))
        .transactional::<Sqlite>()
        .on_any(async |mut tx, recorded, cx: Context| {
            attempts.lock().unwrap().push(cx.attempt());
            Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
        })
        .build()
        .unwrap();
    let held = ledger.hold_lock().await;
    let release = async {
        // Longer than the deadline of a handling.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(attempts.lock().unwrap().is_empty());
        held.release().await;
    };
    let (ended, ()) = tokio::join!(consumer.run(std::future::pending()), release);
    assert_eq!(ended.unwrap().handled, 3);
    assert_eq!(*attempts.lock().unwrap(), [1, 1, 1]);
    assert_eq!(ledger.all().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let database = sqlite().await;
    let ledger: Ledger<Sqlite> = Ledger::<Sqlite>::create(&database).await;
    let options = database.url().parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
    let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = one.connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE much (data BLOB)").execute(&pool).await.unwrap();
    let (server, _) = serve(Feed::new(3)).await;
    let failures = AtomicU32::new(0);
    let consumer = builder(&database, &server.url(FEED))
        .database(pool.clone())
        .transactional::<Sqlite>()
        .on_any(async |mut tx, recorded, _| {
            ledger::note(&mut tx, recorded.position.get() as i64).await?;
            if recorded.position == at(3) && failures.load(Ordering::Relaxed) == 0 {
                // Of this connection alone: what SQLite then says is what it says of a full disk.
                sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&mut *tx).await?;
                let much = sqlx::query("INSERT INTO much VALUES (zeroblob(1000000))");
                let full = much.execute(&mut *tx).await;
                failures.fetch_add(u32::from(full.is_err()), Ordering::Relaxed);
                full?;
            }
            Ok(())
        })
        .build()
        .unwrap();
    assert_eq!(consumer.run(std::future::pending()).await.unwrap().handled, 3);
    assert_eq!(failures.into_inner(), 1);
    assert_eq!(ledger.all().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_handler_that_takes_no_notice_of_a_rollback_is_told_and_loses_nothing() {
    let database = sqlite().await;
    let ledger: Ledger<Sqlite> = Ledger::<Sqlite>::create(&database).await;
    let (server, _) = serve(Feed::new(5)).await;
    let consumer = builder(&database, &server.url(FEED))
        .transactional::<Sqlite>()
        .on_any(async |mut tx, recorded, _| {
            if recorded.position == at(3) {
                let again = sqlx::query("INSERT OR ROLLBACK INTO ledger VALUES (0, 1)");
                again.execute(&mut *tx).await.unwrap_err();
                return Ok(());
            }
            Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
        })
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    let ConsumerError::Handler { position, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*position, at(3));
    assert!(source.to_string().contains("has ended its transaction"), "{source}");
    assert_eq!(ledger.all().await, [1, 2]);
}

#[tokio::test]
async fn a_commit_that_the_database_refuses_is_the_handlers_failure_and_says_why() {
    let database = sqlite().await;
    let ledger: Ledger<Sqlite> = Ledger::<Sqlite>::create(&database).await;
    let (server, _) = serve(Feed::new(3)).await;
    let create = "CREATE TABLE orders (customer INTEGER REFERENCES ledger (n) \
                  DEFERRABLE INITIALLY DEFERRED)";
    let consumer = builder(&database, &server.url(FEED))
        .retry(Retry { attempts: Some(2), ..Retry::default() })
        .transactional::<Sqlite>()
        .on_any(async |mut tx, recorded, _| {
            if recorded.position == at(2) {
                sqlx::raw_sql(create).execute(&mut *tx).await?;
                sqlx::raw_sql("INSERT INTO orders VALUES (99)").execute(&mut *tx).await?;
            }
            Ok(ledger::note(&mut tx, recorded.position.get() as i64).await?)
        })
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    let ConsumerError::Handler { position, source, attempts, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((position, attempts), (at(2), 2));
    assert_eq!(source.to_string(), "what the handler wrote could not be committed");
    let reason = source.source().unwrap().to_string();
    assert!(reason.contains("FOREIGN KEY constraint failed"), "{reason}");
    assert_eq!(ledger.all().await, [1]);
}
