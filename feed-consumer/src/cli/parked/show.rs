//! All of a parked event.

use chrono::{DateTime, SecondsFormat, Utc};
use feed_consumer::{KeptCursor, ParkedDeed, ParkedEvent};
use feed_protocol::Position;
use serde_json::json;

use super::list::{members, next_retry};
use super::{line, plain, subscription};
use crate::cli::args::parked::ShowArgs;
use crate::cli::cursor::say;
use crate::cli::exit::Failed;

/// Shows one parked event, or what became of it.
pub(super) async fn run(args: &ShowArgs, databases: &[String]) -> Result<(), Failed> {
    let (cursor, events) = subscription(databases, &args.of).await?;
    let record = events.record(args.position).await?;
    let Some(parked) = events.find(args.position).await? else {
        if let Some(head) = events.head_of_follower(args.position).await? {
            return Err(Failed::Usage(waits(args.position, head)));
        }
        let last = record.last().map(|it| format!(", and the last of it is: {}", deed(it)));
        return Err(Failed::Usage(format!(
            "no event is parked at position {}{}",
            args.position,
            last.unwrap_or_default()
        )));
    };
    if args.json {
        say(&json(&cursor, &parked, &record))
    } else {
        say(&text(&cursor, &parked, &record))
    }
}

/// What is said of an event that is not parked itself.
fn waits(position: Position, head: Position) -> String {
    if head == position {
        return format!(
            "the event at position {position} is not parked: it has waited behind one that is \
             resolved, and is handled next of its subject"
        );
    }
    format!(
        "the event at position {position} is not parked: it waits behind the one of its subject at \
         position {head}: `feed-consumer parked show {head}` shows that"
    )
}

fn json(cursor: &KeptCursor, parked: &ParkedEvent, record: &[ParkedDeed]) -> String {
    let mut members = members(cursor, parked);
    let lines = record
        .iter()
        .map(|it| json!({"at": time(it.at), "who": it.who, "what": it.what.name(), "why": it.why}));
    members["record"] = lines.collect();
    let mut text = members.to_string();
    // Events as they are, since data is bytes.
    text.truncate(text.len() - 1);
    text += ",\"event\":";
    text += &line(&parked.original().event);
    text += ",\"edited\":";
    text += &parked.edited().map_or_else(|| "null".to_owned(), line);
    text + "}\n"
}

fn text(cursor: &KeptCursor, parked: &ParkedEvent, record: &[ParkedDeed]) -> String {
    let mut text = format!(
        "Position     {} of {}, for the group {}\n",
        parked.position(),
        cursor.url(),
        cursor.group()
    );
    let event = parked.event();
    for (name, value) in [
        ("Type", Some(event.event_type().to_string())),
        ("Subject", event.subject().map(ToString::to_string)),
        ("Source", Some(event.source().to_string())),
        ("Id", Some(event.id().to_string())),
        ("In the feed", Some(time(parked.original().updated))),
        ("Parked", Some(time(parked.parked()))),
        ("Tries", Some(parked.attempts().to_string())),
        ("Retries", Some(parked.retries().to_string())),
        ("Next retry", Some(next_retry(parked.due()))),
        ("Behind it", Some(format!("{} of its subject", parked.followers()))),
        ("Shard", Some(parked.shard().to_string())),
    ] {
        if let Some(value) = value {
            text += &format!("{name:<12} {value}\n");
        }
    }
    text += "\nError\n";
    text += &parked.error().lines().map(|it| format!("  {}\n", plain(it))).collect::<String>();
    text += &format!("\nEvent\n  {}\n", line(&parked.original().event));
    if let Some(edited) = parked.edited() {
        text += &format!("\nEdited, and handled instead\n  {}\n", line(edited));
    }
    text += "\nRecord\n";
    text += &record.iter().map(|it| format!("  {}\n", deed(it))).collect::<String>();
    text
}

/// A line of the record.
fn deed(deed: &ParkedDeed) -> String {
    let why = deed.why.lines().next().map(|why| format!(": {}", plain(why)));
    let (what, who) = (deed.what.name(), plain(&deed.who));
    format!("{} {what} by {who}{}", time(deed.at), why.unwrap_or_default())
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
