use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use chrono::DateTime;
use feed_protocol::event::EventParts;
use feed_protocol::{Position, Recorded};

use super::*;
use crate::shard::ShardNumber;
use crate::store::parking::Parked;

/// A parked event whose total is text.
pub(super) fn parked() -> ParkedEvent {
    let source = "/shop".parse().unwrap();
    let mut parts = EventParts::new("7".parse().unwrap(), source, "order.placed".parse().unwrap());
    parts.subject = Some("order-7".parse().unwrap());
    parts.data = Some(Bytes::from_static(b"{\"total\": \"12\"}"));
    ParkedEvent::new(Parked {
        shard: ShardNumber::new(3),
        recorded: Recorded {
            position: Position::new(7).unwrap(),
            updated: DateTime::UNIX_EPOCH,
            event: Event::new(parts).unwrap(),
        },
        edited: None,
        error: "it broke\nno such customer".into(),
        attempts: 3,
        retries: 1,
        repairs: 1,
        parked: DateTime::UNIX_EPOCH,
        due: None,
        followers: 2,
    })
}

/// Long enough for a panic to print where it was.
const LONG: Duration = Duration::from_secs(30);

async fn ask<F>(hook: F, deadline: Duration) -> Repaired
where
    F: AsyncFn(ParkedEvent) -> Result<Repaired, HandlerError> + Send + Sync + 'static,
{
    let repair = Repair::new(hook).within(deadline);
    let answer = repair.ask(repair.turn().await, parked()).await;
    // Whatever it was at, it has let go of.
    let _ = repair.turn().await;
    answer
}

#[track_caller]
fn assert_left(answer: &Repaired, says: &str) {
    assert!(matches!(&answer.0, Remedy::Leave(reason) if reason.contains(says)), "{answer:?}");
}

#[tokio::test]
async fn a_hook_may_use_what_it_has_captured_and_what_stays_on_its_thread() {
    let name = "order-7".to_owned();
    let hook = async move |parked: ParkedEvent| {
        let here = Rc::new(name.as_str());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(parked.event().subject().unwrap().as_str(), *here);
        Ok(Repaired::retry())
    };
    let answer = ask(hook, LONG);
    assert_eq!(answer.await, Repaired::retry());
}

#[tokio::test]
async fn a_hook_that_fails_or_panics_leaves_it_to_a_person() {
    let answer = ask(async |_| Err(HandlerError::transient("no such service")), LONG).await;
    assert_left(&answer, "no such service");
    let answer = ask(async |_| panic!("a hook of a test"), LONG).await;
    assert_left(&answer, "panicked");
}

#[tokio::test]
async fn a_hook_that_takes_too_long_is_dropped() {
    struct Noting(Arc<AtomicBool>);
    impl Drop for Noting {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::<AtomicBool>::default();
    let note = Arc::clone(&dropped);
    let hook = async move |_| {
        let _noting = Noting(Arc::clone(&note));
        std::future::pending().await
    };
    assert_left(&ask(hook, Duration::from_millis(200)).await, "longer than its deadline of 200ms");
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_hook_that_blocks_its_thread_is_waited_for_before_it_is_asked_again() {
    let (end, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let repair = Repair::new(async move |_| {
        let _ = ended.lock().unwrap().recv();
        Ok(Repaired::retry())
    });
    let repair = repair.within(Duration::from_millis(50));
    let answer = repair.ask(repair.turn().await, parked()).await;
    assert_left(&answer, "deadline");
    assert!(timeout(Duration::from_millis(50), repair.turn()).await.is_err());
    drop(end);
    let _ = repair.turn().await;
}
