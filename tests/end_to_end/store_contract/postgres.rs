//! A PostgreSQL database as a [`Database`], and what only such a database can meet.

use std::sync::Arc;
use std::time::Duration;

use feed_server::store::postgres::{PostgresOptions, PostgresStore};
use feed_server::store::{EventStore, StoreError};
use feed_tests::cutter::Cutter;
use feed_tests::eventually;
use feed_tests::postgres::{self, private_server, url_of};
use sqlx::{Connection, Executor};
use throwaway_postgres::Mode;
use tokio::sync::OnceCell;

use super::Database;
use super::given::{
    append, event, events, everything_after, feed, ids, position, read_all, request,
};

/// A database of its own, made when it is first opened.
pub(super) struct Fresh {
    database: OnceCell<postgres::Database>,
}

impl Fresh {
    pub(super) fn new() -> Self {
        Self { database: OnceCell::new() }
    }

    pub(super) async fn database(&self) -> &postgres::Database {
        self.database.get_or_init(postgres::Database::create).await
    }

    async fn options(&self) -> PostgresOptions {
        self.database().await.url().parse().unwrap()
    }
}

impl Database for Fresh {
    const HEADS: [&'static str; 2] = ["feed_heads", "updated"];

    async fn open(&self) -> Arc<dyn EventStore> {
        // However busy the machine: no promise speaks of time.
        let options = self.options().await.acquire_timeout(Duration::from_secs(60));
        Arc::new(PostgresStore::open(options).await.unwrap())
    }

    async fn meddle(&self, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        (&mut self.database().await.connect().await)
            .execute(sqlx::raw_sql(statements))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn several_programs_can_start_on_a_new_database_at_once() {
    let fresh = Arc::new(Fresh::new());
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let fresh = Arc::clone(&fresh);
        programs.spawn(async move { fresh.open().await.feeds().await.unwrap() });
    }
    assert!(programs.join_all().await.iter().all(Vec::is_empty));
}

#[tokio::test]
async fn a_lock_held_too_long_is_an_error_that_passes() {
    let fresh = Fresh::new();
    let store = fresh.open().await;
    let orders = feed(&*store, "orders").await;
    let mut other = fresh.database().await.connect().await;
    let mut lock = other.begin().await.unwrap();
    lock.execute("UPDATE feed_heads SET updated = updated").await.unwrap();
    let error = store.append(&[request(&orders, [event(1)])]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(read_all(&*store, &orders).await.is_empty(), "reading goes on");
    lock.rollback().await.unwrap();
    append(&*store, &orders, [event(1)]).await.unwrap();
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1"]);
}

#[tokio::test]
async fn a_read_only_database_is_not_available_and_reading_goes_on() {
    let fresh = Fresh::new();
    let store = fresh.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, events([1])).await.unwrap();
    store.check().await.unwrap();
    let database = fresh.database().await;
    database.set_read_only(true).await;
    // The connections that were cut fail once each, and those that follow find what was set.
    eventually("the setting to be found", async || {
        let refused = |error: StoreError| match error {
            StoreError::Unavailable(error) => error.as_database_error().is_some().then_some(()),
            _ => None,
        };
        refused(store.append(&[request(&orders, [event(2)])]).await.unwrap_err())
    })
    .await;
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1"]);
    database.set_read_only(false).await;
    eventually("the database to take writes", async || store.check().await.ok()).await;
    append(&*store, &orders, events([2])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_restarted_is_used_again() {
    let server = private_server().await;
    let database = postgres::Database::create_on(url_of(&server)).await;
    let store = PostgresStore::open(database.url().parse().unwrap()).await.unwrap();
    let orders = feed(&store, "orders").await;
    append(&store, &orders, events([1])).await.unwrap();
    server.stop(Mode::Fast).unwrap();
    let error = store.append(&[request(&orders, [event(2)])]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    server.start_again().unwrap();
    eventually("the database to be there again", async || store.check().await.ok()).await;
    let appended = append(&store, &orders, events([2])).await.unwrap();
    assert_eq!(appended[0].position, position(2));
    // Hears again what others commit.
    let other = PostgresStore::open(database.url().parse().unwrap()).await.unwrap();
    append(&other, &orders, events([3])).await.unwrap();
    eventually("what another has committed", async || {
        store.changed_elsewhere().await;
        (store.head(&orders).await.ok()?.position == position(3)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_has_fallen_silent_is_given_up() {
    let fresh = Fresh::new();
    let database = fresh.database().await;
    let direct: url::Url = database.url().parse().unwrap();
    let cutter = Cutter::before(direct.socket_addrs(|| None).unwrap()[0]).await;
    let options: PostgresOptions = cutter.url(database.url()).parse().unwrap();
    let store = PostgresStore::open(options.answer_timeout(Duration::from_secs(1))).await.unwrap();
    let orders = feed(&store, "orders").await;
    // A connection is tried once more when it is given back, and may fall silent then; so it takes a
    // few times until one falls silent that is used.
    let mut appended = 0;
    eventually("an append to meet silence", async || {
        append(&store, &orders, [event(appended + 1)]).await.unwrap();
        cutter.silence();
        appended += 2;
        let outcome = store.append(&[request(&orders, [event(appended)])]).await;
        let silent = outcome.is_err();
        if let Err(error) = outcome {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
        // Whatever became of it, the same again settles it.
        append(&store, &orders, [event(appended)]).await.unwrap();
        silent.then_some(())
    })
    .await;
    eventually("a reading to meet silence", async || {
        read_all(&store, &orders).await;
        cutter.silence();
        let read = store.read(&orders, &everything_after(0)).await;
        matches!(read, Err(StoreError::Unavailable(_))).then_some(())
    })
    .await;
    let expected: Vec<_> = (1..=appended).map(|id| id.to_string()).collect();
    assert_eq!(ids(&read_all(&store, &orders).await), expected);
}

#[tokio::test]
async fn programs_that_start_at_once_agree_whatever_the_default_isolation() {
    let fresh = Arc::new(Fresh::new());
    let database = fresh.database().await;
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let set =
        format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'");
    database.connect().await.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(set))).await.unwrap();
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let fresh = Arc::clone(&fresh);
        programs.spawn(async move { fresh.open().await });
    }
    let stores = programs.join_all().await;
    let orders = feed(&*stores[0], "orders").await;
    // Appends too: at first each meets another head than it expects.
    let mut appends = tokio::task::JoinSet::new();
    for (number, store) in stores.iter().cloned().enumerate() {
        let orders = orders.clone();
        appends.spawn(async move {
            for id in 0..10 {
                append(&*store, &orders, [event(format!("{number}-{id}"))]).await.unwrap();
            }
        });
    }
    appends.join_all().await;
    assert_eq!(read_all(&*stores[0], &orders).await.len(), 80);
}

/// What a program says when it cannot open this database.
async fn refusal(database: &str) -> String {
    match feed_server::store::open(database).await {
        Err(StoreError::Setup { message, .. }) => {
            assert!(!message.contains('\n'), "one line: {message}");
            message
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_with_the_remedy() {
    let fresh = Fresh::new();
    let url = fresh.database().await.url().to_owned();
    let message = refusal(&format!("{url}_not")).await;
    assert!(message.contains("does not exist: create it with createdb"), "{message}");
    let message = refusal("postgres://shop:secret@127.0.0.1:1/shop").await;
    assert!(
        message.contains("shop at 127.0.0.1:1 cannot be reached: start PostgreSQL"),
        "{message}"
    );
    let message = refusal(&format!("{url}?options=-c%20search_path%3Dnowhere")).await;
    assert!(message.contains("has no schema for tables: create the first one"), "{message}");

    fresh.open().await.close().await;
    let mut other = fresh.database().await.connect().await;
    other
        .execute("INSERT INTO feed_migrations SELECT max(version) + 1, 'x', 0 FROM feed_migrations")
        .await
        .unwrap();
    fresh.open().await.close().await;
    other
        .execute("INSERT INTO feed_migrations SELECT max(version) + 1, 'x', 0 FROM feed_migrations")
        .await
        .unwrap();
    let message = refusal(&url).await;
    assert!(message.contains("has schema version 3"), "{message}");
    assert!(message.contains("use a newer program"), "{message}");
}

#[tokio::test]
async fn tables_lie_in_the_schema_that_the_search_path_names() {
    let fresh = Fresh::new();
    let database = fresh.database().await;
    database
        .connect()
        .await
        .execute(sqlx::raw_sql("CREATE SCHEMA a; CREATE SCHEMA b"))
        .await
        .unwrap();
    let mut stores = Vec::new();
    for schema in ["a", "b"] {
        let url = format!("{}?options=-c%20search_path%3D{schema}", database.url());
        let store = feed_server::store::open(&url).await.unwrap();
        let orders = feed(&*store, "orders").await;
        append(&*store, &orders, events([schema])).await.unwrap();
        stores.push((store, orders, schema));
    }
    for (store, orders, schema) in &stores {
        assert_eq!(ids(&read_all(&**store, orders).await), [*schema]);
    }
}
