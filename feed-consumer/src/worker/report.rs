//! What a worker says about its work, for `status`.
//!
//! It is put together when the leases have something to say, which is about once a second, and goes
//! to the database with the next sign of life. Events cost nothing of it.

mod shards;

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use feed_protocol::Position;
use futures_util::future::FusedFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Worker;
use super::lane::Lane;
use crate::handler::Work;
use crate::reading::Pace;
use crate::reading::outlook::{LastFailure, Outlook};

pub use shards::{RestReason, Resting, Retrying};

/// Over how long the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(5);
/// How far apart measurements are, at the least.
const MEASURE: Duration = Duration::from_millis(250);
/// At most so many shards that are tried again are named.
const MOST_RETRYING: usize = 20;
/// At most so many shards that rest are named.
const MOST_RESTING: usize = 20;
/// At most so many characters of an error are told.
const MOST_OF_ERROR: usize = 500;

/// What a worker says about its work. It was true at its last sign of life, or up to two seconds
/// before; waits count from then.
///
/// Fields of newer versions are ignored, and those that an older version did not have are as for a
/// worker that has just begun.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The newest position that it knows; of a document of other software, how many entries.
    pub head: Option<u64>,
    /// How many events it has handled since it began.
    pub handled: u64,
    /// How many it has passed over since, because no handler takes their types.
    pub passed_over: u64,
    /// How many events it has handled or passed over a second, over the last five seconds.
    pub rate: f64,
    /// How many events it has read that wait for their turn.
    pub waiting: u64,
    /// For how many seconds there has been something to do on all looks at it; `None` if it never
    /// was without since it last acquired shards.
    pub busy_seconds: Option<f64>,
    /// When it asks for news, as settings say it.
    pub schedule: Option<String>,
    /// In how many seconds it asks for news; `None` if that is not known, since it is told of news,
    /// or is busy.
    pub next_poll_seconds: Option<f64>,
    /// When the feed accepted the oldest event that waits or is in hand, and was not set aside, by the
    /// feed's clock (RFC 3339); `None` if there is none.
    pub next_updated: Option<String>,
    /// Whether no older event can be left of its shards that it has not read yet.
    pub next_is_known: bool,
    /// The last failure of reading the feed.
    pub reading_failure: Option<ReadingFailure>,
    /// The shards that wait for an event that failed, up to 20 of them.
    pub retrying: Vec<Retrying>,
    /// How many there are in all.
    pub retrying_in_all: u64,
    /// The shards that rest by themselves, or go on slowly, for a reason that is not one event, up to
    /// 20 of them.
    pub resting: Vec<Resting>,
    /// How many there are in all.
    pub resting_in_all: u64,
    /// How many subjects of its shards wait behind a parked event, or events without one are parked.
    pub parked: u64,
}

/// The last failure of reading a feed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReadingFailure {
    /// What failed, with all its causes.
    pub error: String,
    /// How many failures there were in a row, this one included.
    pub failures: u32,
    /// How long ago it was.
    pub seconds_ago: f64,
    /// In how many seconds the next try is; `None` if it goes on already.
    pub next_try_seconds: Option<f64>,
    /// Whether the feed has been read since.
    pub is_over: bool,
}

/// What reports are made of, beyond what a worker knows anyway.
#[derive(Debug)]
pub(super) struct Reporting {
    schedule: String,
    outlook: Outlook,
    /// When how many events were done.
    measured: VecDeque<(Instant, u64)>,
    /// When there was last nothing to do.
    at_rest: Option<Instant>,
}

impl Reporting {
    pub(super) fn new(pace: &Pace) -> Self {
        Self {
            schedule: pace.schedule.to_string(),
            outlook: pace.outlook.clone(),
            measured: VecDeque::new(),
            at_rest: None,
        }
    }

    /// Shards were acquired, which may have waited for long.
    pub(super) fn acquired(&mut self) {
        self.at_rest = None;
    }

