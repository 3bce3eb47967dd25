//! What a server counts and measures of itself, for `/metrics`.
//!
//! The names are a promise to whoever draws them or is woken by them: docs/METRICS.md lists them, and
//! a test compares the list with what is shown.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// The media type of what [`Metrics::text`] writes.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What every name begins with.
const PREFIX: &str = "feed_server";

type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// What a server counts and measures. One for each [`FeedServer`](crate::FeedServer).
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    request_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    publishes: Family<Labels<1>, Counter>,
    commit_events: Histogram,
    commit_seconds: Histogram,
    publishes_waiting: Gauge,
    streams: Gauge,
    long_polls: Gauge,
    page_cache_hits: Counter,
    page_cache_misses: Counter,
    page_cache_bytes: Gauge,
    heads: Family<Labels<1>, Gauge>,
    rejected: Gauge,
}

/// What changes by itself, as it is at the moment of asking.
#[derive(Debug, Default)]
pub(crate) struct Present {
    /// How many publishes wait for a commit.
    pub(crate) publishes_waiting: usize,
    /// How many bytes of documents are kept.
    pub(crate) page_cache_bytes: u64,
    /// The position of each feed's newest event, by the feed's name.
    pub(crate) heads: Vec<(String, u64)>,
    /// How many events of the outbox were rejected, where that is known.
    pub(crate) rejected: Option<u64>,
}

/// One that is open, for as long as this is not dropped.
#[derive(Debug)]
pub(crate) struct Open(Gauge);

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let info = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program that runs", info);
        let registry = &mut registry;
        Self {
            requests: new(registry, "requests", "Requests answered, by route, method and status"),
            request_seconds: registered(
                registry,
                "request_seconds",
                "Time from the header of a request to the header of its answer, without requests \
                 that wait for news, by route",
                Family::new_with_constructor(seconds),
            ),
            publishes: new(registry, "publishes", "Publishes that were well-formed, by outcome"),
            commit_events: registered(
                registry,
                "commit_events",
                "Events that publishes which shared a commit asked to store, of commits that succeeded",
                Histogram::new([1., 2., 5., 10., 20., 50., 100., 200., 500., 1000., 2000., 5000.]),
            ),
            commit_seconds: registered(
                registry,
                "commit_seconds",
                "Time that a commit of publishes took which succeeded, with its fsync",
                seconds(),
            ),
            publishes_waiting: new(
                registry,
                "publishes_waiting",
                "Publishes that wait in the queue for the next commit, 4096 or 256 MiB at most",
            ),
            streams: new(registry, "streams_open", "Streams of server-sent events that are open"),
            long_polls: new(registry, "long_polls_open", "Long polls that are open"),
            page_cache_hits: new(
                registry,
                "page_cache_hits",
                "Documents that were in memory, or just being made for somebody else",
            ),
            page_cache_misses: new(
                registry,
                "page_cache_misses",
                "Documents that were read from the database and written",
            ),
            page_cache_bytes: new(
                registry,
                "page_cache_bytes",
                "What the documents in memory take up, with room for their compressed forms",
            ),
            heads: new(registry, "feed_head", "The position of the newest event, by feed"),
            rejected: new(
                registry,
                "rejected_events",
                "Events of transactions that wait for a person in the table feed_rejected \
                 (PostgreSQL)",
            ),
            registry: std::mem::take(registry),
        }
    }

    /// Counts a request that has been answered. `took` is `None` where the request waited for news.
    pub(crate) fn answered(
        &self,
        route: Cow<'static, str>,
        method: &'static str,
        status: u16,
        took: Option<Duration>,
    ) {
        let status = Cow::Owned(status.to_string());
        let labels = [("route", route.clone()), ("method", method.into()), ("status", status)];
        self.requests.get_or_create(&labels).inc();
        if let Some(took) = took {
            self.request_seconds.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
        }
    }

    /// Counts a publish.
    pub(crate) fn published(&self, outcome: &'static str) {
        self.publishes.get_or_create(&[("outcome", outcome.into())]).inc();
    }

    /// Counts a commit of so many events.
    pub(crate) fn committed(&self, events: usize, took: Duration) {
        self.commit_events.observe(events as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Counts a document that was to be had.
    pub(crate) fn page_cache_hit(&self) {
        self.page_cache_hits.inc();
    }

    /// Counts a document that had to be made.
    pub(crate) fn page_cache_miss(&self) {
        self.page_cache_misses.inc();
    }

    /// A stream is open.
    pub(crate) fn stream(&self) -> Open {
        Open::new(&self.streams)
    }

    /// A long poll is open.
    pub(crate) fn long_poll(&self) -> Open {
        Open::new(&self.long_polls)
    }

    /// Everything, in the text format of OpenMetrics 1.0, which Prometheus reads.
    pub(crate) fn text(&self, present: Present) -> String {
        let Present { publishes_waiting, page_cache_bytes, heads, rejected } = present;
        self.publishes_waiting.set(signed(publishes_waiting as u64));
        self.page_cache_bytes.set(signed(page_cache_bytes));
        for (feed, head) in heads {
            self.heads.get_or_create(&[("feed", feed.into())]).set(signed(head));
        }
        if let Some(rejected) = rejected {
            self.rejected.set(signed(rejected));
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing into a string does not fail");
        out
    }
}

impl Open {
    fn new(count: &Gauge) -> Self {
        count.inc();
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn new<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    registered(registry, name, help, M::default())
}

fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// From half a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 30.,
    ])
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted_until_it_is_dropped() {
        let metrics = Metrics::new();
        let open = metrics.stream();
        let shows = |line: &str| metrics.text(Present::default()).lines().any(|it| it == line);
        assert!(shows("feed_server_streams_open 1"));
        drop(open);
        assert!(shows("feed_server_streams_open 0"));
    }
}
