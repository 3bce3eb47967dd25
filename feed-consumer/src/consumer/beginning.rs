//! What stands at the address, and where the subscription stands in it.

use std::sync::Arc;

use feed_protocol::Position;
use tracing::{info, warn};
use url::Url;

use super::Start;
use crate::reading::client::Client;
use crate::reading::document::settings::DocumentSettings;
use crate::reading::document::{DocumentPlace, FirstAnswer, as_seen, older};
use crate::reading::entries::EntrySource;
use crate::reading::error::Discontinuity;
use crate::reading::feed::FeedReader;
use crate::reading::interest::Interest;
use crate::reading::opening::{OpenDocument, OpenFeed, Opened, open, open_document};
use crate::reading::{FeedSource, ReadingEnded, Sources, Tries};
use crate::schedule::failures::Patience;
use crate::shard::ShardCount;
use crate::store::pages::{Page, PageKind, PageState, SeenEntry};
use crate::store::{CursorStore, LastEvent, Place, Subscription, Validators};
use crate::worker::ConsumerError;

/// What is needed to begin.
pub(super) struct Beginning<'a> {
    pub(super) client: &'a Client,
    pub(super) url: &'a Url,
    pub(super) group: &'a str,
    pub(super) start: Start,
    pub(super) patience: Patience,
    pub(super) store: &'a Arc<dyn CursorStore>,
    pub(super) documents: DocumentSettings,
    /// How many shards a new subscription has, and how many one has to have, if that was said.
    pub(super) shards: Option<ShardCount>,
}

/// A subscription that has begun, now or long ago.
pub(super) struct Begun {
    pub(super) subscription: Subscription,
    /// How many shards it has.
    pub(super) shards: ShardCount,
    /// The last position up to which all shards have come.
    pub(super) position: Position,
    /// What to read on from there.
    pub(super) sources: Sources,
    /// The newest position known.
    pub(super) head: Position,
}

/// Where the shards of a subscription stand.
struct Stand {
    shards: ShardCount,
    /// The lowest position.
    position: Position,
    /// The last event of all.
    last: Option<LastEvent>,
    /// Those of the last document of which all entries were found.
    validators: Validators,
}

