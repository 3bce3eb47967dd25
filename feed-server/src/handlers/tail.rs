//! `GET /feeds/{feed}/{inc}/after/{position}` and `GET /feeds/{feed}/{inc}/at?time=`

use feed_protocol::event::EventTime;
use feed_protocol::{Position, Problem, ProblemType};
use tokio::time::{Instant, timeout_at};

use super::HandlerResult;
use super::answer::{Caching, answer, redirect};
use super::prefer::{Wait, waited};
use super::read::{At, Read, position};
use crate::feeds::LiveFeed;
use crate::paging::{Filter, Representation};

/// The tail: the next events after a position, oldest first. With `Prefer: wait`, waits for one.
pub(crate) async fn get(
    At((feed, incarnation, after)): At<(String, String, String)>,
    mut read: Read,
) -> HandlerResult {
    let live = read.feed_in(&feed, &incarnation)?;
    let after = position(&after)?;
    let representation =
        read.representation(&[Representation::Atom, Representation::CloudEventsBatch])?;
    let filter = read.filter()?;
    if let Some(wait) = read.wait() {
        read.shrink();
        return waited(get_waiting(&read, &live, after, representation, &filter, wait).await);
    }
    let rendered = read.app.paging.tail(&live, after, representation, &filter).await?;
    answer(&read.headers, &rendered, Caching::Revalidate, true).await
}

async fn get_waiting(
    read: &Read,
    live: &LiveFeed,
    after: Position,
    representation: Representation,
    filter: &Filter,
    wait: Wait,
) -> HandlerResult {
    let deadline = Instant::now() + wait.duration();
    let _open = read.app.metrics.long_poll();
    let paging = &read.app.paging;
    // To be woken first, then to look, then to wait: what is committed in between is not missed.
    let mut heads = live.subscribe();
    let mut shutdown = read.app.shutdown.clone();
    let mut rendered = paging.tail(live, after, representation, filter).await?;
    let mut passed = after;
    loop {
        if !filter.is_empty() && !rendered.range.is_empty() && rendered.shows_nothing() {
            rendered =
                Box::pin(paging.tail_to_match(live, after, passed, representation, filter)).await?;
            passed = rendered.range.last();
        }
        if !rendered.shows_nothing() || *shutdown.borrow() || live.has_ended() {
            break;
        }
        let news = async {
            tokio::select! {
                moved = heads.changed() => moved.is_ok(),
                _ = shutdown.changed() => false,
            }
        };
        if !timeout_at(deadline, news).await.unwrap_or(false) {
            break;
        }
        rendered = paging.tail(live, after, representation, filter).await?;
    }
    answer(&read.headers, &rendered, Caching::Waited(wait), true).await
}

/// Leads to the tail after the last event accepted before a time.
pub(crate) async fn at(At((feed, incarnation)): At<(String, String)>, read: Read) -> HandlerResult {
    let live = read.feed_in(&feed, &incarnation)?;
    let time = read.parameter("time").unwrap_or_default();
    let time: EventTime = time.parse().map_err(|_| {
        Problem::new(
            ProblemType::BadRequest,
            "The query needs 'time', an RFC 3339 date and time such as 2021-01-01T00:00:00Z \
             (with '+' written as %2B).",
        )
    })?;
    let before = read.app.paging.position_before(&live, time.instant()).await?;
    let filter = read.filter()?;
    redirect(&format!("{}feeds/{feed}/{incarnation}/after/{before}{}", read.root(), filter.query()))
}
