//! A line for each event that is parked.

use std::time::Duration;

use chrono::SecondsFormat;
use feed_consumer::{KeptCursor, ParkedEvent};
use feed_protocol::Position;
use serde_json::json;

use super::{PAGE, plain};
use crate::cli::args::parked::ListArgs;
use crate::cli::cursor::say;
use crate::cli::exit::Failed;
use crate::cli::which::{self, Found};

/// How much of an error is shown in the table, in characters.
const ERROR: usize = 80;

/// Lists what is parked in these databases.
pub(super) async fn run(args: &ListArgs, databases: &[String]) -> Result<(), Failed> {
    let (group, feed) = (args.group.as_deref(), args.feed.as_deref());
    let mut is_any = false;
    for Found { cursors, cursor } in which::all(databases, group, feed).await? {
        let parked = cursors.parked(&cursor);
        let filter = args.filter.filter();
        let (mut rows, mut after) = (Vec::new(), Position::ZERO);
        loop {
            let page = parked.list(&filter, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.position();
            if args.json {
                say(&page.iter().map(|it| json(&cursor, it) + "\n").collect::<String>())?;
            } else {
                rows.extend(page.iter().map(row));
            }
        }
        if !rows.is_empty() {
            let between = if is_any { "\n" } else { "" };
            let title = format!("{between}{} in {}\n", cursor.group(), cursor.url());
            say(&(title + &table(rows)))?;
            is_any = true;
        }
    }
    if is_any || args.json {
        return Ok(());
    }
    let such = if args.filter.is_empty() { "No event is" } else { "No such event is" };
    say(&format!("{such} parked in {}.\n", databases.join(", ")))
}

/// What is the same in all forms of JSON of a parked event.
pub(super) fn members(cursor: &KeptCursor, parked: &ParkedEvent) -> serde_json::Value {
    let event = parked.event();
    json!({
        "group": cursor.group(),
        "url": cursor.url(),
        "position": parked.position().get(),
        "shard": parked.shard().get(),
        "type": event.event_type().as_str(),
        "source": event.source().as_str(),
        "id": event.id().as_str(),
        "subject": event.subject().map(|it| it.as_str()),
        "error": parked.error(),
        "attempts": parked.attempts(),
        "retries": parked.retries(),
        "parked": parked.parked().to_rfc3339_opts(SecondsFormat::Millis, true),
        "next_retry_seconds": parked.due().map(|due| due.as_secs_f64()),
        "followers": parked.followers(),
        "is_edited": parked.edited().is_some(),
    })
}

fn json(cursor: &KeptCursor, parked: &ParkedEvent) -> String {
    members(cursor, parked).to_string()
}

/// When it is taken up again, in words.
pub(super) fn next_retry(due: Option<Duration>) -> String {
    match due {
        None => "never".to_owned(),
        Some(due) if due.is_zero() => "due".to_owned(),
        Some(due) => {
            let due = Duration::from_secs(due.as_secs() + 1);
            humantime::format_duration(due).to_string()
        }
    }
}

const HEADINGS: [&str; 8] =
    ["POSITION", "TYPE", "SUBJECT", "TRIES", "RETRIES", "NEXT RETRY", "BEHIND IT", "ERROR"];

/// The columns that are numbers, and stand at the right.
const NUMBERS: [usize; 4] = [0, 3, 4, 6];

fn row(parked: &ParkedEvent) -> [String; 8] {
    let event = parked.event();
    let error: String = parked.error().lines().next().unwrap_or("").chars().take(ERROR).collect();
    [
        parked.position().to_string(),
        event.event_type().to_string(),
        event.subject().map_or_else(|| "-".to_owned(), ToString::to_string),
        parked.attempts().to_string(),
        parked.retries().to_string(),
        next_retry(parked.due()),
        parked.followers().to_string(),
        plain(&error),
    ]
}

fn table(mut rows: Vec<[String; 8]>) -> String {
    rows.insert(0, HEADINGS.map(str::to_owned));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if NUMBERS.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_tried_again_is_said_in_words() {
        for (due, words) in [
            (None, "never"),
            (Some(Duration::ZERO), "due"),
            (Some(Duration::from_millis(59_900)), "1m"),
            (Some(Duration::from_millis(10)), "1s"),
        ] {
            assert_eq!(next_retry(due), words);
        }
    }

    #[test]
    fn a_table_has_its_numbers_at_the_right() {
        let row = |cells: [&str; 8]| cells.map(str::to_owned);
        let text = table(vec![
            row(["7", "order.placed", "order-1", "3", "0", "due", "12", "it broke"]),
            row(["1200", "a", "-", "10", "7", "never", "0", ""]),
        ]);
        assert_eq!(
            text,
            "POSITION  TYPE          SUBJECT  TRIES  RETRIES  NEXT RETRY  BEHIND IT  ERROR\n       \
             7  order.placed  order-1      3        0  due                12  it broke\n    \
             1200  a             -           10        7  never               0\n"
        );
    }
}
