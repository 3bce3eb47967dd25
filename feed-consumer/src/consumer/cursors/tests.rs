use std::sync::{Arc, Mutex};

use feed_protocol::Position;
use tempfile::TempDir;

use super::*;
use crate::reading::scripted::{Asked, Feed, Scripted};
use crate::shard::ShardCount;
use crate::store::{Place, Subscription};

const PATH: &str = "/feeds/orders";

/// A feed of 25 events, and a database in which `billing` stands at position 12 of it.
struct Setup {
    cursors: Cursors,
    /// The address of the feed.
    url: String,
    served: Arc<Mutex<Feed>>,
    _server: Scripted,
    _folder: TempDir,
}

async fn setup() -> Setup {
    let feed = Feed::new(25);
    let place = Place {
        incarnation: Some(feed.incarnation.clone()),
        position: Position::new(12).unwrap(),
        ..Place::default()
    };
    let subscription = Subscription { group: "billing".into(), feed: feed.iri.clone() };
    let served = Arc::new(Mutex::new(feed));
    let script = Arc::clone(&served);
    let server = Scripted::start(move |asked: &Asked| script.lock().unwrap().answer(asked)).await;
    let url = server.url(PATH);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumer.db");
    let store = crate::store::sqlite::SqliteStore::open(&path).await.unwrap();
    assert!(store.begin(&subscription, &url, &place, &[], &[]).await.unwrap());
    let cursors = Cursors::open(path.to_str().unwrap()).await.unwrap();
    Setup { cursors, url, served, _server: server, _folder: folder }
}

