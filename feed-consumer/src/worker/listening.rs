//! What readers say.

use std::sync::Arc;

use feed_protocol::Recorded;
use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;

use super::feeding::{FedBy, FeedId, Said};
use super::handling::Done;
use super::lane::Waiting;
use super::storing::meanwhile;
use super::{ConsumerError, Next, Worker};
use crate::handler::Work;
use crate::reading::News;
use crate::reading::document::{DocumentEnd, DocumentEntry, DocumentNews};
use crate::reading::feed::FeedNews;
use crate::reading::interest::Scope;
use crate::schedule::failures::Failures;
use crate::shard::ShardNumber;
use crate::store::pages::PageKind;
use crate::store::{Advance, CursorStore, StoreError, Subscription};

/// How many entries that are in a document no more are remembered, should they come back.
const REMEMBERED_ENTRIES: u32 = 10_000;

/// A document of other software is always one shard, since its entries have no order but that in
/// which they were found.
const ONLY: ShardNumber = ShardNumber::new(0);

/// A document of other software of which entries wait or are in hand.
#[derive(Debug)]
pub(super) struct DocumentInHand {
    end: DocumentEnd,
    /// The ids of its entries.
    ids: Vec<String>,
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// A reader has said something.
    pub(super) async fn hear<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        said: Said,
    ) -> Result<Next, ConsumerError> {
        let Said { by, news } = said;
        match news {
            Ok(News::Feed(news)) => self.take(by, news),
            Ok(News::Document(news)) => return self.take_document(flight, by, news).await,
            Ok(News::Idle) => self.feeding.ended(by, &mut self.lanes),
            Err(ended) => self.reading_ended = Some(ended),
        }
        Ok(Next::GoOn)
    }

    fn take(&mut self, by: FeedId, news: FeedNews) {
        self.now.head = self.now.head.max(news.head);
        for recorded in news.events {
            let event = &recorded.event;
            let shard = self.shards.shard_of(event.subject(), event.source(), event.id());
            let waiting = Waiting { recorded: Arc::new(recorded), entry: None };
            self.lanes.offer(shard, waiting, FedBy::Feed(by));
        }
        self.feeding.passed(by, &news.scope, news.through, &mut self.lanes);
        self.storing.note_passed();
    }

    /// Takes the entries that have not been handled before, and numbers them.
    async fn take_document<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        by: FeedId,
        mut news: DocumentNews,
    ) -> Result<Next, ConsumerError> {
        let end = std::mem::replace(&mut news.end, DocumentEnd::Nothing);
        let ids: Vec<String> = news.entries.iter().map(|entry| entry.iri.clone()).collect();
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut failures = Failures::new(self.manner.patience);
        let seen = loop {
            let looking = self.store.seen(&self.subscription, &asked);
            match meanwhile(flight, &mut self.finished, looking).await {
                Ok(seen) => break seen,
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.is_empty() {
                        return Ok(next);
                    }
                }
            }
        };
        let Some(mut position) = self.lanes.get(ONLY).map(|lane| lane.read_to) else {
            return Ok(Next::GoOn);
        };
        for DocumentEntry { iri, updated, event } in news.unseen(&seen) {
            position = position.next();
            let recorded = Arc::new(Recorded { position, updated, event });
            let waiting = Waiting { recorded, entry: Some(iri) };
            // A document is in memory as a whole, so that there is room for all of it.
            self.lanes.change_shard(ONLY, |lane| {
                lane.push(waiting);
                lane.read_to = position;
            });
        }
        self.now.head = position;
        self.feeding.passed(by, &Scope::EVERYTHING, position, &mut self.lanes);
        self.document = Some(DocumentInHand { end, ids });
        Ok(Next::GoOn)
    }

    /// A document of other software that has been handled whole: keeps what its end says, so that
    /// it is not read again, and forgets entries that left such documents long ago.
    pub(super) async fn finish_document<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let is_done = |it: &super::lane::Lane| it.len() == 0 && it.in_hand.is_none();
        if self.document.is_none() || !self.lanes.get(ONLY).is_some_and(is_done) {
            return Ok(Next::GoOn);
        }
        if let end @ Next::End(_) = self.store(flight).await? {
            return Ok(end);
        }
        let Some(DocumentInHand { end, ids }) = self.document.take() else {
            return Ok(Next::GoOn);
        };
        let Some(lane) = self.lanes.get(ONLY) else { return Ok(Next::GoOn) };
        let page = match end {
            DocumentEnd::Nothing => return Ok(Next::GoOn),
            DocumentEnd::Page { place, kind } => Some((place, kind)),
            DocumentEnd::Document { validators, taken } => {
                let advance = Advance {
                    subscription: self.subscription.clone(),
                    moves: vec![lane.with_validators(validators)],
                    seen: taken,
                    followers: Vec::new(),
                };
                let moved = self.carry_out(flight, &advance).await?;
                if moved != Next::GoOn {
                    return Ok(moved);
                }
                None
            }
        };
        let mut failures = Failures::new(self.manner.patience);
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let tidying = || tidy(&*store, &subscription, &ids, page);
        while let Err(error) = meanwhile(flight, &mut self.finished, tidying()).await {
            let next = self.bear(flight, error, &mut failures).await?;
            if next != Next::GoOn || self.lanes.is_empty() {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }
}

/// Notes what a document or page was, and forgets what left such documents long ago.
async fn tidy(
    store: &dyn CursorStore,
    subscription: &Subscription,
    ids: &[String],
    page: Option<(i64, PageKind)>,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    store.forget_others(subscription, &ids, REMEMBERED_ENTRIES).await?;
    match page {
        Some((place, PageKind::Archive)) => store.page_done(subscription, place).await,
        Some((place, PageKind::Paged)) => store.drop_pages(subscription, place, place).await,
        None => Ok(()),
    }
}
