//! Shards that wait for something, as a report names them.

use serde::{Deserialize, Serialize};

use super::super::lane::{Lane, Waiting};
use super::{count, shortened, until};

/// An event that failed, for which its shard waits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Retrying {
    /// The shard.
    pub shard: u16,
    /// The position of the event.
    pub position: u64,
    /// Its id; `None` while a handler has it.
    pub id: Option<String>,
    /// How many tries have failed.
    pub attempts: u32,
    /// In how many seconds the next try is; `None` if it goes on already.
    pub next_try_seconds: Option<f64>,
    /// Why the last one failed, with all its causes.
    pub error: String,
}

/// A shard that rests by itself, or goes on slowly.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Resting {
    /// The shard.
    pub shard: u16,
    /// Why.
    pub why: RestReason,
    /// The position of its next event, or up to where it has come if that is not known.
    pub position: u64,
    /// How many suspects are left, or how many events wait behind parked ones; otherwise 0.
    pub events: u64,
    /// In how many seconds it goes on; `None` if it goes on already, or does not by itself.
    pub next_try_seconds: Option<f64>,
}

/// Why a shard rests by itself, or goes on slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestReason {
    /// Most events fail: it tries one, after growing waits, until one is handled.
    MostFail,
    /// As many events as may wait behind parked ones, and its next event would be one of them.
    TooManyWait,
    /// What may have ended a former holder is handled one event at a time, with nothing else in hand.
    Suspects,
    /// One of which this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl Retrying {
    pub(super) fn of(lane: &Lane) -> Self {
        let in_hand = lane.in_hand.as_ref().map(|it| it.first);
        let first = lane.first().filter(|_| in_hand.is_none());
        Self {
            shard: lane.lease.shard.get(),
            position: in_hand.or(first.map(Waiting::position)).unwrap_or_default().get(),
            id: first.map(|it| it.recorded.event.id().to_string()),
            attempts: lane.failures.count(),
            next_try_seconds: lane.rests_until.and_then(until),
            error: shortened(lane.failures.message()),
        }
    }
}

impl Resting {
    /// How a lane rests, if it does.
    pub(super) fn of(lane: &Lane) -> Option<Self> {
        let (why, events) = if lane.outage.is_some() && lane.next().is_some() {
            (RestReason::MostFail, 0)
        } else if lane.suspicion.is_of_next() {
            (RestReason::Suspects, count(lane.suspicion.events()))
        } else if lane.is_held_up() {
            (RestReason::TooManyWait, lane.shelf.behind())
        } else {
            return None;
        };
        let next = lane.next().map(|(position, _)| position);
        Some(Self {
            shard: lane.lease.shard.get(),
            why,
            events,
            position: next.unwrap_or_else(|| lane.passed()).get(),
            next_try_seconds: lane.rests_until.and_then(until),
        })
    }
}
