//! Has something done about parked events, and says what became of it.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use feed_consumer::{Asked, Outcome, ParkedError, ParkedEvents};
use feed_protocol::{Position, cloudevents};
use serde_json::json;
use tokio::time::Instant;

use super::{PAGE, subscription};
use crate::cli::args::parked::{AskingArgs, EditArgs, SeveralArgs};
use crate::cli::cursor::{is_confirmed, say};
use crate::cli::exit::Failed;

/// How long to wait for a worker.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be done with each of several.
#[derive(Debug)]
pub(super) enum Wish {
    /// Handle it now.
    Retry,
    /// Give it up, for this reason.
    Discard(String),
}

/// Has the same done with several events.
pub(super) async fn several(
    which: &SeveralArgs,
    wish: &Wish,
    databases: &[String],
) -> Result<(), Failed> {
    if !which.all && !which.filter.is_empty() {
        return Err(Failed::Usage(
            "--type, --subject, --error and --older-than choose among --all: say --all instead of \
             positions"
                .to_owned(),
        ));
    }
    let (cursor, events) = subscription(databases, &which.of).await?;
    let mut positions = which.positions.clone();
    if which.all {
        let filter = which.filter.filter();
        while let page = events.list(&filter, last(&positions), PAGE).await?
            && !page.is_empty()
        {
            positions.extend(page.iter().map(feed_consumer::ParkedEvent::position));
        }
        if positions.is_empty() {
            return if which.asking.json { Ok(()) } else { say("No such event is parked.\n") };
        }
        let what = match wish {
            Wish::Retry => "be handled now",
            Wish::Discard(_) => "be given up, and never be handled",
        };
        let (count, group, url) = (count(positions.len()), cursor.group(), cursor.url());
        let plan = format!("{count} of the group {group:?} in {url} will {what}.");
        if !which.yes && !std::io::stdin().is_terminal() {
            return Err(Failed::Usage(format!(
                "there is no terminal to ask on, and nothing was changed; say --yes if this is \
                 what you want: {}",
                plan.trim_end_matches('.')
            )));
        }
        if !which.yes {
            say(&format!("{plan}\n"))?;
            if !is_confirmed()? {
                return say("Nothing was changed.\n");
            }
        }
    }
    let mut asked = Vec::new();
    for position in positions {
        let who = &which.asking.who;
        let wished = match wish {
            Wish::Retry => events.retry(position, who).await,
            Wish::Discard(reason) => events.discard(position, reason, who).await,
        };
        asked.push((position, wished));
    }
    report(&events, asked, &which.asking).await
}

fn last(positions: &[Position]) -> Position {
    positions.last().copied().unwrap_or(Position::ZERO)
}

/// Has an event handled as it is mended.
pub(super) async fn edit(args: &EditArgs, databases: &[String]) -> Result<(), Failed> {
    let (_, events) = subscription(databases, &args.of).await?;
    let position = args.position;
    let parked = events.find(position).await?;
    let parked = parked.ok_or_else(|| Failed::from(ParkedError::NotParked { position }))?;
    let event = match (&args.data, &args.event) {
        (Some(path), _) => {
            let mut data = read(path)?;
            if parked.event().has_json_data_type() {
                // What editors end a file with is no part of the JSON text.
                data = data.trim_ascii().to_vec();
            }
            let edited = parked.with_data(data);
            edited.map_err(|error| Failed::Usage(format!("--data {}: {error}", path.display())))?
        }
        (None, Some(path)) => cloudevents::read_event(&read(path)?)
            .map_err(|error| Failed::Usage(format!("--event {}: {error}", path.display())))?,
        (None, None) => return Err(Failed::Usage("name --data or --event".to_owned())),
    };
    let asked = events.edit(position, event, &args.asking.who).await;
    report(&events, vec![(position, asked)], &args.asking).await
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    let mut content = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let path = path.display();
        Failed::Usage(format!("the file {path} cannot be read: {error}; name one that can"))
    })
}

/// Says what became of each, once a worker has done it or a few seconds have passed.
async fn report(
    events: &ParkedEvents,
    asked: Vec<(Position, Result<Asked, ParkedError>)>,
    asking: &AskingArgs,
) -> Result<(), Failed> {
    // One alone that cannot be asked for is said as what is wrong with the command line.
    let asked = match <[_; 1]>::try_from(asked) {
        Ok([(_, Err(error))]) => return Err(error.into()),
        Ok(one) => Vec::from(one),
        Err(several) => several,
    };
    let deadline = Instant::now() + PATIENCE;
    let (all, mut failed) = (asked.len(), 0);
    for (position, asked) in asked {
        let outcome = match asked {
            Ok(asked) => {
                let left = deadline.saturating_duration_since(Instant::now());
                events.outcome(asked, left).await?
            }
            Err(ParkedError::Store(error)) => return Err(error.into()),
            Err(error) => Outcome::Refused(error.to_string()),
        };
        let (word, why, is_done) = words(&outcome);
        failed += usize::from(!is_done);
        let why = why.unwrap_or_default();
        if asking.json {
            let error = (!why.is_empty()).then_some(why);
            say(&format!(
                "{}\n",
                json!({"position": position.get(), "outcome": name(&outcome), "error": error})
            ))?;
        } else {
            let why = why.lines().next().map(|why| format!(": {}", super::plain(why)));
            say(&format!("{position}: {word}{}\n", why.unwrap_or_default()))?;
        }
    }
    if failed == 0 { Ok(()) } else { Err(Failed::NotDone { failed, all }) }
}

/// What became of it in words, why, and whether that is what was asked for or may still be.
fn words(outcome: &Outcome) -> (&'static str, Option<&str>, bool) {
    match outcome {
        Outcome::Waits => ("it will be done when a worker holds its shard", None, true),
        Outcome::Taken => ("a worker does it now", None, true),
        Outcome::Handled => ("handled", None, true),
        Outcome::Discarded => ("given up", None, true),
        Outcome::Failed(error) => ("it has failed again", Some(error), false),
        Outcome::Refused(reason) => ("it is not done", Some(reason), false),
        Outcome::Forgotten => ("the cursor was put before it meanwhile", None, false),
        _ => ("something else was done with it", None, false),
    }
}

/// What became of it, for programs.
fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Waits => "waits",
        Outcome::Taken => "taken",
        Outcome::Handled => "handled",
        Outcome::Discarded => "discarded",
        Outcome::Failed(_) => "failed",
        Outcome::Refused(_) => "refused",
        Outcome::Forgotten => "forgotten",
        _ => "other",
    }
}

fn count(events: usize) -> String {
    if events == 1 { "1 parked event".to_owned() } else { format!("{events} parked events") }
}
