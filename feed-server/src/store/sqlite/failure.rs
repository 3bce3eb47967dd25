//! What an error of SQLite means to a caller.

use sqlx::error::DatabaseError;

use crate::store::StoreError;

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>), without their extensions.
pub(super) mod code {
    pub(in crate::store::sqlite) const ERROR: i32 = 1;
    /// With its extension: `RAISE(ABORT)` in a trigger.
    pub(in crate::store::sqlite) const CONSTRAINT_TRIGGER: i32 = 1811;
    pub(in crate::store::sqlite) const PERM: i32 = 3;
    pub(in crate::store::sqlite) const BUSY: i32 = 5;
    pub(in crate::store::sqlite) const LOCKED: i32 = 6;
    pub(in crate::store::sqlite) const READONLY: i32 = 8;
    /// With its extension: another file has the name of the one that is open.
    pub(in crate::store::sqlite) const READONLY_DBMOVED: i32 = 1032;
    pub(in crate::store::sqlite) const INTERRUPT: i32 = 9;
    pub(in crate::store::sqlite) const IOERR: i32 = 10;
    pub(in crate::store::sqlite) const CORRUPT: i32 = 11;
    pub(in crate::store::sqlite) const FULL: i32 = 13;
    pub(in crate::store::sqlite) const CANTOPEN: i32 = 14;
    pub(in crate::store::sqlite) const NOTADB: i32 = 26;
}

/// The primary result code, if the error came from SQLite itself.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    extended_code(error).map(|extended| extended & 0xff)
}

/// The result code with its extension, if the error came from SQLite itself.
pub(super) fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error().and_then(DatabaseError::code)?.parse().ok()
}

/// Tells what may pass from what will not.
pub(super) fn failure(error: sqlx::Error) -> StoreError {
    let may_pass = match (&error, primary_code(&error)) {
        (_, Some(code)) => matches!(
            code,
            code::PERM
                | code::BUSY
                | code::LOCKED
                | code::READONLY
                | code::INTERRUPT
                | code::IOERR
                | code::FULL
                | code::CANTOPEN
        ),
        (
            sqlx::Error::Io(_)
            | sqlx::Error::Configuration(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
            None,
        ) => true,
        (_, None) => false,
    };
    if may_pass { StoreError::Unavailable(error) } else { StoreError::Failed(error) }
}
