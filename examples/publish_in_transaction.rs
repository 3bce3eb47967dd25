//! A shop whose orders and events are committed together.
//!
//! Whoever writes to a database and then publishes loses events when it dies in between; whoever
//! publishes first tells of what may never happen. This shop does neither: the row in its own table
//! and the event are in one transaction, and the feeds are served by the same app.

mod orders;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use feed_server::FeedServer;
use feed_server::store::{self, EventStore, Window};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::shop::{self, ORDERS, OrderPlaced};
use orders::{DENIED, Orders, PlaceError, Placed};

/// Where this app mounts the feeds.
const MOUNT: &str = "/events";

/// How to run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "A shop whose orders and events are committed together")]
pub struct Options {
    /// The address to serve on; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// The shop's database, where the feeds are too: a SQLite file, or postgres://USER@HOST/DATABASE
    /// [default: a SQLite file in a folder that is removed at the end]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Place a real shop's orders, refuse some of them, check that orders and events agree, and end
    #[arg(long)]
    pub once: bool,
}

/// Runs until `stop` completes or, with `--once`, until orders have been placed and checked.
///
/// # Errors
///
/// When something cannot be set up; and with `--once`, when orders and events do not agree.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let database =
        options.database.unwrap_or_else(|| temporary.path().join("shop.db").display().to_string());

    // The feeds' tables live beside the shop's own in one database.
    let store = store::open(&database).await?;
    let feeds = FeedServer::builder().shared_store(Arc::clone(&store)).feed(ORDERS).build().await?;
    let orders = Orders::open(&database, feeds.publisher()).await?;

    let app = Router::new()
        .route("/orders", get(list).post(place))
        .with_state(orders.clone())
        .nest(MOUNT, feeds.router());
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!("{} is not to be had; take another address with --listen", options.listen)
    })?;
    let base = format!("http://{}", listener.local_addr()?);
    let (closing, mut closed) = watch::channel(false);
    let until_closed = async move {
        // An error means that nobody can say so any more, which says so too.
        let _ = closed.wait_for(|closed| *closed).await;
    };
    let serving = tokio::spawn(feed_server::serve(listener, app, until_closed));
    say_addresses(&base)?;

    let outcome = if options.once {
        do_business(&orders, store.as_ref()).await
    } else {
        stop.await;
        Ok(())
    };
    // The server ends last; first its streams and long polls, which it would otherwise wait for.
    feeds.shutdown();
    closing.send_replace(true);
    serving.await??;
    feeds.close().await;
    outcome
}

/// `POST /orders`
async fn place(
    State(orders): State<Orders>,
    Json(order): Json<OrderPlaced>,
) -> Result<(StatusCode, String), (StatusCode, String)> {
    match orders.place(&order).await {
        Ok(Placed::New) => Ok((StatusCode::CREATED, format!("placed {}\n", order.order_id))),
        Ok(Placed::Before) => {
            Ok((StatusCode::OK, format!("{} was placed before\n", order.order_id)))
        }
        Err(error @ PlaceError::CardDenied) => {
            Err((StatusCode::PAYMENT_REQUIRED, format!("{error}\n")))
        }
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error}; try again\n"))),
    }
}

/// `GET /orders`
async fn list(State(orders): State<Orders>) -> Result<String, (StatusCode, String)> {
    let ids = orders.ids().await;
    let ids = ids.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")))?;
    Ok(ids.into_iter().map(|id| id + "\n").collect())
}

/// Places every order of a real shop, several at a time, and compares what the shop's table and the
/// feed say afterwards.
async fn do_business(orders: &Orders, store: &dyn EventStore) -> anyhow::Result<()> {
    let all = shop::orders();
    let (mut placed, mut refused) = (0, 0);
    for customers in all.chunks(8) {
        let mut at_once = tokio::task::JoinSet::new();
        for order in customers {
            let (orders, order) = (orders.clone(), order.clone());
            at_once.spawn(async move { orders.place(&order).await });
        }
        for outcome in at_once.join_all().await {
            match outcome {
                Ok(_) => placed += 1,
                Err(PlaceError::CardDenied) => refused += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
    // On PostgreSQL the last events may still be on their way to their places.
    let table: BTreeSet<String> = orders.ids().await?.into_iter().collect();
    let mut told = subjects(store).await?;
    for _ in 0..100 {
        if told.len() >= table.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        told = subjects(store).await?;
    }
    let distinct: BTreeSet<String> = told.iter().cloned().collect();
    ensure!(distinct == table, "the table has {} orders, and the feed {}", table.len(), told.len());
    ensure!(distinct.len() == told.len(), "an order was told of twice");
    writeln!(
        std::io::stdout(),
        "{placed} orders placed and {refused} refused; the table has {}, and the feed tells of \
         exactly these",
        table.len()
    )?;
    Ok(())
}

/// The subject of every event of the feed.
async fn subjects(store: &dyn EventStore) -> anyhow::Result<Vec<String>> {
    let feeds = store.feeds().await?;
    let (feed, _) = feeds.iter().find(|(it, _)| it.name.as_str() == ORDERS).context("no feed")?;
    let everything =
        Window { after: "0".parse()?, max_positions: u64::MAX, max_bytes: u64::MAX, types: &[] };
    let entries = store.read(feed, &everything).await?.entries;
    let subjects = entries.iter().filter_map(|entry| entry.recorded.event.subject());
    Ok(subjects.map(ToString::to_string).collect())
}

fn say_addresses(base: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "A shop is open at {base}/orders, and tells of its orders at")?;
    writeln!(out, "  {base}{MOUNT}/feeds/{ORDERS}")?;
    writeln!(out, "Try it:")?;
    writeln!(out, "  curl -N -H 'Accept: text/event-stream' {base}{MOUNT}/feeds/{ORDERS} &")?;
    writeln!(
        out,
        "  curl -H 'Content-Type: application/json' {base}/orders -d '{{\"orderId\":\"order-1\",\
         \"customerId\":\"customer-2\",\"placedAt\":\"2021-01-01T00:00:00Z\",\"total\":\"1.98\",\
         \"currency\":\"USD\"}}'"
    )?;
    writeln!(out, "  curl {base}/orders")?;
    writeln!(
        out,
        "The card of {DENIED} is denied, after the order's row and its event were written: neither \
         has ever been."
    )?;
    writeln!(out, "Ctrl-C ends it.\n")?;
    out.flush()
}
