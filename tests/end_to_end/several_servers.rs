//! Several server processes on one PostgreSQL database, and what may happen to them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use feed_server::{FeedServer, NewEvent};
use feed_tests::events::order;
use feed_tests::follow::Way;
use feed_tests::postgres::Database;
use feed_tests::random::seeded;
use feed_tests::reading::{by_pages, by_tails, path_of};
use feed_tests::wait::within_time;
use feed_tests::{Http, ServerOptions, ServerProcess, eventually};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

const CLIENTS: u64 = 64;
const TRANSACTIONS: u64 = 8;

async fn servers(database: &Database, count: usize) -> Vec<ServerProcess> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(ServerOptions::default().page_size(50).on(database).start().await);
    }
    servers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_sees_what_another_publishes_within_milliseconds() {
    let database = Database::create().await;
    let servers = servers(&database, 2).await;
    let mut times = Vec::new();
    let mut tail = servers[1].get("/feeds/orders").send().await.expect(200).link("previous");
    for n in 1..=20 {
        let waiting = servers[1].get(path_of(&tail)).header("prefer", "wait=20");
        let waiting = tokio::spawn(waiting.send());
        servers[0].publish_one("orders", &order(n)).await;
        let published = Instant::now();
        let answer = waiting.await.unwrap();
        times.push(published.elapsed());
        assert_eq!(answer.atom_positions(), [n]);
        tail = answer.link("previous");
    }
    times.sort_unstable();
    // The slow poll behind the notifications looks once a second.
    assert!(times[10] < Duration::from_millis(200), "{times:?}");
}

#[tokio::test]
async fn what_one_server_creates_the_others_serve() {
    let database = Database::create().await;
    let servers = servers(&database, 2).await;
    let created = servers[0].command(&["feeds", "create", "later"]);
    feed_tests::process::run(created).await.expect_code(0);
    for server in &servers {
        eventually("the new feed", async || {
            (server.get("/feeds/later").send().await.status == 200).then_some(())
        })
        .await;
    }
    let listed = feed_tests::process::run(servers[1].command(&["feeds", "list"])).await;
    assert!(listed.expect_code(0).stdout.contains("later"));
}

/// What many who publish have in common.
struct Load {
    /// The server processes, of which some may be down at any time.
    addresses: Vec<Http>,
    enough: AtomicBool,
    acknowledged: AtomicUsize,
    progress: Notify,
}

impl Load {
    fn count(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.progress.notify_one();
    }

    async fn more(&self, count: usize) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + count;
        while self.acknowledged.load(Ordering::Relaxed) < goal {
            self.progress.notified().await;
        }
    }

    /// Publishes until somebody acknowledges it.
    async fn publish(&self, event: &Value, turn: &mut usize) {
        loop {
            let http = &self.addresses[*turn % self.addresses.len()];
            match http.post_json("/feeds/orders", event).try_send().await {
                Ok(answer) if matches!(answer.status.as_u16(), 200 | 201) => return,
                Ok(answer) if answer.status == 503 => {}
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => *turn += 1,
            }
            tokio::task::yield_now().await;
        }
    }

    /// A client of the servers: what it publishes, one after the other.
    async fn client(self: Arc<Self>, client: u64) -> Vec<(String, String)> {
        let mut own = Vec::new();
        let mut turn = usize::try_from(client).unwrap();
        for n in 0.. {
            if self.enough.load(Ordering::Relaxed) {
                break;
            }
            let (subject, id) = (format!("order-{}", client % 10), format!("http-{client}-{n}"));
            let event = json!({
                "specversion": "1.0", "id": id, "source": "/shop", "type": "order.placed",
                "subject": subject,
            });
            self.publish(&event, &mut turn).await;
            own.push((subject, id));
            self.count();
        }
        own
    }

    /// A business that publishes in transactions of its own, some of which it rolls back.
    async fn transactions(
        self: Arc<Self>,
        feeds: FeedServer,
        pool: sqlx::PgPool,
        number: u64,
    ) -> Vec<(String, String)> {
        let publisher = feeds.publisher();
        let mut own = Vec::new();
        for n in 0.. {
            if self.enough.load(Ordering::Relaxed) {
                break;
            }
            let subject = format!("order-{}", (number + n) % 10);
            let id = format!("own-{number}-{n}");
            let roll_back = n % 7 == 3;
            loop {
                // A failure anywhere is unknown, and not failed: the same again settles it.
                let attempt = async {
                    let mut transaction = pool.begin().await?;
                    let event =
                        NewEvent::new("/shop", "order.placed").id(&id).subject(&subject).json(&n);
                    publisher.publish_in(&mut transaction, "orders", event).await?;
                    if roll_back {
                        transaction.rollback().await?
                    } else {
                        transaction.commit().await?
                    }
                    Ok::<_, anyhow::Error>(())
                };
                if attempt.await.is_ok() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            if !roll_back {
                own.push((subject, id));
                self.count();
            }
        }
        own
    }
}

