//! From settings to a server that is ready to be mounted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use feed_protocol::name::InvalidFeedName;
use feed_protocol::{FeedName, PageSize};
use tokio::sync::watch;
use url::Url;

use crate::feeds::{Feeds, Follower};
use crate::handlers::{App, Timing};
use crate::metrics::Metrics;
use crate::paging::Paging;
use crate::publishing::{Background, PublishLimits, Publisher, Queue, Relay};
use crate::store::{EventStore, NewFeed, StoreError};
use crate::{random, router};

/// A feed server: its router, and its publisher.
///
/// ```no_run
/// use feed_server::{FeedServer, NewEvent, SqliteStore};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let feeds = FeedServer::builder()
///     .store(SqliteStore::open("feeds.db".parse()?).await?)
///     .feed("orders")
///     .build()
///     .await?;
/// let app = axum::Router::<()>::new().nest("/events", feeds.router());
/// let placed = NewEvent::new("/shop", "order.placed").subject("order-42");
/// feeds.publisher().publish("orders", placed).await?;
/// # Ok(())
/// # }
/// ```
///
/// Its tasks end when the last clone of it, of its router and of its publishers is gone.
#[derive(Debug, Clone)]
pub struct FeedServer {
    app: Arc<App>,
    shutdown: Arc<watch::Sender<bool>>,
    store: Arc<dyn EventStore>,
}

/// The settings of a feed server.
#[derive(Debug)]
pub struct FeedServerBuilder {
    store: Option<Arc<dyn EventStore>>,
    feeds: Vec<(String, Option<PageSize>)>,
    public_url: Option<Url>,
    cache_bytes: u64,
    limits: PublishLimits,
    timing: Timing,
    relay: bool,
}

/// Why a feed server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// [`FeedServerBuilder::store`] was not called.
    #[error(
        "a feed server needs a store: call .store(SqliteStore::open(\"feeds.db\".parse()?).await?)"
    )]
    NoStore,
    /// A name that no feed can have.
    #[error(transparent)]
    FeedName(#[from] InvalidFeedName),
    /// The page size of an existing feed is another one, and cannot change.
    #[error(
        "the feed {feed} has pages of {actual}, fixed when it was created; it cannot have {asked}"
    )]
    PageSizeIsFixed {
        /// The feed.
        feed: FeedName,
        /// The page size that it has.
        actual: PageSize,
        /// The page size that was asked for.
        asked: PageSize,
    },
    /// The public URL cannot be the base of others.
    #[error("the public URL {0} is not one of http or https, without query and fragment")]
    PublicUrl(Url),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FeedServer {
    /// A builder with the defaults.
    #[must_use]
    pub fn builder() -> FeedServerBuilder {
        FeedServerBuilder {
            store: None,
            feeds: Vec::new(),
            public_url: None,
            cache_bytes: 64 << 20,
            limits: PublishLimits::default(),
            timing: Timing {
                current_max_age: Duration::from_secs(1),
                max_wait: Duration::from_secs(30),
                heartbeat: Duration::from_secs(15),
                body_timeout: Duration::from_secs(60),
            },
            relay: true,
        }
    }

    /// The routes, to serve alone or to nest under any path of your own app.
    ///
    /// Its paths are those of the protocol; the links in its answers are right wherever it is
    /// mounted.
    pub fn router(&self) -> Router {
        router::router(Arc::clone(&self.app))
    }

    /// Publishes to the feeds from code.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.app.publisher.clone()
    }

    /// Ends streams and answers long polls, now and from now on. Call it when your HTTP server
    /// begins its graceful shutdown, which would otherwise wait for them.
    pub fn shutdown(&self) {
        self.shutdown.send_replace(true);
    }

    /// Closes the store, once nothing is served and published any more.
    pub async fn close(self) {
        self.shutdown();
        self.app.publisher.background().relay.ended().await;
        self.store.close().await;
    }
}

impl FeedServerBuilder {
    /// Where the events are kept.
    #[must_use]
    pub fn store(self, store: impl EventStore) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// Where the events are kept, for one whose kind is known only when the program runs, such as
    /// [`store::open`](crate::store::open) opens.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn EventStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Serves this feed, and creates it with the default page size if the store has none of its
    /// name. The other feeds of the store are served too.
    #[must_use]
    pub fn feed(mut self, name: impl Into<String>) -> Self {
        self.feeds.push((name.into(), None));
        self
    }

    /// Serves this feed with pages of this size, which is fixed when the feed is created.
    #[must_use]
    pub fn feed_with_page_size(mut self, name: impl Into<String>, page_size: PageSize) -> Self {
        self.feeds.push((name.into(), Some(page_size)));
        self
    }

    /// The URL under which clients reach the router. With it, links in the current document and
    /// in header fields are absolute; without it, they are relative.
    #[must_use]
    pub fn public_url(mut self, url: Url) -> Self {
        self.public_url = Some(url);
        self
    }

