//! The schema and its versions.
//!
//! Version n is what the first n migrations make. A migration only adds (expand); what it makes
//! superfluous goes away with a later one (contract). So a program runs on a schema one step newer
//! than its own, and the processes of one database can be upgraded one after the other.

use std::path::Path;

use sqlx::{Connection, SqliteConnection};

use super::setup::explain;
use crate::store::StoreError;

/// One step from a version of the schema to the next.
#[derive(Debug, Clone, Copy)]
struct Migration {
    /// What people call it.
    name: &'static str,
    /// Its statements.
    sql: &'static str,
}

/// Every migration; the first leads to version 1.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "cursors", sql: include_str!("migrations/0001_cursors.sql") },
    Migration { name: "foreign pages", sql: include_str!("migrations/0002_foreign_pages.sql") },
];

/// Brings the schema up to date, in one transaction under the write lock: of several processes
/// that start at once, one does it and the others find it done.
pub(super) async fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let explain = |error| explain(path, error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(explain)?;
    sqlx::query(include_str!("sql/migrations_table.sql"))
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    let version: i64 = sqlx::query_scalar(include_str!("sql/migrations_version.sql"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    let known = MIGRATIONS.len();
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > known + 1 {
        return Err(StoreError::Setup {
            message: format!(
                "the database {} has schema version {version}, and this program knows versions up \
                 to {known}: use a newer program",
                path.display(),
            ),
            source: None,
        });
    }
    for (migration, version) in MIGRATIONS.iter().zip(1_i64..).skip(done) {
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
