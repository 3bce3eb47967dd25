//! `feed-consumer status`
//!
//! # Layout
//!
//! - [`table`]: what a person sees
//! - [`screen`]: where it is drawn, once or again and again

mod screen;
mod table;

use std::time::Duration;

use feed_consumer::{Cursors, CursorsError, KeptCursor, Status, StoreError};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::screen::Screen;
use super::args::PlaceArgs;
use super::args::status::{StatusArgs, WatchInterval};
use super::asking::Asking;
use super::exit::{Chain, Failed};
use super::settings;
use super::signals::Signals;

/// A subscription as it is shown.
struct Shown<'a> {
    database: &'a str,
    status: Status,
    /// Why nobody knows where the feed ends, and what helps.
    problem: Option<String>,
}

/// Shows how subscriptions and their workers are doing, once or until a signal comes.
pub(super) async fn run(args: &StatusArgs, place: &PlaceArgs) -> Result<(), Failed> {
    let databases = settings::databases(place)?;
    let own = settings::requests(place)?;
    let asking = Asking { feed: args.feed.as_deref(), flags: &args.http, own: &own };
    let mut opened = Vec::new();
    for database in &databases {
        opened.push((&**database, Cursors::open(&**database).await?));
    }
    let mut screen = Screen::new(args.watch.is_some() && !args.json);
    let ended = match args.watch {
        None => show(&mut screen, args, &opened, asking).await,
        Some(WatchInterval(interval)) => {
            let signals = Signals::listen().map_err(Failed::Signals)?;
            tokio::select! {
                biased;
                () = signals.first() => Ok(()),
                ended = watch(&mut screen, args, &opened, asking, interval) => ended,
            }
        }
    };
    for (_, cursors) in &opened {
        cursors.close().await;
    }
    ended
}

/// Shows it again and again. A database that is away for a while is said, and waited for.
async fn watch(
    screen: &mut Screen,
    args: &StatusArgs,
    opened: &[(&str, Cursors)],
    asking: Asking<'_>,
    interval: Duration,
) -> Result<(), Failed> {
    loop {
        match show(screen, args, opened, asking).await {
            Err(Failed::Cursors(error)) if is_passing(&error) => {
                eprintln!("feed-consumer: {}; trying again", Chain(&*error));
            }
            shown => shown?,
        }
        sleep(interval).await;
    }
}

fn is_passing(error: &CursorsError) -> bool {
    matches!(error, CursorsError::Store(StoreError::Unavailable(_)))
}

async fn show(
    screen: &mut Screen,
    args: &StatusArgs,
    opened: &[(&str, Cursors)],
    asking: Asking<'_>,
) -> Result<(), Failed> {
    let all = look(args, opened, asking).await?;
    let text = if args.json {
        let all: Vec<Value> = all.iter().map(Shown::json).collect();
        format!("{}\n", json!({ "subscriptions": all }))
    } else if all.is_empty() {
        let is_choice = args.feed.is_some() || args.group.is_some();
        let such = if is_choice { "No such subscription" } else { "No subscription" };
        let databases: Vec<_> = opened.iter().map(|(database, _)| *database).collect();
        format!("{such} in {}: is it the one that workers run with?\n", databases.join(", "))
    } else {
        let paint = screen.paint();
        let blocks: Vec<_> = all
            .iter()
            .map(|it| table::block(&it.status, it.problem.as_deref(), args.shards, paint))
            .collect();
        blocks.join("\n")
    };
    screen.draw(&text).map_err(Failed::Output)
}

/// How the subscriptions that are meant are doing, by database, group and address.
async fn look<'a>(
    args: &StatusArgs,
    opened: &'a [(&'a str, Cursors)],
    asking: Asking<'_>,
) -> Result<Vec<Shown<'a>>, Failed> {
    let mut all = Vec::new();
    for (database, cursors) in opened {
        let wanted = cursors.list().await?.into_iter().filter(|it| is_wanted(it, args));
        all.extend(wanted.map(|cursor| (*database, cursors, cursor)));
    }
    let looks = all.into_iter().map(async |(database, cursors, cursor)| {
        let cursor = cursor.clone().http(asking.options(database, &cursor));
        let status = cursors.status(&cursor).await?;
        let problem = status.problem.as_ref().map(|error| {
            let remedy = asking.remedy(database, &cursor, error);
            format!("{}{}", Chain(error), remedy.map(|it| format!("; {it}")).unwrap_or_default())
        });
        Ok(Shown { database, status, problem })
    });
    join_all(looks).await.into_iter().collect()
}

fn is_wanted(cursor: &KeptCursor, args: &StatusArgs) -> bool {
    args.group.as_ref().is_none_or(|group| group == cursor.group())
        && args.feed.as_ref().is_none_or(|feed| cursor.is_of(feed))
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let mut value = json!(self.status);
        value["problem"] = json!(self.problem);
        value["database"] = json!(self.database);
        value
    }
}
