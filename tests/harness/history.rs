//! What the handlers of a group did, as they recorded it themselves.
//!
//! A transactional handler records its [`Effect`](Kind::Effect) in its own transaction, so that the
//! record is there exactly if the effect is. Any other records its [`Begin`](Kind::Begin) and its
//! [`End`](Kind::End) through a connection of its own, each committed before it goes on.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Encode, Executor, IntoArguments, PgPool, SqlitePool, Type};

/// How long a record waits for the write lock of SQLite: longer than any process that holds it is
/// stopped.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a record waits for a connection before it is tried again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

const CONNECTIONS: u32 = 4;

// Nothing says that an event has one record: that it has is what is to be found out. That a call
// makes one record of each kind lets a record whose commit was lost be made again.
const SQLITE_TABLE: &str = "CREATE TABLE handling_history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    worker TEXT NOT NULL,
    call BIGINT NOT NULL,
    position BIGINT NOT NULL,
    subject TEXT NOT NULL,
    shard BIGINT NOT NULL,
    token BIGINT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (worker, call, kind)
)";

const POSTGRES_TABLE: &str = "CREATE TABLE handling_history (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    worker TEXT NOT NULL,
    call BIGINT NOT NULL,
    position BIGINT NOT NULL,
    subject TEXT NOT NULL,
    shard BIGINT NOT NULL,
    token BIGINT NOT NULL,
    at TEXT NOT NULL
        DEFAULT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
    UNIQUE (worker, call, kind)
)";

// Statements that both databases understand.
const INSERT: &str =
    "INSERT INTO handling_history (kind, worker, call, position, subject, shard, token)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const INSERT_ONCE: &str =
    "INSERT INTO handling_history (kind, worker, call, position, subject, shard, token)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (worker, call, kind) DO NOTHING";
const ALL: &str = "SELECT number, kind, worker, call, position, subject, shard, token, at
    FROM handling_history ORDER BY number";
const HANDLED: &str =
    "SELECT count(DISTINCT position) FROM handling_history WHERE kind IN ('effect', 'end')";
const WORKERS_SINCE: &str = "SELECT DISTINCT worker FROM handling_history WHERE number > $1";
const PARKED: &str = "SELECT position FROM feed_parked";
const EVER_PARKED: &str = "SELECT DISTINCT position FROM feed_parked_record WHERE what = 'parked'";
const LAST: &str = "SELECT CAST(coalesce(max(number), 0) AS BIGINT) FROM handling_history";

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Handled, in the transaction in which the cursor moves.
    Effect,
    /// The handler was called.
    Begin,
    /// It is about to return `Ok`.
    End,
    /// It is about to return an error, and so to be called again.
    Failed,
}

/// One call of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of the worker's process, which no other has, before or after it.
    pub worker: String,
    /// Which call of that process.
    pub number: i64,
    /// The event's place in the feed.
    pub position: i64,
    /// The event's subject.
    pub subject: String,
    /// The shard to which the subject belongs.
    pub shard: i64,
    /// The token under which the worker holds it.
    pub token: i64,
}

/// A record as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Grows from record to record: of two of which one was made after the other was committed, the
    /// later has the higher number.
    pub number: i64,
    /// What it says.
    pub kind: Kind,
    /// Of which call.
    pub call: Call,
    /// When it was made, by the database.
    pub at: String,
}

/// The table of a group's history, in the database of its cursors.
#[derive(Debug, Clone)]
pub struct History(Pool);

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

type Row = (i64, String, String, i64, i64, String, i64, i64, String);

impl Kind {
    const ALL: [Self; 4] = [Self::Effect, Self::Begin, Self::End, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Failed => "failed",
        }
    }
}

impl History {
    /// That of the database at this address: the path of a SQLite file, or the URL of a PostgreSQL
    /// database. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// When it is no address.
    pub fn at(database: &str) -> Result<Self, sqlx::Error> {
        let pool = if database.starts_with("postgres:") {
            let options = PgConnectOptions::from_str(database)?.disable_statement_logging();
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
            Pool::Postgres(pool.acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy_with(options))
        } else {
            // What is recorded outlasts any process; a machine that fails is not among the faults.
            let options = SqliteConnectOptions::new()
                .filename(database)
                .create_if_missing(true)
                .busy_timeout(BUSY_TIMEOUT)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .disable_statement_logging();
            let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
            Pool::Sqlite(pool.acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy_with(options))
        };
        Ok(Self(pool))
    }

    /// Makes the table.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or has it.
    pub async fn create(&self) -> Result<(), sqlx::Error> {
        match &self.0 {
            Pool::Sqlite(pool) => sqlx::query(SQLITE_TABLE).execute(pool).await.map(drop),
            Pool::Postgres(pool) => sqlx::query(POSTGRES_TABLE).execute(pool).await.map(drop),
        }
    }

