//! How long a stream may take, under paused time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep, timeout};

use super::*;

/// A stream of these pieces, the first at once, then one in so many seconds.
fn stream(pace: f64, pieces: impl Iterator<Item = &'static str> + Send + 'static) -> EventStream {
    let pieces = stream::iter(pieces.enumerate()).then(move |(index, piece)| async move {
        if index > 0 {
            sleep(Duration::from_secs_f64(pace)).await;
        }
        Bytes::from_static(piece.as_bytes())
    });
    let url = "http://a.example/feeds/orders".parse().unwrap();
    EventStream::new(url, StreamBody::of(pieces.boxed()))
}

/// What comes next of it within an hour, and after how many seconds.
async fn next(stream: &mut EventStream) -> (Result<Option<Vec<Block>>, ReadError>, u64) {
    let begun = Instant::now();
    let next = timeout(Duration::from_secs(3600), stream.next()).await;
    (next.expect("it waits for ever"), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_block_that_drips_in_is_a_time_out_and_so_are_blocks_that_say_nothing() {
    for drip in ["x", ": a comment\n\n", "event: other\ndata: x\n\n"] {
        let pieces = std::iter::once("id: k3v9x2:3\n\n").chain(std::iter::repeat(drip));
        let mut stream = stream(4.0, pieces);
        assert_eq!(next(&mut stream).await.0.unwrap().unwrap().len(), 1);
        let (found, after) = next(&mut stream).await;
        let error = found.unwrap_err();
        assert!(matches!(error, ReadError::TimedOut { .. }), "{drip:?}: {error}");
        assert!((60..70).contains(&after), "{drip:?}: {after} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_block_on_a_slow_line_has_the_time_that_it_takes() {
    const PIECE: &str = match str::from_utf8(&[b'x'; 16 * 1024]) {
        Ok(text) => text,
        Err(_) => panic!(),
    };
    let pieces = std::iter::once("id: k3v9x2:3\ndata: ")
        .chain(std::iter::repeat_n(PIECE, 200))
        .chain(["\n\n"]);
    let (found, after) = next(&mut stream(0.9, pieces)).await;
    assert_eq!(found.unwrap().unwrap().len(), 1);
    assert!((170..200).contains(&after), "{after} s");
}

#[tokio::test(start_paused = true)]
async fn comments_between_heartbeats_take_nothing_from_them() {
    let beat = [": x\n\n", ": x\n\n", "id: k3v9x2:3\n\n"];
    let mut stream = stream(15.0, std::iter::repeat_n(beat, 20).flatten());
    for _ in 0..20 {
        assert_eq!(next(&mut stream).await.0.unwrap().unwrap().len(), 1);
    }
}
