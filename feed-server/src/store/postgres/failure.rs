//! What an error of PostgreSQL means to a caller.

use sqlx::error::DatabaseError;

use crate::store::StoreError;

/// Codes of PostgreSQL (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(super) mod code {
    pub(in crate::store) const SERIALIZATION_FAILURE: &str = "40001";
    pub(in crate::store) const DEADLOCK_DETECTED: &str = "40P01";
    pub(in crate::store) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(in crate::store::postgres) const UNIQUE_VIOLATION: &str = "23505";
    pub(in crate::store) const UNDEFINED_TABLE: &str = "42P01";
    pub(in crate::store::postgres) const DIVISION_BY_ZERO: &str = "22012";
    pub(in crate::store::postgres) const READ_ONLY: &str = "25006";
    pub(in crate::store::postgres) const IDLE_IN_TRANSACTION: &str = "25P03";
    pub(in crate::store::postgres) const QUERY_CANCELED: &str = "57014";
    pub(in crate::store::postgres) const NO_DATABASE: &str = "3D000";
    pub(in crate::store::postgres) const NO_PRIVILEGE: &str = "42501";
}

/// Classes of codes that speak of the server's state, and not of what was asked: connections,
/// resources, an operator's intervention, the system below.
const PASSING_CLASSES: &[&str] = &["08", "53", "57", "58"];

/// The code, if the error came from PostgreSQL itself.
pub(super) fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(Into::into)
}

/// Whether the connection was lost, and nothing else is known to be wrong.
pub(super) fn is_lost(error: &StoreError) -> bool {
    let StoreError::Unavailable(error) = error else { return false };
    match (error, code_of(error).as_deref()) {
        // Ended by an administrator, or by a crash.
        (_, Some(code)) => code.starts_with("08") || matches!(code, "57P01" | "57P02"),
        (sqlx::Error::Io(_), None) => true,
        (_, None) => false,
    }
}

/// Tells what may pass from what will not.
pub(super) fn failure(error: sqlx::Error) -> StoreError {
    let may_pass = match (&error, code_of(&error)) {
        (_, Some(code)) => {
            PASSING_CLASSES.iter().any(|class| code.starts_with(class))
                || matches!(
                    code.as_str(),
                    code::SERIALIZATION_FAILURE
                        | code::DEADLOCK_DETECTED
                        | code::LOCK_NOT_AVAILABLE
                        | code::READ_ONLY
                        | code::IDLE_IN_TRANSACTION
                        | code::QUERY_CANCELED
                )
        }
        (
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed,
            None,
        ) => true,
        (_, None) => false,
    };
    if may_pass { StoreError::Unavailable(error) } else { StoreError::Failed(error) }
}
