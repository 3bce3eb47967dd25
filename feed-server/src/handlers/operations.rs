//! `GET /healthz` and `GET /readyz`

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use feed_protocol::{Problem, ProblemType};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::failure::unavailable;
use super::{App, HandlerResult};

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
    match tokio::time::timeout(CHECK_TIMEOUT, app.paging.check()).await {
        Ok(Ok(())) => Ok(ready(&app).await),
        Ok(Err(error)) => Err(unavailable(&Arc::new(error))),
        Err(_) => Err(Problem::new(
            ProblemType::Unavailable,
            format!("The database did not answer within {CHECK_TIMEOUT:?}."),
        )
        .into()),
    }
}

/// Ready; and, if it can be had, how many events of the outbox were rejected, which keeps nothing from
/// being served, and waits for a person.
async fn ready(app: &App) -> Response {
    let rejected = app.publisher.background().relay.rejected();
    match tokio::time::timeout(CHECK_TIMEOUT, rejected).await {
        Ok(Ok(Some(rejected))) => json(format!("{{\"status\":\"ok\",\"rejected\":{rejected}}}\n")),
        _ => ok(),
    }
}

fn ok() -> Response {
    json("{\"status\":\"ok\"}\n")
}

fn json(body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, body.into()).into_response()
}
