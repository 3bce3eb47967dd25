//! What stands at the address, and where the subscription stands in it.

use std::sync::Arc;

use feed_protocol::Position;
use tracing::{info, warn};
use url::Url;

use super::Start;
use crate::reading::client::Client;
use crate::reading::document::settings::DocumentSettings;
use crate::reading::document::{DocumentPlace, DocumentReader, FirstAnswer, as_seen, older};
use crate::reading::error::Discontinuity;
use crate::reading::feed::FeedReader;
use crate::reading::opening::{OpenDocument, OpenFeed, Opened, open, open_document};
use crate::reading::{ReadingEnded, Source, Tries};
use crate::schedule::failures::Patience;
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
}

/// A subscription that has begun, now or long ago.
pub(super) struct Begun {
    pub(super) subscription: Subscription,
    /// Where its cursor stands.
    pub(super) place: Place,
    /// What to read on from there.
    pub(super) source: Source,
    /// The newest position known.
    pub(super) head: Position,
}

impl Beginning<'_> {
    /// Opens the feed, and finds the cursor or makes one.
    pub(super) async fn begin(&self) -> Result<Begun, ConsumerError> {
        let known_feed = self.store.feed_at(self.group, self.url.as_str()).await?;
        let known = match &known_feed {
            Some(feed) => self.store.find(&self.subscription(feed)).await?,
            None => None,
        };
        let document = known.as_ref().filter(|place| place.incarnation.is_none());
        let opened = self.open(document.map(|place| &place.validators)).await?;
        match (opened, known_feed, known) {
            (Opened::NotModified(headers), Some(feed), Some(place)) => {
                let validators = place.validators.clone();
                info!(feed, "the document has not changed since it was handled");
                let opened = FirstAnswer::NotModified(validators, headers);
                Ok(self.begun_document(self.subscription(&feed), place, opened))
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
        let reader = |feed, place: &Place| {
            let (client, url) = (self.client.clone(), self.url.clone());
            FeedReader::new(client, url, feed, place.position, place.last.clone())
        };
        let stored = self.find(&subscription, known_feed.as_deref()).await?;
        let (place, reader) = match stored {
            Some(place) => {
                self.check_incarnation(&place, &present)?;
                info!(feed = feed.id, position = %place.position, %head, "going on");
                let reader = reader(feed, &place);
                (place, reader)
            }
            None => {
                let position = match self.start {
                    Start::Beginning => Position::ZERO,
                    Start::Now => head,
                };
                info!(feed = feed.id, %position, %head, "a new subscription");
                let mut place = Place {
                    incarnation: Some(present.clone()),
                    position,
                    last: None,
                    validators: Validators::default(),
                };
                let mut reader = reader(feed, &place);
                place.last = self.learn_last(&mut reader).await?;
                let place = self.store_beginning(&subscription, place, &[], &[]).await?;
                (place, reader)
            }
        };
        Ok(Begun { subscription, place, source: Source::Feed(Box::new(reader)), head })
    }

    fn check_incarnation(
        &self,
        place: &Place,
        present: &feed_protocol::Incarnation,
    ) -> Result<(), Discontinuity> {
        let url = self.url.to_string();
        match &place.incarnation {
            Some(stored) if stored == present => Ok(()),
            Some(stored) => Err(Discontinuity::NewIncarnation {
                url,
                stored: stored.clone(),
                present: Some(present.clone()),
                position: place.position,
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
        let place = match self.find(&subscription, known_feed.as_deref()).await? {
            Some(place) if place.incarnation.is_none() => {
                info!(feed, handled = %place.position, "going on");
                place
            }
            Some(_) => {
                let url = self.url.to_string();
                return Err(Discontinuity::OtherKind { url, positions: false }.into());
            }
            None => {
                info!(feed, "a new subscription to a document without positions");
                let (seen, page) = match self.start {
                    Start::Beginning => (Vec::new(), None),
                    Start::Now => (as_seen(&document), self.archive_before(&document)),
                };
                self.store_beginning(&subscription, Place::default(), &seen, page.as_slice())
                    .await?
            }
        };
        let opened = FirstAnswer::Document(Box::new(document));
        Ok(self.begun_document(subscription, place, opened))
    }

    /// The newest archive of a document, as if it had been handled.
    fn archive_before(&self, document: &OpenDocument) -> Option<Page> {
        // A link that is wrong is an error when it is followed.
        let (kind, url) = older(document, None, &self.documents).ok().flatten()?;
        let (state, linked) = (PageState::Done, true);
        let page = Page { place: 0, url, kind, state, oldest: None, linked };
        Some(page).filter(|page| page.kind == PageKind::Archive)
    }

    fn begun_document(
        &self,
        subscription: Subscription,
        place: Place,
        opened: FirstAnswer,
    ) -> Begun {
        let document = DocumentPlace {
            client: self.client.clone(),
            url: self.url.clone(),
            store: Arc::clone(self.store),
            subscription: subscription.clone(),
            settings: self.documents,
        };
        let source = Source::Document(Box::new(DocumentReader::new(document, opened)));
        let head = place.position;
        Begun { subscription, place, source, head }
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
    ) -> Result<Place, ConsumerError> {
        if self.store.begin(subscription, self.url.as_str(), &place, seen, pages).await? {
            return Ok(place);
        }
        Err(ConsumerError::MovedElsewhere {
            group: subscription.group.clone(),
            feed: subscription.feed.clone(),
        })
    }
}
