//! For tests: a table of a user's, in which handlers note numbers.

use std::marker::PhantomData;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::databases::Database;
use super::transaction::Tx;

/// The table; it refuses a number that it has.
#[derive(Debug)]
pub(crate) struct Ledger<DB> {
    pool: AnyPool,
    kind: PhantomData<DB>,
}

#[derive(Debug)]
enum AnyPool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

const CREATE: &str = "CREATE TABLE ledger (place INTEGER NOT NULL, n BIGINT PRIMARY KEY)";
const PLACE: &str = "SELECT count(*) FROM ledger";
const ALL: &str = "SELECT n FROM ledger ORDER BY place";

impl Ledger<Sqlite> {
    pub(crate) async fn create(database: &Database) -> Self {
        let options = database.url().parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
        let options = options.create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        // As the consumer has it: a reader must not stand in the way of what commits.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await.unwrap();
        sqlx::query(CREATE).execute(&pool).await.unwrap();
        Self { pool: AnyPool::Sqlite(pool), kind: PhantomData }
    }

    /// Takes the write lock, as another program does.
    pub(crate) async fn hold_lock(&self) -> Held {
        let AnyPool::Sqlite(pool) = &self.pool else { panic!("it is of SQLite") };
        Held(pool.begin_with("BEGIN IMMEDIATE").await.unwrap())
    }
}

impl Ledger<Postgres> {
    pub(crate) async fn create(database: &Database) -> Self {
        let pool = PgPool::connect(database.url()).await.unwrap();
        sqlx::query(CREATE).execute(&pool).await.unwrap();
        Self { pool: AnyPool::Postgres(pool), kind: PhantomData }
    }
}

impl<DB> Ledger<DB> {
    /// The numbers, in the order in which they were noted.
    pub(crate) async fn all(&self) -> Vec<i64> {
        match &self.pool {
            AnyPool::Sqlite(pool) => sqlx::query_scalar(ALL).fetch_all(pool).await.unwrap(),
            AnyPool::Postgres(pool) => sqlx::query_scalar(ALL).fetch_all(pool).await.unwrap(),
        }
    }
}

/// A write lock that is held.
pub(crate) struct Held(Transaction<'static, Sqlite>);

impl Held {
    pub(crate) async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}

/// A transaction in which numbers can be noted.
pub(crate) trait Note {
    fn note(&mut self, n: i64) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl Note for Tx<Sqlite> {
    async fn note(&mut self, n: i64) -> Result<(), sqlx::Error> {
        let place: i64 = sqlx::query_scalar(PLACE).fetch_one(&mut **self).await?;
        sqlx::query("INSERT INTO ledger VALUES (?1, ?2)")
            .bind(place)
            .bind(n)
            .execute(&mut **self)
            .await?;
        Ok(())
    }
}

impl Note for Tx<Postgres> {
    async fn note(&mut self, n: i64) -> Result<(), sqlx::Error> {
        let place: i64 = sqlx::query_scalar(PLACE).fetch_one(&mut **self).await?;
        sqlx::query("INSERT INTO ledger VALUES ($1, $2)")
            .bind(place)
            .bind(n)
            .execute(&mut **self)
            .await?;
        Ok(())
    }
}

/// Notes a number.
pub(crate) async fn note(tx: &mut impl Note, n: i64) -> Result<(), sqlx::Error> {
    tx.note(n).await
}
