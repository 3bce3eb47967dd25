//! What becomes of requests.

use feed_protocol::Event;
use feed_protocol::event::ExtensionValue;
use feed_server::store::Refusal;

use super::Database;
use super::given::{
    append, append_all, conflict, event, event_with, events, feed, ids, parts, places, read_all,
    request,
};

pub(super) async fn an_event_published_again_is_found_not_stored(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let first = append(&*store, &orders, events([1, 2, 3])).await;
    assert_eq!(places(&first), [(1, true), (2, true), (3, true)]);

    let mut traced = parts("/shop", 2);
    let trace = ExtensionValue::string("00-1-2-01").unwrap();
    traced.extensions.insert("traceparent".parse().unwrap(), trace);
    let again = append(&*store, &orders, [Event::new(traced).unwrap(), event(4), event(1)]).await;
    assert_eq!(places(&again), [(2, false), (4, true), (1, false)]);

    let (first, again) = (first.unwrap(), again.unwrap());
    assert_eq!((&first[1].iri, first[1].updated), (&again[0].iri, again[0].updated));
    let entries = read_all(&*store, &orders).await;
    assert_eq!(ids(&entries), ["1", "2", "3", "4"]);
    assert!(entries[1].recorded.event.extensions().is_empty(), "the first one stands");
}

pub(super) async fn an_append_sees_what_it_has_just_stored(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let results = append_all(
        &*store,
        &[
            request(&orders, events([1, 1])),
            request(&orders, events([2, 1])),
            request(&orders, [event(2)]),
        ],
    )
    .await;
    assert_eq!(places(&results[0]), [(1, true), (1, false)]);
    assert_eq!(places(&results[1]), [(2, true), (1, false)]);
    assert_eq!(places(&results[2]), [(2, false)]);
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1", "2"]);
}

pub(super) async fn the_same_id_with_other_content_stores_nothing_of_its_request(
    database: &impl Database,
) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, events([1, 2])).await.unwrap();

    let stored = append(&*store, &orders, [event(3), event(1), event_with(2, "{}")]).await;
    assert_eq!(conflict(&stored), (2, Some(2)));
    assert!(matches!(
        stored,
        Err(Refusal::Conflict { source_attribute, id, .. })
            if source_attribute.as_str() == "/shop" && id.as_str() == "2"
    ));
    let within = append(&*store, &orders, [event(3), event(4), event_with(4, "{}")]).await;
    assert_eq!(conflict(&within), (2, None));
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1", "2"]);
}

pub(super) async fn a_refused_request_does_not_disturb_its_neighbours(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, [event(1)]).await.unwrap();
    let results = append_all(
        &*store,
        &[
            request(&orders, events([2, 3])),
            request(&orders, [event(4), event_with(1, "{}"), event(5)]),
            request(&orders, [event_with(3, "{}")]),
            // Neither was stored by the refused request, so nothing stands in their way.
            request(&orders, [event_with(4, "{}"), event(5)]),
        ],
    )
    .await;
    assert_eq!(places(&results[0]), [(2, true), (3, true)]);
    assert_eq!(conflict(&results[1]), (1, Some(1)));
    assert_eq!(conflict(&results[2]), (0, Some(3)));
    assert_eq!(places(&results[3]), [(4, true), (5, true)]);
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1", "2", "3", "4", "5"]);
}

pub(super) async fn an_append_reaches_several_feeds(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let customers = feed(&*store, "customers").await;
    let results = append_all(
        &*store,
        &[
            request(&orders, events([1, 2])),
            request(&customers, [event_with(1, "{}")]),
            request(&orders, [event(3)]),
        ],
    )
    .await;
    assert_eq!(places(&results[0]), [(1, true), (2, true)]);
    assert_eq!(places(&results[1]), [(1, true)]);
    assert_eq!(places(&results[2]), [(3, true)]);
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1", "2", "3"]);
    assert_eq!(ids(&read_all(&*store, &customers).await), ["1"]);
}

pub(super) async fn a_request_without_events_stores_none(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    assert!(append_all(&*store, &[]).await.is_empty());
    assert_eq!(places(&append(&*store, &orders, []).await), []);
    assert_eq!(store.head(&orders).await.unwrap().position.get(), 0);
}
