//! The time until an event that was published in a business transaction is in the hands of a reader
//! of the tail, by long poll: from the moment after the commit (`committed`), and from that before the
//! transaction began (`begun`).
//!
//! - `visible_woken`: at five commits a second, with `wake()`, in a program that publishes and serves
//!   the reader, as an app does that mounts the router.
//! - `visible_polled`: at 20 and at 100 commits a second, without it; the reader asks a server in a
//!   process of its own, which relays.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use feed_server::{IntoEvent, Publisher};
use futures_util::future::try_join;

use super::Names;
use crate::harness::{Contender, Goal, Harness, Value, percentile};
use crate::orders::Orders;
use crate::process::FeedServer;
use crate::shop::{Database, Embedded, Shop, Tail};
use crate::stage::FEED;

pub(super) const NAMES: Names = &[
    ("visible_woken_sqlite", "time from commit to a reader, woken, at 5 commits a second"),
    ("visible_woken_postgres", "the same"),
    ("visible_polled_20_postgres", "the same by the relay alone, at 20 commits a second"),
    ("visible_polled_100_postgres", "the same at 100"),
];

const VALUES: &[Value] = &[
    ("committed_p50_milliseconds", "ms"),
    ("committed_p99_milliseconds", "ms"),
    ("begun_p50_milliseconds", "ms"),
    ("begun_p99_milliseconds", "ms"),
];
const GOALS: &[(&str, Goal)] = &[
    ("committed_p50_milliseconds", Goal::AtMost(10.0)),
    ("committed_p99_milliseconds", Goal::AtMost(50.0)),
];

/// A round takes so many times its time, so that there is something to take a percentile of.
const ROUND: u32 = 10;

/// Who publishes how often, and who serves the reader.
#[derive(Clone, Copy)]
struct Setting<'a> {
    publisher: &'a Publisher,
    wakes: bool,
    per_second: u32,
    server: SocketAddr,
}

/// With `wake()`. Nobody else relays for the shop.
pub(super) async fn measure_woken<D: Database>(
    harness: &mut Harness<'_>,
    shop: &Shop<D>,
) -> Result<()> {
    let embedded = Embedded::start(shop.database.url()).await?;
    let publisher = &embedded.publisher;
    let setting = Setting { publisher, wakes: true, per_second: 5, server: embedded.address };
    let name = format!("visible_woken_{}", D::NAME);
    harness.measure(vec![seeing(name, shop, setting)]).await
}

/// Without it.
pub(super) async fn measure_polled<D: Database>(
    harness: &mut Harness<'_>,
    shop: &Shop<D>,
    server: &FeedServer,
) -> Result<()> {
    let feeds = shop.publishing().await?;
    let publisher = &feeds.publisher();
    let contenders = [20, 100].map(|per_second| {
        let name = format!("visible_polled_{per_second}_{}", D::NAME);
        let setting = Setting { publisher, wakes: false, per_second, server: server.address };
        seeing(name, shop, setting)
    });
    harness.measure(contenders.into()).await?;
    feeds.close().await;
    Ok(())
}

fn seeing<'a, D: Database>(name: String, shop: &'a Shop<D>, setting: Setting<'a>) -> Contender<'a> {
    let round = move |time: Duration| async move {
        let tail = Tail::from_now(setting.server).await?;
        let count = (time * ROUND).as_secs_f64() * f64::from(setting.per_second);
        let expected = Cell::new(None);
        let publishing = publish(shop, setting, count.round().max(1.0), &expected);
        let (published, seen) = try_join(publishing, follow(tail, &expected)).await?;
        let mut values = Vec::new();
        for since in [|it: &Published| it.committed, |it: &Published| it.begun] {
            let milliseconds = published.iter().map(|it| {
                let seen = seen.get(&it.id).with_context(|| format!("{} is lost", it.id))?;
                // A reader may have it before the producer hears that it is committed.
                Ok(seen.saturating_duration_since(since(it)).as_secs_f64() * 1e3)
            });
            let milliseconds = milliseconds.collect::<Result<Vec<_>>>()?;
            values.extend([0.5, 0.99].map(|share| percentile(&milliseconds, share)));
        }
        Ok(values)
    };
    Contender::new(name, shop.events, VALUES, round).goals(GOALS)
}

/// An event that was published, and when.
struct Published {
    id: String,
    begun: Instant,
    committed: Instant,
}

/// Publishes so many events at an even pace.
async fn publish<D: Database>(
    shop: &Shop<D>,
    setting: Setting<'_>,
    count: f64,
    expected: &Cell<Option<usize>>,
) -> Result<Vec<Published>> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / setting.per_second);
    let mut orders = Orders::new();
    let mut published = Vec::new();
    while f64::from(u32::try_from(published.len())?) < count {
        pace.tick().await;
        let event = orders.next_event().into_event()?;
        let id = event.id().to_string();
        let begun = Instant::now();
        let mut transaction = shop.database.begin().await?;
        D::change_order(&mut transaction, 0).await?;
        let receipt = setting.publisher.publish_in(&mut transaction, FEED, event).await?;
        D::commit(transaction).await?;
        published.push(Published { id, begun, committed: Instant::now() });
        if setting.wakes {
            receipt.wake();
        }
    }
    expected.set(Some(published.len()));
    Ok(published)
}

/// Reads until as many events as are expected are there, and returns when each was.
async fn follow(
    mut tail: Tail,
    expected: &Cell<Option<usize>>,
) -> Result<HashMap<String, Instant>> {
    let mut seen = HashMap::new();
    while expected.get().is_none_or(|expected| seen.len() < expected) {
        let ids = tail.next().await?;
        let now = Instant::now();
        seen.extend(ids.into_iter().map(|id| (id, now)));
    }
    Ok(seen)
}