#[tokio::test]
async fn a_cursor_is_found_by_group_and_address_or_id() {
    let setup = setup().await;
    let Setup { cursors, url, .. } = &setup;
    let cursor = cursors.find("billing", url).await.unwrap();
    assert_eq!(cursor.position().get(), 12);
    assert_eq!(cursor.behind().await.unwrap(), 13);
    cursors.find("billing", cursor.feed()).await.unwrap();
    cursors.find("billing", &url.replace("://", "://user:s3cret@")).await.unwrap();
    for (group, feed, says) in [
        ("biling", url.clone(), "\"billing\""),
        ("billing", url.replace("orders", "x"), "there are cursors in"),
        ("billing", "http://u:s3cret@h/".to_owned(), "name one of these feeds"),
    ] {
        let error = cursors.find(group, &feed).await.unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_plan_says_how_many_events_are_handled_again_or_passed_over() {
    let setup = setup().await;
    let Setup { cursors, url, .. } = &setup;
    let cursor = cursors.find("billing", url).await.unwrap();
    for (to, position, counts) in [
        ("beginning", 0, (12, 0)),
        ("5", 5, (7, 0)),
        ("12", 12, (0, 0)),
        ("20", 20, (0, 8)),
        ("now", 25, (0, 13)),
    ] {
        let planned = cursors.plan(&cursor, to.parse().unwrap()).await.unwrap();
        assert_eq!(planned.to().unwrap().get(), position, "{to}");
        assert_eq!(planned.again_and_passed_over(), counts, "{to}");
    }
    assert_eq!(cursors.plan_reset(&cursor).again_and_passed_over(), (12, 0));
    let beyond = cursors.plan(&cursor, "26".parse().unwrap()).await.unwrap_err();
    assert!(beyond.to_string().contains("from 0 to 25"), "{beyond}");
}

#[tokio::test]
async fn a_cursor_is_put_where_it_was_planned_with_the_event_that_stands_there() {
    let setup = setup().await;
    let Setup { cursors, url, .. } = &setup;
    let cursor = cursors.find("billing", url).await.unwrap();
    cursors.make(cursors.plan(&cursor, "5".parse().unwrap()).await.unwrap()).await.unwrap();
    let put = cursors.find("billing", url).await.unwrap();
    assert_eq!(put.position().get(), 5);
    assert_eq!(put.kept.place.last.as_ref().unwrap().id.as_str(), "5");
    // What was planned before has no place any more.
    let stale = cursors.plan(&cursor, "6".parse().unwrap()).await.unwrap();
    let error = cursors.make(stale).await.unwrap_err();
    assert!(matches!(error, CursorsError::MovedMeanwhile), "{error}");
    let error = cursors.make(cursors.plan_reset(&cursor)).await.unwrap_err();
    assert!(matches!(error, CursorsError::MovedMeanwhile), "{error}");
    cursors.make(cursors.plan_reset(&put)).await.unwrap();
    assert!(cursors.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn into_a_new_life_of_the_feed_a_cursor_is_put_as_well() {
    let setup = setup().await;
    let Setup { cursors, url, served, .. } = &setup;
    let cursor = cursors.find("billing", url).await.unwrap();
    let mut restored = Feed::new(8);
    restored.incarnation = "n3wl1f".parse().unwrap();
    *served.lock().unwrap() = restored;
    let error = cursor.behind().await.unwrap_err();
    assert!(matches!(error, CursorsError::Discontinuity(_)), "{error}");
    let planned = cursors.plan(&cursor, "3".parse().unwrap()).await.unwrap();
    assert!(planned.changes_incarnation());
    assert_eq!(planned.again_and_passed_over(), (0, 3));
    cursors.make(planned).await.unwrap();
    assert_eq!(cursors.find("billing", url).await.unwrap().behind().await.unwrap(), 5);
}

#[tokio::test]
async fn shards_are_paused_and_go_on_and_it_is_said_of_which_that_is_new() {
    let setup = setup().await;
    let Setup { cursors, url, .. } = &setup;
    let cursor = cursors.find("billing", url).await.unwrap();
    let error = cursors.pause(&cursor, &[], "ann", "").await.unwrap_err();
    assert!(matches!(error, CursorsError::NotCut { .. }), "{error}");
    let subscription = &cursor.kept.subscription;
    cursors.store.cut(subscription, ShardCount::new(4).unwrap()).await.unwrap();
    assert_eq!(cursors.pause(&cursor, &[2, 1], "ann", "a move").await.unwrap(), [1, 2]);
    assert_eq!(cursors.pause(&cursor, &[], "bob", "").await.unwrap(), [0, 3]);
    let error = cursors.pause(&cursor, &[3, 4], "ann", "").await.unwrap_err().to_string();
    assert!(error.contains("no shard 4") && error.contains("from 0 to 3"), "{error}");
    let cursor = cursors.find("billing", url).await.unwrap();
    assert_eq!(cursor.paused_before(Position::new(13).unwrap()), [0, 1, 2, 3]);
    assert_eq!(cursor.paused_before(Position::new(12).unwrap()), [0_u16; 0]);
    let status = cursors.status(&cursor).await.unwrap();
    let paused = |shard: usize| status.shards[shard].paused.as_ref().unwrap();
    assert_eq!((&*paused(1).who, &*paused(1).reason), ("ann", "a move"));
    assert_eq!((&*paused(3).who, &*paused(3).reason), ("bob", ""));
    assert_eq!(cursors.resume(&cursor, &[1]).await.unwrap(), [1]);
    assert_eq!(cursors.resume(&cursor, &[]).await.unwrap(), [0, 2, 3]);
}

#[tokio::test]
async fn another_number_of_shards_is_asked_for_shown_and_withdrawn() {
    let setup = setup().await;
    let Setup { cursors, url, .. } = &setup;
    let [two, three, four] = [2, 3, 4].map(|it| ShardCount::new(it).unwrap());
    let find = async || cursors.find("billing", url).await.unwrap();
    let cursor = find().await;
    let error = cursors.reshard(&cursor, two).await.unwrap_err();
    assert!(matches!(error, CursorsError::NotCut { .. }), "{error}");
    cursors.store.cut(&cursor.kept.subscription, four).await.unwrap();
    let cursor = find().await;
    assert_eq!(cursors.resharding(&cursor).await.unwrap(), Resharding::Done(four));
    cursors.reshard(&cursor, two).await.unwrap();
    let drain = Resharding::Drain { to: two, held: 0 };
    assert_eq!(cursors.resharding(&cursor).await.unwrap(), drain);
    let shown = cursors.status(&cursor).await.unwrap().reshard.unwrap();
    assert_eq!((shown.to, shown.barrier, shown.to_go), (2, None, 0));
    cursors.reshard(&cursor, four).await.unwrap();
    assert_eq!(cursors.resharding(&cursor).await.unwrap(), Resharding::Done(four));
    // Nobody holds any, and all stand at the same position.
    cursors.reshard(&cursor, two).await.unwrap();
    let barrier = Position::new(12).unwrap();
    let reach = Resharding::Reach { to: two, barrier, short: 0 };
    assert_eq!(cursors.reshard_step(&cursor).await.unwrap(), reach);
    cursors.reshard(&cursor, two).await.unwrap();
    for other in [three, four] {
        let error = cursors.reshard(&cursor, other).await.unwrap_err().to_string();
        assert!(error.contains("into 2") && error.contains("reshard 2"), "{error}");
    }
    assert_eq!(cursors.reshard_step(&cursor).await.unwrap(), Resharding::Done(two));
    let cursor = find().await;
    assert_eq!((cursor.shards(), cursor.position().get()), (2, 12));
    assert_eq!(cursors.living_workers(&cursor).await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let error = Cursors::open(path.to_str().unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("does not exist") && !path.exists(), "{error}");
}
