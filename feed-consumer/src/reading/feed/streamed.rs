//! Following a feed by its stream of events.
//!
//! What comes passes the same checks as a document: it belongs to this life of the feed, and
//! leaves nothing out. A stream that is lost is opened again after the last event has been looked
//! at, and at the position read so far.

use std::time::Duration;

use feed_protocol::{Cursor, Position, Recorded, cloudevents};
use http::StatusCode;
use tokio::time::Instant;
use tracing::debug;

use super::documents::nonsense;
use super::look::Found;
use super::{FeedReader, Reading};
use crate::random;
use crate::reading::contiguity;
use crate::reading::error::ReadError;
use crate::reading::stream::{Block, EventStream};

/// A stream that has come to its end is opened again within this time, by chance: a server that
/// restarts ends many at once.
const REOPENING: Duration = Duration::from_secs(1);

/// A stream over which nothing has come behind its beginning, and that ends sooner, is a failure
/// of the way: it would be opened again all the time.
const SHORT_LIFE: Duration = Duration::from_secs(10);

/// Whoever has taken nothing of a stream for longer may have lost it for that reason.
const SLOW: Duration = Duration::from_secs(5);

/// A stream that is being followed.
#[derive(Debug)]
pub(super) struct Following {
    stream: EventStream,
    opened: Instant,
    /// How often something of it has come.
    received: u64,
    /// When we last waited for something of it.
    waited: Instant,
    /// For how long it was not waited for before that.
    neglected: Duration,
}

impl Following {
    fn new(stream: EventStream) -> Self {
        let now = Instant::now();
        Self { stream, opened: now, received: 0, waited: now, neglected: Duration::ZERO }
    }

    async fn next(&mut self) -> Result<Option<Vec<Block>>, ReadError> {
        self.neglected = self.waited.elapsed();
        let next = self.stream.next().await;
        self.waited = Instant::now();
        if matches!(next, Ok(Some(_))) {
            self.received += 1;
        }
        next
    }

    /// Whether it has shown that streams come through. Its beginning alone does not.
    fn is_proven(&self) -> bool {
        self.received > 1 || self.opened.elapsed() > SHORT_LIFE
    }
}

impl FeedReader {
    /// Waits for news of the stream, which is opened if it is not.
    pub(super) async fn follow_stream(&mut self) -> Result<Reading, ReadError> {
        let mut following = match self.following.take() {
            Some(following) => following,
            None => match self.open_stream().await {
                Ok(stream) => Following::new(stream),
                Err(error) if is_refusal(&error) => return Ok(self.leave_stream(&error)),
                Err(error) => return self.way_failed(error),
            },
        };
        loop {
            let (events, through) = match following.next().await {
                Ok(Some(blocks)) => match self.read_blocks(blocks) {
                    Ok(read) => read,
                    Err(error) => return self.lost(&following, Some(error)),
                },
                Ok(None) => return self.lost(&following, None),
                Err(error) => return self.lost(&following, Some(error)),
            };
            if following.received > 1 {
                self.ways.works();
            } else {
                self.ways.opens();
            }
            if through > self.position {
                let connection = following.stream.connection();
                let found = Found { connection, is_news: true, is_full_page: false };
                self.confirm_stream(found).await?;
                self.following = Some(following);
                let scope = self.interest.scope();
                return Ok(Reading::News(self.passed(events, scope, through, found)));
            }
            self.last.rest();
        }
    }

    async fn open_stream(&self) -> Result<EventStream, ReadError> {
        let mut url = self.url.clone();
        let cursor = Cursor { incarnation: self.incarnation.clone(), position: self.position };
        url.query_pairs_mut().append_pair("after", &cursor.to_string());
        EventStream::open(&self.client, &url).await.map_err(|error| self.explain(error))
    }

    fn leave_stream(&mut self, why: &ReadError) -> Reading {
        self.ways.leave(why);
        self.begin_anew(Duration::ZERO)
    }

    /// A stream has come to its end, by an error or without.
    fn lost(
        &mut self,
        following: &Following,
        error: Option<ReadError>,
    ) -> Result<Reading, ReadError> {
        match error {
            None | Some(ReadError::Transport { .. }) if following.neglected > SLOW => {
                debug!("the stream did not wait for the handler, and is opened again");
                Ok(self.begin_anew(Duration::ZERO))
            }
            None if following.is_proven() => {
                debug!("the stream has come to its end, and is opened again");
                Ok(self.begin_anew(REOPENING.mul_f64(random::fraction())))
            }
            None => self.way_failed(nonsense(&self.url, "the stream ends where it begins")),
            // It stands open, and nothing comes through. That it took long to fall silent proves
            // nothing, since that is what a time-out is.
            Some(error @ ReadError::TimedOut { .. }) if following.received <= 1 => {
                Ok(self.leave_stream(&error))
            }
            Some(error @ ReadError::TooLarge { .. }) => Ok(self.leave_stream(&error)),
            Some(error @ ReadError::Nonsense { .. }) => self.way_failed(error),
            Some(error) if following.is_proven() => Err(error),
            Some(error) => self.way_failed(error),
        }
    }

    /// The events of these blocks, and the last position that they cover. They go on where the
    /// reader stands, and leave nothing out.
    fn read_blocks(&self, blocks: Vec<Block>) -> Result<(Vec<Recorded>, Position), ReadError> {
        let mut events = Vec::new();
        let mut through = self.position;
        for block in blocks {
            let data = block.data.filter(|_| block.event.is_none());
            let Some(id) = block.id else {
                if data.is_some() {
                    return Err(nonsense(&self.url, "an event of the stream has no id"));
                }
                continue;
            };
            let position = self.position_of(&id)?;
            if let Some(data) = data {
                let recorded = cloudevents::read_recorded(&data)
                    .map_err(|error| nonsense(&self.url, error))?;
                if recorded.position != position {
                    let other = recorded.position;
                    let reason = format!("the event at position {position} says {other}");
                    return Err(nonsense(&self.url, reason));
                }
                contiguity::event_joins(through, position, self.is_filtered)
                    .map_err(|gap| nonsense(&self.url, gap))?;
                events.push(recorded);
            } else {
                contiguity::mark_joins(through, position, self.is_filtered)
                    .map_err(|gap| nonsense(&self.url, gap))?;
            }
            through = position;
        }
        Ok((events, through))
    }

    /// The position of the cursor that a block has as its id.
    fn position_of(&self, id: &[u8]) -> Result<Position, ReadError> {
        let cursor = str::from_utf8(id)
            .map_err(|error| error.to_string())
            .and_then(|text| text.parse::<Cursor>().map_err(|error| error.to_string()));
        let cursor = cursor.map_err(|reason| nonsense(&self.url, reason))?;
        if cursor.incarnation != self.incarnation {
            let reason = format!("the stream is of incarnation {}", cursor.incarnation);
            return Err(nonsense(&self.url, reason));
        }
        Ok(cursor.position)
    }
}

/// Whether an answer says that there is no such thing as a stream.
fn is_refusal(error: &ReadError) -> bool {
    match error {
        ReadError::Nonsense { .. } => true,
        ReadError::Status { status, .. } => match *status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => false,
            StatusCode::NOT_IMPLEMENTED => true,
            _ => status.is_client_error(),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
