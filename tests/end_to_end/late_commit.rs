//! The defect of most feeds that are made of a table: a transaction that commits late appears behind
//! readers who have passed its place, and is never seen.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use feed_tests::Http;
use feed_tests::follow::{History, Way};
use feed_tests::mounted::Mounted;
use feed_tests::random::seeded;
use feed_tests::reading::by_tails;
use feed_tests::wait::within_time;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::publish_in::given::{InPostgres, InSqlite, Own, Place, placed_for};

/// How many actors publish at once, and how often each.
const ACTORS: u64 = 8;
const TURNS: usize = 12;
/// How many schedules are tried.
const ROUNDS: u64 = 4;
const SUBJECTS: [&str; 3] = ["order-1", "order-2", "order-3"];

/// What an actor may do in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    Direct,
    Outbox,
    Both,
}

/// An event that was committed.
#[derive(Debug)]
struct Committed {
    subject: String,
    id: String,
    /// For one of a transaction, a number that was drawn while that had its turn at the subject.
    turn: Option<u64>,
}

/// How many commits there have been; a transaction is held open across some of them.
#[derive(Clone)]
struct Commits {
    count: Arc<watch::Sender<u64>>,
    turns: Arc<AtomicU64>,
}

impl Commits {
    fn count(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Waits until there have been so many more, or there will be no more.
    async fn pass(&self, more: u64) {
        let goal = *self.count.borrow() + more;
        let _ = self.count.subscribe().wait_for(|count| *count >= goal).await;
    }

    /// Holds nobody up any more.
    fn end(&self) {
        self.count.send_replace(u64::MAX / 2);
    }
}

/// One actor: direct publishes and transactions by turns, some of them held open, some rolled back.
async fn act<P: Place>(
    place: Arc<P>,
    http: Http,
    actor: u64,
    mix: Mix,
    mut random: StdRng,
    commits: Commits,
    side_by_side: bool,
) -> Vec<Committed> {
    let publisher = place.publisher();
    let mut committed = Vec::new();
    for turn in 0..TURNS {
        let subject = (*SUBJECTS.choose(&mut random).unwrap()).to_owned();
        let id = |part: u32| format!("{actor}-{turn}-{part}");
        let direct = mix == Mix::Direct || (mix == Mix::Both && random.random());
        if direct {
            let event = json!({
                "specversion": "1.0", "id": id(0), "source": "/shop", "type": "order.placed",
                "subject": subject,
            });
            http.post_json("/feeds/orders", &event).send().await.expect(201);
            committed.push(Committed { subject, id: id(0), turn: None });
            commits.count();
            continue;
        }
        let mut own = place.begin().await;
        let mut published = Vec::new();
        let mut receipts = Vec::new();
        for part in 0..random.random_range(1..=3) {
            let event = placed_for(&subject, &id(part));
            receipts.push(publisher.publish_in(&mut own, "orders", event).await.unwrap());
            let turn = Some(commits.turns.fetch_add(1, Ordering::SeqCst));
            published.push(Committed { subject: subject.clone(), id: id(part), turn });
        }
        if side_by_side && random.random_bool(0.4) {
            // Only one at a time may wait for the others, or they would wait for each other.
            let passed = commits.pass(random.random_range(1..20));
            let given_up = async {
                for _ in 0..random.random_range(100..5000) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                () = passed => {}
                () = given_up => {}
            }
        }
        if random.random_bool(0.15) {
            own.rollback().await;
            continue;
        }
        own.commit().await.unwrap();
        commits.count();
        committed.extend(published);
        if random.random() {
            receipts.iter().for_each(feed_server::Receipt::wake);
        }
    }
    committed
}

/// One schedule: whoever reads by whatever way sees the same, and all that was committed.
async fn run<P: Place>(place: P, mix: Mix, side_by_side: bool, random: &mut StdRng) {
    let place = Arc::new(place);
    let server = Mounted::start(place.feeds().router()).await;
    let http = Http::new(server.url("/"));
    let (end, ended) = watch::channel(None);
    let readers = Way::ALL.map(|way| {
        let (http, ended) = (http.clone(), ended.clone());
        (way, tokio::spawn(way.follow(vec![http], "orders", ended)))
    });
    let commits = Commits { count: Arc::new(watch::Sender::new(0)), turns: Arc::default() };
    let mut actors = JoinSet::new();
    for actor in 0..ACTORS {
        let random = StdRng::seed_from_u64(random.random());
        let (place, http, commits) = (Arc::clone(&place), http.clone(), commits.clone());
        actors.spawn(act(place, http, actor, mix, random, commits, side_by_side));
    }
    let mut committed = Vec::new();
    while let Some(own) = actors.join_next().await {
        committed.push(own.unwrap());
        if actors.len() <= 1 {
            commits.end();
        }
    }
    let all: HashSet<&String> = committed.iter().flatten().map(|it| &it.id).collect();
    place.ids(all.len()).await;
    let log = by_tails(&http, "orders").await;
    let log: History = log
        .into_iter()
        .map(|it| (it.event.source().to_string(), it.event.id().to_string()))
        .collect();
    end.send_replace(Some(log.len() as u64));
    let places: HashMap<&String, usize> =
        log.iter().enumerate().map(|(place, (_, id))| (id, place)).collect();
    assert_eq!(places.len(), log.len(), "an event is there twice");
    assert_eq!(places.keys().copied().collect::<HashSet<_>>(), all, "what is there was committed");
    for subject in SUBJECTS {
        let of_subject = |own: &'_ [Committed]| -> Vec<(Option<u64>, usize)> {
            let own = own.iter().filter(|it| it.subject == subject);
            own.map(|it| (it.turn, places[&it.id])).collect()
        };
        for own in &committed {
            let own = of_subject(own);
            assert!(own.is_sorted_by_key(|(_, place)| *place), "an actor's own order");
        }
        let mut turns: Vec<_> = committed.iter().flat_map(|own| of_subject(own)).collect();
        turns.retain(|(turn, _)| turn.is_some());
        turns.sort_unstable();
        assert!(
            turns.is_sorted_by_key(|(_, place)| *place),
            "the events of a subject are in the order in which their transactions committed"
        );
    }
    for (way, reader) in readers {
        let history = reader.await.unwrap();
        assert!(history == log, "who reads by {way:?} has seen something else");
    }
}

