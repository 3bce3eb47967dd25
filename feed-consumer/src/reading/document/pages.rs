//! The older pages of a feed: what is known of them, here and in the store.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::store::pages::{Page, PageKind, PageState};
use crate::store::shards::Lease;
use crate::store::{CursorStore, StoreError, Subscription};

/// How far apart the places of two walks are: more than one walk can find pages.
const WALK: i64 = 1 << 32;

/// The older pages of a feed. Every change is in the store before it is here.
#[derive(Debug)]
pub(super) struct Pages {
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    /// Under which it is written.
    lease: Lease,
    /// Those that are not handed on, by their places.
    open: BTreeMap<i64, Page>,
    /// The addresses of the archives that have been handed on.
    done: HashSet<String>,
    lowest: i64,
    highest: i64,
}

impl Pages {
    /// What the store knows.
    pub(super) async fn load(
        store: Arc<dyn CursorStore>,
        subscription: Subscription,
        lease: Lease,
    ) -> Result<Self, StoreError> {
        let pages = store.pages(&subscription).await?;
        let places = || pages.iter().map(|page| page.place);
        let (lowest, highest) = (places().min().unwrap_or(0), places().max().unwrap_or(0));
        let (done, open): (Vec<_>, Vec<_>) =
            pages.into_iter().partition(|page| page.state == PageState::Done);
        let done = done.into_iter().map(|page| page.url).collect();
        let open = open.into_iter().map(|page| (page.place, page)).collect();
        Ok(Self { store, subscription, lease, open, done, lowest, highest })
    }

    /// The oldest page that is not handed on.
    pub(super) fn oldest(&self) -> Option<Page> {
        self.open.values().next().cloned()
    }

    /// The addresses of the pages that are not handed on.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.open.values().map(|page| page.url.as_str())
    }

    /// How many pages are not handed on.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Whether a page at this address is not handed on.
    pub(super) fn is_open(&self, url: &str) -> bool {
        self.open.values().any(|page| page.url == url)
    }

    /// Whether this archive has been handed on.
    pub(super) fn is_done(&self, url: &str) -> bool {
        self.done.contains(url)
    }

    /// A link of the document that is subscribed to leads to an older page.
    pub(super) async fn begin(
        &mut self,
        kind: PageKind,
        url: String,
        linked: bool,
    ) -> Result<(), StoreError> {
        let place = self.highest + WALK;
        let page = Page { place, url, kind, state: PageState::Found, oldest: None, linked };
        self.put(&[page]).await
    }

    /// A page has been read, and a link of it leads to an older one, if there is any that matters.
    pub(super) async fn walked(
        &mut self,
        page: Page,
        oldest: Option<String>,
        older: Option<(String, bool)>,
    ) -> Result<(), StoreError> {
        let kind = page.kind;
        let walked = Page { state: PageState::Walked, oldest, ..page };
        let mut pages = vec![walked];
        if let Some((url, linked)) = older {
            // A page that is read again is not the one that was handed on from the place below.
            let place = self.lowest - 1;
            pages.push(Page { place, url, kind, state: PageState::Found, oldest: None, linked });
        }
        self.put(&pages).await
    }

    async fn put(&mut self, pages: &[Page]) -> Result<(), StoreError> {
        while_held(self.store.put_pages(&self.subscription, self.lease, pages).await?).await;
        for page in pages {
            self.lowest = self.lowest.min(page.place);
            self.highest = self.highest.max(page.place);
            self.open.insert(page.place, page.clone());
        }
        Ok(())
    }

    /// A page is handed on. It stays in the store until it is handled.
    pub(super) fn hand_on(&mut self, page: Page) {
        self.open.remove(&page.place);
        if page.kind == PageKind::Archive {
            self.done.insert(page.url);
        }
    }

    /// A page is passed over for good.
    pub(super) async fn pass_over(&mut self, page: Page) -> Result<(), StoreError> {
        let (store, subscription, place) = (&self.store, &self.subscription, page.place);
        while_held(match page.kind {
            PageKind::Archive => store.page_done(subscription, self.lease, place).await?,
            PageKind::Paged => store.drop_pages(subscription, self.lease, place, place).await?,
        })
        .await;
        self.hand_on(page);
        Ok(())
    }

    /// Everything that is not handed on is passed over for good.
    pub(super) async fn pass_over_all(&mut self) -> Result<(), StoreError> {
        while let Some(page) = self.oldest() {
            self.pass_over(page).await?;
        }
        Ok(())
    }

    /// Forgets all that is not handed on: the next walk finds it again.
    pub(super) async fn forget_walk(&mut self) -> Result<(), StoreError> {
        if let (Some(from), Some(to)) =
            (self.open.keys().next().copied(), self.open.keys().next_back().copied())
        {
            let dropped = self.store.drop_pages(&self.subscription, self.lease, from, to);
            while_held(dropped.await?).await;
            self.open.clear();
        }
        Ok(())
    }
}

/// Goes on only if the shard is held under which was written. Whoever has lost it hears of that at
/// the next beat, and reads no further until then.
async fn while_held(is_held: bool) {
    if !is_held {
        std::future::pending().await
    }
}
