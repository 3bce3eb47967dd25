//! The migrations of a SQLite file.

use std::path::Path;

use sqlx::SqlitePool;

use super::BEGIN;
use super::setup::explain;
use crate::store::StoreError;
use crate::store::schema::{self, Migration};

/// Every migration; the first leads to version 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "cursors", sql: include_str!("migrations/0001_cursors.sql") },
    Migration { name: "foreign pages", sql: include_str!("migrations/0002_foreign_pages.sql") },
    Migration { name: "shards", sql: include_str!("migrations/0003_shards.sql") },
    Migration { name: "parking", sql: include_str!("migrations/0004_parking.sql") },
    Migration { name: "entries", sql: include_str!("migrations/0005_entries.sql") },
    Migration { name: "once", sql: include_str!("migrations/0006_once.sql") },
];

/// Brings the schema up to date, in one transaction under the write lock: of several processes
/// that start at once, one does it and the others find it done.
pub(super) async fn run(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let explain = |error| explain(path, error);
    // What is up to date need not wait for the write lock, which handlers of other workers may hold.
    // Where there is no table of migrations yet, this fails.
    let version: Result<i64, _> =
        sqlx::query_scalar(include_str!("sql/migrations_version.sql")).fetch_one(pool).await;
    if version.is_ok_and(|version| usize::try_from(version) == Ok(MIGRATIONS.len())) {
        return Ok(());
    }
    let mut transaction = pool.begin_with(BEGIN).await.map_err(explain)?;
    sqlx::query(include_str!("sql/migrations_table.sql"))
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    let version: i64 = sqlx::query_scalar(include_str!("sql/migrations_version.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    let database = path.display().to_string();
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
