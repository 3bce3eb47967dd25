//! The migrations of a PostgreSQL database.

use sqlx::PgPool;
use xxhash_rust::xxh3::xxh3_64;

use super::setup::{self, explain};
use crate::store::StoreError;
use crate::store::schema::{self, Migration};

/// Every migration; the first leads to version 1.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "cursors", sql: include_str!("migrations/0001_cursors.sql") },
    Migration { name: "foreign pages", sql: include_str!("migrations/0002_foreign_pages.sql") },
    Migration { name: "shards", sql: include_str!("migrations/0003_shards.sql") },
    Migration { name: "parking", sql: include_str!("migrations/0004_parking.sql") },
    Migration { name: "entries", sql: include_str!("migrations/0005_entries.sql") },
    Migration { name: "once", sql: include_str!("migrations/0006_once.sql") },
];

/// Brings the schema up to date, in one transaction under a lock: of several processes that start
/// at once, one does it and the others find it done.
pub(super) async fn run(pool: &PgPool) -> Result<(), StoreError> {
    let explain = |error| explain(pool, error);
    // Whatever the database's default: what another program has just done has to be seen once it
    // lets go of the lock.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = pool.begin_with(begin).await.map_err(explain)?;
    let schema: Option<String> = sqlx::query_scalar(include_str!("sql/migrations_schema.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    let database = setup::shown(pool);
    let Some(schema) = schema else {
        let message = format!(
            "the database {database} has no schema for tables: create the first one of the search \
             path, or name another"
        );
        return Err(StoreError::Setup { message, source: None });
    };
    let lock = xxh3_64(format!("feed_consumer_migrations\0{schema}").as_bytes()).cast_signed();
    sqlx::query(include_str!("sql/migrations_lock.sql"))
        .bind(lock)
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    let found: bool = sqlx::query_scalar(include_str!("sql/migrations_found.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    if !found {
        sqlx::query(include_str!("sql/migrations_table.sql"))
            .execute(&mut *transaction)
            .await
            .map_err(explain)?;
    }
    let version: i64 = sqlx::query_scalar(include_str!("sql/migrations_version.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    for (version, migration) in schema::missing(&database, version, MIGRATIONS)? {
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(explain)?;
        sqlx::query(include_str!("sql/migrations_record.sql"))
            .bind(version)
            .bind(migration.name)
            .execute(&mut *transaction)
            .await
            .map_err(explain)?;
    }
    transaction.commit().await.map_err(explain)
}
