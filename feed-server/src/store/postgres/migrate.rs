//! The migrations of a PostgreSQL database.

use sqlx::{Connection, PgConnection};
use xxhash_rust::xxh3::xxh3_64;

use super::PostgresOptions;
use super::setup::explain;
use crate::store::StoreError;
use crate::store::schema::{self, Migration};

/// Every migration; the first leads to version 1.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "feeds and events",
    sql: include_str!("migrations/0001_feeds_and_events.sql"),
}];

/// Brings the schema up to date, in one transaction under a lock: of several processes that start
/// at once, one does it and the others find it done.
pub(super) async fn run(
    connection: &mut PgConnection,
    options: &PostgresOptions,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let explain = |error| explain(options, error);
    // Whatever the database's default: what another program has just done has to be seen once it lets
    // go of the lock.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = connection.begin_with(begin).await.map_err(explain)?;
    let schema: Option<String> = sqlx::query_scalar(include_str!("sql/migrations_schema.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    let Some(schema) = schema else {
        let message = format!(
            "the database {options} has no schema for tables: create the first one of the search \
             path, or name another"
        );
        return Err(StoreError::Setup { message, source: None });
    };
    let lock = xxh3_64(format!("feed_migrations\0{schema}").as_bytes()).cast_signed();
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
    for (version, migration) in schema::missing(&options.to_string(), version, migrations)? {
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
