//! The schema and its versions, the same for every database.
//!
//! Version n is what the first n migrations make. A migration only adds (expand); what it makes
//! superfluous goes away with a later one (contract). So a program runs on a schema one step newer
//! than its own, and the processes of one database can be upgraded one after the other.

use super::StoreError;

/// One step from a version of the schema to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// What people call it.
    pub(super) name: &'static str,
    /// Its statements.
    pub(super) sql: &'static str,
}

/// The migrations that a schema of this version lacks, each with the version that it leads to.
///
/// # Errors
///
/// When the schema is more than one step newer than the program.
pub(super) fn missing<'m>(
    database: &str,
    version: i64,
    known: &'m [Migration],
) -> Result<impl Iterator<Item = (i64, &'m Migration)>, StoreError> {
    let newest = i64::try_from(known.len()).unwrap_or(i64::MAX);
    if version > newest.saturating_add(1) {
        return Err(StoreError::Setup {
            message: format!(
                "the database {database} has schema version {version}, and this program knows \
                 versions up to {newest}: use a newer program"
            ),
            source: None,
        });
    }
    Ok((1_i64..).zip(known).filter(move |(leads_to, _)| *leads_to > version))
}