    /// How many events are done a second, if so many are done now.
    fn rate(&mut self, done: u64) -> f64 {
        let now = Instant::now();
        while self.measured.get(1).is_some_and(|(at, _)| now - *at >= RATE_OVER) {
            self.measured.pop_front();
        }
        let rate = self.measured.front().map_or(0.0, |(since, before)| {
            let seconds = (now - *since).as_secs_f64();
            let events = u32::try_from(done.saturating_sub(*before)).unwrap_or(u32::MAX);
            if seconds > 0.0 { f64::from(events) / seconds } else { 0.0 }
        });
        if self.measured.back().is_none_or(|(at, _)| now - *at >= MEASURE) {
            self.measured.push_back((now, done));
        }
        (rate * 10.0).round() / 10.0
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Says at the next sign of life what is so now.
    pub(super) fn report(&mut self) {
        self.tell();
        let now = self.now;
        if !self.lanes.is_empty() && self.lanes.iter().all(|lane| lane.passed() >= now.head) {
            self.reporting.at_rest = Some(Instant::now());
        }
        let known = self.reporting.outlook.known();
        let next = self.lanes.iter().filter_map(Lane::next).min();
        let failing = || self.lanes.iter().filter(|lane| lane.failures.count() > 0);
        let report = WorkerReport {
            head: Some(now.head.get()),
            handled: now.handled,
            passed_over: now.passed_over,
            rate: self.reporting.rate(now.handled + now.passed_over),
            waiting: count(self.lanes.waiting()),
            busy_seconds: self.reporting.at_rest.map(|since| seconds(since.elapsed())),
            schedule: Some(self.reporting.schedule.clone()),
            next_poll_seconds: known.next_poll.and_then(until),
            next_updated: next.map(|(_, updated)| updated.to_rfc3339()),
            next_is_known: self.lanes.iter().all(|lane| is_read(lane, next, now.head)),
            reading_failure: known.last_failure.map(ReadingFailure::from),
            retrying: failing().take(MOST_RETRYING).map(Retrying::of).collect(),
            retrying_in_all: count(failing().count()),
            resting: self.lanes.iter().filter_map(Resting::of).take(MOST_RESTING).collect(),
            resting_in_all: count(self.lanes.iter().filter_map(Resting::of).count()),
            parked: count(self.lanes.iter().map(|lane| lane.shelf.len()).sum()),
        };
        // Numbers and text alone are always JSON.
        if let Ok(report) = serde_json::to_string(&report) {
            self.leases.report(report);
        }
    }
}

impl From<LastFailure> for ReadingFailure {
    fn from(failure: LastFailure) -> Self {
        Self {
            error: shortened(&failure.message),
            failures: failure.count,
            seconds_ago: seconds(failure.at.elapsed()),
            next_try_seconds: until(failure.next_try).filter(|_| !failure.is_over),
            is_over: failure.is_over,
        }
    }
}

/// Whether no event of this lane can come before this one, or the end of the feed.
fn is_read(lane: &Lane, next: Option<(Position, DateTime<Utc>)>, head: Position) -> bool {
    let end = next.map_or(head, |(position, _)| position.min(head));
    lane.next().is_some() || lane.read_to >= end
}

/// How long it is until then; `None` if the time has come.
fn until(moment: Instant) -> Option<f64> {
    let left = moment.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| seconds(left))
}

/// In seconds, to a millisecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    let whole = Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    whole.as_secs_f64()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_OF_ERROR) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reporting() -> Reporting {
        let pace = Pace {
            schedule: "every:5s".parse().unwrap(),
            until_idle: false,
            patience: crate::schedule::failures::Retry::default().into(),
            outlook: Outlook::default(),
        };
        Reporting::new(&pace)
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_seconds() {
        let mut reporting = reporting();
        assert!(reporting.rate(0) < 0.1);
        let mut done = 0;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            done += 50;
            let rate = reporting.rate(done);
            assert!((99.0..=101.0).contains(&rate), "{rate}");
        }
        tokio::time::sleep(RATE_OVER * 2).await;
        reporting.rate(done);
        tokio::time::sleep(RATE_OVER).await;
        assert!(reporting.rate(done) < 0.1);
        assert!(reporting.measured.len() < 25);
    }

    #[test]
    fn what_a_newer_or_older_version_says_is_understood_as_far_as_it_goes() {
        let report: WorkerReport = serde_json::from_str(
            r#"{"head":7,"not_yet_known":[1,2],"retrying":[{"shard":3,"x":1}]}"#,
        )
        .unwrap();
        assert_eq!((report.head, report.handled), (Some(7), 0));
        assert_eq!(report.retrying[0].shard, 3);
        assert_eq!(serde_json::from_str::<WorkerReport>("{}").unwrap(), WorkerReport::default());
        let resting: WorkerReport = serde_json::from_str(
            r#"{"resting":[{"shard":1,"why":"most_fail"},{"shard":2,"why":"not_yet_known"}]}"#,
        )
        .unwrap();
        assert_eq!(resting.resting[0].why, RestReason::MostFail);
        assert_eq!(resting.resting[1].why, RestReason::Other);
        assert!(resting.next_updated.is_none() && !resting.next_is_known);
    }

    #[test]
    fn a_long_error_is_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"é".repeat(MOST_OF_ERROR + 1));
        assert_eq!(long.chars().count(), MOST_OF_ERROR + 1);
        assert!(long.ends_with('…'));
    }
}
