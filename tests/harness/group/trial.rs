//! A group under faults, from its start to the verdict.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::checker::Tally;
use super::database::DatabaseKind;
use super::fate::{Fate, Fates};
use super::options::DEADLY_AFTER;
use super::plan::{self, Act};
use super::{Group, GroupOptions};
use crate::random::seeded;

/// How a group is put to the test.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How many workers there are.
    pub workers: usize,
    /// How many events are published meanwhile.
    pub events: u64,
    /// How long that takes.
    pub time: Duration,
    /// What strikes meanwhile.
    pub faults: Faults,
}

/// What strikes workers beside the events that they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Whatever a [plan] may hold.
    Drawn,
}

impl Trial {
    /// Runs the group with faults that `FEED_TEST_SEED` decides, until they are over, everything is
    /// handled that can be, and nothing else is set aside; then gives that up, and waits until what
    /// was behind it is handled.
    ///
    /// # Panics
    ///
    /// When anything is not as promised.
    pub async fn run(self, options: GroupOptions) -> Tally {
        let mut random = seeded();
        let acts = self.draw(&mut random, &options);
        let fates = Fates { seed: random.random(), ..options.fates };
        let mut group = Group::start(GroupOptions { fates, ..options }).await;
        let mut publisher = group.publisher(StdRng::seed_from_u64(random.random()));
        for place in 0..self.workers {
            group.join(place);
        }
        let begun = Instant::now();
        let faults = async {
            for (at, act) in &acts {
                group.supervise_until(begun + *at).await;
                eprintln!("{:>7.3} s: {act:?}", begun.elapsed().as_secs_f64());
                group.perform(*act).await;
            }
            group.supervise_until(begun + self.time).await;
        };
        // The last faults strike when nothing new is published.
        tokio::join!(faults, publisher.publish_over(self.time.mul_f64(0.9), self.events));
        let given_up = group.give_up_what_is_bad(self.events).await;
        let took = begun.elapsed();
        self.expect_few_deaths(&group, &acts);
        let (deaths, events) = (group.deaths().values().sum::<u32>(), given_up.len());
        let tally = group.finish_without(&given_up).await;
        eprintln!(
            "{tally}; {events} given up after {deaths} deaths; {} acts in {:.1} s",
            acts.len(),
            took.as_secs_f64()
        );
        tally
    }

    fn draw(&self, random: &mut StdRng, options: &GroupOptions) -> Vec<(Duration, Act)> {
        if self.faults == Faults::None {
            return Vec::new();
        }
        let range = plan::Range {
            places: self.workers,
            time: self.time,
            lease: options.lease,
            leaves: self.workers > 1,
            database: options.database == DatabaseKind::Postgres,
        };
        plan::draw(random, range)
    }

    /// An event ends one worker that had others in hand beside it, and as many that had nothing else
    /// as are allowed. A worker that was stopped while it had the event in hand goes on when others
    /// have it.
    fn expect_few_deaths(&self, group: &Group, acts: &[(Duration, Act)]) {
        let stops = acts.iter().filter(|(_, act)| matches!(act, Act::Stop(_))).count();
        let most = DEADLY_AFTER + 1 + u32::try_from(stops).expect("not so many");
        for (position, deaths) in group.deaths() {
            let fate = group.options().fates.of(*position);
            assert!(matches!(fate, Fate::Deadly(_)), "{position} has ended a worker");
            assert!(*deaths <= most, "{position} has ended {deaths} workers");
        }
        let all: u32 = group.deaths().values().sum();
        let events = u32::try_from(group.deaths().len()).expect("not so many");
        assert!(all <= events * (DEADLY_AFTER + 1) + most, "{:?}", group.deaths());
    }
}

impl Group {
    async fn perform(&mut self, act: Act) {
        match act {
            Act::Kill(place) => self.kill(place).await,
            Act::Leave(place) => self.ask_to_leave(place).await,
            Act::Join(place) => self.join(place),
            Act::Stop(place) => self.stop(place),
            Act::Resume(place) => self.resume(place),
            Act::RestartDatabase(restart) => self.restart_database(restart).await,
            Act::RestartServer(restart) => self.restart_server(restart).await,
        }
    }
}
