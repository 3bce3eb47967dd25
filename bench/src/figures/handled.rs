//! The time from publish to handled, at 200 events a second: from the moment when the producer
//! sends its request to the moment when a consumer has the event in hand.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use feed_consumer::{Consumer, Start};
use feed_protocol::{Recorded, cloudevents};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::Names;
use crate::client::{Connection, EventStream, get, write_post};
use crate::harness::{Contender, Harness, Value, percentile};
use crate::orders::Orders;
use crate::stage::{self, FEED, Stage};

pub(super) const NAMES: Names = &[
    ("handled_long_poll", "time from publish to handled, by long poll, at 200 events a second"),
    ("handled_stream", "the same by server-sent events"),
    ("handled_consumer", "the same by a live consumer of feed-consumer"),
];

const VALUES: &[Value] = &[("p50_milliseconds", "ms"), ("p99_milliseconds", "ms")];

/// The time between two events.
const INTERVAL: Duration = Duration::from_millis(5);

/// When each event was sent, by its id.
type Sent = Arc<Mutex<HashMap<String, Instant>>>;

/// The ways of waiting for news.
#[derive(Debug, Clone, Copy)]
enum By {
    LongPoll,
    Stream,
    Consumer,
}

pub(super) async fn measure(harness: &mut Harness<'_>, stages: &[Stage]) -> Result<()> {
    let by_long_poll = stages.iter().map(|it| handling("handled_long_poll", it, By::LongPoll));
    let by_stream = stages.iter().map(|it| handling("handled_stream", it, By::Stream));
    let by_consumer = stages.iter().map(|it| handling("handled_consumer", it, By::Consumer));
    harness.measure(by_long_poll.chain(by_stream).chain(by_consumer).collect()).await
}

fn handling<'a>(name: &'static str, stage: &'a Stage, by: By) -> Contender<'a> {
    Contender::new(name, stage.events, VALUES, move |time| async move {
        let mut reader = match by {
            By::LongPoll => Reader::poll(stage).await?,
            By::Stream => Reader::stream(stage).await?,
            By::Consumer => Reader::consumer(stage).await?,
        };
        let sent = Sent::default();
        // Two rounds' time, so that one in a hundred is more than one or two.
        let publishing = tokio::spawn(publish(stage.server().0, Arc::clone(&sent), time * 2));
        let milliseconds = follow(&mut reader, &sent, publishing).await?;
        Ok(vec![percentile(&milliseconds, 0.5), percentile(&milliseconds, 0.99)])
    })
}

/// Reads until everything that is published has been handled, and returns the milliseconds that
/// each took.
async fn follow(
    reader: &mut Reader<'_>,
    sent: &Sent,
    mut publishing: JoinHandle<Result<usize>>,
) -> Result<Vec<f64>> {
    let mut milliseconds = Vec::new();
    let mut expected = None;
    while expected.is_none_or(|expected| milliseconds.len() < expected) {
        let mut next = pin!(reader.next());
        let ids = loop {
            tokio::select! {
                ids = &mut next => break ids?,
                published = &mut publishing, if expected.is_none() => {
                    let published = published??;
                    if milliseconds.len() == published {
                        return Ok(milliseconds);
                    }
                    expected = Some(published);
                }
            }
        };
        for id in ids {
            let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            // What an earlier round has left to come is not counted.
            milliseconds.extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e3));
        }
    }
    Ok(milliseconds)
}

/// Publishes at an even pace, whether or not the answers keep up, and returns how many events.
async fn publish(server: SocketAddr, sent: Sent, time: Duration) -> Result<usize> {
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut orders = Orders::new();
    let mut tasks = JoinSet::new();
    let mut pace = tokio::time::interval(INTERVAL);
    let begun = Instant::now();
    let mut published = 0;
    while begun.elapsed() < time {
        pace.tick().await;
        let mut body = Vec::new();
        let id = orders.write_next(&mut body).to_string();
        let mut request = Vec::new();
        write_post(&format!("/feeds/{FEED}"), cloudevents::MEDIA_TYPE, &body, &mut request);
        let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (idle, sent) = (Arc::clone(&idle), Arc::clone(&sent));
        published += 1;
        tasks.spawn(async move {
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(server).await?,
            };
            sent.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
            let status = connection.exchange(&request).await?;
            ensure!(status == 201, "the server answered {status}");
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(published)
}

/// A consumer that waits for news.
enum Reader<'a> {
    Poll { connection: Connection, base: &'a str, position: u64 },
    Stream(EventStream),
    Consumer { handled: mpsc::UnboundedReceiver<String>, _consumer: JoinSet<Result<()>> },
}

impl<'a> Reader<'a> {
    async fn poll(stage: &'a Stage) -> Result<Self> {
        let mut connection = Connection::open(stage.server().0).await?;
        let position = stage::cursor(&mut connection, FEED).await?.position.get();
        Ok(Self::Poll { connection, base: &stage.base, position })
    }

    async fn stream(stage: &'a Stage) -> Result<Self> {
        let connection = Connection::open(stage.server().0).await?;
        let request = get(&format!("/feeds/{FEED}"), &[("Accept", "text/event-stream")]);
        let mut stream = connection.into_event_stream(&request).await?;
        // The block that says where the stream starts.
        stream.next().await?;
        Ok(Self::Stream(stream))
    }

    /// A consumer that begins now, with a cursor of its own.
    async fn consumer(stage: &Stage) -> Result<Self> {
        let (sender, handled) = mpsc::unbounded_channel();
        let cursors = stage.database.with_extension("live.db");
        let consumer = Consumer::builder(format!("http://{}/feeds/{FEED}", stage.server().0))
            .group(Uuid::now_v7().to_string())
            .database(cursors.to_str().context("the folder's name is no UTF-8")?)
            .start(Start::Now)
            .on_any(move |recorded: Arc<Recorded>, _| {
                // Nobody listens any more once the round has ended.
                let _ = sender.send(recorded.event.id().to_string());
                async { Ok(()) }
            })
            .build()?;
        let mut progress = consumer.progress();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            consumer.run(std::future::pending()).await?;
            Ok(())
        });
        // Where it begins is known once it has looked at the feed.
        progress.changed().await?;
        Ok(Self::Consumer { handled, _consumer: tasks })
    }

    /// The ids of the next events.
    async fn next(&mut self) -> Result<Vec<String>> {
        match self {
            Self::Poll { connection, base, position } => {
                let fields = [("Accept", cloudevents::BATCH_MEDIA_TYPE), ("Prefer", "wait=5")];
                let answer =
                    connection.fetch(&get(&format!("{base}/after/{position}"), &fields)).await?;
                ensure!(answer.status == 200, "the long poll was answered {}", answer.status);
                let batch = cloudevents::read_recorded_batch(&answer.body, 1_000)?;
                if let Some(last) = batch.last() {
                    *position = last.position.get();
                }
                Ok(batch.iter().map(|it| it.event.id().to_string()).collect())
            }
            Self::Consumer { handled, .. } => {
                Ok(vec![handled.recv().await.context("the consumer has ended")?])
            }
            Self::Stream(stream) => {
                let recorded = cloudevents::read_recorded(&stream.next_event().await?.data)?;
                Ok(vec![recorded.event.id().to_string()])
            }
        }
    }
}
