//! Reading a feed with positions: full pages while far behind, then the tail.
//!
//! Pages are what caches keep and what servers have at hand ready made, so they serve to catch
//! up; a tail is made for one reader, and serves to follow. A page that cannot be read, because
//! it is too large or a cache has spoilt it, is read as tails.

use std::time::Duration;

use feed_protocol::cloudevents;
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::{Cursor, Incarnation, Position, PositionRange, ProblemType, Recorded};
use http::HeaderMap;
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use super::client::{Client, Document, Request, Response};
use super::contiguity;
use super::error::{Discontinuity, ReadError};
use super::opening::{OpenFeed, Opened, open};
use crate::cursor::digest::last_event;
use crate::store::{LastEvent, Validators};

/// How many events a document may hold.
const MAX_EVENTS: usize = 10_000;

/// Reads one life of a feed, from one position on.
#[derive(Debug)]
pub(crate) struct FeedReader {
    client: Client,
    url: Url,
    feed: String,
    incarnation: Incarnation,
    /// The last position read.
    position: Position,
    /// The last event read, which must still be there after every interruption.
    last: Option<LastEvent>,
    /// Whether it has been looked at since.
    last_is_checked: bool,
    /// Pages have failed since the last success.
    pages_failed: bool,
    /// What the current document said; `None` after an interruption.
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    feed: OpenFeed,
    /// Whether there may be a full page of events to read.
    behind: bool,
    /// Those of the empty tail after a position.
    empty_tail: Option<(Position, Validators)>,
}

/// What a feed had to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Events, or at least a further position.
    News(FeedNews),
    /// Nothing new. The server took this long to say so.
    Nothing(Duration),
}

/// Events of a feed, oldest first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FeedNews {
    /// The events.
    pub(crate) events: Vec<Recorded>,
    /// The last position covered, that of an event or not.
    pub(crate) through: Position,
    /// The newest position known.
    pub(crate) head: Position,
}

/// A page or a tail.
struct Run {
    range: PositionRange,
    events: Vec<Recorded>,
    validators: Validators,
}

impl FeedReader {
    /// A reader of what comes after a position of the feed that has just been opened.
    pub(crate) fn new(
        client: Client,
        url: Url,
        feed: OpenFeed,
        position: Position,
        last: Option<LastEvent>,
    ) -> Self {
        Self {
            client,
            url,
            feed: feed.id.clone(),
            incarnation: feed.incarnation.clone(),
            position,
            last_is_checked: last.is_none(),
            last,
            pages_failed: false,
            connection: Some(Connection::new(feed, position)),
        }
    }

    /// The newest position known.
    pub(crate) fn head(&self) -> Position {
        self.connection.as_ref().map_or(self.position, |it| it.feed.head.max(self.position))
    }

    /// Reads on. With `wait`, the server may wait so long for news.
    ///
    /// After an error, the next call begins by looking whether it is still the same feed.
    pub(crate) async fn read(&mut self, wait: Option<Duration>) -> Result<Reading, ReadError> {
        let result = self.read_on(wait).await;
        if result.is_err() {
            self.connection = None;
            self.last_is_checked = self.last.is_none();
        }
        result
    }

    async fn read_on(&mut self, wait: Option<Duration>) -> Result<Reading, ReadError> {
        if self.connection.is_none() {
            self.connection = Some(self.reconnect().await?);
        }
        if !self.last_is_checked
            && let Some(news) = self.check_last().await?
        {
            return Ok(Reading::News(news));
        }
        if let Some(news) = self.read_page().await? {
            return Ok(Reading::News(news));
        }
        self.read_tail(wait).await
    }

    /// Learns what stands at the position where reading begins, so that it is known again later.
    pub(crate) async fn learn_last(&mut self) -> Result<Option<LastEvent>, ReadError> {
        if self.last.is_none() && self.position > Position::ZERO {
            let position = self.position;
            let url = self.connection().feed.addresses.tail(position.back_by(1));
            let run = self.get(&url, None, None, true).await?;
            let events = run.map(|run| run.events).unwrap_or_default();
            self.last = events.iter().find(|event| event.position == position).map(last_event);
        }
        Ok(self.last.clone())
    }

