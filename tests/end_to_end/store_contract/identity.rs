//! The `atom:id` of an entry.

use feed_protocol::Event;
use feed_server::store::{EventStore, Feed};

use super::Database;
use super::given::{
    append, append_all, conflict, event, event_with, feed, parts, places, read_all, request,
};

const ONE: &str = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
const TWO: &str = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a22";

fn from_shop(id: &str) -> Event {
    event(id)
}

fn from_depot(id: &str) -> Event {
    Event::new(parts("/depot", id)).unwrap()
}

async fn iris(store: &dyn EventStore, feed: &Feed) -> Vec<String> {
    read_all(store, feed).await.into_iter().map(|entry| entry.iri).collect()
}

pub(super) async fn a_uuid_becomes_a_urn_and_any_other_id_a_tag(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let appended = append(&*store, &orders, [from_shop(ONE), from_shop("a:b")]).await.unwrap();
    let expected = [format!("urn:uuid:{ONE}"), orders.identity().tag_iri(&from_shop("a:b"))];
    assert_eq!([&appended[0].iri, &appended[1].iri], [&expected[0], &expected[1]]);
    assert_eq!(iris(&*store, &orders).await, expected);
}

pub(super) async fn a_uuid_used_by_another_source_gets_a_tag_iri(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, [from_shop(ONE)]).await.unwrap();
    // The one against what is stored, the other within a request.
    append(&*store, &orders, [from_depot(ONE), from_shop(TWO), from_depot(TWO)]).await.unwrap();
    let tag = |id| orders.identity().tag_iri(&from_depot(id));
    assert_eq!(
        iris(&*store, &orders).await,
        [format!("urn:uuid:{ONE}"), tag(ONE), format!("urn:uuid:{TWO}"), tag(TWO)]
    );
    // Other feeds have ids of their own.
    let customers = feed(&*store, "customers").await;
    let appended = append(&*store, &customers, [from_depot(ONE)]).await.unwrap();
    assert_eq!(appended[0].iri, format!("urn:uuid:{ONE}"));
}

pub(super) async fn a_refused_request_uses_up_no_uuid(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let results = append_all(
        &*store,
        &[
            request(&orders, [from_shop(ONE), event(1), event_with(1, "{}")]),
            request(&orders, [from_depot(ONE)]),
            // And it takes none from those before it.
            request(&orders, [from_shop(ONE), event(1), event_with(1, "{}")]),
            request(&orders, [from_depot(ONE), from_shop(ONE)]),
        ],
    )
    .await;
    conflict(&results[0]);
    conflict(&results[2]);
    assert_eq!(places(&results[3]), [(1, false), (2, true)]);
    let tag = orders.identity().tag_iri(&from_shop(ONE));
    assert_eq!(iris(&*store, &orders).await, [format!("urn:uuid:{ONE}"), tag]);
}
