//! The documents that are kept in memory.
//!
//! A reader that begins at the first page asks for every page of a feed, and for each but once. Had
//! the newest documents a right to stay, such a reader would drive out all that others ask for
//! again and again, and two that read one after the other would find nothing of each other. So a
//! document has to be asked for twice before it takes the place of one that is in use: the cache
//! remembers of those that it gave up that they were asked for (CLOCK-Pro), and keeps a small part
//! for what is new.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::making::Key;
use super::{PagingError, PagingResult, Rendered};
use crate::metrics::Metrics;

/// Which part is for documents that have proven to be asked for; the rest is enough for readers
/// that follow each other closely.
const PROVEN: f64 = 0.9;
/// What a page weighs about. Half as many are remembered as would fit: of more, every page of a feed
/// that is read over and over would be remembered, and each would drive out another.
const USUAL_BYTES: u64 = 128 << 10;

/// A document, or why there is none: for those who wait while it is made.
type Made = Result<Arc<Rendered>, Arc<PagingError>>;

/// Keeps documents in memory, up to so many bytes.
#[derive(Debug)]
pub(super) struct Kept {
    documents: Cache<Key, Made, Weight>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Made> for Weight {
    fn weight(&self, _: &Key, made: &Made) -> u64 {
        // What weighs nothing would never be given up.
        made.as_ref().map_or(1, |rendered| rendered.weight())
    }
}

impl Kept {
    pub(super) fn new(bytes: u64, metrics: Arc<Metrics>) -> Self {
        let usual = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            // Of several parts each could keep only documents that are smaller than itself.
            .shards(1)
            .hot_allocation(PROVEN)
            .estimated_items_capacity(usual)
            .weight_capacity(bytes)
            .build()
            .expect("both capacities are set");
        let hashing = DefaultHashBuilder::default();
        let documents = Cache::with_options(options, Weight, hashing, DefaultLifecycle::default());
        Self { documents, metrics }
    }

    /// How many bytes are kept.
    pub(super) fn bytes(&self) -> u64 {
        self.documents.weight()
    }

    /// The document of this key: one that is kept, or one that is made now, once for all who ask
    /// meanwhile. They get its failure too, which is not kept. Where whoever makes it goes away,
    /// one of the others makes it.
    pub(super) async fn get(
        &self,
        key: &Key,
        make: impl Future<Output = Result<Rendered, PagingError>>,
    ) -> PagingResult {
        let place = match self.documents.get_value_or_guard_async(key).await {
            Ok(made) => {
                self.metrics.page_cache_hit();
                return Ok(made?);
            }
            Err(place) => place,
        };
        self.metrics.page_cache_miss();
        // Boxed, so that the many who only wait do not carry the room that making one takes.
        let made = Box::pin(make).await.map(Arc::new).map_err(Arc::new);
        // Keys are removed here alone, so the place is still there.
        let _ = place.insert(made.clone());
        if made.is_err() {
            self.documents.remove_if(key, Result::is_err);
        }
        Ok(made?)
    }
}

#[cfg(test)]
mod tests {
    use feed_protocol::{Position, PositionRange};
    use http::HeaderValue;

    use super::*;
    use crate::paging::making::DocumentKey;
    use crate::paging::rendered::Parts;
    use crate::paging::{Filter, Representation};

    /// What a page of these tests weighs, about.
    const PAGE: u64 = USUAL_BYTES;
    const PAGES: u64 = 40;

    fn kept(bytes: u64) -> Kept {
        Kept::new(bytes, Arc::new(Metrics::new()))
    }

    fn key(page: u64) -> Key {
        Key {
            feed: 1,
            incarnation: "k3wq".parse().unwrap(),
            document: DocumentKey::FullPage(page.to_string().parse().unwrap()),
            representation: Representation::Atom,
            filter: Filter::default(),
        }
    }