    /// How many bytes of rendered documents are kept in memory: 64 MiB unless set.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// What a publish may hold at most.
    #[must_use]
    pub fn publish_limits(mut self, limits: PublishLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the current document may be taken from a cache, in whole seconds: 1 unless set.
    #[must_use]
    pub fn current_max_age(mut self, max_age: Duration) -> Self {
        self.timing.current_max_age = max_age;
        self
    }

    /// The longest that a long poll waits: 30 seconds unless set.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.timing.max_wait = max_wait;
        self
    }

    /// The longest that a stream is silent: 15 seconds unless set.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.timing.heartbeat = heartbeat;
        self
    }

    /// Whether this process takes its turn at looking for events that were published in
    /// transactions ([`Publisher::publish_in`]) on PostgreSQL: yes unless set. One of the processes
    /// of a database has to.
    #[must_use]
    pub fn relay(mut self, relay: bool) -> Self {
        self.relay = relay;
        self
    }

    /// Opens the feeds, creates those that are missing, and starts what runs in the background.
    ///
    /// # Errors
    ///
    /// See [`BuildError`].
    pub async fn build(self) -> Result<FeedServer, BuildError> {
        let store = self.store.ok_or(BuildError::NoStore)?;
        let public_url = self.public_url.map(normal_base).transpose()?;
        let mut existing: BTreeMap<_, _> =
            store.feeds().await?.into_iter().map(|(feed, _)| (feed.name.clone(), feed)).collect();
        for (name, page_size) in self.feeds {
            let name: FeedName = name.parse()?;
            let feed = match existing.remove(&name) {
                Some(feed) => feed,
                None => ensure_feed(store.as_ref(), &name, page_size, public_url.as_ref()).await?,
            };
            if let Some(asked) = page_size
                && asked != feed.page_size
            {
                let actual = feed.page_size;
                return Err(BuildError::PageSizeIsFixed { feed: name, actual, asked });
            }
        }
        let feeds = Arc::new(Feeds::load(Arc::clone(&store)).await?);
        let metrics = Arc::new(Metrics::new());
        let queue = Queue::start(Arc::clone(&store), Arc::clone(&metrics));
        let shutdown = Arc::new(watch::Sender::new(false));
        let relay =
            Relay::start(Arc::clone(&store), Arc::clone(&feeds), shutdown.subscribe(), self.relay);
        let background = Background {
            relay,
            _follower: Follower::start(Arc::clone(&feeds)),
            _shutdown: Arc::clone(&shutdown),
        };
        let publisher = Publisher::new(Arc::clone(&feeds), queue, self.limits, background);
        let kept = self.cache_bytes;
        let paging = Paging::new(Arc::clone(&store), public_url, kept, Arc::clone(&metrics));
        let shutting_down = shutdown.subscribe();
        let timing = self.timing;
        let app = App { feeds, paging, publisher, metrics, timing, shutdown: shutting_down };
        Ok(FeedServer { app: Arc::new(app), shutdown, store })
    }
}

/// Creates a feed with the defaults; finds it, if another process has just created it. The public
/// URL names the authority of its entries' ids.
pub(crate) async fn ensure_feed(
    store: &dyn EventStore,
    name: &FeedName,
    page_size: Option<PageSize>,
    public_url: Option<&Url>,
) -> Result<crate::store::Feed, StoreError> {
    let new_feed = NewFeed {
        name: name.clone(),
        title: name.to_string(),
        page_size: page_size.unwrap_or(PageSize::DEFAULT),
        iri: random::feed_iri(),
        authority: tagging_authority(public_url).to_owned(),
        incarnation: random::incarnation(),
    };
    match store.create_feed(new_feed).await {
        Err(StoreError::FeedExists(name)) => {
            let feeds = store.feeds().await?;
            let found = feeds.into_iter().map(|(feed, _)| feed).find(|feed| feed.name == name);
            found.ok_or(StoreError::FeedExists(name))
        }
        created => created,
    }
}

/// The authority of the `tag:` ids of a new feed: the host of the public URL, where RFC 4151 allows
/// it (section 2.1: a DNS name), and otherwise `localhost`, as without a public URL.
fn tagging_authority(public_url: Option<&Url>) -> &str {
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    public_url
        .and_then(Url::host_str)
        .filter(|host| host.split('.').all(is_label))
        .unwrap_or("localhost")
}

/// A base to which paths can be appended: it ends in a slash.
pub(crate) fn normal_base(url: Url) -> Result<Url, BuildError> {
    let usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none();
    if !usable {
        return Err(BuildError::PublicUrl(url));
    }
    if url.path().ends_with('/') {
        return Ok(url);
    }
    let mut base = url.clone();
    base.set_path(&format!("{}/", url.path()));
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_the_public_host_where_that_is_a_dns_name() {
        for (url, authority) in [
            ("https://Shop.example:8443/events/", "shop.example"),
            ("http://10.0.0.1:3000/", "10.0.0.1"),
            ("https://größe.example/", "xn--gre-6ka8i.example"),
            ("http://[::1]:3000/", "localhost"),
            ("http://my_host/", "localhost"),
            ("http://-shop.example/", "localhost"),
            ("http://shop.example./", "localhost"),
        ] {
            let url = url.parse().unwrap();
            assert_eq!(tagging_authority(Some(&url)), authority, "{url}");
        }
        assert_eq!(tagging_authority(None), "localhost");
    }
}
