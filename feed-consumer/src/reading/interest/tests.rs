use std::sync::{Arc, Mutex};

use feed_protocol::Position;

use super::*;
use crate::cursor::digest::last_event;
use crate::reading::client::{Client, Limits};
use crate::reading::error::ReadError;
use crate::reading::feed::{FeedNews, FeedReader, Reading};
use crate::reading::opening::{Opened, open};
use crate::reading::scripted::{Answer, Asked, Feed, Scripted};

fn scope(count: u16, shards: &[u16]) -> Scope {
    let count = ShardCount::new(count).unwrap();
    Scope::of(count, shards.iter().copied().map(ShardNumber::new))
}

/// A feed that can change, its server, and an interest of readers.
struct Setup {
    feed: Arc<Mutex<Feed>>,
    server: Scripted,
    interest: Interest,
}

impl Setup {
    async fn new(count: u64) -> Self {
        let feed = Arc::new(Mutex::new(Feed::new(count)));
        let served = Arc::clone(&feed);
        let server = Scripted::start(move |asked| match asked.stream_after() {
            Some(after) => Answer::stream(&served.lock().unwrap().stream(after, None)),
            None => served.lock().unwrap().answer(asked),
        })
        .await;
        Self { feed, server, interest: Interest::everything() }
    }

    async fn reader(&self, path: &str) -> FeedReader {
        self.reader_from(path, Position::ZERO).await
    }

    async fn reader_from(&self, path: &str, position: Position) -> FeedReader {
        let url = self.server.url(path).parse().unwrap();
        let (client, url) = Client::new(&url, Limits::default()).unwrap();
        let Opened::Feed(feed) = open(&client, &url).await.unwrap() else { panic!("no feed") };
        FeedReader::new(client, url, feed, position, None, self.interest.clone())
    }

    /// The positions of events of a scope, among those after a position.
    fn expected(&self, scope: &Scope, after: u64, through: u64) -> Vec<u64> {
        let feed = self.feed.lock().unwrap();
        let events = feed.events.iter().filter(|it| scope.wants_event(it));
        let positions = events.map(|it| it.position.get());
        positions.filter(|it| (after + 1..=through).contains(it)).collect()
    }
}

async fn news(reader: &mut FeedReader) -> Option<FeedNews> {
    match reader.read(false).await.unwrap() {
        Reading::News(news) => Some(news),
        Reading::Nothing(_) => None,
    }
}

fn positions(news: &FeedNews) -> Vec<u64> {
    news.events.iter().map(|it| it.position.get()).collect()
}

#[test]
fn a_scope_holds_the_shards_that_it_was_made_of() {
    for (count, shards) in [(1, vec![0]), (64, vec![]), (65, vec![0, 63, 64]), (4096, vec![4095])] {
        let scope = scope(count, &shards);
        let held: Vec<u16> =
            (0..4096).filter(|shard| scope.has(ShardNumber::new(*shard))).collect();
        assert_eq!(held, shards, "{count}");
    }
    assert_eq!(scope(4, &[3, 4, 99]), scope(4, &[3]), "shards that there are not");
    assert!(Scope::EVERYTHING.has(ShardNumber::new(4095)) && Scope::EVERYTHING.is_everything());
    assert!(!scope(1, &[0]).is_everything());
}

#[tokio::test]
async fn what_is_handed_on_is_of_the_scope_and_everything_is_passed() {
    let setup = Setup::new(25).await;
    for scope in [scope(4, &[0, 2]), scope(4, &[]), scope(64, &[22]), Scope::EVERYTHING] {
        setup.interest.set(scope.clone());
        let mut reader = setup.reader("/feeds/orders").await;
        let mut from = 0;
        while let Some(news) = news(&mut reader).await {
            let through = news.through.get();
            assert_eq!(positions(&news), setup.expected(&scope, from, through), "{scope:?}");
            assert_eq!(news.scope, scope);
            from = through;
        }
        assert_eq!(from, 25);
    }
}

