//! Workers that share a subscription, and what befalls them.
//!
//! # Layout
//!
//! - [`options`]: what its workers are
//! - [`fate`]: what befalls them with which event, decided by a seed
//! - [`database`]: where the group's cursors and history are
//! - [`publisher`]: publishes while everything else goes on
//! - [`plan`]: which faults strike when, decided by a seed
//! - [`checker`]: whether the history is what the library promises
//! - `verdict`: the same, in words
//! - `worker`: one of its processes
//! - `supervising`: those that end by themselves are started again
//! - `set_aside`: what is parked of its feed, and given up
//! - [`trial`]: a group under faults, from its start to the verdict

pub mod checker;
pub mod database;
pub mod fate;
pub mod options;
pub mod plan;
pub mod publisher;
mod set_aside;
mod supervising;
pub mod trial;
mod verdict;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::timeout;

use self::checker::{Feed, Tally};
use self::database::CursorDatabase;
use self::plan::Restart;
use self::publisher::Publisher;
use self::verdict::verdict;
use self::worker::{Life, Worker, with_clock};
use crate::binaries::history_worker;
use crate::history::History;
use crate::process::command;
use crate::server::ServerProcess;
use crate::wait::{eventually, within_time};

pub use options::{Effects, GroupOptions};
pub use worker::DIES_OF;

/// The feed that a group reads.
const FEED: &str = "orders";

/// A group of workers: each a process, in a place of its own that another takes after it.
#[derive(Debug)]
pub struct Group {
    options: GroupOptions,
    /// Nothing only while it is started again.
    server: Option<ServerProcess>,
    database: CursorDatabase,
    history: History,
    workers: BTreeMap<usize, Worker>,
    /// Those that were asked to end.
    leaving: Vec<Worker>,
    /// How many were started.
    lives: u64,
    /// How often the database was started again.
    restarts: u32,
    /// How often events have ended workers.
    deaths: BTreeMap<i64, u32>,
}

impl Group {
    /// A group without workers, with a server and a database of its own.
    ///
    /// # Panics
    ///
    /// When one of them does not start.
    pub async fn start(options: GroupOptions) -> Self {
        let server = ServerProcess::start().await;
        let database = CursorDatabase::start(options.database).await;
        let history = History::at(&database.url()).expect("an address");
        history.create().await.expect("the database is new");
        Self {
            options,
            server: Some(server),
            database,
            history,
            workers: BTreeMap::new(),
            leaving: Vec::new(),
            lives: 0,
            restarts: 0,
            deaths: BTreeMap::new(),
        }
    }

    /// What its workers are.
    #[must_use]
    pub fn options(&self) -> &GroupOptions {
        &self.options
    }

    /// What its workers have recorded.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// A publisher to its feed.
    #[must_use]
    pub fn publisher(&self, random: StdRng) -> Publisher {
        let server = self.server();
        Publisher::to(server.url(&format!("/feeds/{FEED}")), self.options.subjects, random)
    }

    /// Starts a worker in this place.
    ///
    /// # Panics
    ///
    /// When somebody has it.
    pub fn join(&mut self, place: usize) {
        self.join_as(place, command(history_worker()));
    }

    /// Starts a worker in this place whose clock is wrong by this much: `+1h`, `-1h`.
    ///
    /// # Panics
    ///
    /// As [`Self::join`], and when the program `faketime` is not installed.
    pub fn join_with_clock(&mut self, place: usize, wrong_by: &str) {
        self.join_as(place, with_clock(command(history_worker()), wrong_by));
    }

    fn join_as(&mut self, place: usize, program: Command) {
        self.lives += 1;
        let life = Life { place, number: self.lives, restarts: self.restarts };
        let feed = self.server().url(&format!("/feeds/{FEED}"));
        let worker = Worker::start(program, &self.options, life, &feed, &self.database.url());
        assert!(self.workers.insert(place, worker).is_none(), "place {place} is taken");
    }

    /// Stops a worker with SIGSTOP.
    pub fn stop(&self, place: usize) {
        self.worker(place).process.signal("STOP");
    }

    /// Stops a worker with SIGSTOP at a moment when it does not hold the write lock of SQLite: as
    /// long as one that does is stopped, nobody can write.
    ///
    /// # Panics
    ///
    /// When there is no such moment.
    pub async fn stop_without_the_write_lock(&self, place: usize) {
        eventually("a moment when the worker does not write", async || {
            self.stop(place);
            let is_free = self.history.is_writable().await.expect("the file can be opened");
            if !is_free {
                self.resume(place);
            }
            is_free.then_some(())
        })
        .await;
    }

