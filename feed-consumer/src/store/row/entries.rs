//! Between entries that were found and their columns.

use feed_protocol::{Event, Position, Recorded};

use super::parking::{Key, event};
use super::{Row, integer};
use crate::shard::hash;
use crate::store::entries::{DocumentEntry, EntryRun};
use crate::store::{StoreError, Subscription};

/// The columns of an entry, in the order in which `entry_find.sql` names them: position, updated,
/// hash, and event as JSON.
pub(in crate::store) type EntryColumns = (i64, i64, i64, String);

/// The columns of a run, in the order in which `entries_read.sql` names them: how many entries were
/// found and how often the feed was searched, and those of an entry.
pub(in crate::store) type RunColumns =
    (i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<String>);

const TABLE: &str = "feed_entries";

/// The columns of entries that follow on a position.
pub(in crate::store) fn columns(
    found: i64,
    entries: &[&DocumentEntry],
) -> impl Iterator<Item = EntryColumns> {
    (found + 1..).zip(entries).map(|(position, entry)| {
        let json = super::parking::json(&entry.event);
        (position, entry.updated.timestamp_micros(), hash_of(&entry.event), json)
    })
}

/// The hash of an event as an integer of SQL: the same bits, with a sign.
fn hash_of(event: &Event) -> i64 {
    hash(event.subject().map(AsRef::as_ref), event.source().as_str(), event.id().as_str())
        .cast_signed()
}

/// The whole of an entry.
pub(in crate::store) fn entry(
    columns: EntryColumns,
    subscription: &Subscription,
) -> Result<Recorded, StoreError> {
    let (position, updated, _, json) = columns;
    let key = Key { subscription, position };
    let row = Row { table: TABLE, key: &key };
    Ok(Recorded {
        position: row.position("position", position)?,
        updated: row.time("updated", updated)?,
        event: event(&row, "event", &json)?,
    })
}

/// A run after a position of at most so many entries, of which those are decoded that are wanted.
///
/// # Errors
///
/// When an entry is missing: it would never be handled.
pub(in crate::store) fn run(
    rows: Vec<RunColumns>,
    subscription: &Subscription,
    after: Position,
    most: u16,
    wanted: &(dyn Fn(u64) -> bool + Sync),
) -> Result<EntryRun, StoreError> {
    // Of a subscription that is gone there is nothing.
    let (found, searched) = rows.first().map_or((integer(after), 0), |row| (row.0, row.1));
    let of_all = Row { table: "feed_cursors", key: subscription };
    let found = of_all.position("found", found)?;
    let searched = of_all.number("searched", searched)?;
    let through = after.advanced_by(u64::from(most)).min(found).max(after);
    let mut events = Vec::new();
    let mut last = integer(after);
    for (.., position, updated, hash, json) in rows {
        let (Some(position), Some(updated), Some(hash), Some(json)) =
            (position, updated, hash, json)
        else {
            continue;
        };
        if position != last + 1 {
            break;
        }
        last = position;
        if wanted(hash.cast_unsigned()) {
            events.push(entry((position, updated, hash, json), subscription)?);
        }
    }
    if last != integer(through) {
        let key = Key { subscription, position: last + 1 };
        let reason = format!("it is missing, and entries were found up to {found}");
        return Err(Row { table: TABLE, key: &key }.inconsistent("position", reason));
    }
    Ok(EntryRun { events, through, found, searched })
}
