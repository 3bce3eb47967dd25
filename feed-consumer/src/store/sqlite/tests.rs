//! What is SQLite's own; the rest is in the contract of all stores.

use std::time::Duration;

use feed_protocol::Position;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::shard::ShardCount;
use crate::store::entries::{DocumentEnd, DocumentEntry, EntryStore, Finding};
use crate::store::pages::{PageKind, PageState, PageStore};
use crate::store::parking::Follower;
use crate::store::shards::{Beat, Move, ShardPlace, ShardStore, WorkerFacts, WorkerId};
use crate::store::{Advance, Validators};

#[tokio::test]
async fn nothing_is_left_of_a_forgotten_cursor_where_foreign_keys_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("shop.db"));
    let options = options.create_if_missing(true).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let store = SqliteStore::open_in(pool).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    let place = Place::default();
    let iri = "tag:a,2026:1".to_owned();
    let seen = [SeenEntry { iri: iri.clone(), updated: DateTime::UNIX_EPOCH }];
    let pages = [Page {
        place: 1,
        url: "http://a/1".to_owned(),
        kind: PageKind::Archive,
        state: PageState::Done,
        oldest: Some(iri),
        linked: false,
    }];
    assert!(store.begin(&subscription, "http://a/", &place, &seen, &pages).await.unwrap());
    assert!(store.has_seen(&subscription).await.unwrap());
    store.cut(&subscription, ShardCount::default()).await.unwrap();
    let acquired = store.beat(&subscription, &beat("a")).await.unwrap().acquired;
    assert_eq!(acquired.len(), 64);
    let lease = acquired[0].lease;
    let entries = [DocumentEntry {
        iri: "tag:a,2026:2".into(),
        updated: DateTime::UNIX_EPOCH,
        event: feed_protocol::cloudevents::read_event(
            br#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#,
        )
        .unwrap(),
    }];
    let finding = Finding { entries: &entries, each_update: false, end: &DocumentEnd::Nothing };
    assert!(store.add_found(&subscription, lease, &finding).await.unwrap().is_some());
    let tables = ["parked", "followers", "parked_record", "park_requests"];
    for table in tables {
        fill(&store, table).await;
    }
    assert!(store.forget(&subscription, &place).await.unwrap());
    assert!(!store.has_seen(&subscription).await.unwrap());
    assert!(store.pages(&subscription).await.unwrap().is_empty());
    assert!(store.shards(&subscription).await.unwrap().is_empty());
    assert!(store.workers(&subscription).await.unwrap().is_empty());
    for table in tables.into_iter().chain(["entries"]) {
        let rows = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM feed_{table}"));
        let rows: i64 =
            sqlx::query_scalar(rows).fetch_one(&mut *store.turn().await.unwrap()).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

/// Puts a row into one of the tables of what is parked.
async fn fill(store: &SqliteStore, table: &str) {
    let (columns, values) = match table {
        "parked" => (
            "shard, event_type, subject, updated, event, error, attempts, parked",
            "0, 'a', 'b', 0, '{}', 'it broke', 3, 0",
        ),
        "followers" => ("shard, subject", "0, 'b'"),
        "parked_record" => ("done, who, what, why", "0, 'a', 'parked', ''"),
        _ => ("line, action, who", "1, 'retry', 'ann'"),
    };
    let insert = sqlx::AssertSqlSafe(format!(
        "INSERT INTO feed_{table} (group_name, feed, position, {columns})
         VALUES ('billing', 'urn:uuid:1', 7, {values})"
    ));
    sqlx::query(insert).execute(&mut *store.turn().await.unwrap()).await.unwrap();
}

/// Of a worker that knows of no leases.
fn beat(name: &str) -> Beat {
    Beat {
        facts: WorkerFacts {
            id: WorkerId(name.into()),
            host: "shop".into(),
            process: 1,
            identity: None,
            weight: 1,
            window: 100,
        },
        lease: Duration::from_secs(600),
        held: Vec::new(),
        acquires: true,
        report: "{}".into(),
    }
}

#[tokio::test]
async fn a_sign_of_life_goes_before_all_work_that_waits() {
    for is_borrowed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let store = if is_borrowed {
            let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
            SqliteStore::open_in(SqlitePool::connect_with(options).await.unwrap()).await.unwrap()
        } else {
            SqliteStore::open(&path).await.unwrap()
        };
        let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
        store.begin(&subscription, "http://a/", &Place::default(), &[], &[]).await.unwrap();
        store.cut(&subscription, ShardCount::default()).await.unwrap();

        let handling = begin_for_handlers(store.turns()).await.unwrap();
        let mut next = std::pin::pin!(begin_for_handlers(store.turns()));
        let mut reading = std::pin::pin!(store.find(&subscription));
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        assert!(futures_util::poll!(reading.as_mut()).is_pending());
        let sign = beat("a");
        let mut beaten = std::pin::pin!(store.beat(&subscription, &sign));
        assert!(futures_util::poll!(beaten.as_mut()).is_pending());
        drop(handling);
        tokio::select! {
            biased;
            _ = next.as_mut() => panic!("work went before a sign of life"),
            _ = reading.as_mut() => panic!("work went before a sign of life"),
            beaten = beaten => assert_eq!(beaten.unwrap().acquired.len(), 64),
        }
        drop(next.await.unwrap());
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn after_a_full_disk_the_cursor_moves_again_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("consumer.db")).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    assert!(store.begin(&subscription, "http://a/", &Place::default(), &[], &[]).await.unwrap());
    store.cut(&subscription, ShardCount::ONE).await.unwrap();
    let facts = WorkerFacts {
        id: WorkerId("a".into()),
        host: "here".into(),
        process: 1,
        identity: None,
        weight: 1,
        window: 100,
    };
    let (held, report) = (Vec::new(), "{}".into());
    let lease = Duration::from_secs(60);
    let beat = Beat { facts, lease, held, acquires: true, report };
    let lease = store.beat(&subscription, &beat).await.unwrap().acquired[0].lease;
    // What takes pages of its own.
    let validators = Validators { etag: Some("a".repeat(100_000)), last_modified: None };
    let to = ShardPlace { position: Position::new(5).unwrap(), last: None, validators };
    // With what waits it is more than one statement, in a transaction.
    let advance = Advance {
        subscription: subscription.clone(),
        moves: vec![Move { lease, to: to.clone() }],
        followers: vec![Follower { lease, subject: "b".parse().unwrap(), position: to.position }],
    };

    // No page more than there are: what SQLite then says is what it says of a full disk. The
    // limit is that of one connection, and goes away with it.
    let limit = sqlx::raw_sql("PRAGMA max_page_count = 1");
    limit.execute(&mut *store.turn().await.unwrap()).await.unwrap();
    let error = store.advance_shards(&advance).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let place = async || store.shards(&subscription).await.unwrap().remove(0).place;
    assert_eq!(place().await, ShardPlace::default());
    assert!(store.advance_shards(&advance).await.unwrap().is_empty());
    assert_eq!(place().await, to);
}

