//! Who reads for which shard.
//!
//! One reader is at the front, and reads for all shards that have come as far. A shard that lags,
//! because another worker left it there, or because its events wait for so long that there was no
//! room for more, is read for by one of at most two readers that catch up with the front.
//!
//! Of a document of other software, what was found is read so; and it is found here, too, if this
//! worker holds the shard that goes with it.

use std::task::Poll;

use feed_protocol::Position;
use tokio::task::AbortHandle;
use tracing::{Instrument, debug};

use super::NewsReceiver;
use super::lane::Lane;
use super::lanes::Lanes;
use crate::reading::feed::FeedNews;
use crate::reading::interest::{Interest, Scope};
use crate::reading::{self, EventSource, News, Pace, ReadingEnded, Sources};
use crate::shard::ShardCount;
use crate::store::entries::GATHERING;
use crate::store::shards::{Lease, ShardPlace};

/// How many documents are read ahead of the one in hand.
const READ_AHEAD: usize = 1;

/// How many readers catch up at a time.
const MOST_BEHIND: usize = 2;

/// Shards that are no further apart than this are read for together: to read a page again costs
/// less than to open another reader.
const NEAR: u64 = 1_000;

/// Which reader reads for a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FedBy {
    /// None, yet or again.
    Nobody,
    /// This one.
    Feed(FeedId),
}

/// A reader's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FeedId(u64);

/// The readers of a subscription.
#[derive(Debug)]
pub(super) struct Feeding {
    sources: Sources,
    pace: Pace,
    /// Whose events are read: those of the shards that are held.
    interest: Interest,
    front: Option<Feed>,
    behind: Vec<Feed>,
    opened: u64,
    gathering: Option<Gathering>,
}

/// The gathering of a document of other software, in a task of its own.
#[derive(Debug)]
struct Gathering {
    lease: Lease,
    _task: AbortOnDrop,
}

/// A reader in a task of its own.
#[derive(Debug)]
struct Feed {
    id: FeedId,
    news: NewsReceiver,
    /// What it has read was handed on up to here.
    through: Position,
    /// It has found all that there is, and has ended.
    is_idle: bool,
    _task: AbortOnDrop,
}

/// Ends a reader with the worker, even one that is dropped.
#[derive(Debug)]
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a reader has said.
pub(super) struct Said {
    pub(super) by: FeedId,
    pub(super) news: Result<News<FeedNews>, ReadingEnded>,
}

impl Feeding {
    pub(super) fn new(sources: Sources, pace: Pace) -> Self {
        let interest = Interest::everything();
        let (front, behind, gathering) = (None, Vec::new(), None);
        Self { sources, pace, interest, front, behind, opened: 0, gathering }
    }

    /// What an event is read again from.
    pub(super) fn source(&self) -> EventSource {
        self.sources.again()
    }

    /// Whether a document of other software is read.
    pub(super) const fn reads_document(&self) -> bool {
        matches!(self.sources, Sources::Entries(_))
    }

    /// Where the front is; `None` while nothing is read.
    pub(super) fn through(&self) -> Option<Position> {
        self.front.as_ref().map(|front| front.through)
    }

    /// Whether all that there is was found, for every shard.
    pub(super) fn is_idle(&self) -> bool {
        self.behind.is_empty() && self.front.as_ref().is_none_or(|front| front.is_idle)
    }