impl Beginning<'_> {
    /// Opens the feed, and finds the cursor or makes one.
    pub(super) async fn begin(&self) -> Result<Begun, ConsumerError> {
        let known_feed = self.store.feed_at(self.group, self.url.as_str()).await?;
        let known = match &known_feed {
            Some(feed) => self.store.find(&self.subscription(feed)).await?,
            None => None,
        };
        let is_document = known.as_ref().is_some_and(|place| place.incarnation.is_none());
        let document = match &known_feed {
            Some(feed) if is_document => Some(self.stand(&self.subscription(feed)).await?),
            _ => None,
        };
        let opened = self.open(document.as_ref().map(|it| &it.validators)).await?;
        match (opened, known_feed, document) {
            (Opened::NotModified(headers), Some(feed), Some(stand)) => {
                info!(feed, "the document has not changed since it was read");
                let opened = FirstAnswer::NotModified(stand.validators.clone(), headers);
                self.begun_document(self.subscription(&feed), stand, opened).await
            }
            (Opened::Feed(feed), known_feed, _) => self.begin_feed(feed, known_feed).await,
            (Opened::Document(document), known_feed, _) => {
                self.begin_document(*document, known_feed).await
            }
            (Opened::NotModified(_), ..) => {
                unreachable!("a server's 304 is accepted only where there was a condition")
            }
        }
    }

    /// Looks what stands at the address; where there was a document of other software, it need not
    /// be sent again if these validators say that it is the same.
    async fn open(&self, document: Option<&Validators>) -> Result<Opened, ReadingEnded> {
        let mut tries = Tries::new(self.patience);
        loop {
            let result = match document {
                Some(known) => open_document(self.client, self.url, known).await,
                None => open(self.client, self.url).await,
            };
            if let Some(opened) = tries.settle(result).await? {
                return Ok(opened);
            }
        }
    }

    async fn learn_last(&self, reader: &mut FeedReader) -> Result<Option<LastEvent>, ReadingEnded> {
        let mut tries = Tries::new(self.patience);
        loop {
            let result = reader.learn_last().await;
            if let Some(last) = tries.settle(result).await? {
                return Ok(last);
            }
        }
    }

    fn subscription(&self, feed: &str) -> Subscription {
        Subscription { group: self.group.to_owned(), feed: feed.to_owned() }
    }

    async fn begin_feed(
        &self,
        feed: OpenFeed,
        known_feed: Option<String>,
    ) -> Result<Begun, ConsumerError> {
        let subscription = self.subscription(&feed.id);
        let present = feed.incarnation.clone();
        let head = feed.head;
        let reader = |feed, position, last| {
            let (client, url) = (self.client.clone(), self.url.clone());
            FeedReader::new(client, url, feed, position, last, Interest::everything())
        };
        let stored = self.find(&subscription, known_feed.as_deref()).await?;
        let stand = match stored {
            Some(place) => {
                let stand = self.stand(&subscription).await?;
                self.check_incarnation(&place, stand.position, &present)?;
                info!(feed = feed.id, position = %stand.position, %head, "going on");
                // What lies before the position is looked at when reading goes on there.
                if let Some(last) = stand.last.clone().filter(|it| it.position > stand.position) {
                    let mut reader = reader(feed.clone(), last.position, Some(last));
                    self.verify(&mut reader).await?;
                }
                stand
            }
            None => {
                let position = self.first_position(&feed).await?;
                info!(feed = feed.id, %position, %head, "a new subscription");
                let mut place = Place {
                    incarnation: Some(present.clone()),
                    position,
                    last: None,
                    validators: Validators::default(),
                };
                let mut reader = reader(feed.clone(), position, None);
                place.last = self.learn_last(&mut reader).await?;
                self.store_beginning(&subscription, place, &[], &[]).await?;
                self.stand(&subscription).await?
            }
        };
        let Stand { shards, position, .. } = stand;
        let (client, url) = (self.client.clone(), self.url.clone());
        let sources = Sources::Feed(Box::new(FeedSource { client, url, feed }));
        Ok(Begun { subscription, shards, position, sources, head })
    }

    /// The position after which a new subscription begins.
    async fn first_position(&self, feed: &OpenFeed) -> Result<Position, ConsumerError> {
        let head = feed.head;
        match self.start {
            Start::Beginning => Ok(Position::ZERO),
            Start::Now => Ok(head),
            Start::Position(start) if start > head => {
                Err(ConsumerError::StartBeyondHead { url: self.url.to_string(), start, head })
            }
            Start::Position(start) => Ok(start),
            Start::Time(time) => {
                let mut tries = Tries::new(self.patience);
                loop {
                    let result = feed.position_at(self.client, time).await;
                    if let Some(position) = tries.settle(result).await? {
                        return Ok(position);
                    }
                }
            }
        }
    }

    /// Makes sure that the last event of all shards is still what it was.
    async fn verify(&self, reader: &mut FeedReader) -> Result<(), ReadingEnded> {
        let mut tries = Tries::new(self.patience);
        loop {
            let result = reader.verify().await;
            if tries.settle(result).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Where the shards of a subscription stand that has begun. They are made now if it has none.
    async fn stand(&self, subscription: &Subscription) -> Result<Stand, ConsumerError> {
        let place = self.store.find(subscription).await?;
        let validators = place.map(|place| place.validators).unwrap_or_default();
        let count = self.shards.unwrap_or_default();
        let mut found = self.store.shards(subscription).await?;
        if found.is_empty() {
            self.store.cut(subscription, count).await?;
            found = self.store.shards(subscription).await?;
        }
        let shards = u16::try_from(found.len()).ok().and_then(ShardCount::new).unwrap_or(count);
        if let Some(wanted) = self.shards.filter(|wanted| *wanted != shards) {
            return Err(ConsumerError::Shards { group: self.group.to_owned(), shards, wanted });
        }
        let position = found.iter().map(|shard| shard.place.position).min().unwrap_or_default();
        let lasts = found.into_iter().filter_map(|shard| shard.place.last);
        let last = lasts.max_by_key(|last| last.position);
        Ok(Stand { shards, position, last, validators })
    }

    fn check_incarnation(
        &self,
        place: &Place,
        position: Position,
        present: &feed_protocol::Incarnation,
    ) -> Result<(), Discontinuity> {
        let url = self.url.to_string();
        match &place.incarnation {
            Some(stored) if stored == present => Ok(()),
            Some(stored) => Err(Discontinuity::NewIncarnation {
                url,
                stored: stored.clone(),
                present: Some(present.clone()),
                position,
            }),
            None => Err(Discontinuity::OtherKind { url, positions: true }),
        }
    }

    async fn begin_document(
        &self,
        document: OpenDocument,
        known_feed: Option<String>,
    ) -> Result<Begun, ConsumerError> {
        let subscription = self.subscription(&document.document.id);
        let feed = &document.document.id;
        if document.document.archive {
            warn!(feed, "the document says that it is an archive, which never changes");
        }
        match self.find(&subscription, known_feed.as_deref()).await? {
            Some(place) if place.incarnation.is_none() => info!(feed, "going on"),
            Some(_) => {
                let url = self.url.to_string();
                return Err(Discontinuity::OtherKind { url, positions: false }.into());
            }
            None => {
                let (seen, page) = match self.start {
                    Start::Beginning => (Vec::new(), None),
                    Start::Now => (as_seen(&document), self.archive_before(&document)),
                    Start::Position(_) | Start::Time(_) => {
                        let url = self.url.to_string();
                        return Err(ConsumerError::WithoutPositions { url });
                    }
                };
                info!(feed, "a new subscription to a document without positions");
                self.store_beginning(&subscription, Place::default(), &seen, page.as_slice())
                    .await?;
            }
        }
        let stand = self.stand(&subscription).await?;
        let opened = FirstAnswer::Document(Box::new(document));
        self.begun_document(subscription, stand, opened).await
    }

    /// The newest archive of a document, as if it had been handled.
    fn archive_before(&self, document: &OpenDocument) -> Option<Page> {
        // A link that is wrong is an error when it is followed.
        let (kind, url) = older(document, None, &self.documents).ok().flatten()?;
        let (state, linked) = (PageState::Done, true);
        let page = Page { place: 0, url, kind, state, oldest: None, linked };
        Some(page).filter(|page| page.kind == PageKind::Archive)
    }

    async fn begun_document(
        &self,
        subscription: Subscription,
        stand: Stand,
        opened: FirstAnswer,
    ) -> Result<Begun, ConsumerError> {
        let document = DocumentPlace {
            client: self.client.clone(),
            url: self.url.clone(),
            store: Arc::clone(self.store),
            subscription: subscription.clone(),
            settings: self.documents,
        };
        let (source, head) = EntrySource::new(document, opened).await?;
        let sources = Sources::Entries(Box::new(source));
        let Stand { shards, position, .. } = stand;
        Ok(Begun { subscription, shards, position, sources, head })
    }

    /// Where the subscription stands in the feed that is at the address now. Another feed must
    /// not take the place of the one that was there before: its events would be missing.
    async fn find(
        &self,
        subscription: &Subscription,
        known_feed: Option<&str>,
    ) -> Result<Option<Place>, ConsumerError> {
        let place = self.store.find(subscription).await?;
        let url = self.url.to_string();
        match (known_feed, &place) {
            (Some(known), _) if known == subscription.feed => {}
            (Some(known), None) => {
                let (stored, present) = (known.to_owned(), subscription.feed.clone());
                return Err(Discontinuity::OtherFeed { url, stored, present }.into());
            }
            (_, Some(_)) => {
                info!(feed = subscription.feed, url, "the feed has a new address");
                self.store.set_url(subscription, &url).await?;
            }
            (None, None) => {}
        }
        Ok(place)
    }

    async fn store_beginning(
        &self,
        subscription: &Subscription,
        place: Place,
        seen: &[SeenEntry],
        pages: &[Page],
    ) -> Result<(), ConsumerError> {
        let url = self.url.as_str();
        if !self.store.begin(subscription, url, &place, seen, pages).await? {
            info!("another worker has begun the subscription at the same time");
        }
        Ok(())
    }
}
