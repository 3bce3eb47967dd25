//! Which database holds the cursors.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{PgPool, SqlitePool};

use super::postgres::PostgresStore;
use super::postgres::setup::PostgresOptions;
use super::sqlite::SqliteStore;
use super::sqlite::setup::parse_path;
use super::{CursorStore, StoreError};

/// Which database holds the cursors, as a user names it.
///
/// From text: the path of a SQLite file (`./consumer.db`), its URL (`sqlite:///var/lib/shop.db`),
/// or the URL of a PostgreSQL database as libpq knows it (`postgres://user@localhost/shop`). Or
/// from a pool of sqlx, [`SqlitePool`] or [`PgPool`], which stays open when the subscription ends.
///
/// The tables have names of their own (`feed_cursors`, `feed_seen_entries`,
/// `feed_foreign_pages`, `feed_consumer_migrations`), and so can stand beside yours and those of a
/// `feed-server`. On PostgreSQL they are made in the first schema of the search path.
#[derive(Clone)]
pub struct CursorDatabase(Named);

#[derive(Clone)]
enum Named {
    Text(String),
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl From<String> for CursorDatabase {
    fn from(text: String) -> Self {
        Self(Named::Text(text))
    }
}

impl From<&String> for CursorDatabase {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<&str> for CursorDatabase {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Cow<'_, str>> for CursorDatabase {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl From<SqlitePool> for CursorDatabase {
    fn from(pool: SqlitePool) -> Self {
        Self(Named::Sqlite(pool))
    }
}

impl From<PgPool> for CursorDatabase {
    fn from(pool: PgPool) -> Self {
        Self(Named::Postgres(pool))
    }
}

/// A URL may hold a password.
impl fmt::Debug for CursorDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorDatabase(..)")
    }
}

impl CursorDatabase {
    /// The place that is named; or what is wrong with its name, and what would be right.
    pub(crate) fn locate(self) -> Result<Location, String> {
        Ok(Location(match self.0 {
            Named::Text(text) if is_postgres(&text) => Place::Postgres(Box::new(text.parse()?)),
            Named::Text(text) => Place::Sqlite(parse_path(&text)?),
            Named::Sqlite(pool) => Place::SqlitePool(pool),
            Named::Postgres(pool) => Place::PostgresPool(pool),
        }))
    }
}

fn is_postgres(text: &str) -> bool {
    matches!(text.split_once(':'), Some(("postgres" | "postgresql", _)))
}

/// Where the cursors are.
#[derive(Debug, Clone)]
pub struct Location(pub(super) Place);

#[derive(Debug, Clone)]
pub(super) enum Place {
    Sqlite(PathBuf),
    SqlitePool(SqlitePool),
    Postgres(Box<PostgresOptions>),
    PostgresPool(PgPool),
}

/// An open store.
#[derive(Debug, Clone)]
pub struct Opened(pub(super) Store);

#[derive(Debug, Clone)]
pub(super) enum Store {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Location {
    /// The file, if it is one that does not exist.
    pub(crate) fn missing(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Place::Sqlite(path) if !path.exists() => Some(path),
            _ => None,
        }
    }

    /// Opens it, and brings its schema up to date.
    pub(crate) async fn open(&self) -> Result<Opened, StoreError> {
        let sqlite = |store| Store::Sqlite(Arc::new(store));
        let postgres = |store| Store::Postgres(Arc::new(store));
        Ok(Opened(match &self.0 {
            Place::Sqlite(path) => sqlite(SqliteStore::open(path).await?),
            Place::SqlitePool(pool) => sqlite(SqliteStore::open_in(pool.clone()).await?),
            Place::Postgres(options) => postgres(PostgresStore::open(options).await?),
            Place::PostgresPool(pool) => postgres(PostgresStore::open_in(pool.clone()).await?),
        }))
    }
}

impl Opened {
    /// What every store can do.
    pub(crate) fn cursors(&self) -> Arc<dyn CursorStore> {
        match &self.0 {
            Store::Sqlite(store) => Arc::<SqliteStore>::clone(store),
            Store::Postgres(store) => Arc::<PostgresStore>::clone(store),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_told_by_its_url() {
        let locate = |text: &str| CursorDatabase::from(text).locate();
        assert!(matches!(locate("./consumer.db"), Ok(Location(Place::Sqlite(_)))));
        assert!(matches!(locate("sqlite:a.db"), Ok(Location(Place::Sqlite(_)))));
        assert!(matches!(locate("postgres://localhost/shop"), Ok(Location(Place::Postgres(_)))));
        assert!(matches!(locate("postgresql://localhost/shop"), Ok(Location(Place::Postgres(_)))));
        let error = locate("mysql://me:s3cret@localhost/shop").unwrap_err();
        assert!(error.contains("name a file") && error.contains("postgres://"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