    fn document(bytes: usize) -> Rendered {
        Rendered::new(Parts {
            incarnation: "k3wq".parse().unwrap(),
            range: PositionRange::after(Position::ZERO, Position::ZERO),
            modified: None,
            immutable: true,
            content_type: HeaderValue::from_static("text/plain"),
            link: String::new(),
            bytes: vec![b' '; bytes],
            shown: 0,
            room: None,
        })
    }

    /// Asks for a page; whether it was kept.
    async fn has(kept: &Kept, page: u64) -> bool {
        let mut was_kept = true;
        let make = async {
            was_kept = false;
            Ok(document(86_000))
        };
        kept.get(&key(page), make).await.unwrap();
        was_kept
    }

    async fn count_kept(kept: &Kept, pages: std::ops::Range<u64>) -> u64 {
        let mut count = 0;
        for page in pages {
            count += u64::from(has(kept, page).await);
        }
        count
    }

    #[tokio::test]
    async fn a_reader_of_the_whole_feed_drives_out_nothing_that_is_asked_for_often() {
        let kept = kept(PAGES * PAGE);
        for _ in 0..3 {
            count_kept(&kept, 1..PAGES / 4).await;
        }
        count_kept(&kept, 1_000..1_000 + 10 * PAGES).await;
        assert_eq!(count_kept(&kept, 1..PAGES / 4).await, PAGES / 4 - 1);
    }

    #[tokio::test]
    async fn a_reader_finds_part_of_a_feed_that_another_one_has_read_and_that_is_too_large() {
        let kept = kept(PAGES * PAGE);
        for _ in 0..3 {
            count_kept(&kept, 1..2 * PAGES).await;
        }
        for _ in 0..5 {
            let found = count_kept(&kept, 1..2 * PAGES).await;
            assert!(found > PAGES / 2, "{found} of {}", 2 * PAGES);
        }
    }

    #[tokio::test]
    async fn readers_that_follow_each_other_closely_share_what_is_made() {
        let kept = kept(PAGES * PAGE);
        // All of it is in use.
        for _ in 0..3 {
            count_kept(&kept, 1..PAGES).await;
        }
        for page in 1_000..1_200 {
            assert!(!has(&kept, page).await);
            assert!(page < 1_002 || has(&kept, page - 2).await, "{page}");
        }
    }

    #[tokio::test]
    async fn what_is_new_is_kept_once_it_is_asked_for_again() {
        let kept = kept(PAGES * PAGE);
        count_kept(&kept, 1_000..1_000 + 10 * PAGES).await;
        for page in 1..50 {
            assert!(!has(&kept, page).await);
            assert!(has(&kept, page).await && has(&kept, page).await, "{page}");
        }
    }

    #[tokio::test]
    async fn those_who_wait_get_the_failure_and_those_who_come_later_try_again() {
        let kept = Arc::new(kept(PAGES * PAGE));
        let (fail, failing) = tokio::sync::oneshot::channel::<()>();
        let first = tokio::spawn({
            let kept = Arc::clone(&kept);
            async move {
                let make = async {
                    failing.await.unwrap();
                    Err(PagingError::Crowded)
                };
                kept.get(&key(1), make).await
            }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let kept = Arc::clone(&kept);
            async move { kept.get(&key(1), async { panic!("made twice") }).await }
        });
        tokio::task::yield_now().await;
        fail.send(()).unwrap();
        for waited in [first, second] {
            assert!(matches!(waited.await.unwrap(), Err(PagingError::Crowded)));
        }
        assert!(!has(&kept, 1).await);
        assert!(has(&kept, 1).await);
    }

    #[tokio::test]
    async fn one_who_waits_makes_the_document_when_its_maker_goes_away() {
        let kept = Arc::new(kept(PAGES * PAGE));
        let first = tokio::spawn({
            let kept = Arc::clone(&kept);
            async move { kept.get(&key(1), std::future::pending()).await }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let kept = Arc::clone(&kept);
            async move { has(&kept, 1).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        assert!(!second.await.unwrap());
    }

    #[tokio::test]
    async fn no_bytes_keep_nothing() {
        let kept = kept(0);
        assert!(!has(&kept, 1).await);
        assert!(!has(&kept, 1).await);
    }
}
