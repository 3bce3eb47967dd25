//! Streams that stand open and fall silent, under paused time.

use bytes::Bytes;
use feed_protocol::link::{Link, Relation};
use futures_util::stream::{self, StreamExt};
use tokio::time::sleep;

use super::*;
use crate::reading::addresses::Addresses;
use crate::reading::client::{Client, Limits, StreamBody};
use crate::reading::feed::Rest;
use crate::reading::feed::ways::Way;
use crate::reading::interest::Interest;
use crate::reading::opening::OpenFeed;

const HEARTBEAT: &str = "id: k3v9x2:3\n\n";

/// A reader at the end of a feed, which follows a stream that falls silent after so many
/// heartbeats.
fn following(heartbeats: usize) -> FeedReader {
    let (client, url) =
        Client::new(&"http://a.example/feeds/orders".parse().unwrap(), Limits::default()).unwrap();
    let links = [
        Link::new(Relation::Last, "orders/k3v9x2/pages/1"),
        Link::new(Relation::Previous, "orders/k3v9x2/after/3"),
    ];
    let incarnation = "k3v9x2".parse().unwrap();
    let addresses = Addresses::of(&client, &url, &links, &incarnation).unwrap();
    let head = Position::new(3).unwrap();
    let id = "urn:uuid:1".to_owned();
    let feed = OpenFeed { id, incarnation, addresses, head, page_size: None };
    let mut reader = FeedReader::new(client, url.clone(), feed, head, None, Interest::everything());
    let pieces = stream::iter(std::iter::repeat_n(HEARTBEAT, heartbeats)).then(async |piece| {
        sleep(Duration::from_secs(1)).await;
        Bytes::from_static(piece.as_bytes())
    });
    let body = StreamBody::of(pieces.chain(stream::pending()).boxed());
    reader.following = Some(Following::new(EventStream::new(url, body)));
    reader
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_which_only_the_beginning_comes_through_is_left() {
    for heartbeats in [0, 1] {
        let mut reader = following(heartbeats);
        let found = reader.follow_stream().await.unwrap();
        assert_eq!(found, Reading::Nothing(Rest::For(Duration::ZERO)), "{heartbeats}");
        assert_eq!(reader.ways.present(), Way::LongPoll, "{heartbeats}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_come_through_and_falls_silent_is_opened_again() {
    let mut reader = following(2);
    let error = reader.follow_stream().await.unwrap_err();
    assert!(matches!(error, ReadError::TimedOut { .. }), "{error}");
    assert_eq!(reader.ways.present(), Way::Stream);
}
