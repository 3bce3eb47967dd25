//! Reading a feed of other software: its document, again and again, and before it the older pages
//! that it leads to.
//!
//! Older pages are found by walking back from the document, by `prev-archive` (RFC 5005, section
//! 4) or else `next` (section 3), as far as the last page that was handled, or an entry that was.
//! Their addresses are noted as they are found. Then they are read forwards, the oldest first, and
//! the document last. See `docs/decisions/0005-feeds-of-other-software.md`.
//!
//! # Layout
//!
//! - [`walk`]: back to the oldest page, and forwards again
//! - [`pages`]: what is known of the older pages
//! - [`known`]: which entries are known
//! - [`overlap`]: how a document meets them
//! - [`news`]: what is handed on of a document
//! - [`settings`]: what to do where there is a choice

mod known;
mod news;
mod overlap;
mod pages;
pub(crate) mod settings;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use url::Url;

use self::known::Known;
use self::pages::Pages;
use self::settings::{DocumentSettings, Vanished};
use super::client::Client;
use super::error::{Discontinuity, ReadError};
use super::opening::{OpenDocument, Opened, forget_page, open_document};
use super::retry_after::max_age;
use crate::store::entries::DocumentEnd;
use crate::store::pages::{PageKind, SeenEntry};
use crate::store::shards::Lease;
use crate::store::{CursorStore, Subscription, Validators};

pub(crate) use news::DocumentNews;
pub(crate) use walk::older;

/// Reads a feed of other software whenever its document changes.
#[derive(Debug)]
pub(crate) struct DocumentReader {
    place: DocumentPlace,
    lease: Lease,
    validators: Validators,
    /// What the opening request brought.
    opened: Option<FirstAnswer>,
    /// Whether the document was handed on since the last pause.
    handed_on: bool,
    fresh_for: Duration,
    /// What the store knows; `None` before it was asked.
    progress: Option<Progress>,
}

/// Which document, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct DocumentPlace {
    pub(crate) client: Client,
    pub(crate) url: Url,
    pub(crate) store: Arc<dyn CursorStore>,
    pub(crate) subscription: Subscription,
    pub(crate) settings: DocumentSettings,
}

/// How far the reading of pages has come.
#[derive(Debug)]
struct Progress {
    pages: Pages,
    known: Known,
    /// The entries of the document when a walk began with it, if one has.
    walked_from: Option<Vec<SeenEntry>>,
    /// The page that was walked last, and its entries.
    walked_last: Option<(String, Vec<SeenEntry>)>,
    /// Whether the last walk came to nothing: the next one counts as read when it is over, so that
    /// walks in circles are failures in a row. No cache may answer for it.
    walked_wrong: bool,
    /// Whether what the document holds is to be taken as handled.
    skips: bool,
}

/// What the opening request brought.
#[derive(Debug)]
pub(crate) enum FirstAnswer {
    /// A document.
    Document(Box<OpenDocument>),
    /// That the document is the one that was kept, with these header fields.
    NotModified(Validators, HeaderMap),
}

impl DocumentReader {
    /// A reader that begins with what the opening request brought, and writes under this lease.
    pub(crate) fn new(place: DocumentPlace, lease: Lease, opened: FirstAnswer) -> Self {
        let (validators, headers) = match &opened {
            // Should pages have to be read first, the document is asked for again.
            FirstAnswer::Document(document) => (Validators::default(), &document.headers),
            FirstAnswer::NotModified(validators, headers) => (validators.clone(), headers),
        };
        let fresh_for = fresh_for(headers);
        Self {
            place,
            lease,
            validators,
            fresh_for,
            opened: Some(opened),
            handed_on: false,
            progress: None,
        }
    }

    /// A reader that goes on where another one has been, with the validators of the document that
    /// was kept last.
    pub(crate) fn again(place: DocumentPlace, lease: Lease, validators: Validators) -> Self {
        Self {
            place,
            lease,
            validators,
            fresh_for: Duration::ZERO,
            opened: None,
            handed_on: false,
            progress: None,
        }
    }

    /// For how long the document stays fresh, as its server says.
    pub(crate) const fn fresh_for(&self) -> Duration {
        self.fresh_for
    }

    /// Reads on: the next page, or the document. `None` if the document has not changed, or has
    /// only just been read.
    ///
    /// A document holds all that there is, so there is a pause after each reading of it. Its
    /// server may well send it whole every time.
    pub(crate) async fn read(&mut self) -> Result<Option<DocumentNews>, ReadError> {
        if std::mem::take(&mut self.handed_on) {
            return Ok(None);
        }
        if self.progress.is_none() {
            self.progress = Some(Progress::load(&self.place, self.lease).await?);
        }
        loop {
            let news = match self.progress().pages.oldest() {
                Some(page) => {
                    // By the time that all pages are handled, there is another document.
                    self.opened = None;
                    Some(self.read_page(page).await?)
                }
                None => self.read_document().await?,
            };
            let is_step = news.as_ref().is_some_and(|it| it.end == DocumentEnd::Nothing);
            if !is_step || !self.progress().walked_wrong {
                self.progress().walked_wrong = false;
                return Ok(news);
            }
        }
    }

    fn progress(&mut self) -> &mut Progress {
        // Unwrap safety: `read` has loaded it before it calls anything else.
        self.progress.as_mut().expect("reading begins by loading")
    }

