//! Which database holds the cursors, and what is checked when it is opened.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use url::Url;

use crate::store::StoreError;

/// The oldest version that is used.
const OLDEST: i64 = 13;

/// How long to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections a subscription has: one in use, one on its way back, and one for the worker's
/// signs of life, which must not wait for handlers.
const CONNECTIONS: u32 = 3;

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

/// Codes of PostgreSQL (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
mod code {
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const NO_PRIVILEGE: &str = "42501";
}

/// Which database holds the cursors, from a URL as libpq knows it.
#[derive(Clone)]
pub(crate) struct PostgresOptions(PgConnectOptions);

impl PostgresOptions {
    /// Connections that are made when they are needed.
    pub(super) fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(self.0.clone().disable_statement_logging())
    }
}

/// The database without its password: for people.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresOptions").field(&show(&self.0)).finish()
    }
}

impl FromStr for PostgresOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: it may hold a password.
        let invalid = |reason: String| {
            format!("{reason}: name one such as postgres://user:password@localhost:5432/shop")
        };
        let url: Url = text.parse().map_err(|error| invalid(format!("it is no URL ({error})")))?;
        let known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
        if let Some((name, _)) = url.query_pairs().find(|(name, _)| !known(name)) {
            return Err(invalid(format!("the URL has the unknown parameter {name:?}")));
        }
        let options = PgConnectOptions::from_str(text).map_err(|error| match error {
            sqlx::Error::Configuration(reason) => invalid(format!("the URL is wrong ({reason})")),
            _ => invalid("the URL is wrong".to_owned()),
        })?;
        Ok(Self(match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("feed-consumer"),
        }))
    }
}

fn show(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{database} at {}", socket.display()),
        None => format!("{database} at {}:{}", options.get_host(), options.get_port()),
    }
}

/// The database of these connections, without its password.
pub(super) fn shown(pool: &PgPool) -> String {
    show(&pool.connect_options())
}

/// Looks at the server and the database that cursors are to be trusted to.
pub(super) async fn check(pool: &PgPool) -> Result<(), StoreError> {
    let (version, encoding, is_standby): (i64, String, bool) =
        sqlx::query_as(include_str!("sql/setup_check.sql"))
            .fetch_one(pool)
            .await
            .map_err(|error| explain(pool, error))?;
    let refuse = |reason: String| {
        let message = format!("the database {} {reason}", shown(pool));
        Err(StoreError::Setup { message, source: None })
    };
    if version < OLDEST * 10_000 {
        return refuse(format!(
            "is of PostgreSQL {}: use version {OLDEST} or newer",
            version / 10_000
        ));
    }
    if encoding != "UTF8" {
        return refuse(format!(
            "is in {encoding}, which does not hold every text: create it with ENCODING 'UTF8'"
        ));
    }
    if is_standby {
        return refuse("is a standby, which takes no writes: name its primary".to_owned());
    }
    Ok(())
}

/// What is wrong with the database, and what to do about it, in one line.
pub(super) fn explain(pool: &PgPool, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let reason = match (code.as_deref(), &error) {
        (Some(code::NO_DATABASE), _) => "does not exist: create it with createdb".to_owned(),
        (Some(code::NO_PRIVILEGE), _) => format!(
            "does not let the user {} create tables: grant CREATE on its schema",
            pool.connect_options().get_username()
        ),
        (Some(code::READ_ONLY), _) => "takes no writes: name its primary".to_owned(),
        (Some(code), _) if code.starts_with("28") => {
            "refuses the user or the password: see pg_hba.conf, and the URL".to_owned()
        }
        (_, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => {
            "cannot be reached: start PostgreSQL, or correct the URL".to_owned()
        }
        (_, sqlx::Error::Tls(_)) => {
            "cannot be reached with TLS: see sslmode and sslrootcert in the URL".to_owned()
        }
        _ => "cannot be used: see what PostgreSQL says".to_owned(),
    };
    let message = format!("the database {} {reason}", shown(pool));
    StoreError::Setup { message, source: Some(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        let options: PostgresOptions =
            "postgres://shop:secret@db.example:5433/feeds".parse().unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("feeds at db.example:5433") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn what_is_no_url_of_a_database_is_refused_with_the_remedy() {
        for (text, reason) in [
            ("postgres://shop:secret@db:port/feeds", "it is no URL"),
            ("postgres://shop:secret@db/feeds?sslmod=require", "unknown parameter \"sslmod\""),
            ("postgres://shop:secret@db/feeds?sslmode=perhaps", "is wrong"),
        ] {
            let error = text.parse::<PostgresOptions>().unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("name one such as postgres://"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