async fn rounds<P: Place>(open: impl AsyncFn() -> P, mix: Mix, side_by_side: bool) {
    let mut random = seeded();
    for _ in 0..ROUNDS {
        let round = run(open().await, mix, side_by_side, &mut random);
        within_time(std::time::Duration::from_secs(120), "a schedule to end", round).await;
    }
}

/// Two connections and a transaction held open across many later publishes, on a database where
/// transactions stand side by side and on one where they take turns; for direct publishes, for
/// transactions of callers, and for both on the same subjects.
mod a_late_commit_is_never_skipped {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_direct_publishes_on_postgres() {
        rounds(InPostgres::new, Mix::Direct, true).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_the_outbox_on_postgres() {
        rounds(InPostgres::new, Mix::Outbox, true).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_both_on_one_subject_on_postgres() {
        rounds(InPostgres::new, Mix::Both, true).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_direct_publishes_on_sqlite() {
        rounds(InSqlite::new, Mix::Direct, false).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_transactions_on_sqlite() {
        rounds(InSqlite::new, Mix::Outbox, false).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_both_on_one_subject_on_sqlite() {
        rounds(InSqlite::new, Mix::Both, false).await;
    }

    /// The plainest case, without chance: one transaction, many later publishes, every way to read.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_one_transaction_held_open_across_many_publishes() {
        let place = Arc::new(InPostgres::new().await);
        let server = Mounted::start(place.feeds().router()).await;
        let http = Http::new(server.url("/"));
        let publisher = place.publisher();
        let mut held = place.begin().await;
        let event = placed_for("order-1", "held");
        let receipt = publisher.publish_in(&mut held, "orders", event).await.unwrap();
        let (end, ended) = watch::channel(None);
        let readers = Way::ALL
            .map(|way| tokio::spawn(way.follow(vec![http.clone()], "orders", ended.clone())));
        for number in 0..250 {
            let event = placed_for("order-1", &number.to_string());
            publisher.publish("orders", event).await.unwrap();
        }
        Own::commit(held).await.unwrap();
        receipt.wake();
        assert_eq!(place.ids(251).await[250], "held");
        end.send_replace(Some(251));
        for reader in readers {
            assert_eq!(reader.await.unwrap()[250].1, "held");
        }
    }
}
