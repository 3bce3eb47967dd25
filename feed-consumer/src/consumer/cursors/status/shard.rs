//! How a shard is doing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::rfc3339;
use crate::store::orders::Pause;
use crate::store::shards::{Shard, WorkerId};
use crate::worker::{Resting, Retrying, seconds};

/// How a shard is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShardStatus {
    /// Its number.
    pub shard: u16,
    /// Who holds it, as `host:process`; `None` if nobody does. A holder whose lease has ended is
    /// named until another worker takes the shard over; one that is not known any more, by its
    /// name in the database.
    pub holder: Option<String>,
    /// The holder's name in the database.
    pub worker: Option<String>,
    /// The token of its last acquisition; 0 before the first.
    pub token: u64,
    /// For how many seconds the lease still lasts unless it is renewed; `None` if it has ended, or
    /// nobody holds it.
    pub lease_seconds: Option<f64>,
    /// How far it has come.
    pub position: u64,
    /// When its cursor last moved.
    #[serde(serialize_with = "rfc3339")]
    pub moved: DateTime<Utc>,
    /// How many seconds ago that was.
    pub still_seconds: f64,
    /// Who has paused it, if somebody has.
    pub paused: Option<PausedShard>,
    /// So many of the events behind its cursor may have ended a former holder, as of its last
    /// acquisition. They are handled one at a time, with nothing else in hand.
    pub suspects: u32,
    /// The event that it waits for, if one has failed and is tried again.
    pub retrying: Option<Retrying>,
    /// Why it rests by itself, or goes on slowly, if it does.
    pub resting: Option<Resting>,
}

/// A shard is paused: nothing of it is handled until it is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PausedShard {
    /// By whom, as they name themselves.
    pub who: String,
    /// Why; empty if they did not say.
    pub reason: String,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: DateTime<Utc>,
}

impl ShardStatus {
    pub(super) fn new(shard: &Shard, names: &HashMap<&WorkerId, String>) -> Self {
        let holder = shard.holder.as_ref();
        Self {
            shard: shard.lease.shard.get(),
            holder: holder.map(|id| names.get(id).unwrap_or(&id.0).clone()),
            worker: holder.map(ToString::to_string),
            token: shard.lease.token.get(),
            lease_seconds: shard.left.map(seconds),
            position: shard.place.position.get(),
            moved: shard.moved,
            still_seconds: seconds(shard.still),
            paused: shard.paused.clone().map(PausedShard::from),
            suspects: shard.suspects.events,
            retrying: None,
            resting: None,
        }
    }

    /// Whether a worker holds it under a lease that has not ended.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.lease_seconds.is_some()
    }
}

impl From<Pause> for PausedShard {
    fn from(pause: Pause) -> Self {
        Self { who: pause.reason.who, reason: pause.reason.why, since: pause.since }
    }
}
