//! `GET /feeds/{feed}/subjects/{subject}`

use feed_protocol::event::Subject;
use feed_protocol::{Position, Problem, ProblemType};

use super::HandlerResult;
use super::answer::{Caching, answer};
use super::read::{At, Read, nothing_there};
use crate::paging::Representation;

/// The events of one entity, oldest first.
pub(crate) async fn get(At((feed, subject)): At<(String, String)>, read: Read) -> HandlerResult {
    let live = read.feed(&feed)?;
    let subject = Subject::new(subject).map_err(|_| nothing_there())?;
    let after = match read.parameter("after") {
        Some(text) => text.parse().map_err(|error| {
            Problem::new(ProblemType::BadRequest, format!("'after' is wrong: {error}."))
        })?,
        None => Position::ZERO,
    };
    let representation =
        read.representation(&[Representation::Atom, Representation::CloudEventsBatch])?;
    let rendered = read.app.paging.subject(&live, &subject, after, representation).await?;
    answer(&read.headers, &rendered, Caching::Revalidate, false).await
}
