//! Every address of a feed server, and the handler behind it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::handlers::{
    App, current, entries, measured, method_not_allowed, not_found, operations, pages, publish,
    service, subjects, tail,
};

/// The router, to serve alone or to nest under any path.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(service::get))
        .route("/feeds/{feed}", get(current::get).post(publish::post))
        .route("/feeds/{feed}/entries", get(entries::find))
        .route("/feeds/{feed}/subjects/{subject}", get(subjects::get))
        .route("/feeds/{feed}/{incarnation}/pages/{page}", get(pages::get))
        .route("/feeds/{feed}/{incarnation}/after/{position}", get(tail::get))
        .route("/feeds/{feed}/{incarnation}/at", get(tail::at))
        .route("/feeds/{feed}/{incarnation}/entries/{position}", get(entries::get))
        .route("/feeds/{feed}/{incarnation}/entries/{position}/data", get(entries::data))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), measured::measured))
        .with_state(app)
}