#[tokio::test]
async fn of_a_stream_no_more_is_handed_on() {
    let setup = Setup::new(5).await;
    let scope = scope(4, &[0, 2]);
    setup.interest.set(scope.clone());
    let mut reader = setup.reader("/feeds/orders").await;
    while news(&mut reader).await.is_some() {}
    setup.feed.lock().unwrap().publish(9);
    let mut from = 5;
    while from < 14 {
        if let Reading::News(news) = reader.read(true).await.unwrap() {
            let through = news.through.get();
            assert_eq!(positions(&news), setup.expected(&scope, from, through));
            assert_eq!(news.scope, scope);
            from = through;
        }
    }
    assert!(setup.server.asked().iter().any(|asked| asked.stream_after() == Some(5)));
}

#[tokio::test]
async fn news_say_under_which_scope_they_were_decoded() {
    let setup = Setup::new(25).await;
    let (one, both) = (scope(2, &[1]), scope(2, &[0, 1]));
    setup.interest.set(one.clone());
    let mut reader = setup.reader("/feeds/orders").await;
    let first = news(&mut reader).await.unwrap();
    // A shard is acquired while the next page may be on its way.
    setup.interest.set(both.clone());
    let second = news(&mut reader).await.unwrap();
    assert_eq!((&first.scope, &second.scope), (&one, &both));
    assert_eq!(positions(&first), setup.expected(&one, 0, 10));
    assert_eq!(positions(&second), (11..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_event_is_known_again_though_it_is_not_wanted() {
    let setup = Setup::new(13).await;
    setup.interest.set(scope(4, &[]));
    let mut reader = setup.reader("/feeds/orders").await;
    while news(&mut reader).await.is_some() {}
    let thirteenth = last_event(&setup.feed.lock().unwrap().events[12]);
    assert_eq!(reader.learn_last().await.unwrap(), Some(thirteenth));
    // News after a rest: the last event is looked at, and still there.
    setup.feed.lock().unwrap().publish(1);
    assert_eq!(news(&mut reader).await.unwrap().through.get(), 14);
    // Another event of the same id at its position, and one more.
    let mut other = setup.feed.lock().unwrap().clone();
    other.publish(1);
    other.events[13].updated = chrono::DateTime::UNIX_EPOCH;
    while news(&mut reader).await.is_some() {}
    *setup.feed.lock().unwrap() = other;
    let error = reader.read(false).await.unwrap_err().to_string();
    assert!(error.contains("the same event with another content"), "{error}");
}

#[tokio::test]
async fn the_last_event_is_learnt_though_it_is_not_wanted_and_stands_within_a_document() {
    for shown_after in ["/after/6", "/after/4"] {
        let mut setup = Setup::new(25).await;
        let served = Arc::clone(&setup.feed);
        setup.server = Scripted::start(move |asked| {
            let target = asked.target.replace("/after/6", shown_after);
            served.lock().unwrap().answer(&Asked { target, ..asked.clone() })
        })
        .await;
        setup.interest.set(scope(4, &[]));
        let seventh = setup.feed.lock().unwrap().events[6].clone();
        let mut reader = setup.reader_from("/feeds/orders", seventh.position).await;
        assert_eq!(reader.learn_last().await.unwrap(), Some(last_event(&seventh)));
    }
}

#[tokio::test]
async fn a_gap_or_a_disorder_among_what_is_not_wanted_is_an_error() {
    let setup = Setup::new(10).await;
    setup.interest.set(scope(4, &[]));
    assert!(setup.reader("/feeds/orders").await.read(false).await.is_ok());
    let right = setup.feed.lock().unwrap().clone();
    for index in 0..10 {
        for position in [99, (index as u64 + 5) % 10 + 1] {
            let mut wrong = right.clone();
            wrong.events[index].position = Position::new(position).unwrap();
            *setup.feed.lock().unwrap() = wrong;
            let error = setup.reader("/feeds/orders").await.read(false).await.unwrap_err();
            assert!(matches!(error, ReadError::Nonsense { .. }), "{index} at {position}: {error}");
        }
    }
}

#[tokio::test]
async fn under_a_filter_the_last_event_shown_is_remembered() {
    let setup = Setup::new(10).await;
    setup.interest.set(scope(4, &[]));
    let mut reader = setup.reader("/feeds/orders?type=b").await;
    let news = news(&mut reader).await.unwrap();
    assert_eq!((news.events.len(), news.through.get()), (0, 10));
    let ninth = last_event(&setup.feed.lock().unwrap().events[8]);
    assert_eq!(reader.learn_last().await.unwrap(), Some(ninth));
}
