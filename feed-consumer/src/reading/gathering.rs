//! Gathering: the entries of a document of other software are put into the cursor database, in the
//! order in which they are found.
//!
//! One worker gathers, the one that holds [a certain shard](crate::store::entries::GATHERING), under
//! the token of that shard. What a document brought is put there in one transaction, with the
//! validators of the document; so it need not be handled before the next one is asked for. See
//! `docs/decisions/0009-ledger.md`.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::document::{DocumentNews, DocumentPlace, DocumentReader, FirstAnswer};
use super::entries::Gathered;
use super::{News, Pace, ReadingEnded, Tries, read};
use crate::schedule::failures::Patience;
use crate::store::entries::DocumentEnd;
use crate::store::shards::Lease;

/// So many entries may be there that some shard has not passed, before gathering waits.
const MOST: u64 = 10_000;

/// How long to wait before looking again whether there is room for more.
const FULL: Duration = Duration::from_millis(250);

/// How often it is noted at most that there is nothing more: workers that are to end then wait for
/// it, and all others do not need it.
const SILENCE: Duration = Duration::from_secs(1);

/// How many documents are read ahead of the one that is put there.
const READ_AHEAD: usize = 1;

/// Why gathering is over.
enum Over {
    /// Another worker has the shard.
    Lost,
    /// There is no way to go on.
    Ended(ReadingEnded),
}

impl From<ReadingEnded> for Over {
    fn from(ended: ReadingEnded) -> Self {
        Self::Ended(ended)
    }
}

/// Puts what is found where it belongs.
struct Gatherer {
    place: DocumentPlace,
    lease: Lease,
    patience: Patience,
    gathered: Arc<Gathered>,
    /// When it was last noted that there is nothing more.
    silent: Option<Instant>,
}

/// Tells the readers of a panic, which nobody else sees.
struct Watched(Arc<Gathered>);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked();
        }
    }
}

/// Gathers under this lease, beginning with what the opening request brought, if it is there.
pub(super) async fn gather(
    place: DocumentPlace,
    opened: Option<FirstAnswer>,
    lease: Lease,
    pace: Pace,
    gathered: Arc<Gathered>,
) {
    let _watched = Watched(Arc::clone(&gathered));
    info!("gathering the entries of {}, for all workers", place.url);
    let patience = pace.patience;
    let mut gatherer =
        Gatherer { place, lease, patience, gathered: Arc::clone(&gathered), silent: None };
    match gatherer.run(opened, pace).await {
        Ok(()) => {}
        // Whoever looks after the leases hears of it at the next beat.
        Err(Over::Lost) => debug!("another worker gathers now"),
        Err(Over::Ended(ended)) => gathered.ended(ended),
    }
}

impl Gatherer {
    async fn run(&mut self, opened: Option<FirstAnswer>, pace: Pace) -> Result<(), Over> {
        let reader = match opened {
            Some(opened) => DocumentReader::new(self.place.clone(), self.lease, opened),
            None => {
                let mut tries = Tries::new(self.patience);
                let place = loop {
                    let found = self.place.store.find(&self.place.subscription).await;
                    if let Some(place) = tries.settle(found.map_err(Into::into)).await? {
                        break place;
                    }
                };
                let validators = place.map(|place| place.validators).unwrap_or_default();
                DocumentReader::again(self.place.clone(), self.lease, validators)
            }
        };
        let (sender, mut news) = mpsc::channel(READ_AHEAD);
        let mut keeping = pin!(async {
            while let Some(said) = news.recv().await {
                match said? {
                    News::Found(document) => self.keep(&document).await?,
                    News::Idle => self.note_silence().await?,
                }
            }
            Ok(())
        });
        tokio::select! {
            biased;
            kept = &mut keeping => return kept,
            // What was read is kept yet.
            () = read(reader, pace, sender) => {}
        }
        keeping.await
    }

    /// Keeps what a document brought, as soon as there is room for it.
    async fn keep(&mut self, document: &DocumentNews) -> Result<(), Over> {
        if document.end == DocumentEnd::Nothing {
            return Ok(());
        }
        while self.prune().await? >= MOST {
            sleep(FULL).await;
        }
        let mut tries = Tries::new(self.patience);
        loop {
            let DocumentPlace { store, subscription, .. } = &self.place;
            let added = store.add_found(subscription, self.lease, &document.finding()).await;
            match tries.settle(added.map_err(Into::into)).await? {
                Some(Some(found)) => {
                    debug!(%found, "what was found is kept");
                    self.gathered.found();
                    return Ok(());
                }
                Some(None) => return Err(Over::Lost),
                None => {}
            }
        }
    }

    /// Notes that there is nothing more at the moment.
    async fn note_silence(&mut self) -> Result<(), Over> {
        if self.silent.is_some_and(|silent| silent.elapsed() < SILENCE) {
            return Ok(());
        }
        let mut tries = Tries::new(self.patience);
        loop {
            let DocumentPlace { store, subscription, .. } = &self.place;
            let noted = store.searched(subscription, self.lease).await;
            if tries.settle(noted.map_err(Into::into)).await?.is_some() {
                break;
            }
        }
        self.gathered.is_whole();
        self.prune().await?;
        self.silent = Some(Instant::now());
        Ok(())
    }

    /// Drops what nothing needs any more. Returns how much is left to do.
    async fn prune(&self) -> Result<u64, Over> {
        let mut tries = Tries::new(self.patience);
        loop {
            let DocumentPlace { store, subscription, .. } = &self.place;
            let pruned = store.prune(subscription).await;
            if let Some(waiting) = tries.settle(pruned.map_err(Into::into)).await? {
                return Ok(waiting);
            }
        }
    }
}
