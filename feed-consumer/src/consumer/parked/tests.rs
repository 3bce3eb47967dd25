use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use feed_protocol::event::EventParts;
use feed_protocol::{Event, Recorded};

use super::*;
use crate::shard::ShardCount;
use crate::store::parking::{Answer, ParkStore, Parking, Resolution};
use crate::store::shards::{Beat, Lease, Move, ShardPlace, ShardStore, WorkerFacts, WorkerId};
use crate::store::sqlite::SqliteStore;

const SOON: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);

/// A database in which an event is parked at position 7, and a worker that holds its shard.
struct Setup {
    events: ParkedEvents,
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    lease: Lease,
    _folder: tempfile::TempDir,
}

fn event(data: &'static [u8]) -> Event {
    let source = "/shop".parse().unwrap();
    let mut parts = EventParts::new("7".parse().unwrap(), source, "order.placed".parse().unwrap());
    parts.subject = Some("order-7".parse().unwrap());
    parts.data = Some(Bytes::from_static(data));
    Event::new(parts).unwrap()
}

async fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("consumer.db")).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    let place = crate::store::Place::default();
    store.begin(&subscription, "http://a/", &place, &[], &[]).await.unwrap();
    store.cut(&subscription, ShardCount::ONE).await.unwrap();
    let facts = WorkerFacts {
        id: WorkerId("a".into()),
        host: "shop".into(),
        process: 1,
        identity: None,
        weight: 1,
        window: 100,
    };
    let (lease, held, report) = (Duration::from_secs(600), Vec::new(), "{}".into());
    let beat = Beat { facts, lease, held, acquires: true, report };
    let lease = store.beat(&subscription, &beat).await.unwrap().acquired[0].lease;
    let position = Position::new(7).unwrap();
    let recorded = Recorded { position, updated: DateTime::UNIX_EPOCH, event: event(b"{}") };
    let parking = Parking {
        recorded: Arc::new(recorded),
        error: "it broke".into(),
        attempts: 3,
        retry_after: None,
    };
    let to = Move { lease, to: ShardPlace { position, ..ShardPlace::default() } };
    assert!(store.park(&subscription, &to, &parking).await.unwrap());
    let store: Arc<dyn CursorStore> = Arc::new(store);
    let events = ParkedEvents::new(Arc::clone(&store), subscription.clone());
    Setup { events, store, subscription, lease, _folder: folder }
}

fn seven() -> Position {
    Position::new(7).unwrap()
}

impl Setup {
    /// What the worker does with a request.
    async fn answers(&self, answer: &Answer) {
        let shards = [self.lease.shard];
        let [request] =
            self.store.requests(&self.subscription, &shards).await.unwrap().try_into().unwrap();
        let answered = self.store.answer(&self.subscription, self.lease, request.id, answer).await;
        assert!(answered.unwrap());
    }

    async fn fails(&self) {
        let failed = self.store.retry_failed(
            &self.subscription,
            self.lease,
            seven(),
            "no\nno such customer",
            1,
            None,
        );
        assert!(failed.await.unwrap());
    }
}

#[tokio::test]
async fn what_is_asked_for_waits_for_a_worker_and_its_outcome_is_told() {
    let setup = setup().await;
    let events = &setup.events;
    let asked = events.retry(seven(), "ann").await.unwrap();
    assert_eq!(events.outcome(asked, SOON).await.unwrap(), Outcome::Waits);
    // A retry that was under way before has nothing to do with it.
    setup.fails().await;
    assert_eq!(events.outcome(asked, SOON).await.unwrap(), Outcome::Waits);
    let (outcome, ()) = tokio::join!(events.outcome(asked, PATIENCE), async {
        setup.answers(&Answer::Taken).await;
        assert_eq!(events.outcome(asked, Duration::ZERO).await.unwrap(), Outcome::Taken);
        setup.fails().await;
    });
    assert_eq!(outcome.unwrap(), Outcome::Failed("no\nno such customer".into()));

    let refused = events.retry(seven(), "ann").await.unwrap();
    setup.answers(&Answer::Refused("not today".into())).await;
    let outcome = events.outcome(refused, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Refused("not today".into()));

    let last = events.discard(seven(), "a test order", "ann").await.unwrap();
    assert_eq!(last.position(), seven());
    let conflict = events.retry(seven(), "bob").await.unwrap_err();
    assert!(matches!(&conflict, ParkedError::Conflict { who, .. } if who == "ann"), "{conflict}");
    let resolution = Resolution::Discarded { who: "ann".into(), reason: "a test order".into() };
    let resolved = setup.store.resolve(&setup.subscription, setup.lease, seven(), &resolution);
    assert_eq!(resolved.await.unwrap().unwrap().next, None);
    assert_eq!(events.outcome(last, PATIENCE).await.unwrap(), Outcome::Discarded);
    // The first still says what became of it.
    let outcome = events.outcome(asked, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Failed("no\nno such customer".into()));
    assert!(events.find(seven()).await.unwrap().is_none());
    assert!(matches!(events.retry(seven(), "ann").await, Err(ParkedError::NotParked { .. })));
    let record: Vec<_> =
        events.record(seven()).await.unwrap().iter().map(|it| it.what.name()).collect();
    let all = [
        "parked",
        "retry-asked",
        "failed",
        "taken",
        "failed",
        "retry-asked",
        "refused",
        "discard-asked",
        "discarded",
    ];
    assert_eq!(record, all);
}

#[tokio::test]
async fn an_edited_event_is_the_same_one_with_valid_data() {
    let setup = setup().await;
    let parked = setup.events.find(seven()).await.unwrap().unwrap();
    assert!(parked.with_data(&b"{\"total\":"[..]).is_err());
    let edited = parked.with_data(&b"{\"total\":\"2\"}"[..]).unwrap();
    for attribute in ["source", "id", "subject"] {
        let mut parts = edited.clone().into_parts();
        match attribute {
            "source" => parts.source = "/other".parse().unwrap(),
            "id" => parts.id = "8".parse().unwrap(),
            _ => parts.subject = None,
        }
        let error = setup.events.edit(seven(), Event::new(parts).unwrap(), "ann").await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(&format!("the {attribute} of the edited")), "{error}");
    }
    setup.events.edit(seven(), edited.clone(), "ann").await.unwrap();
    setup.answers(&Answer::Taken).await;
    let parked = setup.events.find(seven()).await.unwrap().unwrap();
    assert_eq!((parked.edited(), parked.event()), (Some(&edited), &edited));
    assert_eq!(parked.original().event, event(b"{}"));
    assert_eq!(parked.due(), Some(Duration::ZERO));
    let error = setup.events.discard(seven(), " ", "ann").await.unwrap_err();
    assert!(matches!(error, ParkedError::NoReason));
}
