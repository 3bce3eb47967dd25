//! Feeds, and what outlives the store that they were created with.

use feed_server::store::{EventStore, Feed, StoreError};

use super::Database;
use super::given::{append, events, feed, ids, new_feed, read_all};

async fn listed(store: &dyn EventStore) -> Vec<Feed> {
    store.feeds().await.unwrap().into_iter().map(|(feed, _)| feed).collect()
}

pub(super) async fn a_feed_is_created_once(database: &impl Database) {
    let store = database.open().await;
    let created = feed(&*store, "orders").await;
    let mut other = new_feed("orders");
    other.title = "Another title".to_owned();
    let error = store.create_feed(other).await.unwrap_err();
    assert!(matches!(error, StoreError::FeedExists(name) if name.as_str() == "orders"));
    assert_eq!(listed(&*store).await, [created]);
}

pub(super) async fn feeds_are_listed_by_name(database: &impl Database) {
    let store = database.open().await;
    let mut created = Vec::new();
    for name in ["orders", "customers", "1st-orders"] {
        created.push(feed(&*store, name).await);
    }
    created.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(listed(&*store).await, created);
    assert_eq!(listed(&*database.open().await).await, created);

    let asked = new_feed("orders");
    let Feed { name, title, page_size, iri, authority, incarnation, .. } = created.remove(2);
    assert_eq!((name, title, page_size), (asked.name, asked.title, asked.page_size));
    assert_eq!((iri, authority, incarnation), (asked.iri, asked.authority, asked.incarnation));
}

pub(super) async fn a_new_feed_is_empty(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let head = store.head(&orders).await.unwrap();
    assert_eq!((head.position.get(), head.updated), (0, orders.created));
    assert!(read_all(&*store, &orders).await.is_empty());
    let before = store.position_before(&orders, orders.created).await.unwrap();
    assert_eq!(before.get(), 0);
}

pub(super) async fn what_is_acknowledged_is_there_when_the_database_is_opened_again(
    database: &impl Database,
) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, events([1, 2])).await.unwrap();
    let before = read_all(&*store, &orders).await;
    store.close().await;

    let store = database.open().await;
    assert_eq!(read_all(&*store, &orders).await, before);
    append(&*store, &orders, events([2, 3])).await.unwrap();
    let (_, head) = store.feeds().await.unwrap().remove(0);
    assert_eq!(head, store.head(&orders).await.unwrap());
    assert_eq!(ids(&read_all(&*store, &orders).await), ["1", "2", "3"]);
}

pub(super) async fn a_closed_store_is_not_available(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    store.check().await.unwrap();
    store.close().await;
    store.close().await;
    let request = super::given::request(&orders, events([1]));
    let unavailable = |error| matches!(error, StoreError::Unavailable(_));
    assert!(unavailable(store.append(&[request]).await.unwrap_err()));
    assert!(unavailable(store.head(&orders).await.unwrap_err()));
    assert!(unavailable(store.check().await.unwrap_err()));
}
