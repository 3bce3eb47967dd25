//! Reads event feeds, and handles each event in order.
//!
//! A [`Consumer`] is one subscription: a feed, a group that reads it, a handler for its events, and
//! a cursor that moves only after events have been handled. It reads the feeds of `feed-server`,
//! and any other Atom feed: a single document, or one with archives or pages (RFC 5005).
//!
//! What it promises: every event is handled, those of one subject in the order of the feed, at least
//! once; after a crash at most a [`Window`] of events of each shard is handled again, with batches at
//! most one batch more, and nothing of what is [transactional](ConsumerBuilder::transactional). Any
//! number of workers share a subscription, and no two of them handle the same event. When the feed is no longer
//! the one that it has read, it stops and says so, rather than miss events.
//!
//! # Layout
//!
//! - `consumer`: a subscription from its settings to its end
//! - `doctor`: what a consumer may rely on of a feed
//! - `worker`: handles events one after the other or several together, and moves the cursor
//!   behind them
//! - `handler`: what handles events: closures by type, a command for each, requests, lines
//!   of JSON
//! - `reading`: a feed's pages and tail, or a document of other software, over HTTP
//! - `schedule`: when to ask for news, and how failures are met
//! - `cursor`: how far a subscription has come
//! - `lease`: what keeps a worker's leases on its shards
//! - `store`: where cursors are kept
//! - `shard`: the slices into which the subjects of a subscription are cut
//! - `clock`, `random`: the present time, and chance

mod clock;
mod consumer;
mod cursor;
mod doctor;
mod handler;
mod lease;
mod random;
mod reading;
mod schedule;
mod shard;
mod store;
mod worker;

pub use consumer::{
    Asked, ConfigError, Consumer, ConsumerBuilder, Cursors, CursorsError, InvalidStart, KeptCursor,
    LagSince, Outcome, ParkedError, ParkedEvents, PausedShard, PlannedMove, ReshardStatus,
    Resharding, ShardStatus, Start, Status, WorkerStatus,
};
pub use cursor::Window;
pub use doctor::{Doctor, Finding, Report, Verdict};
pub use handler::{
    BatchContext, Context, Exec, Forward, ForwardCounts, Handler, HandlerError, InvalidForward,
    OrPermanent, ParkedEvent, Print, RepairCommand, Repaired, Work,
};
pub use reading::client::options::HttpOptions;
pub use reading::document::settings::{InvalidChoice, Updates, Vanished};
pub use reading::error::Discontinuity;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use reading::fuzzing::read_answer;
pub use schedule::adaptive::Adaptive;
pub use schedule::backoff::Backoff;
pub use schedule::cron::Cron;
pub use schedule::failures::Retry;
pub use schedule::timetable::{Situation, Timetable, When};
pub use schedule::{InvalidSchedule, Schedule};
pub use shard::{InvalidShardCount, ShardCount, ShardNumber, Token};
pub use store::StoreError;
pub use store::location::CursorDatabase;
pub use store::parking::{Deed, ParkedDeed, ParkedFilter};
pub use store::transaction::{Database, Postgres, Sqlite, Tx};
pub use worker::{
    ConsumerError, Ended, InvalidOnExhausted, OnExhausted, Progress, ReadingFailure, RestReason,
    Resting, Retrying, Summary, WorkerReport,
};

/// The programs of the README, so that they compile as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
