//! `feed-consumer cursor`
//!
//! # Layout
//!
//! - [`show`]: lists cursors
//! - [`moved`]: what a move means, in words

mod moved;
mod show;

use std::io::{BufRead, IsTerminal, Write};

use feed_consumer::{Cursors, CursorsError, KeptCursor, PlannedMove};

use super::args::cursor::{CursorCommand, WhichArgs};
use super::args::{DEFAULT_DATABASE, PlaceArgs};
use super::asking::Asking;
use super::exit::{self, Failed};
use super::settings;

/// Does what is asked with the cursors.
pub(super) async fn run(command: CursorCommand, place: &PlaceArgs) -> Result<(), Failed> {
    let databases = settings::databases(place)?;
    let own = settings::requests(place)?;
    match command {
        CursorCommand::Show(args) => show::run(&args, &databases, &own).await,
        CursorCommand::Set(args) => {
            let WhichArgs { feed, http, .. } = &args.which;
            let asking = Asking { feed: Some(feed), flags: http, own: &own };
            let (cursors, cursor, database) = find(&args.which, &databases).await?;
            let cursor = cursor.clone().http(asking.options(database, &cursor));
            let planned = cursors.plan(&cursor, args.to).await.map_err(|error| {
                match asking.remedy(database, &cursor, &error) {
                    Some(remedy) => Failed::Usage(format!("{}; {remedy}", exit::Chain(&error))),
                    None => error.into(),
                }
            })?;
            carry_out(&cursors, &cursor, planned, args.which.yes).await
        }
        CursorCommand::Reset(args) => {
            let (cursors, cursor, _) = find(&args.which, &databases).await?;
            let planned = cursors.plan_reset(&cursor);
            carry_out(&cursors, &cursor, planned, args.which.yes).await
        }
    }
}

/// The cursor that is meant, and its database.
async fn find<'a>(
    which: &WhichArgs,
    databases: &'a [String],
) -> Result<(Cursors, KeptCursor, &'a str), Failed> {
    let group = which.group.as_deref().unwrap_or("default");
    let mut unknown = None;
    for database in databases {
        let cursors = Cursors::open(database).await?;
        match cursors.find(group, &which.feed).await {
            Ok(cursor) => return Ok((cursors, cursor, database)),
            Err(error @ CursorsError::Unknown { .. }) => unknown = Some(error),
            Err(error) => return Err(error.into()),
        }
        cursors.close().await;
    }
    Err(unknown.map_or_else(
        || Failed::Usage(format!("no database is named: name one, such as {DEFAULT_DATABASE}")),
        Failed::from,
    ))
}

/// Says what a move means, asks, and makes it.
async fn carry_out(
    cursors: &Cursors,
    cursor: &KeptCursor,
    planned: PlannedMove,
    yes: bool,
) -> Result<(), Failed> {
    let (plan, done) = moved::words(cursor, &planned);
    if planned.to() == Some(cursor.position()) && !planned.changes_incarnation() {
        return say(&format!("{plan}\nNothing to do.\n"));
    }
    if !confirmed(&plan, yes)? {
        return say("Nothing was changed.\n");
    }
    cursors.make(planned).await?;
    cursors.close().await;
    say(&format!("{done}\n"))
}

/// Says what will be done, and asks whether it shall be, unless that is known.
pub(super) fn confirmed(plan: &str, yes: bool) -> Result<bool, Failed> {
    if !yes && !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!(
            "there is no terminal to ask on, and nothing was changed; say --yes if this is what you \
             want: {}",
            plan.trim_end_matches('.').replace('\n', " ")
        )));
    }
    say(&format!("{plan}\n"))?;
    Ok(yes || is_confirmed()?)
}

/// Asks on the terminal.
pub(super) fn is_confirmed() -> Result<bool, Failed> {
    say("Go on? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failed::Output)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Says so on standard output.
pub(super) fn say(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failed::Output)
}