#[tokio::test]
async fn a_worker_that_was_not_heard_of_for_a_day_is_forgotten_once_it_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("consumer.db")).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    store.begin(&subscription, "http://a/", &Place::default(), &[], &[]).await.unwrap();
    store.cut(&subscription, ShardCount::ONE).await.unwrap();
    let left = async || {
        store.leave(&WorkerId("leaves".into())).await.unwrap();
        let workers = store.workers(&subscription).await.unwrap();
        workers.into_iter().map(|it| it.facts.id.0).collect::<Vec<_>>()
    };
    // The first has the shard, and the last has just been heard of.
    for (number, name) in ["holds", "idle", "young"].into_iter().enumerate() {
        store.beat(&subscription, &beat(name)).await.unwrap();
        if number < 2 {
            let ages = "UPDATE feed_workers
                SET started = ?1, heartbeat = heartbeat - 86400000001 WHERE worker = ?2";
            let ages = sqlx::query(ages).bind(number as i64).bind(name);
            ages.execute(&mut *store.turn().await.unwrap()).await.unwrap();
        }
    }
    assert_eq!(left().await, ["holds", "young"]);
    store.bury(&WorkerId("holds".into())).await.unwrap();
    assert_eq!(left().await, ["young"]);
}

#[tokio::test]
async fn a_subscription_that_was_begun_before_entries_were_counted_goes_on_behind_them() {
    const BEFORE: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumer.db");
    let pool = setup::connect(&path).await.unwrap();
    sqlx::raw_sql(include_str!("sql/migrations_table.sql")).execute(&pool).await.unwrap();
    for (version, migration) in (1_i64..).zip(&migrate::MIGRATIONS[..BEFORE]) {
        sqlx::raw_sql(migration.sql).execute(&pool).await.unwrap();
        let record = sqlx::query(include_str!("sql/migrations_record.sql"));
        record.bind(version).bind(migration.name).execute(&pool).await.unwrap();
    }
    // One whose shard stands at 7, one that was not cut yet, and a feed with positions.
    sqlx::raw_sql(
        "INSERT INTO feed_cursors (group_name, feed, url, incarnation, position, begun, moved)
         VALUES ('a', 'f', 'u', NULL, 0, 0, 0), ('b', 'f', 'u', NULL, 5, 0, 0),
             ('c', 'f', 'u', 'k3v9x2', 9, 0, 0);
         INSERT INTO feed_shards (group_name, feed, shard, position, moved)
         VALUES ('a', 'f', 0, 7, 0), ('c', 'f', 0, 9, 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    for (group, found) in [("a", 7), ("b", 5), ("c", 0)] {
        let subscription = Subscription { group: group.into(), feed: "f".into() };
        let run = store.entries(&subscription, Position::ZERO, 0, &|_| true).await.unwrap();
        assert_eq!(run.found.get(), found, "{group}");
    }
}