    /// Commits a record, once: it can be called again when the outcome is unknown.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn append(&self, kind: Kind, call: &Call) -> Result<(), sqlx::Error> {
        match &self.0 {
            Pool::Sqlite(pool) => insert(pool, INSERT_ONCE, kind, call).await,
            Pool::Postgres(pool) => insert(pool, INSERT_ONCE, kind, call).await,
        }
    }

    /// All records, by their numbers.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    ///
    /// # Panics
    ///
    /// When a record is of no kind.
    pub async fn read(&self) -> Result<Vec<Record>, sqlx::Error> {
        let rows: Vec<Row> = match &self.0 {
            Pool::Sqlite(pool) => sqlx::query_as(ALL).fetch_all(pool).await?,
            Pool::Postgres(pool) => sqlx::query_as(ALL).fetch_all(pool).await?,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// How many events are handled.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn handled(&self) -> Result<i64, sqlx::Error> {
        match &self.0 {
            Pool::Sqlite(pool) => sqlx::query_scalar(HANDLED).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(HANDLED).fetch_one(pool).await,
        }
    }

    /// The places of the events that the library has parked.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or no worker has made its tables.
    pub async fn parked(&self) -> Result<BTreeSet<i64>, sqlx::Error> {
        self.places(PARKED).await
    }

    /// The places of the events that it has ever parked.
    ///
    /// # Errors
    ///
    /// As [`Self::parked`].
    pub async fn ever_parked(&self) -> Result<BTreeSet<i64>, sqlx::Error> {
        self.places(EVER_PARKED).await
    }

    async fn places(&self, statement: &'static str) -> Result<BTreeSet<i64>, sqlx::Error> {
        let places: Vec<i64> = match &self.0 {
            Pool::Sqlite(pool) => sqlx::query_scalar(statement).fetch_all(pool).await?,
            Pool::Postgres(pool) => sqlx::query_scalar(statement).fetch_all(pool).await?,
        };
        Ok(places.into_iter().collect())
    }

    /// The number of the last record; 0 before the first.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn last(&self) -> Result<i64, sqlx::Error> {
        match &self.0 {
            Pool::Sqlite(pool) => sqlx::query_scalar(LAST).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(LAST).fetch_one(pool).await,
        }
    }

    /// The workers that have made records since the one of this number.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn workers_since(&self, number: i64) -> Result<Vec<String>, sqlx::Error> {
        match &self.0 {
            Pool::Sqlite(pool) => {
                sqlx::query_scalar(WORKERS_SINCE).bind(number).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                sqlx::query_scalar(WORKERS_SINCE).bind(number).fetch_all(pool).await
            }
        }
    }

    /// Whether the write lock of SQLite can be had at once: nobody was stopped while he held it. On
    /// PostgreSQL there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub async fn is_writable(&self) -> Result<bool, sqlx::Error> {
        let Pool::Sqlite(pool) = &self.0 else { return Ok(true) };
        let options = pool.connect_options().as_ref().clone();
        // Longer than anybody holds it who is not stopped.
        let mut connection = options.busy_timeout(Duration::from_millis(500)).connect().await?;
        let got = sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await.is_ok();
        Ok(got)
    }
}

/// Records an effect, within the transaction of a handler.
///
/// # Errors
///
/// When the database says so.
pub async fn record_effect<'c, E>(executor: E, call: &Call) -> Result<(), sqlx::Error>
where
    E: Executor<'c>,
    <E::Database as sqlx::Database>::Arguments: IntoArguments<E::Database>,
    i64: for<'q> Encode<'q, E::Database> + Type<E::Database>,
    String: for<'q> Encode<'q, E::Database> + Type<E::Database>,
{
    insert(executor, INSERT, Kind::Effect, call).await
}

async fn insert<'c, E>(
    executor: E,
    statement: &'static str,
    kind: Kind,
    call: &Call,
) -> Result<(), sqlx::Error>
where
    E: Executor<'c>,
    <E::Database as sqlx::Database>::Arguments: IntoArguments<E::Database>,
    i64: for<'q> Encode<'q, E::Database> + Type<E::Database>,
    String: for<'q> Encode<'q, E::Database> + Type<E::Database>,
{
    sqlx::query(statement)
        .bind(kind.name().to_owned())
        .bind(call.worker.clone())
        .bind(call.number)
        .bind(call.position)
        .bind(call.subject.clone())
        .bind(call.shard)
        .bind(call.token)
        .execute(executor)
        .await
        .map(drop)
}

fn record((number, kind, worker, call, position, subject, shard, token, at): Row) -> Record {
    let known = Kind::ALL.into_iter().find(|it| it.name() == kind);
    let kind = known.unwrap_or_else(|| panic!("record {number} is of no kind: {kind:?}"));
    let call = Call { worker, number: call, position, subject, shard, token };
    Record { number, kind, call, at }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, kind, call, at } = self;
        let Call { worker, number: nth, position, subject, shard, token } = call;
        let kind = kind.name();
        write!(
            f,
            "{number} {at} {kind} of {position} ({subject}, shard {shard}) by {worker} under token \
             {token}, call {nth}"
        )
    }
}
