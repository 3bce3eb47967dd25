//! The migrations of a SQLite file.

use std::path::Path;

use sqlx::{Connection, SqliteConnection};

use super::setup::explain;
use crate::store::StoreError;
use crate::store::schema::{self, Migration};

/// Every migration; the first leads to version 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "feeds and events",
        sql: include_str!("migrations/0001_feeds_and_events.sql"),
    },
    Migration {
        name: "publish in transactions",
        sql: include_str!("migrations/0002_publish_in_transactions.sql"),
    },
];

/// Brings the schema up to date, in one transaction under the write lock: of several processes
/// that start at once, one does it and the others find it done.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: &[Migration],
) -> Result<(), StoreError> {
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
    for (version, migration) in schema::missing(&path.display().to_string(), version, migrations)? {
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(explain)?;
        sqlx::query(include_str!("sql/migrations_record.sql"))
            .bind(version)
            .bind(migration.name)
            .execute(&mut *transaction)
            .await
            .map_err(explain)?;
    }
    // A write even where nothing was missing: SQLite opens a file that may only be read without a
    // word, and takes a lock on it too.
    sqlx::query(include_str!("sql/migrations_touch.sql"))
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    transaction.commit().await.map_err(explain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{SqliteOptions, setup};

    const STEPS: [Migration; 3] = [
        Migration { name: "one", sql: "CREATE TABLE feed_one (a); CREATE TABLE feed_more (a)" },
        Migration { name: "two", sql: "CREATE TABLE feed_two (a)" },
        Migration { name: "three", sql: "CREATE TABLE feed_three (a)" },
    ];

    async fn migrate(folder: &Path, migrations: &[Migration]) -> Result<i64, StoreError> {
        let path = folder.join("feeds.db");
        let options = SqliteOptions::new(&path);
        let mut connection = setup::connect_writer(&options, true).await.unwrap();
        run(&mut connection, &path, migrations).await?;
        Ok(sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'feed_%'")
            .fetch_one(&mut connection)
            .await
            .unwrap())
    }

    #[tokio::test]
    async fn a_schema_one_step_newer_is_used_and_one_two_steps_newer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(migrate(folder.path(), &STEPS[..1]).await.unwrap(), 3);
        assert_eq!(migrate(folder.path(), &STEPS[..1]).await.unwrap(), 3);
        assert_eq!(migrate(folder.path(), &STEPS).await.unwrap(), 5);
        assert_eq!(migrate(folder.path(), &STEPS[..2]).await.unwrap(), 5);
        let error = migrate(folder.path(), &STEPS[..1]).await.unwrap_err().to_string();
        assert!(error.contains("has schema version 3"), "{error}");
        assert!(error.contains("up to 1: use a newer program"), "{error}");
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let broken = Migration { name: "two", sql: "CREATE TABLE feed_two (a); CREATE TABEL x" };
        assert!(migrate(folder.path(), &[STEPS[0], broken]).await.is_err());
        assert_eq!(migrate(folder.path(), &[]).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn of_programs_that_start_at_once_one_migrates() {
        let folder = tempfile::tempdir().unwrap();
        let mut programs = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let path = folder.path().to_owned();
            programs.spawn(async move { migrate(&path, &STEPS).await.unwrap() });
        }
        assert_eq!(programs.join_all().await, [5; 8]);
    }
}
