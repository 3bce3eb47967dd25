//! Lists cursors.

use chrono::SecondsFormat;
use feed_consumer::{Cursors, CursorsError, KeptCursor};
use futures_util::future::join_all;
use serde_json::json;

use super::say;
use crate::cli::args::cursor::ShowArgs;
use crate::cli::asking::Asking;
use crate::cli::exit::{self, Failed};
use crate::cli::settings::Requests;

/// A cursor, and how far behind it is or why nobody knows.
struct Line<'a> {
    database: &'a str,
    cursor: KeptCursor,
    behind: Result<u64, CursorsError>,
    /// What helps, if nobody knows.
    remedy: Option<&'static str>,
}

/// Lists the cursors of these databases, each with how far it is behind.
pub(super) async fn run(
    args: &ShowArgs,
    databases: &[String],
    own: &[Requests],
) -> Result<(), Failed> {
    let asking = Asking { feed: args.feed.as_deref(), flags: &args.http, own };
    let asking = &asking;
    let mut all = Vec::new();
    for database in databases {
        let cursors = Cursors::open(database).await?;
        let wanted = cursors.list().await?.into_iter().filter(|it| is_wanted(it, args));
        all.extend(wanted.map(|cursor| (database, cursor)));
        cursors.close().await;
    }
    let lines = join_all(all.into_iter().map(async |(database, cursor)| {
        let cursor = cursor.clone().http(asking.options(database, &cursor));
        let behind = cursor.behind().await;
        let error = behind.as_ref().err();
        let remedy = error.and_then(|error| asking.remedy(database, &cursor, error));
        Line { database, cursor, behind, remedy }
    }))
    .await;
    if args.json {
        return say(&lines.iter().map(|line| line.json() + "\n").collect::<String>());
    }
    if lines.is_empty() {
        let is_choice = args.feed.is_some() || args.group.is_some();
        let such = if is_choice { "No such cursor" } else { "No cursor" };
        return say(&format!("{such} in {}.\n", databases.join(", ")));
    }
    say(&table(&lines))
}

fn is_wanted(cursor: &KeptCursor, args: &ShowArgs) -> bool {
    args.group.as_ref().is_none_or(|group| group == cursor.group())
        && args.feed.as_ref().is_none_or(|feed| cursor.is_of(feed))
}

impl Line<'_> {
    fn json(&self) -> String {
        let time =
            |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        json!({
            "group": self.cursor.group(),
            "url": self.cursor.url(),
            "feed": self.cursor.feed(),
            "position": self.cursor.position().get(),
            "incarnation": self.cursor.incarnation().map(ToString::to_string),
            "begun": time(self.cursor.begun()),
            "moved": time(self.cursor.moved()),
            "behind": self.behind.as_ref().ok(),
            "problem": self.problem(),
            "database": self.database,
        })
        .to_string()
    }

    /// Why nobody knows how far behind it is; `None` for what has no positions by its nature.
    fn problem(&self) -> Option<String> {
        match &self.behind {
            Err(CursorsError::WithoutPositions { .. }) if self.cursor.incarnation().is_none() => {
                None
            }
            behind => behind.as_ref().err().map(|error| {
                let remedy = self.remedy.map(|it| format!("; {it}")).unwrap_or_default();
                format!("{}{remedy}", exit::Chain(error))
            }),
        }
    }
}

/// A table, and below it what is wrong.
fn table(lines: &[Line<'_>]) -> String {
    let mut rows = vec![["GROUP", "POSITION", "BEHIND", "MOVED", "FEED"].map(str::to_owned)];
    let mut problems = String::new();
    for line in lines {
        let behind = match (&line.behind, line.problem()) {
            (Ok(behind), _) => behind.to_string(),
            (Err(_), None) => "-".to_owned(),
            (Err(_), Some(problem)) => {
                let (group, url) = (line.cursor.group(), line.cursor.url());
                problems += &format!("{group} in {url}: {problem}\n");
                "?".to_owned()
            }
        };
        rows.push([
            line.cursor.group().to_owned(),
            line.cursor.position().to_string(),
            behind,
            line.cursor.moved().to_rfc3339_opts(SecondsFormat::Secs, true),
            line.cursor.url().to_owned(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for [group, position, behind, moved, feed] in &rows {
        text += &format!(
            "{group:<0$}  {position:>1$}  {behind:>2$}  {moved:<3$}  {feed}\n",
            widths[0], widths[1], widths[2], widths[3]
        );
    }
    if problems.is_empty() { text } else { format!("{text}\n{problems}") }
}
