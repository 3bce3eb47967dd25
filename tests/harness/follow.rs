//! Readers who follow a feed as it grows, each by another way of the wire, and never look back.

use feed_protocol::{Recorded, cloudevents};
use serde_json::Value;
use tokio::sync::watch;
use url::Url;

use crate::events::BATCH;
use crate::http::{Answer, Http};
use crate::reading::{path_of, range};
use crate::sse::EventStream;

/// What a reader has seen: source and id of each event, in the order of its positions.
pub type History = Vec<(String, String)>;

/// Tells readers how far to read: until a feed's head is known to be final.
pub type End = watch::Receiver<Option<u64>>;

/// A way to follow a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its pages, the open one again and again.
    Pages,
    /// Its tail, again and again.
    Tail,
    /// Its tail, by long poll.
    LongPoll,
    /// The stream.
    Stream,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pages, Self::Tail, Self::LongPoll, Self::Stream];

    /// Follows a feed from its beginning to its end. When a server goes away, it asks again, or asks
    /// the next one.
    ///
    /// # Panics
    ///
    /// When what it reads leaves a gap, or an event appears behind it.
    pub async fn follow(self, servers: Vec<Http>, feed: &str, end: End) -> History {
        let mut reader =
            Reader { servers, turn: 0, folder: String::new(), history: Vec::new(), end };
        reader.find_folder(feed).await;
        match self {
            Self::Pages => reader.by_pages(feed).await,
            Self::Tail => reader.by_tail(None).await,
            Self::LongPoll => reader.by_tail(Some("wait=2")).await,
            Self::Stream => reader.by_stream(feed).await,
        }
        reader.history
    }
}

struct Reader {
    servers: Vec<Http>,
    turn: usize,
    folder: String,
    history: History,
    end: End,
}

impl Reader {
    fn http(&self) -> &Http {
        &self.servers[self.turn % self.servers.len()]
    }

    fn is_done(&self) -> bool {
        self.end.borrow().is_some_and(|head| self.history.len() as u64 >= head)
    }

    /// An answer of whichever server gives one.
    async fn get(&mut self, path: &str, prefer: Option<&str>) -> Answer {
        loop {
            let mut request = self.http().get(path).header("accept", BATCH);
            if let Some(prefer) = prefer {
                request = request.header("prefer", prefer);
            }
            match request.try_send().await {
                Ok(answer) if matches!(answer.status.as_u16(), 200 | 304) => return answer,
                Ok(answer) if answer.status == 503 => {}
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => self.turn += 1,
            }
            tokio::task::yield_now().await;
        }
    }

    async fn find_folder(&mut self, feed: &str) {
        let current = self.get(&format!("/feeds/{feed}"), None).await;
        let cursor = current.header("feed-cursor");
        let (incarnation, _) = cursor.split_once(':').expect("INCARNATION:POSITION");
        self.folder = format!("/feeds/{feed}/{incarnation}");
    }

    fn take(&mut self, event: &Recorded) {
        let position = event.position.get();
        assert_eq!(position, self.history.len() as u64 + 1, "nothing is left out");
        self.history.push((event.event.source().to_string(), event.event.id().to_string()));
    }

    async fn by_tail(&mut self, prefer: Option<&str>) {
        while !self.is_done() {
            let path = format!("{}/after/{}", self.folder, self.history.len());
            let answer = self.get(&path, prefer).await;
            let (first, last) = range(&answer);
            assert_eq!(first, self.history.len() as u64 + 1);
            for event in cloudevents::read_recorded_batch(&answer.body, 1000).expect("a batch") {
                self.take(&event);
            }
            assert_eq!(last, self.history.len() as u64, "the range is covered");
        }
    }

    async fn by_pages(&mut self, feed: &str) {
        let current = self.get(&format!("/feeds/{feed}"), None).await;
        let mut page: Url = current.link("last");
        while !self.is_done() {
            let answer = self.get(path_of(&page), None).await;
            let full = answer.header("cache-control").contains("immutable");
            let mut events = cloudevents::read_recorded_batch(&answer.body, 1000).expect("a batch");
            events.reverse();
            for event in events {
                let position = usize::try_from(event.position.get()).expect("small");
                match self.history.get(position - 1) {
                    Some((source, id)) => {
                        let same = event.event.source().as_str() == source
                            && event.event.id().as_str() == id;
                        assert!(same, "position {position} has become another event");
                    }
                    None => self.take(&event),
                }
            }
            if full {
                page = answer.link("next-archive");
            }
        }
    }

    async fn by_stream(&mut self, feed: &str) {
        while !self.is_done() {
            let folder = self.folder.rsplit('/').next().expect("an incarnation").to_owned();
            let after = format!("{folder}:{}", self.history.len());
            let request = self
                .http()
                .get(&format!("/feeds/{feed}"))
                .header("accept", "text/event-stream")
                .header("last-event-id", &after);
            // A server that is going away may answer otherwise than with a stream.
            let Ok(mut stream) = EventStream::try_open(request).await else {
                self.turn += 1;
                tokio::task::yield_now().await;
                continue;
            };
            while !self.is_done() {
                let mut end = self.end.clone();
                let block = tokio::select! {
                    block = stream.next() => block,
                    _ = end.changed() => continue,
                };
                let Some(block) = block else { break };
                let Some(data) = &block.data else { continue };
                let event: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(block.position(), self.history.len() as u64 + 1, "nothing is left out");
                let text = |name: &str| event[name].as_str().expect("text").to_owned();
                self.history.push((text("source"), text("id")));
            }
        }
    }
}
