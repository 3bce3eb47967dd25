//! A group under faults, from its start to the verdict.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::checker::Tally;
use super::database::DatabaseKind;
use super::plan::{self, Act};
use super::{Group, GroupOptions};
use crate::random::seeded;

/// How long it may take after the last fault until everything is handled, and for every event more.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_PER_EVENT: Duration = Duration::from_millis(15);

/// How a group is put to the test.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How many workers there are.
    pub workers: usize,
    /// How many events are published while faults strike.
    pub events: u64,
    /// How long they strike.
    pub time: Duration,
}

impl Trial {
    /// Runs the group with faults that `FEED_TEST_SEED` decides, until they are over and everything
    /// is handled.
    ///
    /// # Panics
    ///
    /// When anything is not as promised.
    pub async fn run(self, options: GroupOptions) -> Tally {
        let mut random = seeded();
        let acts = plan::draw(
            &mut random,
            plan::Range {
                places: self.workers,
                time: self.time,
                lease: options.lease,
                leaves: self.workers > 1,
                database: options.database == DatabaseKind::Postgres,
            },
        );
        let mut group = Group::start(GroupOptions { seed: random.random(), ..options }).await;
        let mut publisher = group.publisher(StdRng::seed_from_u64(random.random()));
        for place in 0..self.workers {
            group.join(place);
        }
        let begun = Instant::now();
        let faults = async {
            for (at, act) in &acts {
                tokio::time::sleep_until(begun + *at).await;
                group.supervise().await;
                eprintln!("{:>7.3} s: {act:?}", begun.elapsed().as_secs_f64());
                group.perform(*act).await;
            }
        };
        // The last faults strike when nothing new is published.
        tokio::join!(faults, publisher.publish_over(self.time.mul_f64(0.9), self.events));
        let events = u32::try_from(self.events).expect("not so many");
        group.until_handled(self.events, PATIENCE + PATIENCE_PER_EVENT * events).await;
        let took = begun.elapsed();
        let tally = group.finish().await;
        eprintln!("{tally}; {} acts in {:.1} s", acts.len(), took.as_secs_f64());
        tally
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
