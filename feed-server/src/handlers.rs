//! From a request to an answer.
//!
//! Each handler reads the request, asks [`crate::paging`] or [`crate::publishing`], and answers
//! through [`answer`]; every failure becomes a problem in [`failure`].

mod accept;
mod answer;
pub(crate) mod current;
pub(crate) mod entries;
mod failure;
pub(crate) mod measured;
pub(crate) mod operations;
pub(crate) mod pages;
mod prefer;
pub(crate) mod publish;
mod read;
pub(crate) mod service;
mod stream;
pub(crate) mod subjects;
pub(crate) mod tail;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::OriginalUri;
use axum::response::Response;
use feed_protocol::{Problem, ProblemType};
use tokio::sync::watch;

use crate::feeds::{Feeds, LiveFeed};
use crate::metrics::Metrics;
use crate::paging::Paging;
use crate::publishing::Publisher;
use failure::Failure;

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) paging: Paging,
    pub(crate) publisher: Publisher,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) timing: Timing,
    /// Becomes true when the server shuts down: long polls answer, and streams end.
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// The times that the wire depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// How long the current document may be taken from a cache.
    pub(crate) current_max_age: Duration,
    /// The longest that a long poll waits.
    pub(crate) max_wait: Duration,
    /// The longest that a stream is silent.
    pub(crate) heartbeat: Duration,
    /// The longest that the body of a request may take to arrive.
    pub(crate) body_timeout: Duration,
}

impl App {
    fn feed(&self, name: &str) -> Result<Arc<LiveFeed>, Failure> {
        self.feeds.get(name).ok_or_else(|| {
            Problem::new(ProblemType::NotFound, format!("There is no feed {name:?}.")).into()
        })
    }
}

/// Where nothing is.
pub(crate) async fn not_found(OriginalUri(uri): OriginalUri) -> Failure {
    Problem::new(ProblemType::NotFound, format!("There is nothing at {}.", uri.path())).into()
}

/// Where something is, for other methods. The router adds `Allow`.
pub(crate) async fn method_not_allowed(method: axum::http::Method) -> Failure {
    Problem::new(
        ProblemType::MethodNotAllowed,
        format!("{method} is not possible here; Allow names the methods that are."),
    )
    .into()
}

/// What a handler gives back.
type HandlerResult = Result<Response, Failure>;
