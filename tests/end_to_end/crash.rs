//! A server that dies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use feed_protocol::event::EventId;
use feed_tests::events::order;
use feed_tests::random::seeded;
use feed_tests::reading::{by_pages, by_tails};
use feed_tests::wait::within_time;
use feed_tests::{Http, ServerProcess};
use rand::RngExt;
use serde_json::json;
use tokio::sync::{Notify, watch};

const CLIENTS: u64 = 32;
const KILLS: usize = 5;

/// Publishes one event until it is acknowledged, and says whether some attempt before had been
/// stored unseen.
async fn publish_until_acknowledged(http: &Http, n: u64, up: &mut watch::Receiver<u64>) -> bool {
    loop {
        let life = *up.borrow_and_update();
        let request = http.post_json("/feeds/orders", &order(n));
        match request.try_send().await {
            Ok(answer) if answer.status == 201 => return false,
            Ok(answer) if answer.status == 200 => return true,
            Ok(answer) if answer.status == 503 => {}
            Ok(answer) => panic!("{answer:?}"),
            // It died. It is up again, or will be.
            Err(_) => {
                let next = up.wait_for(|it| *it > life);
                if next.await.is_err() {
                    panic!("the server does not come back");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_is_there_after_sigkill_once_and_positions_are_gapless() {
    let mut random = seeded();
    let mut server = ServerProcess::with_page_size(10).await;
    let http = Http::new(server.url("/"));
    let (lives, up) = watch::channel(0_u64);
    let acknowledged = AtomicUsize::new(0);
    let found_stored = AtomicUsize::new(0);
    let progress = Notify::new();
    let enough = AtomicBool::new(false);

    let client = async |client: u64| {
        let mut up = up.clone();
        let mut own = Vec::new();
        let mut n = client;
        while !enough.load(Ordering::Relaxed) {
            if publish_until_acknowledged(&http, n, &mut up).await {
                found_stored.fetch_add(1, Ordering::Relaxed);
            }
            own.push(format!("order-{n}"));
            n += CLIENTS;
            acknowledged.fetch_add(1, Ordering::Relaxed);
            progress.notify_one();
        }
        own
    };
    let clients = futures_util::future::join_all((0..CLIENTS).map(&client));
    let killer = async {
        for life in 1..=KILLS {
            // At a moment that has nothing to do with commits: after some acknowledgements, in
            // the midst of those that follow.
            let goal = acknowledged.load(Ordering::Relaxed) + random.random_range(20..200);
            while acknowledged.load(Ordering::Relaxed) < goal {
                progress.notified().await;
            }
            for _ in 0..random.random_range(0..2000) {
                tokio::task::yield_now().await;
            }
            server = server.killed_and_restarted().await;
            lives.send_replace(life as u64);
        }
        let goal = acknowledged.load(Ordering::Relaxed) + 50;
        while acknowledged.load(Ordering::Relaxed) < goal {
            progress.notified().await;
        }
        enough.store(true, Ordering::Relaxed);
        server
    };
    let both = async { tokio::join!(clients, killer) };
    let (own, server) = within_time(Duration::from_secs(120), "clients and kills", both).await;

    let events = by_tails(&server, "orders").await;
    let ids: Vec<_> = events.iter().map(|it| it.event.id()).map(EventId::as_str).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "an event is there twice");
    let mut acknowledged = own.concat();
    acknowledged.sort_unstable();
    assert_eq!(distinct, acknowledged, "what is there is what was acknowledged");
    for own in own {
        // Each client waited for its answer, so its events stand in its order.
        let places = own.iter().map(|id| ids.iter().position(|it| it == id));
        assert!(places.collect::<Vec<_>>().is_sorted());
    }
    assert_eq!(events, by_pages(&server, "orders").await);
    assert!(events.is_sorted_by_key(|it| it.updated));
    println!("{} events, {} stored unseen", events.len(), found_stored.into_inner());
}

#[tokio::test]
async fn a_server_that_dies_keeps_what_it_answered_and_no_part_of_a_batch() {
    let mut random = seeded();
    let mut server = ServerProcess::with_page_size(10).await;
    let mut acknowledged = 0;
    for round in 0..6_u64 {
        let batch: Vec<_> = (0..50).map(|n| order(round * 100 + n)).collect();
        let batch = json!(batch);
        let publish = server.post_json("/feeds/orders", &batch).try_send();
        let publish = tokio::spawn(publish);
        for _ in 0..random.random_range(0..50) {
            tokio::task::yield_now().await;
        }
        if random.random() {
            server.get("/healthz").send().await.expect(200);
        }
        server = server.killed_and_restarted().await;
        if let Ok(answer) = publish.await.unwrap() {
            answer.expect(201);
            acknowledged += 1;
        }
        let events = by_tails(&server, "orders").await;
        assert_eq!(events.len() % 50, 0, "half a batch is stored");
        assert!(events.len() >= acknowledged * 50, "an acknowledged batch is lost");
    }
}
