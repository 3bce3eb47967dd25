//! Which database holds the events, and how it is used.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::store::StoreError;

/// The parameters that a URL may have: those of libpq that are understood.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Which database holds the events, and how it is used.
///
/// From text: a URL as libpq knows it, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require`;
/// `?host=/var/run/postgresql` for a Unix socket. Our tables are made in the first schema of the
/// search path; `?options=-c%20search_path=feeds` names another. What the URL leaves out comes from
/// the variables `PGHOST`, `PGUSER` and so on.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) connect: PgConnectOptions,
    pub(super) acquire_timeout: Duration,
    pub(super) answer_timeout: Duration,
    pub(super) readers: u32,
}

impl PostgresOptions {
    /// The database that sqlx would connect to with these options.
    #[must_use]
    pub fn new(connect: PgConnectOptions) -> Self {
        let connect = match connect.get_application_name() {
            Some(_) => connect,
            None => connect.application_name("feed-server"),
        };
        Self {
            connect,
            acquire_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            readers: 8,
        }
    }

    /// How many connections read at a time; at least 1. Eight, if not set. A process has five more:
    /// three that write, and two for notifications.
    #[must_use]
    pub fn readers(mut self, count: u32) -> Self {
        self.readers = count.max(1);
        self
    }

    /// How long the database may take for an append or a reading, before its connections are given up
    /// as lost. 30 seconds, if not set: its own limits, of 15 seconds for a statement and 5 for a lock,
    /// come first wherever it still answers.
    #[must_use]
    pub const fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// How long to wait for a connection, a new one or a free one, before a request fails. Five
    /// seconds, if not set.
    #[must_use]
    pub const fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }
}

/// The database without its password: for people.
impl fmt::Display for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.connect.get_database().unwrap_or(self.connect.get_username());
        match self.connect.get_socket() {
            Some(socket) => write!(f, "{database} at {}", socket.display()),
            None => {
                write!(f, "{database} at {}:{}", self.connect.get_host(), self.connect.get_port())
            }
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresOptions").field(&self.to_string()).finish()
    }
}

impl FromStr for PostgresOptions {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        // The text itself is not repeated: it may hold a password.
        let invalid = |reason: String| StoreError::Setup {
            message: format!(
                "the URL of the database {reason}: name one such as \
                 postgres://user:password@localhost:5432/shop"
            ),
            source: None,
        };
        let url: Url = text.parse().map_err(|error| invalid(format!("is none ({error})")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(invalid("does not begin with postgres:".to_owned()));
        }
        let known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
        if let Some((name, _)) = url.query_pairs().find(|(name, _)| !known(name)) {
            return Err(invalid(format!("has the unknown parameter {name:?}")));
        }
        let connect = PgConnectOptions::from_str(text).map_err(|error| match error {
            sqlx::Error::Configuration(reason) => invalid(format!("is wrong ({reason})")),
            _ => invalid("is wrong".to_owned()),
        })?;
        Ok(Self::new(connect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        let options: PostgresOptions =
            "postgres://shop:secret@db.example:5433/feeds".parse().unwrap();
        assert_eq!(options.to_string(), "feeds at db.example:5433");
        assert!(!format!("{options:?}").contains("secret"));
        let socket: PostgresOptions = "postgres://u@localhost/feeds?host=/run/pg".parse().unwrap();
        assert_eq!(socket.to_string(), "feeds at /run/pg");
    }

    #[test]
    fn what_is_no_url_of_a_database_is_refused_with_the_remedy() {
        for (text, reason) in [
            ("postgres://shop:secret@db:port/feeds", "is none"),
            ("postgres://shop:secret@db/feeds?sslmod=require", "unknown parameter \"sslmod\""),
            ("postgres://shop:secret@db/feeds?sslmode=perhaps", "is wrong"),
            ("mysql://shop:secret@db/feeds", "does not begin with postgres:"),
        ] {
            let error = text.parse::<PostgresOptions>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("name one such as postgres://"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
