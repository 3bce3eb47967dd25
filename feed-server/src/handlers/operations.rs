//! `GET /healthz`, `GET /readyz` and `GET /metrics`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use feed_protocol::{Problem, ProblemType};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::time::timeout;
use tracing::error;

use super::{App, HandlerResult};
use crate::metrics::{self, Present};

/// How long the database may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the process runs.
pub(crate) async fn healthz() -> Response {
    ok()
}

/// Whether the server can do its work: the database answers and accepts writes, and the server is
/// not shutting down.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> HandlerResult {
    if *app.shutdown.borrow() {
        return Err(Problem::new(ProblemType::Unavailable, "Shutting down.").into());
    }
    match timeout(CHECK_TIMEOUT, app.paging.check()).await {
        Ok(Ok(())) => return Ok(ready(&app).await),
        Ok(Err(error)) => error!(error = &error as &dyn Error, "the store is not ready"),
        Err(_) => error!("the store did not answer within {CHECK_TIMEOUT:?}"),
    }
    let problem = match timeout(CHECK_TIMEOUT, app.paging.check_readable()).await {
        Ok(Ok(())) => Problem::new(
            ProblemType::Unavailable,
            "The database takes no writes: feeds can be read, and not published to.",
        )
        .with("cannot", ["publish"]),
        _ => Problem::new(
            ProblemType::Unavailable,
            "The database does not answer: feeds can be neither read nor published to.",
        )
        .with("cannot", ["read", "publish"]),
    };
    Err(problem.into())
}

/// What the server counts and measures.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let heads = app.feeds.all().into_iter();
    let heads = heads.map(|live| (live.feed.name.to_string(), live.head().position.get()));
    let present = Present {
        publishes_waiting: app.publisher.waiting(),
        page_cache_bytes: app.paging.kept_bytes(),
        heads: heads.collect(),
        rejected: rejected(&app).await,
    };
    let headers = [(CONTENT_TYPE, metrics::MEDIA_TYPE), (CACHE_CONTROL, "no-store")];
    (headers, app.metrics.text(present)).into_response()
}

/// Ready; and, if it can be had, how many events of the outbox were rejected, which keeps nothing from
/// being served, and waits for a person.
async fn ready(app: &App) -> Response {
    match rejected(app).await {
        Some(rejected) => json(format!("{{\"status\":\"ok\",\"rejected\":{rejected}}}\n")),
        None => ok(),
    }
}

/// How many events of the outbox were rejected, if there is one and it can be had.
async fn rejected(app: &App) -> Option<u64> {
    let rejected = app.publisher.background().relay.rejected();
    timeout(CHECK_TIMEOUT, rejected).await.ok()?.ok()?
}

fn ok() -> Response {
    json("{\"status\":\"ok\"}\n")
}

fn json(body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, body.into()).into_response()
}
