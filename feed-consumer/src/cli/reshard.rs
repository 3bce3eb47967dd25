//! `feed-consumer reshard`
//!
//! # Layout
//!
//! - [`words`]: what it does and how far it is, in words
//! - [`progress`]: where that is shown

mod progress;
mod words;

use std::time::Duration;

use feed_consumer::{Cursors, KeptCursor, Resharding, ShardCount};
use tokio::time::{Instant, sleep};

use self::progress::Shown;
use self::words::Hindrance;
use super::args::PlaceArgs;
use super::args::orders::ReshardArgs;
use super::cursor::{confirmed, say};
use super::exit::Failed;
use super::settings;
use super::signals::Signals;
use super::which::{self, Found};

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// Cuts a subscription into another number of shards, and waits until that is done.
pub(super) async fn run(args: &ReshardArgs, place: &PlaceArgs) -> Result<(), Failed> {
    let databases = settings::databases(place)?;
    let (group, feed) = (args.of.group.as_deref(), args.of.feed.as_deref());
    let Found { cursors, cursor } = which::one(&databases, group, feed, "FEED and --group").await?;
    let done = order(&cursors, &cursor, args).await;
    cursors.close().await;
    done
}

async fn order(cursors: &Cursors, cursor: &KeptCursor, args: &ReshardArgs) -> Result<(), Failed> {
    let to = args.to;
    let whose = format!("the group {:?} in {}", cursor.group(), cursor.url());
    match cursors.resharding(cursor).await? {
        Resharding::Done(present) if present == to => {
            return say(&format!("{}\nNothing to do.\n", words::present(&whose, to)));
        }
        Resharding::Drain { to: asked, .. } | Resharding::Reach { to: asked, .. }
            if asked == to =>
        {
            say(&format!("{}\n", words::asked_before(&whose, to)))?;
        }
        Resharding::Drain { to: asked, .. } if to.get() == cursor.shards() => {
            cursors.reshard(cursor, to).await?;
            return say(&format!("{}\n", words::withdrawn(&whose, asked, to)));
        }
        // It is too late, which is said.
        Resharding::Reach { .. } => cursors.reshard(cursor, to).await?,
        Resharding::Done(_) | Resharding::Drain { .. } => {
            if !confirmed(&words::plan(&whose, cursor.shards(), to), args.yes)? {
                return say("Nothing was changed.\n");
            }
            cursors.reshard(cursor, to).await?;
        }
    }
    wait(cursors, cursor, &whose, args).await
}

/// Takes the steps that can be taken, and shows how far it is, until it is done, a signal comes, or
/// the time is over.
async fn wait(
    cursors: &Cursors,
    cursor: &KeptCursor,
    whose: &str,
    args: &ReshardArgs,
) -> Result<(), Failed> {
    let signals = Signals::listen()?;
    let end = args.wait.and_then(|wait| Instant::now().checked_add(wait.0));
    let mut shown = Shown::new(cursor.shards());
    let mut before = None;
    loop {
        let step = cursors.reshard_step(cursor).await?;
        let (Resharding::Drain { .. } | Resharding::Reach { .. }) = step else {
            shown.clear();
            return ended(whose, step, args.to);
        };
        // Only of what does not come on it is asked why.
        let hindrance =
            if before == Some(step) { hindrance(cursors, cursor, step).await? } else { None };
        before = Some(step);
        shown.show(step, hindrance.as_ref())?;
        let over = async {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = signals.first() => {}
            () = over => {}
            () = sleep(LOOK) => continue,
        }
        shown.clear();
        return Err(Failed::Unfinished(words::under_way(whose, step)));
    }
}

fn ended(whose: &str, step: Resharding, to: ShardCount) -> Result<(), Failed> {
    match step {
        Resharding::Done(present) if present != to => {
            Err(Failed::Unfinished(words::withdrawn_by_others(whose, to, present)))
        }
        _ => say(&format!("{}\n", words::present(whose, to))),
    }
}

/// Why it does not come on, if somebody has to do something about it.
async fn hindrance(
    cursors: &Cursors,
    cursor: &KeptCursor,
    step: Resharding,
) -> Result<Option<Hindrance>, Failed> {
    let Resharding::Reach { barrier, short: 1.., .. } = step else { return Ok(None) };
    if cursors.living_workers(cursor).await? == 0 {
        return Ok(Some(Hindrance::NoWorker));
    }
    let paused = cursors.find(cursor.group(), cursor.feed()).await?.paused_before(barrier);
    Ok(Some(paused).filter(|it| !it.is_empty()).map(Hindrance::Paused))
}
