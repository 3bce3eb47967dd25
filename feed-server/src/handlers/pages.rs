//! `GET /feeds/{feed}/{inc}/pages/{k}`

use super::HandlerResult;
use super::answer::{Caching, answer};
use super::read::{At, Read, nothing_there};
use crate::paging::Representation;

/// A page, newest first.
pub(crate) async fn get(
    At((feed, incarnation, page)): At<(String, String, String)>,
    read: Read,
) -> HandlerResult {
    let live = read.feed_in(&feed, &incarnation)?;
    let page = page.parse().map_err(|_| nothing_there())?;
    let representation =
        read.representation(&[Representation::Atom, Representation::CloudEventsBatch])?;
    let filter = read.filter()?;
    let rendered = read.app.paging.page(&live, page, representation, &filter).await?;
    let caching = if rendered.immutable { Caching::Immutable } else { Caching::Revalidate };
    answer(&read.headers, &rendered, caching, false).await
}