    async fn reconnect(&self) -> Result<Connection, ReadError> {
        let url = self.url.to_string();
        match open(&self.client, &self.url, &Validators::default()).await? {
            Opened::Feed(feed) if feed.id != self.feed => {
                let stored = self.feed.clone();
                Err(Discontinuity::OtherFeed { url, stored, present: feed.id }.into())
            }
            Opened::Feed(feed) if feed.incarnation != self.incarnation => {
                Err(self.new_incarnation(Some(feed.incarnation)).into())
            }
            Opened::Feed(feed) => Ok(Connection::new(feed, self.position)),
            Opened::Document(_) | Opened::NotModified(_) => {
                Err(Discontinuity::OtherKind { url, positions: false }.into())
            }
        }
    }

    fn new_incarnation(&self, present: Option<Incarnation>) -> Discontinuity {
        Discontinuity::NewIncarnation {
            url: self.url.to_string(),
            stored: self.incarnation.clone(),
            present,
            position: self.position,
        }
    }

    fn connection(&mut self) -> &mut Connection {
        // Unwrap safety: every caller is called by `read_on`, which has just made one.
        self.connection.as_mut().expect("reading begins by connecting")
    }

    /// Looks whether the last event is still what it was, and reads what follows it in the same
    /// document.
    async fn check_last(&mut self) -> Result<Option<FeedNews>, ReadError> {
        let Some(last) = self.last.clone() else { return Ok(None) };
        let before = last.position.back_by(1);
        let url = self.connection().feed.addresses.tail(before);
        let Some(run) = self.get(&url, None, None, true).await? else { return Ok(None) };
        let filtered = self.connection().feed.addresses.is_filtered();
        let events = contiguity::after_cursor(before, run.range, run.events, filtered)
            .map_err(|gap| nonsense(&url, gap))?;
        match events.first() {
            Some(found) if last_event(found) == last => {}
            None if run.range.is_empty() => {
                let head = Some(run.range.last());
                return Err(self.beyond_head(head).into());
            }
            found => {
                let found = match found {
                    Some(found) if found.position == last.position => {
                        let (id, source) = (found.event.id(), found.event.source());
                        if *id == last.id && *source == last.source {
                            "the same event with another content".to_owned()
                        } else {
                            format!("the event {id} of {source}")
                        }
                    }
                    _ => "no event".to_owned(),
                };
                return Err(Discontinuity::OtherEvent {
                    url: self.url.to_string(),
                    position: last.position,
                    source_attribute: last.source.to_string(),
                    id: last.id.to_string(),
                    found,
                }
                .into());
            }
        }
        self.last_is_checked = true;
        if run.range.last() <= self.position {
            return Ok(None);
        }
        let position = self.position;
        let events = events.into_iter().filter(|event| event.position > position).collect();
        Ok(Some(self.passed(events, run.range.last())))
    }

    fn beyond_head(&self, head: Option<Position>) -> Discontinuity {
        let (url, position) = (self.url.to_string(), self.position);
        Discontinuity::BeyondHead { url, head, position }
    }

