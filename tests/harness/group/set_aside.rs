//! What is set aside of a group's feed, and given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use feed_consumer::{Cursors, Outcome, ParkedEvent, ParkedEvents, ParkedFilter};
use feed_protocol::Position;
use tokio::time::timeout;

use super::checker::Feed;
use super::fate::Fate;
use super::{FEED, Group};
use crate::reading::by_tails;

/// How long it may take until everything is handled or set aside, for every event more, and for every
/// one that is set aside.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_PER_EVENT: Duration = Duration::from_millis(15);
const PATIENCE_PER_BAD_EVENT: Duration = Duration::from_secs(3);

/// How long to wait before it is looked again what is set aside.
const AGAIN: Duration = Duration::from_millis(50);

/// Who gives up what cannot be handled.
const WHO: &str = "a test";

impl Group {
    /// The events of the feed, and what is to become of them when these are given up: of each
    /// subject, the first of the others that is bad is parked, and what follows it waits.
    ///
    /// # Panics
    ///
    /// When the feed cannot be read.
    pub async fn feed(&self, given_up: &BTreeSet<i64>) -> Feed {
        let events = by_tails(self.server(), FEED).await;
        let events = events.iter().map(|it| {
            let subject = it.event.subject().expect("all have one").to_string();
            (i64::try_from(it.position.get()).expect("not so many"), subject)
        });
        Feed::expected(events.collect(), given_up, |it| self.is_bad(it))
    }

    /// Whether an event is never handled to its end.
    fn is_bad(&self, position: i64) -> bool {
        self.options.fates.is_bad(position) || self.options.holds == Some(position)
    }

    /// Waits until nothing is left of so many events but what is set aside, gives the first of each
    /// subject up, and so on, until all is handled but what is given up. Returns that.
    ///
    /// # Panics
    ///
    /// When anything else is set aside, or what waits is not left alone, or it takes too long.
    pub async fn give_up_what_is_bad(&mut self, published: u64) -> BTreeSet<i64> {
        let mut given_up = BTreeSet::new();
        loop {
            let feed = self.feed(&given_up).await;
            assert_eq!(feed.subjects.len() as u64, published);
            self.until_set_aside(&feed).await;
            let ever = self.history().ever_parked().await.expect("the database is there");
            self.expect_no_bystanders(&feed, &ever);
            if feed.parked.is_empty() {
                return given_up;
            }
            eprintln!("giving up {:?}, behind which {} wait", feed.parked, feed.waiting.len());
            // What waits has not been touched so far.
            self.verdict(&feed).await.unwrap_or_else(|wrong| panic!("{wrong}"));
            self.give_up(&feed.parked).await;
            given_up.extend(feed.parked);
        }
    }

    /// Waits until everything is handled or set aside as is to be.
    ///
    /// # Panics
    ///
    /// When it takes too long, a bystander is set aside, or a worker has ended for no reason.
    pub async fn until_set_aside(&mut self, feed: &Feed) {
        let [events, bad] = [feed.subjects.len(), feed.parked.len()]
            .map(|it| u32::try_from(it).expect("not so many"));
        let patience = PATIENCE + PATIENCE_PER_EVENT * events + PATIENCE_PER_BAD_EVENT * bad;
        let all = i64::try_from(feed.handled()).expect("not so many");
        let mut handled = None;
        let mut parked = BTreeSet::new();
        let looking = async {
            while handled != Some(all) || parked != feed.parked {
                tokio::time::sleep(AGAIN).await;
                self.supervise().await;
                // The database may be away.
                handled = self.history().handled().await.ok();
                let Ok(positions) = self.history().parked().await else { continue };
                self.expect_no_bystanders(feed, &positions);
                parked = positions;
            }
        };
        if timeout(patience, looking).await.is_err() {
            let verdict = self.verdict(feed).await.map_or_else(|wrong| wrong, |it| it.to_string());
            panic!(
                "waited {patience:?} in vain: {handled:?} of {all} events are handled, and {parked:?} \
                 are parked, not {:?}: {verdict}",
                feed.parked
            );
        }
    }

    /// That nothing is parked but what is bad; or, behind something bad, what is flaky: that is tried
    /// again later.
    fn expect_no_bystanders(&self, feed: &Feed, parked: &BTreeSet<i64>) {
        let bad = feed.subjects.iter().filter(|(it, _)| self.is_bad(**it));
        let bad: BTreeSet<&str> = bad.map(|(_, subject)| &**subject).collect();
        let is_bystander = |position: &&i64| {
            let is_flaky = self.options.fates.of(**position) == Fate::Flaky;
            let may_be = is_flaky && bad.contains(feed.subjects[*position].as_str());
            !self.is_bad(**position) && !may_be
        };
        let bystanders: Vec<_> = parked.iter().filter(is_bystander).collect();
        assert!(bystanders.is_empty(), "bystanders are parked: {bystanders:?} of {parked:?}");
    }

    /// What is parked.
    ///
    /// # Panics
    ///
    /// When the database cannot be read.
    pub async fn parked(&self) -> BTreeMap<i64, ParkedEvent> {
        let (cursors, parked) = self.parked_events().await;
        let all = parked.list(&ParkedFilter::default(), Position::ZERO, 1000).await;
        cursors.close().await;
        let by_place =
            |it: ParkedEvent| (i64::try_from(it.position().get()).expect("not so many"), it);
        all.expect("the database is there").into_iter().map(by_place).collect()
    }

    /// Asks for parked events to be given up.
    ///
    /// # Panics
    ///
    /// When one is not parked.
    pub async fn give_up(&self, positions: &BTreeSet<i64>) {
        let (cursors, parked) = self.parked_events().await;
        for position in positions {
            let asked =
                parked.discard(place(*position), "it was bad from the beginning", WHO).await;
            asked.unwrap_or_else(|error| panic!("{position} cannot be given up: {error}"));
        }
        cursors.close().await;
    }

    /// Asks for a parked event to be handled now, and waits for what becomes of it.
    ///
    /// # Panics
    ///
    /// When it is not parked.
    pub async fn retry(&self, position: i64) -> Outcome {
        let (cursors, parked) = self.parked_events().await;
        let asked = parked.retry(place(position), WHO).await.expect("it is parked");
        let outcome = parked.outcome(asked, crate::PATIENCE).await.expect("the database is there");
        cursors.close().await;
        outcome
    }

    async fn parked_events(&self) -> (Cursors, ParkedEvents) {
        let cursors = Cursors::open(self.database.url()).await.expect("the database is there");
        let all = cursors.list().await.expect("the database is there");
        let [cursor] = &all[..] else { panic!("{} subscriptions", all.len()) };
        let parked = cursors.parked(cursor);
        (cursors, parked)
    }
}

fn place(position: i64) -> Position {
    Position::new(position.unsigned_abs()).expect("not so many")
}
