//! What the workers of a group are.

use std::time::Duration;

use super::database::DatabaseKind;
use super::fate::Fates;

/// After how many attempts alone an event is set aside that ends its worker: the library's own
/// setting, which workers are not told.
pub const DEADLY_AFTER: u32 = 3;

/// Where the effects of handlers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// Into the transaction in which the cursor moves.
    Transactional,
    /// Elsewhere: they are recorded before and after.
    Outside,
}

/// What the workers of a group are.
#[derive(Debug, Clone)]
pub struct GroupOptions {
    /// Where their cursors are.
    pub database: DatabaseKind,
    /// Where their effects go.
    pub effects: Effects,
    /// How many subjects the events have.
    pub subjects: u64,
    /// Into how many shards they are cut.
    pub shards: u16,
    /// How many workers each process counts for.
    pub workers_each: u16,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How many events they may handle beyond a cursor.
    pub window: usize,
    /// What befalls them with which event.
    pub fates: Fates,
    /// An event that whoever has it in hand does not come to the end of.
    pub holds: Option<i64>,
}

impl GroupOptions {
    /// Workers that are quick and never fail, with a lease of two seconds.
    #[must_use]
    pub fn new(database: DatabaseKind, effects: Effects) -> Self {
        Self {
            database,
            effects,
            subjects: 100,
            shards: 64,
            workers_each: 1,
            lease: Duration::from_secs(2),
            window: 20,
            fates: Fates::default(),
            holds: None,
        }
    }
}
