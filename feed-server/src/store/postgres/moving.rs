//! Moves what waits in the outbox of a feed in one statement, within the database, where nothing stands
//! in its way.
//!
//! What could be decided about an event alone was decided when it was published, its `atom:id` too. Left
//! are the events of which the feed knows the id already, or that share theirs: they go the long way
//! ([`append`](super::append)), as all that waits does when another append comes in between.
//!
//! The statement looks at ids and outbox as they were when it began, and only then waits for the feed's
//! head. That is sound because whoever took events meanwhile has raised the head, and the head is
//! compared with what it was once it is free; or has found their ids in the feed, and so does this.

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::failure::{code, code_of, failure};
use super::marks::Marks;
use super::outbox::{MAX_BYTES, MAX_EVENTS};
use crate::store::{Feed, Head, StoreError, row};

/// What was moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// The feed's new head, if it gained events.
    pub(super) head: Option<Head>,
    /// Whether something waits that has to go the long way.
    pub(super) is_rest: bool,
}

/// Moves what waits for a feed.
pub(super) async fn move_waiting(
    writers: &PgPool,
    feed: &Feed,
    marks: &Marks,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    loop {
        let after = marks.of(feed.key);
        let found = sqlx::query(include_str!("sql/outbox_move.sql"))
            .bind(feed.key)
            .bind(&after)
            .bind(MAX_EVENTS)
            .bind(MAX_BYTES)
            .fetch_one(writers)
            .await;
        let Look { waiting, head, is_full, mark } = match found {
            Ok(found) => look(&found, feed)?,
            Err(error) => match code_of(&error).as_deref() {
                // Above READ COMMITTED, another append in between is an error.
                Some(
                    code::SERIALIZATION_FAILURE | code::UNIQUE_VIOLATION | code::DIVISION_BY_ZERO,
                ) => return Ok(Moved { is_rest: true, ..moved }),
                _ => return Err(failure(error)),
            },
        };
        if head.is_none() && waiting > 0 {
            return Ok(Moved { is_rest: true, ..moved });
        }
        moved.head = head.or(moved.head);
        if !is_full {
            marks.note(feed.key, after.as_deref(), mark);
            return Ok(moved);
        }
    }
}

struct Look {
    waiting: i64,
    head: Option<Head>,
    is_full: bool,
    mark: String,
}

fn look(found: &PgRow, feed: &Feed) -> Result<Look, StoreError> {
    let position: Option<i64> = found.try_get(1).map_err(failure)?;
    Ok(Look {
        waiting: found.try_get(0).map_err(failure)?,
        head: position.map(|_| row::head(found, 1, feed.key)).transpose()?,
        is_full: found.try_get(3).map_err(failure)?,
        mark: found.try_get(4).map_err(failure)?,
    })
}