    /// Lets a worker go on that was stopped.
    pub fn resume(&self, place: usize) {
        self.worker(place).process.signal("CONT");
    }

    /// Asks a worker to end, with SIGTERM, once it listens to that. It leaves its place at once.
    pub async fn ask_to_leave(&mut self, place: usize) {
        let worker = self.take(place);
        worker.process.log_line(|_| true).await;
        worker.process.signal("TERM");
        self.leaving.push(worker);
    }

    /// Starts the database of the cursors again.
    ///
    /// # Panics
    ///
    /// When it does not start, or is a file.
    pub async fn restart_database(&mut self, restart: Restart) {
        self.restarts += 1;
        self.database.restart(restart).await;
    }

    /// Starts the server of the feed again.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn restart_server(&mut self, restart: Restart) {
        let server = self.server.take().expect("it runs");
        let stopped = match restart {
            Restart::Orderly => server.stopped().await,
            Restart::Crash => server.kill().await,
        };
        self.server = Some(stopped.start().await);
    }

    /// Waits until so many events are handled.
    ///
    /// # Panics
    ///
    /// When it takes longer than this, or a worker has ended by itself.
    pub async fn until_handled(&mut self, events: u64, patience: Duration) {
        // Counting takes longer the more there is.
        let again = Duration::from_millis(10 + events / 100);
        let all = i64::try_from(events).expect("not so many");
        let looking = async {
            // The database may be away.
            while self.history.handled().await.ok() != Some(all) {
                self.supervise().await;
                tokio::time::sleep(again).await;
            }
        };
        if timeout(patience, looking).await.is_err() {
            let feed = self.feed(&BTreeSet::new()).await;
            let verdict = self.verdict(&feed).await.map_or_else(|wrong| wrong, |it| it.to_string());
            panic!("waited {patience:?} in vain for {events} events to be handled: {verdict}");
        }
    }

    /// Publishes until each of the workers in these places has handled something.
    ///
    /// # Panics
    ///
    /// When one of them does not.
    pub async fn until_all_work(&mut self, places: &[usize], publisher: &mut Publisher) {
        let names: Vec<_> = places.iter().map(|it| self.worker(*it).name.clone()).collect();
        let working = async {
            loop {
                let before = self.history.last().await.expect("the database is there");
                publisher.publish_round().await;
                self.until_handled(publisher.published(), crate::PATIENCE).await;
                let since = self.history.workers_since(before).await;
                let since = since.expect("the database is there");
                if names.iter().all(|it| since.contains(it)) {
                    break;
                }
            }
        };
        within_time(crate::PATIENCE, "all workers to handle something", working).await;
    }

    /// The first line of a worker's log.
    pub async fn first_log_line(&self, place: usize) -> String {
        self.worker(place).process.log_line(|_| true).await
    }

    /// Makes the workers that start from now on others than those before.
    pub fn change(&mut self, change: impl FnOnce(&mut GroupOptions)) {
        change(&mut self.options);
    }

    /// Ends all workers, and gives the verdict on what they have done, when nothing is given up.
    ///
    /// # Panics
    ///
    /// As [`Self::finish_without`].
    pub async fn finish(self) -> Tally {
        self.finish_without(&BTreeSet::new()).await
    }

    /// Ends all workers, and gives the verdict on what they have done, when these events are given
    /// up.
    ///
    /// # Panics
    ///
    /// When one does not end well, or anything is not as promised.
    pub async fn finish_without(mut self, given_up: &BTreeSet<i64>) -> Tally {
        let places: Vec<_> = self.workers.keys().copied().collect();
        for place in places {
            self.ask_to_leave(place).await;
        }
        self.left().await;
        let feed = self.feed(given_up).await;
        self.verdict(&feed).await.unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// What is wrong with what the workers have done so far, if anything is.
    async fn verdict(&self, feed: &Feed) -> Result<Tally, String> {
        let history = self.history.read().await.expect("the database is there");
        verdict(self.options.effects, feed, &history)
    }

    fn server(&self) -> &ServerProcess {
        self.server.as_ref().expect("it runs")
    }

    fn worker(&self, place: usize) -> &Worker {
        self.workers.get(&place).unwrap_or_else(|| panic!("nobody is in place {place}"))
    }

    fn take(&mut self, place: usize) -> Worker {
        self.workers.remove(&place).unwrap_or_else(|| panic!("nobody is in place {place}"))
    }
}