    /// Sees to it that every shard is read for, if there is room for what it waits for.
    pub(super) fn regulate(&mut self, lanes: &mut Lanes) {
        if lanes.is_empty() {
            self.front = None;
            self.behind.clear();
            return;
        }
        // One that nobody hears any more, since what it read for has no room, is not gone back to.
        self.behind.retain(|feed| lanes.iter().any(|lane| lane.fed_by == FedBy::Feed(feed.id)));
        let unfed = |lane: &&Lane| {
            lane.fed_by == FedBy::Nobody && !lane.is_leaving && !lane.is_read_to_limit()
        };
        let unfed = lanes.iter().filter(unfed).filter(|lane| Lanes::is_hungry(lane));
        let mut unfed: Vec<(Position, Lease)> =
            unfed.map(|lane| (lane.read_to, lane.lease)).collect();
        if unfed.is_empty() {
            return;
        }
        unfed.sort_unstable_by_key(|(read_to, lease)| (*read_to, lease.shard));
        if self.front.is_none() {
            // The lowest of those that are near the highest.
            let highest = unfed.last().map_or(Position::ZERO, |(read_to, _)| *read_to);
            let near = unfed.iter().find(|(read_to, _)| read_to.advanced_by(NEAR) >= highest);
            if let Some(&(position, lease)) = near {
                let pace = self.pace.clone();
                self.front = Some(self.open(position, lanes, lease, pace));
            }
        }
        for (read_to, lease) in unfed {
            let fed_by = self.feed_for(read_to, lanes, lease);
            lanes.change(lease, |lane| lane.fed_by = fed_by);
        }
    }

    /// The reader that passes what comes after this position.
    fn feed_for(&mut self, read_to: Position, lanes: &Lanes, lease: Lease) -> FedBy {
        let passes = |feed: &&Feed| feed.through <= read_to;
        if let Some(feed) = self.front.iter().chain(&self.behind).find(passes) {
            return FedBy::Feed(feed.id);
        }
        if self.behind.len() >= MOST_BEHIND {
            return FedBy::Nobody;
        }
        debug!(position = %read_to, "reading again for shards that lag");
        let pace = Pace { until_idle: true, ..self.pace.clone() };
        let feed = self.open(read_to, lanes, lease, pace);
        let id = feed.id;
        self.behind.push(feed);
        FedBy::Feed(id)
    }

    /// A reader from this position on, for a shard. It knows the last event that was read before
    /// that of any shard, so as to notice when the feed says something else of it.
    fn open(&mut self, position: Position, lanes: &Lanes, lease: Lease, pace: Pace) -> Feed {
        let validators = lanes.held(lease).map(|lane| lane.stored.validators.clone());
        let lasts = lanes.iter().filter_map(|lane| lane.stored.last.as_ref());
        let last = lasts.filter(|last| last.position <= position).max_by_key(|it| it.position);
        let validators = validators.unwrap_or_default();
        let place = ShardPlace { position, last: last.cloned(), validators };
        let source = self.sources.reader(place, self.interest.clone());
        let (sender, news) = tokio::sync::mpsc::channel(READ_AHEAD);
        let task = tokio::spawn(reading::read(source, pace, sender).in_current_span());
        self.opened += 1;
        let id = FeedId(self.opened);
        Feed {
            id,
            news,
            through: position,
            is_idle: false,
            _task: AbortOnDrop(task.abort_handle()),
        }
    }

    /// Other shards are held from now on.
    pub(super) fn set_interest(&mut self, shards: ShardCount, lanes: &Lanes) {
        let held: Vec<_> = lanes.iter().map(|lane| lane.lease.shard).collect();
        // To hash what is wanted anyway would be for nothing.
        let is_all = held.len() == usize::from(shards.get());
        let scope = if is_all { Scope::EVERYTHING } else { Scope::of(shards, held) };
        self.interest.set(scope);
        self.gather(lanes);
    }

    /// Gathers the entries of a document of other software while the shard is held that goes with
    /// it, under its token.
    fn gather(&mut self, lanes: &Lanes) {
        let Sources::Entries(source) = &mut self.sources else { return };
        let lease = lanes.get(GATHERING).map(|lane| lane.lease);
        if self.gathering.as_ref().map(|gathering| gathering.lease) == lease {
            return;
        }
        if lease.is_none() && !lanes.is_empty() {
            source.forget_opened();
        }
        self.gathering = lease.map(|lease| {
            let gathering = source.gather(lease, self.pace.clone()).in_current_span();
            Gathering { lease, _task: AbortOnDrop(tokio::spawn(gathering).abort_handle()) }
        });
    }

