//! The feeds that a server serves, and how far each has come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use feed_protocol::FeedName;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::store::{EventStore, Feed, Head, StoreError};

/// A feed, and its head as far as this process knows it.
///
/// The head wakes those who wait for news. It is a hint: it may lag behind what other processes
/// commit, never ahead of what the store holds.
#[derive(Debug)]
pub(crate) struct LiveFeed {
    pub(crate) feed: Feed,
    head: watch::Sender<Head>,
    /// The feed has begun another life.
    ended: AtomicBool,
}

impl LiveFeed {
    fn new(feed: Feed, head: Head) -> Self {
        Self { feed, head: watch::Sender::new(head), ended: AtomicBool::new(false) }
    }

    /// The head as far as this process knows it.
    pub(crate) fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// To be woken when the head moves.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Whether the feed has begun another life. Those who wait for the head are woken when it does.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.head.send_modify(|_| {});
    }

    /// Tells that the feed has come this far.
    pub(crate) fn advance(&self, head: Head) {
        self.head.send_if_modified(|known| {
            let moved = head.position > known.position;
            if moved {
                *known = head;
            }
            moved
        });
    }
}

/// All feeds of a store, by name.
#[derive(Debug)]
pub(crate) struct Feeds {
    store: Arc<dyn EventStore>,
    /// Whether the heads could not be read the last time: said once, not at every try.
    failing: AtomicBool,
    /// Somebody knows of a commit.
    look: Notify,
    by_name: RwLock<BTreeMap<FeedName, Arc<LiveFeed>>>,
}

impl Feeds {
    /// Reads the feeds of a store.
    pub(crate) async fn load(store: Arc<dyn EventStore>) -> Result<Self, StoreError> {
        let feeds = Self {
            store,
            failing: AtomicBool::new(false),
            look: Notify::new(),
            by_name: RwLock::default(),
        };
        feeds.refresh().await?;
        Ok(feeds)
    }

    /// The feed of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<LiveFeed>> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        by_name.get(name).cloned()
    }

    /// The feed that the store knows by this key.
    pub(crate) fn by_key(&self, key: i64) -> Option<Arc<LiveFeed>> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        by_name.values().find(|live| live.feed.key == key).cloned()
    }

    /// Has the store looked at, because somebody knows of a commit.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<LiveFeed>> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        by_name.values().cloned().collect()
    }

    /// Takes up what the store holds: new feeds, new incarnations, heads that moved.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        for (feed, head) in self.store.feeds().await? {
            match self.get(feed.name.as_str()) {
                Some(live) if live.feed == feed => live.advance(head),
                _ => {
                    let live = Arc::new(LiveFeed::new(feed.clone(), head));
                    let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
                    if let Some(before) = by_name.insert(feed.name, live) {
                        before.end();
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until another process may have changed something, and takes it up.
    async fn follow_once(&self) {
        tokio::select! {
            () = self.store.changed_elsewhere() => {}
            () = self.look.notified() => {}
        }
        let failed = match self.refresh().await {
            Ok(()) => false,
            Err(error) => {
                if !self.failing.load(Ordering::Relaxed) {
                    warn!(error = &error as &dyn std::error::Error, "cannot read the heads");
                }
                true
            }
        };
        if self.failing.swap(failed, Ordering::Relaxed) && !failed {
            info!("the heads can be read again");
        }
    }
}

/// The task that takes up what other processes commit; it ends with whoever holds this.
#[derive(Debug)]
pub(crate) struct Follower(JoinHandle<()>);

impl Follower {
    /// Follows for as long as it lives.
    pub(crate) fn start(feeds: Arc<Feeds>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                feeds.follow_once().await;
            }
        }))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}