    /// Reads the page of the next position, if there may be a full page to read.
    async fn read_page(&mut self) -> Result<Option<FeedNews>, ReadError> {
        let (position, pages_failed) = (self.position, self.pages_failed);
        let connection = self.connection();
        let Some(size) = connection.feed.page_size.filter(|_| connection.behind && !pages_failed)
        else {
            return Ok(None);
        };
        let page = size.page_of(position.next());
        let url = connection.feed.addresses.page(page);
        // Until the page has been read, it counts as failed; a tail must do then.
        self.pages_failed = true;
        let run = match self.get(&url, None, None, false).await {
            Ok(run) => run,
            Err(error @ ReadError::TooLarge { .. }) => {
                debug!(%error, "reading tails instead of a page");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(run) = run else { return Ok(None) };
        let filtered = self.connection().feed.addresses.is_filtered();
        let events = contiguity::after_cursor(position, run.range, run.events, filtered)
            .map_err(|gap| nonsense(&url, gap))?;
        self.pages_failed = false;
        self.connection().behind = run.range == size.range(page);
        if run.range.last() == position {
            return Ok(None);
        }
        Ok(Some(self.passed(events, run.range.last())))
    }

    async fn read_tail(&mut self, wait: Option<Duration>) -> Result<Reading, ReadError> {
        let position = self.position;
        let connection = self.connection();
        let url = connection.feed.addresses.tail(position);
        let known = connection.empty_tail.take().filter(|(at, _)| *at == position);
        let asked = Instant::now();
        let known_validators = known.as_ref().map(|(_, validators)| validators);
        let Some(run) = self.get(&url, wait, known_validators, false).await? else {
            self.connection().empty_tail = known;
            return Ok(Reading::Nothing(asked.elapsed()));
        };
        let filtered = self.connection().feed.addresses.is_filtered();
        let events = contiguity::after_cursor(position, run.range, run.events, filtered)
            .map_err(|gap| nonsense(&url, gap))?;
        self.pages_failed = false;
        if run.range.last() == position {
            self.connection().empty_tail = Some((position, run.validators));
            return Ok(Reading::Nothing(asked.elapsed()));
        }
        let connection = self.connection();
        connection.behind =
            connection.feed.page_size.is_some_and(|size| run.range.len() >= size.get());
        Ok(Reading::News(self.passed(events, run.range.last())))
    }

    fn passed(&mut self, events: Vec<Recorded>, through: Position) -> FeedNews {
        self.position = through;
        if let Some(recorded) = events.last() {
            self.last = Some(last_event(recorded));
            self.last_is_checked = true;
        }
        FeedNews { events, through, head: self.head() }
    }

    /// Gets a page or a tail; `None` when it has not changed.
    async fn get(
        &self,
        url: &Url,
        wait: Option<Duration>,
        validators: Option<&Validators>,
        fresh: bool,
    ) -> Result<Option<Run>, ReadError> {
        let accept = cloudevents::BATCH_MEDIA_TYPE;
        let request = Request { url, accept, wait, fresh, validators };
        match self.client.get(request).await {
            Ok(Response::NotModified(_)) => Ok(None),
            Ok(Response::Document(document)) => self.run(url, &document).map(Some),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Recognises the errors after which there is no going on.
    fn explain(&self, error: ReadError) -> ReadError {
        let ReadError::Status { problem: Some(problem), .. } = &error else { return error };
        let member = |name: &str| problem.members.get(name);
        match problem.kind {
            ProblemType::IncarnationGone => {
                let present = member("incarnation").and_then(|it| it.as_str()?.parse().ok());
                self.new_incarnation(present).into()
            }
            ProblemType::BeyondHead => {
                let head = member("head").and_then(|it| Position::new(it.as_u64()?));
                self.beyond_head(head).into()
            }
            _ => error,
        }
    }

    /// The page or tail of an answer.
    fn run(&self, url: &Url, answer: &Document) -> Result<Run, ReadError> {
        let media_type = answer.media_type();
        if media_type != cloudevents::BATCH_MEDIA_TYPE {
            let expected = cloudevents::BATCH_MEDIA_TYPE;
            return Err(nonsense(url, format!("it is {media_type:?}, and not {expected}")));
        }
        let range = header(url, &answer.headers, FEED_RANGE)?;
        let cursor: Cursor = header(url, &answer.headers, FEED_CURSOR)?;
        if cursor.incarnation != self.incarnation {
            let reason = format!("it is of incarnation {}", cursor.incarnation);
            return Err(nonsense(url, reason));
        }
        let events = cloudevents::read_recorded_batch(&answer.body, MAX_EVENTS)
            .map_err(|error| nonsense(url, error))?;
        Ok(Run { range, events, validators: answer.validators() })
    }
}

impl Connection {
    fn new(feed: OpenFeed, position: Position) -> Self {
        let behind = feed
            .page_size
            .is_some_and(|size| size.range(size.page_of(position.next())).last() <= feed.head);
        Self { feed, behind, empty_tail: None }
    }
}

fn nonsense(url: &Url, reason: impl ToString) -> ReadError {
    ReadError::Nonsense { url: url.to_string(), reason: reason.to_string() }
}

/// A header field that must be there.
fn header<T>(url: &Url, headers: &HeaderMap, name: &'static str) -> Result<T, ReadError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| nonsense(url, format!("it has no header field {name}")))?;
    value.parse().map_err(|error| nonsense(url, error))
}
