//! `GET /feeds/{feed}/{inc}/entries/{position}`, its data, and `GET /feeds/{feed}/entries`

use feed_protocol::event::{EventId, Source};
use feed_protocol::{Problem, ProblemType};
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;

use super::HandlerResult;
use super::answer::{Caching, answer, redirect};
use super::read::{At, Read, position};
use crate::paging::Representation;

/// One entry.
pub(crate) async fn get(
    At((feed, incarnation, at)): At<(String, String, String)>,
    read: Read,
) -> HandlerResult {
    let live = read.feed_in(&feed, &incarnation)?;
    let representation =
        read.representation(&[Representation::Atom, Representation::CloudEvent])?;
    let rendered = read.app.paging.entry(&live, position(&at)?, representation).await?;
    answer(&read.headers, &rendered, Caching::Immutable, false).await
}

/// The data of one entry, in its own media type.
pub(crate) async fn data(
    At((feed, incarnation, at)): At<(String, String, String)>,
    read: Read,
) -> HandlerResult {
    let live = read.feed_in(&feed, &incarnation)?;
    let rendered = read.app.paging.data(&live, position(&at)?).await?;
    let mut response = answer(&read.headers, &rendered, Caching::Immutable, false).await?;
    // Data is whatever a producer said: a page among it must not act in this origin's name.
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    Ok(response)
}

/// Leads to the entry of a source and id.
pub(crate) async fn find(At(feed): At<String>, read: Read) -> HandlerResult {
    let live = read.feed(&feed)?;
    let bad_request = |detail: String| Problem::new(ProblemType::BadRequest, detail);
    let (Some(source), Some(id)) = (read.parameter("source"), read.parameter("id")) else {
        return Err(bad_request("The query needs both 'source' and 'id'.".into()).into());
    };
    let source = Source::new(source).map_err(|error| bad_request(error.to_string()))?;
    let id = EventId::new(id).map_err(|error| bad_request(error.to_string()))?;
    let position = read.app.paging.find(&live, &source, &id).await?;
    let incarnation = &live.feed.incarnation;
    redirect(&format!("{}feeds/{feed}/{incarnation}/entries/{position}", read.root()))
}
