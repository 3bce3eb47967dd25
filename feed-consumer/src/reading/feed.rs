//! Reading a feed with positions: full pages while far behind, then the tail.
//!
//! Pages are what caches keep and what servers have at hand ready made, so they serve to catch
//! up; a tail is made for one reader, and serves to follow. A page that cannot be read, because
//! it is too large or a cache has spoilt it, is read as tails. Once nothing more is known, a live
//! subscription waits for news by stream or long poll.
//!
//! # Layout
//!
//! - [`ahead`]: the next page, got meanwhile
//! - [`documents`]: gets pages and tails, and tells what is wrong with them
//! - [`look`]: whether the last event is still what it was
//! - [`follow`]: waits for news, by the best way that there is
//! - [`ways`]: which ways there are, and which of them work
//! - [`streamed`]: follows the stream of events

mod ahead;
mod documents;
mod follow;
mod look;
mod streamed;
mod ways;

use std::time::Duration;

use feed_protocol::{Incarnation, Position, Recorded};
use tokio::time::Instant;
use tracing::info;
use url::Url;

use self::ahead::Ahead;
use self::documents::{Answer, Wanted};
use self::look::{Found, Last};
use self::streamed::Following;
use self::ways::Ways;
use super::client::Client;
use super::error::{Discontinuity, ReadError};
use super::interest::{Interest, Scope};
use super::opening::{OpenFeed, Opened, open};
use crate::cursor::digest::last_event;
use crate::store::{LastEvent, Validators};

/// Reads one life of a feed, from one position on.
#[derive(Debug)]
pub(crate) struct FeedReader {
    client: Client,
    url: Url,
    feed: String,
    incarnation: Incarnation,
    /// Whose events are decoded.
    interest: Interest,
    /// Whether only some of the events are shown.
    is_filtered: bool,
    /// The last position read.
    position: Position,
    /// The last event read.
    last: Last,
    /// Pages have failed since the last success.
    pages_failed: bool,
    /// It has been said that pages are too large.
    said_too_large: bool,
    /// What the feed said of itself; `None` after an interruption.
    standing: Option<Standing>,
    /// How news come, if the subscription is live.
    ways: Ways,
    /// The stream of events, while it is open.
    following: Option<Following>,
    /// The page after the one that is read.
    ahead: Ahead,
}

#[derive(Debug)]
struct Standing {
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
    /// Nothing new.
    Nothing(Rest),
}

/// When a live subscription asks again after an answer without news.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// After this time, in which the server has already waited.
    For(Duration),
    /// As often as is seemly of someone who has to ask again and again.
    Seemly,
}

/// What a tail had to say.
#[derive(Debug)]
enum Tail {
    /// Events, or at least a further position.
    News(FeedNews),
    /// Nothing new.
    Nothing {
        /// How long the answer took.
        took: Duration,
        /// Whether the server says that it has held the request.
        is_held: bool,
    },
}

/// Events of a feed, oldest first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FeedNews {
    /// The events of the scope.
    pub(crate) events: Vec<Recorded>,
    /// Whose events these are: what is not in it was passed over, wanted since or not.
    pub(crate) scope: Scope,
    /// The last position covered, that of an event or not.
    pub(crate) through: Position,
    /// The newest position known.
    pub(crate) head: Position,
}

impl FeedReader {
    /// A reader of what comes after a position of the feed that has just been opened.
    pub(crate) fn new(
        client: Client,
        url: Url,
        feed: OpenFeed,
        position: Position,
        last: Option<LastEvent>,
        interest: Interest,
    ) -> Self {
        Self {
            client,
            url,
            feed: feed.id.clone(),
            incarnation: feed.incarnation.clone(),
            interest,
            is_filtered: feed.addresses.is_filtered(),
            position,
            last: Last::new(last),
            pages_failed: false,
            said_too_large: false,
            standing: Some(Standing::new(feed, position)),
            ways: Ways::new(),
            following: None,
            ahead: Ahead::default(),
        }
    }

    /// The newest position known.
    pub(crate) fn head(&self) -> Position {
        self.standing.as_ref().map_or(self.position, |it| it.feed.head.max(self.position))
    }

    /// Reads on. If `live`, it waits until there is news.
    ///
    /// After an error, the next call begins by looking whether it is still the same feed.
    pub(crate) async fn read(&mut self, live: bool) -> Result<Reading, ReadError> {
        let result = self.read_on(live).await;
        if result.is_err() {
            self.interrupt();
        }
        result
    }

    /// Something may have happened to the feed.
    fn interrupt(&mut self) {
        self.standing = None;
        self.following = None;
        self.ahead.give_up();
        self.last.interrupt();
    }

    async fn read_on(&mut self, live: bool) -> Result<Reading, ReadError> {
        if self.standing.is_none() {
            self.standing = Some(self.reconnect().await?);
        }
        if self.last.is_unseen()
            && let Some(news) = self.look_and_read_on().await?
        {
            return Ok(Reading::News(news));
        }
        if let Some(news) = self.read_page().await? {
            return Ok(Reading::News(news));
        }
        if live {
            return self.follow().await;
        }
        Ok(match self.read_tail(None).await? {
            Tail::News(news) => Reading::News(news),
            Tail::Nothing { .. } => Reading::Nothing(Rest::Seemly),
        })
    }

    /// Learns what stands at the position where reading begins, so that it is known again later.
    pub(crate) async fn learn_last(&mut self) -> Result<Option<LastEvent>, ReadError> {
        if self.last.event.is_none() {
            self.last = Last::new(self.event_here().await?.as_ref().map(last_event));
        }
        Ok(self.last.event.clone())
    }