    /// A reader has handed on all events of these shards up to here.
    pub(super) fn passed(
        &mut self,
        by: FeedId,
        scope: &Scope,
        through: Position,
        lanes: &mut Lanes,
    ) {
        for lane in lanes.iter_mut().filter(|lane| lane.fed_by == FedBy::Feed(by)) {
            if scope.has(lane.lease.shard) {
                lane.read_through(through);
            } else if through > lane.read_to {
                // It was acquired after this was read: another reader goes back for it.
                lane.fed_by = FedBy::Nobody;
            }
        }
        let front = self.front.as_mut();
        if let Some(feed) = front.into_iter().chain(&mut self.behind).find(|feed| feed.id == by) {
            feed.through = feed.through.max(through);
        }
        self.sources.set_head(through);
        let Some((front, at)) = self.front.as_ref().map(|front| (front.id, front.through)) else {
            return;
        };
        // Those that have caught up join the front: it leaves out what they have read already.
        self.behind.retain(|feed| {
            let catches_up = feed.through < at;
            if !catches_up {
                for lane in lanes.iter_mut().filter(|lane| lane.fed_by == FedBy::Feed(feed.id)) {
                    lane.fed_by = FedBy::Feed(front);
                }
            }
            catches_up
        });
    }

    /// A reader has found all that there is, and has ended.
    pub(super) fn ended(&mut self, by: FeedId, lanes: &mut Lanes) {
        if let Some(front) = self.front.as_mut().filter(|front| front.id == by) {
            front.is_idle = true;
        }
        // It ended before the front, which has found more since.
        if self.behind.iter().any(|feed| feed.id == by) {
            self.behind.retain(|feed| feed.id != by);
            for lane in lanes.iter_mut().filter(|lane| lane.fed_by == FedBy::Feed(by)) {
                lane.fed_by = FedBy::Nobody;
            }
        }
    }

    /// Whether the front has something to say, or may have.
    fn is_heard(&self, feed: &Feed, lanes: &Lanes) -> bool {
        let is_front = self.front.as_ref().is_some_and(|front| front.id == feed.id);
        // Those that catch up are not kept waiting by what the front has brought.
        let allowance = if is_front { 1 } else { 2 };
        !feed.is_idle
            && !lanes.is_full(allowance)
            && lanes.iter().any(|lane| lane.fed_by == FedBy::Feed(feed.id))
    }

    /// Whether a reader has something to say that can be heard at once.
    pub(super) fn has_news(&self, lanes: &Lanes) -> bool {
        let feeds = self.front.iter().chain(&self.behind);
        feeds.filter(|feed| self.is_heard(feed, lanes)).any(|feed| !feed.news.is_empty())
    }

    /// Whether a reader waits for room while shards could be read for.
    pub(super) fn is_held_up(&self, lanes: &Lanes) -> bool {
        let feeds = self.front.iter().chain(&self.behind);
        lanes.is_full(1) && feeds.filter(|feed| !feed.is_idle).any(|it| !self.is_heard(it, lanes))
    }

    /// What the next reader has to say, of those for whose news there is room. Cancel safe.
    pub(super) async fn next(&mut self, lanes: &Lanes) -> Said {
        let heard: Vec<FeedId> = {
            let feeds = self.front.iter().chain(&self.behind);
            feeds.filter(|feed| self.is_heard(feed, lanes)).map(|feed| feed.id).collect()
        };
        std::future::poll_fn(|context| {
            // Those that are behind first: there is less of them.
            for feed in self.behind.iter_mut().chain(&mut self.front) {
                if !heard.contains(&feed.id) {
                    continue;
                }
                match feed.news.poll_recv(context) {
                    Poll::Ready(Some(news)) => return Poll::Ready(Said { by: feed.id, news }),
                    // Only a reader that panicked leaves without a word.
                    Poll::Ready(None) => panic!("the reader has panicked"),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await
    }
}
