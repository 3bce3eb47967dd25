//! A request that reads.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, Path};
use feed_protocol::{Incarnation, Position, Problem, ProblemType};
use http::header::{ACCEPT_ENCODING, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;

use super::App;
use super::accept::best_media_type;
use super::failure::Failure;
use super::prefer::Wait;
use crate::feeds::LiveFeed;
use crate::paging::{Filter, Representation};

/// What the handlers of reads need of a request.
#[derive(Debug)]
pub(crate) struct Read {
    pub(super) app: Arc<App>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    /// Where the router is mounted: the path before its own, without a slash at its end.
    mount: String,
}

impl FromRequestParts<Arc<App>> for Read {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self {
            app: Arc::clone(app),
            method: parts.method.clone(),
            headers: std::mem::take(&mut parts.headers),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            mount: mount(parts),
        })
    }
}

/// The segments of a path that its route names. A path that is no text is the address of nothing.
#[derive(Debug)]
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let segments = Path::from_request_parts(parts, state).await;
        segments.map(|Path(segments)| Self(segments)).map_err(|_| nothing_there())
    }
}

/// The path before the router's own: what the original path has beyond the one that is left.
pub(super) fn mount(parts: &Parts) -> String {
    let original = parts.extensions.get::<OriginalUri>().map_or("", |uri| uri.path());
    let own = parts.uri.path();
    original.strip_suffix(own).unwrap_or_else(|| original.trim_end_matches('/')).to_owned()
}

impl Read {
    /// What an address of the feeds begins with, and ends in a slash: absolute where a public URL
    /// is configured, otherwise a path.
    pub(super) fn root(&self) -> String {
        root(&self.app, &self.mount)
    }

    /// The feed of this name.
    pub(super) fn feed(&self, name: &str) -> Result<Arc<LiveFeed>, Failure> {
        self.app.feed(name)
    }

    /// The feed of this name, if this is its incarnation.
    pub(super) fn feed_in(&self, name: &str, incarnation: &str) -> Result<Arc<LiveFeed>, Failure> {
        let live = self.feed(name)?;
        if live.feed.incarnation.as_str() == incarnation {
            return Ok(live);
        }
        incarnation.parse::<Incarnation>().map_err(|_| nothing_there())?;
        Err(self.gone(&live, incarnation))
    }

    /// Another life of the feed was asked for.
    pub(super) fn gone(&self, live: &LiveFeed, asked: &str) -> Failure {
        let present = &live.feed.incarnation;
        Problem::new(
            ProblemType::IncarnationGone,
            format!(
                "This was incarnation {asked} of the feed; the present one is {present}. What was \
                 read of the other may not be part of it."
            ),
        )
        .with("incarnation", present.as_str())
        .with("current", format!("{}feeds/{}", self.root(), live.feed.name))
        .into()
    }

    /// The representation to answer in, of those that there are.
    pub(super) fn representation(
        &self,
        offers: &[Representation],
    ) -> Result<Representation, Failure> {
        let names: Vec<&str> = offers.iter().map(|offer| offer.media_type()).collect();
        self.choose(&names).map(|index| offers[index])
    }

    /// The index of the media type to answer in, of those that there are.
    pub(super) fn choose(&self, offers: &[&str]) -> Result<usize, Failure> {
        best_media_type(&self.headers, offers).ok_or_else(|| {
            Problem::new(
                ProblemType::NotAcceptable,
                format!("This is to be had as {}.", offers.join(", ")),
            )
            .with("available", offers.to_vec())
            .into()
        })
    }

    /// The filter that the query states.
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        Filter::from_query(&self.query).map_err(|error| {
            Problem::new(ProblemType::BadRequest, format!("The query is wrong: {error}.")).into()
        })
    }

    /// The first query parameter of this name.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(it, _)| it == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Gets ready for a long wait: keeps copies of the header fields that the answer depends on,
    /// and lets go of the others. All fields of a request lie in the buffer that it was read into,
    /// 8 KiB, which would otherwise be held for each client that waits.
    pub(super) fn shrink(&mut self) {
        let kept = [ACCEPT_ENCODING, IF_NONE_MATCH, IF_MODIFIED_SINCE].into_iter();
        let fields = kept.flat_map(|name| {
            let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
            let values: Vec<_> = self.headers.get_all(&name).iter().filter_map(copy).collect();
            values.into_iter().map(move |value| (name.clone(), value))
        });
        let mut headers = HeaderMap::new();
        headers.extend(fields);
        self.headers = headers;
    }

    /// How long to wait for news. HEAD never waits.
    pub(super) fn wait(&self) -> Option<Wait> {
        let wait = Wait::preferred(&self.headers, self.app.timing.max_wait)?;
        (self.method != Method::HEAD).then_some(wait)
    }
}

pub(super) fn root(app: &App, mount: &str) -> String {
    match app.paging.public_url() {
        Some(url) => url.to_string(),
        None => format!("{mount}/"),
    }
}

/// The position of a path segment. What is no position is the address of nothing.
pub(super) fn position(segment: &str) -> Result<Position, Failure> {
    segment.parse().map_err(|_| nothing_there())
}

/// No document has such an address.
pub(super) fn nothing_there() -> Failure {
    Problem::new(ProblemType::NotFound, "No document of the feed has such an address.").into()
}