    /// The event at the position where reading begins; `None` if none is shown there.
    pub(crate) async fn event_here(&mut self) -> Result<Option<Recorded>, ReadError> {
        let position = self.position;
        if position == Position::ZERO {
            return Ok(None);
        }
        let after = position.back_by(1);
        let url = self.standing().feed.addresses.whole_tail(after);
        let wanted =
            Wanted { url: &url, after, wait: None, validators: None, fresh: true, next: None };
        Ok(match self.get(wanted).await? {
            Answer::Run(run) => run.events.into_iter().find(|event| event.position == position),
            Answer::NotModified { .. } => None,
        })
    }

    /// Makes sure that what was read last is still what it was.
    pub(crate) async fn verify(&mut self) -> Result<(), ReadError> {
        self.look().await.map(drop)
    }

    async fn reconnect(&self) -> Result<Standing, ReadError> {
        let url = self.url.to_string();
        match open(&self.client, &self.url).await? {
            Opened::Feed(feed) if feed.id != self.feed => {
                let stored = self.feed.clone();
                Err(Discontinuity::OtherFeed { url, stored, present: feed.id }.into())
            }
            Opened::Feed(feed) if feed.incarnation != self.incarnation => {
                Err(self.new_incarnation(Some(feed.incarnation)).into())
            }
            Opened::Feed(feed) => Ok(Standing::new(feed, self.position)),
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

    fn standing(&mut self) -> &mut Standing {
        // Unwrap safety: every caller is called by `read_on`, which has just made one.
        self.standing.as_mut().expect("reading begins by connecting")
    }

    fn beyond_head(&self, head: Option<Position>) -> Discontinuity {
        let (url, position) = (self.url.to_string(), self.position);
        Discontinuity::BeyondHead { url, head, position }
    }

    /// Reads the page of the next position, if there may be a full page to read.
    async fn read_page(&mut self) -> Result<Option<FeedNews>, ReadError> {
        let (position, pages_failed) = (self.position, self.pages_failed);
        let standing = self.standing();
        let Some(size) = standing.feed.page_size.filter(|_| standing.behind && !pages_failed)
        else {
            return Ok(None);
        };
        let page = size.page_of(position.next());
        let url = standing.feed.addresses.page(page);
        let is_next_full = size.range(page.next()).last() <= standing.feed.head;
        let next = is_next_full.then(|| standing.feed.addresses.page(page.next()));
        // Until the page has been read, it counts as failed; a tail must do then.
        self.pages_failed = true;
        let next = next.as_ref();
        let wanted =
            Wanted { url: &url, after: position, wait: None, validators: None, fresh: false, next };
        let run = match self.get(wanted).await {
            Ok(Answer::Run(run)) => run,
            Ok(Answer::NotModified { .. }) => return Ok(None),
            Err(error @ ReadError::TooLarge { .. }) => {
                if !std::mem::replace(&mut self.said_too_large, true) {
                    info!("{error}: reading shorter runs of events (tails) instead of pages");
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let is_full_page = run.range == size.range(page);
        let is_news = run.range.last() > position;
        let found = Found { connection: run.connection, is_news, is_full_page };
        self.confirm(found).await?;
        self.pages_failed = false;
        self.standing().behind = is_full_page;
        Ok(is_news.then(|| self.passed(run.events, run.scope, run.range.last(), found)))
    }

    /// Reads the tail. With `wait`, the server may wait so long for news.
    async fn read_tail(&mut self, wait: Option<Duration>) -> Result<Tail, ReadError> {
        let position = self.position;
        let standing = self.standing();
        let url = standing.feed.addresses.tail(position);
        let known = standing.empty_tail.take().filter(|(at, _)| *at == position);
        let validators = known.as_ref().map(|(_, validators)| validators);
        let asked = Instant::now();
        let wanted =
            Wanted { url: &url, after: position, wait, validators, fresh: false, next: None };
        let answer = self.get(wanted).await?;
        let took = asked.elapsed();
        let (connection, is_held, is_news) = match &answer {
            Answer::Run(run) => (run.connection, run.is_held, run.range.last() > position),
            Answer::NotModified { connection, is_held } => (*connection, *is_held, false),
        };
        let found = Found { connection, is_news, is_full_page: false };
        self.confirm(found).await?;
        self.pages_failed = false;
        match answer {
            Answer::Run(run) if is_news => {
                let standing = self.standing();
                standing.behind =
                    standing.feed.page_size.is_some_and(|size| run.range.len() >= size.get());
                return Ok(Tail::News(self.passed(run.events, run.scope, run.range.last(), found)));
            }
            Answer::Run(run) => self.standing().empty_tail = Some((position, run.validators)),
            Answer::NotModified { .. } => self.standing().empty_tail = known,
        }
        self.last.rest();
        Ok(Tail::Nothing { took, is_held })
    }

    /// Events up to a position have been read; of those outside of the scope there are some.
    fn passed(
        &mut self,
        mut events: Vec<Recorded>,
        scope: Scope,
        through: Position,
        found: Found,
    ) -> FeedNews {
        self.position = through;
        if let Some(recorded) = events.last() {
            self.last.replace(last_event(recorded), found);
        }
        if !scope.is_everything() {
            events.retain(|event| scope.wants_event(event));
        }
        FeedNews { events, scope, through, head: self.head() }
    }
}

impl Standing {
    fn new(feed: OpenFeed, position: Position) -> Self {
        let behind = feed
            .page_size
            .is_some_and(|size| size.range(size.page_of(position.next())).last() <= feed.head);
        Self { feed, behind, empty_tail: None }
    }
}
