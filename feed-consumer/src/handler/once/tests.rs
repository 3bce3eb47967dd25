use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::DateTime;
use feed_protocol::event::EventParts;
use feed_protocol::{Position, Recorded};

use super::*;
use crate::handler::Context;
use crate::shard::ShardCount;
use crate::store::Place;
use crate::store::shards::{Acquired, Beat, Lease, ShardStore, WorkerFacts, WorkerId};
use crate::store::sqlite::SqliteStore;

/// A subscription of one shard, in a database of its own.
struct Setup {
    store: Arc<SqliteStore>,
    subscription: Subscription,
    _folder: tempfile::TempDir,
}

async fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("consumer.db")).await.unwrap());
    let subscription = Subscription { group: "mails".into(), feed: "urn:uuid:1".into() };
    store.begin(&subscription, "http://a/", &Place::default(), &[], &[]).await.unwrap();
    store.cut(&subscription, ShardCount::ONE).await.unwrap();
    Setup { store, subscription, _folder: folder }
}

impl Setup {
    /// A worker takes the shard, for so long.
    async fn acquire(&self, worker: &str, lease: Duration) -> Option<Lease> {
        let facts = WorkerFacts {
            id: WorkerId(worker.into()),
            host: "shop".into(),
            process: 1,
            identity: None,
            weight: 1,
            window: 100,
        };
        let beat = Beat { facts, lease, held: Vec::new(), acquires: true, report: "{}".into() };
        let beaten = self.store.beat(&self.subscription, &beat).await.unwrap();
        beaten.acquired.into_iter().next().map(|Acquired { lease, .. }| lease)
    }

    async fn context(&self) -> Context {
        let lease = self.acquire("a", Duration::from_secs(600)).await.unwrap();
        self.context_of("7", lease)
    }

    fn context_of(&self, id: &str, lease: Lease) -> Context {
        let noting = Noting { store: self.store.clone(), subscription: self.subscription.clone() };
        Context::new(handed(id, lease, Some(noting)), 1)
    }
}

fn handed(id: &str, lease: Lease, noting: Option<Noting>) -> Handed {
    let source = "/shop".parse().unwrap();
    let parts = EventParts::new(id.parse().unwrap(), source, "order.placed".parse().unwrap());
    let recorded = Recorded {
        position: Position::new(7).unwrap(),
        updated: DateTime::UNIX_EPOCH,
        event: Event::new(parts).unwrap(),
    };
    Handed { recorded: Arc::new(recorded), lease, noting: noting.map(Arc::new) }
}

#[tokio::test]
async fn what_is_known_to_be_done_is_not_done_again() {
    let setup = setup().await;
    let cx = setup.context().await;
    assert_eq!(cx.once("mail", async || Ok("sent")).await.unwrap(), Some("sent"));
    let again: Option<()> = cx.once("mail", async || panic!("again")).await.unwrap();
    assert_eq!(again, None);
    // Something else for the same event, and the same for another one.
    assert_eq!(cx.once("payment", async || Ok(1)).await.unwrap(), Some(1));
    let other = setup.context_of("8", Lease { shard: cx.shard(), token: cx.token() });
    assert_eq!(other.once("mail", async || Ok(2)).await.unwrap(), Some(2));
}

#[tokio::test]
async fn what_has_failed_is_done_again() {
    let setup = setup().await;
    let cx = setup.context().await;
    let failed = cx.once("mail", async || Err::<(), _>(HandlerError::transient("busy"))).await;
    assert_eq!(failed.unwrap_err().to_string(), "busy");
    assert_eq!(cx.once("mail", async || Ok(1)).await.unwrap(), Some(1));
    assert_eq!(cx.once("mail", async || Ok(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_worker_that_has_lost_the_shard_does_nothing() {
    let setup = setup().await;
    let lease = setup.acquire("a", Duration::from_millis(1)).await.unwrap();
    let cx = setup.context_of("7", lease);
    let next = loop {
        if let Some(lease) = setup.acquire("b", Duration::from_secs(600)).await {
            break lease;
        }
    };
    let calls = AtomicU32::new(0);
    let lost = cx.once("mail", async || Ok(calls.fetch_add(1, Ordering::Relaxed))).await;
    let error = lost.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("nothing was done"), "{error}");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(setup.context_of("7", next).once("mail", async || Ok(1)).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_worker_that_loses_the_shard_meanwhile_is_told_that_it_may_be_done_again() {
    let setup = setup().await;
    let lease = setup.acquire("a", Duration::from_secs(1)).await.unwrap();
    let cx = setup.context_of("7", lease);
    let lost = cx.once("mail", async || {
        Ok(loop {
            if let Some(lease) = setup.acquire("b", Duration::from_secs(600)).await {
                break lease;
            }
        })
    });
    let error = lost.await.unwrap_err();
    assert!(error.to_string().contains("may do again"), "{error}");
}

#[tokio::test]
async fn what_is_no_key_is_refused_for_good() {
    let setup = setup().await;
    let cx = setup.context().await;
    for key in [String::new(), "x".repeat(MAX_LEN + 1), "a\nb".to_owned()] {
        let error = cx.once(&key, async || Ok(())).await.unwrap_err();
        assert!(error.is_permanent(), "{error}");
    }
    cx.once("x".repeat(MAX_LEN), async || Ok(())).await.unwrap();
}

#[tokio::test]
async fn a_transactional_handler_is_told_to_note_it_in_its_transaction() {
    let setup = setup().await;
    let lease = setup.acquire("a", Duration::from_secs(600)).await.unwrap();
    let cx = Context::new(handed("7", lease, None), 1);
    let error = cx.once("mail", async || Ok(())).await.unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("a table of your own"), "{error}");
}

#[test]
fn the_key_of_an_event_is_fixed_for_ever() {
    let lease =
        Lease { shard: crate::shard::ShardNumber::new(0), token: crate::shard::Token::new(1) };
    let key = full_key(&handed("7", lease, None).recorded.event, "mail");
    assert_eq!(key, "f1dddeb10739e93b9514eb1780c13dbe mail");
}

#[tokio::test]
async fn a_consumer_that_does_something_once_can_run_on_another_thread() {
    fn assert_send(_: &impl Send) {}
    let sender = "shop@example.com".to_owned();
    let consumer = crate::Consumer::builder("http://127.0.0.1:3000/feeds/orders")
        .on("order.placed", async move |customer: String, cx| {
            let length = cx
                .once(format!("mail {}", cx.id()), async || {
                    tokio::task::yield_now().await;
                    Ok(sender.len() + customer.len())
                })
                .await?;
            let _ = length;
            Ok(())
        })
        .build()
        .unwrap();
    assert_send(&consumer.run(std::future::pending()));
}