    async fn read_document(&mut self) -> Result<Option<DocumentNews>, ReadError> {
        let document = match self.opened.take() {
            Some(FirstAnswer::Document(document)) => *document,
            Some(FirstAnswer::NotModified(..)) => return Ok(None),
            None => match self.ask().await? {
                Some(document) => document,
                None => return Ok(None),
            },
        };
        let entries = as_seen(&document);
        let older = older(&document, None, &self.place.settings)?;
        let progress = self.progress();
        let overlap = progress.known.overlap(&entries).await?;
        let is_connected = progress.skips
            || match &older {
                None => {
                    let is_all = document.document.complete || entries.is_empty();
                    if !overlap.is_linked() && !is_all && progress.known.any() {
                        self.vanished("all entries that were handled have left it")?;
                    }
                    true
                }
                Some((PageKind::Archive, url)) => {
                    overlap.is_connected() || progress.pages.is_done(url)
                }
                Some((PageKind::Paged, _)) => {
                    overlap.is_connected() || progress.is_as_walked(&entries)
                }
            };
        if let Some((kind, url)) = older.filter(|_| !is_connected) {
            return self.begin_walk(kind, url, entries, overlap.is_linked()).await.map(Some);
        }
        Ok(Some(self.hand_on_document(document, entries)))
    }

    fn hand_on_document(
        &mut self,
        document: OpenDocument,
        entries: Vec<SeenEntry>,
    ) -> DocumentNews {
        let updates = self.place.settings.updates;
        self.handed_on = true;
        self.fresh_for = fresh_for(&document.headers);
        self.validators = document.validators.clone();
        let validators = document.validators.clone();
        let progress = self.progress();
        progress.known.hand_on(entries);
        progress.walked_from = None;
        progress.walked_last = None;
        let end = DocumentEnd::Document { validators, taken: Vec::new() };
        let news = DocumentNews::of(document, updates, end);
        if std::mem::take(&mut progress.skips) { news.taken() } else { news }
    }

    /// Asks for the document; `None` if it has not changed.
    async fn ask(&mut self) -> Result<Option<OpenDocument>, ReadError> {
        let DocumentPlace { client, url, subscription, .. } = &self.place;
        let (id, opened) = match open_document(client, url, &self.validators).await? {
            Opened::NotModified(headers) => {
                self.fresh_for = fresh_for(&headers);
                return Ok(None);
            }
            Opened::Document(document) => (document.document.id.clone(), Some(document)),
            Opened::Feed(feed) => (feed.id, None),
        };
        let (url, stored) = (url.to_string(), subscription.feed.clone());
        match opened {
            Some(document) if id == stored => Ok(Some(*document)),
            None if id == stored => Err(Discontinuity::OtherKind { url, positions: true }.into()),
            _ => Err(Discontinuity::OtherFeed { url, stored, present: id }.into()),
        }
    }

    /// Forgets the walk and what our cache has kept of it, so that another one begins.
    async fn forget_walk(&mut self) -> Result<(), ReadError> {
        let urls: Vec<_> = self.progress().pages.addresses().map(str::parse).collect();
        for url in urls.iter().flatten() {
            forget_page(&self.place.client, url).await;
        }
        let progress = self.progress();
        progress.walked_from = None;
        progress.walked_last = None;
        progress.walked_wrong = true;
        Ok(progress.pages.forget_walk().await?)
    }

    /// Entries may have been missed. Ends the subscription, unless it is set to go on; then all
    /// that is there may have to be taken as handled.
    fn vanished(&mut self, what: impl Into<String>) -> Result<(), ReadError> {
        let (url, what) = (self.place.url.to_string(), what.into());
        match self.place.settings.vanished {
            Vanished::Fail => return Err(Discontinuity::Vanished { url, what }.into()),
            Vanished::Oldest => {
                tracing::warn!("{url}: {what}; going on with the oldest that there is");
            }
            Vanished::Now => {
                tracing::warn!("{url}: {what}; going on with what comes from now on");
                self.progress().skips = true;
            }
        }
        Ok(())
    }
}

impl Progress {
    async fn load(place: &DocumentPlace, lease: Lease) -> Result<Self, ReadError> {
        let (store, subscription) = (&place.store, &place.subscription);
        Ok(Self {
            pages: Pages::load(Arc::clone(store), subscription.clone(), lease).await?,
            known: Known::load(Arc::clone(store), subscription.clone()).await?,
            walked_from: None,
            walked_last: None,
            walked_wrong: false,
            skips: false,
        })
    }

    /// Whether the document has not moved away from the pages that were read since a walk began
    /// with it: the entry that was its last is still there, and as it was.
    fn is_as_walked(&self, entries: &[SeenEntry]) -> bool {
        let walked = self.walked_from.as_ref();
        walked.is_some_and(|walked| walked.last().is_none_or(|last| entries.contains(last)))
    }
}

fn fresh_for(headers: &HeaderMap) -> Duration {
    max_age(headers).unwrap_or_default()
}

/// The entries of a document in its order, as they are known once they are handled.
pub(crate) fn as_seen(document: &OpenDocument) -> Vec<SeenEntry> {
    let entries = document.document.entries.iter();
    entries.map(|it| SeenEntry { iri: it.iri.clone(), updated: it.updated }).collect()
}
