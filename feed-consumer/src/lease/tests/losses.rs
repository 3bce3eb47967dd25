//! What becomes of leases when the database fails, the process stands still, or both.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, advance, sleep};

use super::super::END_TIMEOUT;
use super::super::scripted::Fate;
use super::{LEASE, SECOND, USABLE, Worker, store, subscription};
use crate::shard::{ShardNumber, Token};
use crate::store::shards::ShardStore;

#[tokio::test(start_paused = true)]
async fn what_another_worker_has_acquired_is_lost_and_the_rest_is_kept() {
    let store = store(4);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    store.seize(2, "b");
    assert_eq!(worker.hears_news().await, "lost 2");
    sleep(LEASE * 2).await;
    assert_eq!(worker.hears().await, "beat");
    assert_eq!(store.token(0), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_does_not_move_on_before_a_loss_is_told() {
    let store = store(4);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    store.seize(2, "b");
    let before = worker.deadline().unwrap();
    sleep(SECOND * 5).await;
    // The worker that is busy with shard 2 must not take heart from the others' renewals.
    assert_eq!(worker.deadline(), Some(before));
    assert_eq!(worker.hears().await, "lost 2");
    assert!(worker.deadline().unwrap() > before + SECOND * 3);
}

#[tokio::test(start_paused = true)]
async fn without_the_database_everything_is_lost_at_the_deadline_and_said_once() {
    let store = store(4);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    store.all_beats(Some(Fate::Refused("gone")));
    assert_eq!(worker.hears_news().await, "trouble: gone");
    let deadline = worker.deadline().unwrap();
    assert_eq!(worker.hears().await, "lost 0-3");
    let late = Instant::now() - deadline;
    assert!(late <= Duration::from_millis(1), "{late:?}");
    assert_eq!(worker.deadline(), None);
    // Another kind of trouble is said, the same one is not.
    store.all_beats(Some(Fate::Refused("full")));
    assert_eq!(worker.hears().await, "trouble: full");
    store.all_beats(Some(Fate::Refused("gone")));
    sleep(SECOND * 60).await;
    assert!(worker.leases.next().now_or_never().is_none());
    // Then everything is acquired anew, under other tokens.
    store.all_beats(None);
    assert_eq!(worker.hears().await, "acquired 0-3");
    assert_eq!(store.token(0), 2);
    store.next([Fate::Refused("gone")]);
    assert_eq!(worker.hears_news().await, "trouble: gone");
}

#[tokio::test(start_paused = true)]
async fn a_beat_that_hangs_is_given_up_while_there_is_time_for_another() {
    let store = store(4);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    store.next([Fate::Hangs]);
    assert_eq!(worker.hears_news().await, "trouble: no answer within 6s");
    assert_eq!(worker.hears().await, "beat");
    assert_eq!(store.token(0), 1);
    store.all_beats(Some(Fate::Hangs));
    assert_eq!(worker.hears_news().await, "trouble: no answer within 6s");
    assert_eq!(worker.hears().await, "lost 0-3");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_before_a_beat_was_sent() {
    let store = store(4);
    store.all_beats(Some(Fate::Slow(SECOND * 4)));
    let begun = Instant::now();
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert_eq!(worker.deadline(), Some(begun + USABLE));
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_that_got_lost_acquired_is_acquired_anew() {
    let store = store(4);
    store.next([Fate::Unanswered]);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "trouble: the connection broke");
    assert_eq!(worker.hears().await, "acquired 0-3");
    assert_eq!((store.token(0), worker.held[0].token), (2, Token::new(2)));
    // A renewal that is not answered changes no token.
    store.next([Fate::Unanswered]);
    assert_eq!(worker.hears_news().await, "trouble: the connection broke");
    assert_eq!(worker.hears().await, "beat");
    assert_eq!(store.token(0), 2);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_for_longer_than_its_lease_loses_everything_first() {
    let store = store(4);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-3");
    store.next([Fate::Slow(Duration::from_millis(1))]);
    while store.beats().len() < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    // An answer is there already when it goes on; but it is as old as everything else.
    advance(LEASE + SECOND).await;
    assert!(worker.deadline().unwrap() < Instant::now());
    assert_eq!(worker.hears().await, "lost 0-3");
    assert_eq!(worker.hears().await, "acquired 0-3");
    assert_eq!(store.token(0), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_worker_drops_comes_back_under_another_token() {
    let store = store(2);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-1");
    worker.gone(&[ShardNumber::new(1)]);
    assert_eq!(worker.hears_news().await, "acquired 1");
    assert_eq!((store.token(0), store.token(1)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_came_back_before_the_worker_knew_that_it_was_lost_stays() {
    let store = store(2);
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.hears().await, "acquired 0-1");
    // Released in the database, and a beat comes before the worker has said so.
    let lease = worker.held[1];
    store.release(&subscription(), &[lease]).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(store.token(1), 2);
    worker.gone(&[lease.shard]);
    assert_eq!(worker.hears().await, "acquired 1");
    sleep(SECOND).await;
    assert_eq!(store.token(1), 2);
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_although_the_database_hangs() {
    let store = store(4);
    store.all_beats(Some(Fate::Hangs));
    let worker = Worker::start(&store, "a");
    sleep(SECOND).await;
    let begun = Instant::now();
    worker.leases.leave().await.unwrap();
    assert!(begun.elapsed() <= END_TIMEOUT * 2);
}
