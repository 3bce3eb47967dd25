//! What is SQLite's own; the rest is in the contract of all stores.

use feed_protocol::Position;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::store::pages::{PageKind, PageState, PageStore};

#[tokio::test]
async fn nothing_is_left_of_a_forgotten_cursor_where_foreign_keys_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("shop.db"));
    let options = options.create_if_missing(true).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let store = SqliteStore::open_in(pool).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    let place = Place::default();
    let iri = "tag:a,2026:1".to_owned();
    let seen = [SeenEntry { iri: iri.clone(), updated: DateTime::UNIX_EPOCH }];
    let pages = [Page {
        place: 1,
        url: "http://a/1".to_owned(),
        kind: PageKind::Archive,
        state: PageState::Done,
        oldest: Some(iri),
        linked: false,
    }];
    assert!(store.begin(&subscription, "http://a/", &place, &seen, &pages).await.unwrap());
    assert!(store.has_seen(&subscription).await.unwrap());
    assert!(store.forget(&subscription, &place).await.unwrap());
    assert!(!store.has_seen(&subscription).await.unwrap());
    assert!(store.pages(&subscription).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_a_full_disk_the_cursor_moves_again_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("consumer.db")).await.unwrap();
    let subscription = Subscription { group: "billing".into(), feed: "urn:uuid:1".into() };
    let (from, mut to) = (Place::default(), Place::default());
    assert!(store.begin(&subscription, "http://a/", &from, &[], &[]).await.unwrap());
    to.position = Position::new(5).unwrap();
    // What takes pages of its own.
    to.validators.etag = Some("a".repeat(100_000));
    // With an entry it is more than one statement, in a transaction.
    let seen = vec![SeenEntry { iri: "urn:uuid:2".into(), updated: DateTime::UNIX_EPOCH }];
    let advance = Advance { subscription: subscription.clone(), from, to, seen };

    // No page more than there are: what SQLite then says is what it says of a full disk. The
    // limit is that of one connection, and goes away with it.
    let limit = sqlx::raw_sql("PRAGMA max_page_count = 1");
    limit.execute(&mut *store.turn().await.unwrap()).await.unwrap();
    let error = store.advance(&advance).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(store.find(&subscription).await.unwrap().as_ref(), Some(&advance.from));
    assert!(store.advance(&advance).await.unwrap());
    assert_eq!(store.find(&subscription).await.unwrap(), Some(advance.to));
}