/// The load of clients and transactions while `disturb` does its worst; then everything is checked.
async fn under_load(
    database: &Database,
    mut servers: Vec<ServerProcess>,
    disturb: impl AsyncFnOnce(&Load, Vec<ServerProcess>) -> Vec<ServerProcess>,
) {
    let store = feed_server::store::open(database.url()).await.unwrap();
    let feeds = FeedServer::builder().shared_store(store).relay(false).build().await.unwrap();
    let pool = database.pool(u32::try_from(TRANSACTIONS).unwrap()).await;
    let load = Arc::new(Load {
        addresses: servers.iter().map(|server| Http::new(server.url("/"))).collect(),
        enough: AtomicBool::new(false),
        acknowledged: AtomicUsize::new(0),
        progress: Notify::new(),
    });
    let (end, ended) = watch::channel(None);
    let readers = Way::ALL.map(|way| {
        (way, tokio::spawn(way.follow(load.addresses.clone(), "orders", ended.clone())))
    });
    let mut publishing = JoinSet::new();
    for client in 0..CLIENTS {
        publishing.spawn(Arc::clone(&load).client(client));
    }
    for number in 0..TRANSACTIONS {
        publishing.spawn(Arc::clone(&load).transactions(feeds.clone(), pool.clone(), number));
    }
    servers = disturb(&load, servers).await;
    load.more(100).await;
    load.enough.store(true, Ordering::Relaxed);
    let committed = publishing.join_all().await;

    let all: HashSet<&String> = committed.iter().flatten().map(|(_, id)| id).collect();
    let ids = eventually("everything that was committed", async || {
        let log = by_tails(&servers[0], "orders").await;
        let ids: Vec<String> = log.iter().map(|it| it.event.id().to_string()).collect();
        (ids.len() >= all.len()).then_some(ids)
    })
    .await;
    end.send_replace(Some(ids.len() as u64));
    let distinct: HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an event is there twice");
    let lost: Vec<_> = all.difference(&distinct).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let never: Vec<_> = distinct.difference(&all).collect();
    assert!(never.is_empty(), "never committed: {never:?}");
    let place = |id: &String| ids.iter().position(|it| it == id);
    for own in &committed {
        for subject in own.iter().map(|(subject, _)| subject).collect::<HashSet<_>>() {
            let own = own.iter().filter(|(it, _)| it == subject).map(|(_, id)| place(id));
            assert!(own.is_sorted(), "the events of a subject are in the order of their commits");
        }
    }
    let pages = by_pages(&servers[0], "orders").await;
    assert!(pages.iter().map(|it| it.event.id().as_str()).eq(ids.iter().map(String::as_str)));
    for (way, reader) in readers {
        let history = reader.await.unwrap();
        assert!(history.iter().map(|(_, id)| id).eq(&ids), "by {way:?} something else was seen");
    }
    println!("{} events", ids.len());
}

async fn killed_in_turn(count: usize) {
    let mut random = seeded();
    let database = Database::create().await;
    let servers = servers(&database, count).await;
    let test = under_load(&database, servers, async |load, mut servers| {
        for _ in 0..2 * count {
            load.more(random.random_range(50..200)).await;
            let dying = servers.remove(0);
            servers.push(dying.killed_and_restarted().await);
        }
        servers
    });
    within_time(Duration::from_secs(180), "clients and kills", test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_killed_in_turn_lose_nothing_and_double_nothing() {
    killed_in_turn(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_killed_in_turn_lose_nothing_and_double_nothing() {
    killed_in_turn(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_half_way_holds_up_the_others_for_seconds_at_most() {
    let database = Database::create().await;
    let servers = servers(&database, 2).await;
    let test = under_load(&database, servers, async |load, servers| {
        for _ in 0..3 {
            load.more(100).await;
            // Half of the time it is in the middle of an append, and holds the feed's lock.
            servers[0].process().signal("STOP");
            load.more(20).await;
            servers[0].process().signal("CONT");
        }
        servers
    });
    within_time(Duration::from_secs(180), "clients and stops", test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_connections_are_cut_under_load_loses_nothing() {
    let database = Database::create().await;
    let servers = servers(&database, 2).await;
    let test = under_load(&database, servers, async |load, servers| {
        for _ in 0..5 {
            load.more(100).await;
            assert!(database.cut_connections().await > 0);
        }
        servers
    });
    within_time(Duration::from_secs(180), "clients and cuts", test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_under_load_loses_nothing() {
    use feed_tests::postgres::{private_server, url_of};
    let postgres = private_server().await;
    let database = Database::create_on(url_of(&postgres)).await;
    let servers = servers(&database, 2).await;
    let test = under_load(&database, servers, async |load, servers| {
        for crash in [false, true, false] {
            load.more(100).await;
            if crash {
                postgres.kill().unwrap();
            } else {
                postgres.stop(throwaway_postgres::Mode::Fast).unwrap();
            }
            postgres.start_again().unwrap();
        }
        servers
    });
    within_time(Duration::from_secs(180), "clients and restarts", test).await;
}
