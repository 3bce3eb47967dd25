//! Between what is parked and its columns.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use feed_protocol::cloudevents;
use feed_protocol::{Event, Position, Recorded};

use super::Row;
use crate::shard::{ShardCount, ShardNumber};
use crate::store::parking::{
    Deed, MAX_ERROR_LEN, ParkAction, ParkRequest, Parked, ParkedDeed, ParkedHead, RequestId,
};
use crate::store::{StoreError, Subscription};

/// The columns of a head, in the order in which `heads.sql` names them: shard, position, subject,
/// what is left until it is due, how many wait behind it, and whether it is parked itself.
pub(in crate::store) type HeadColumns = (i64, i64, Option<String>, Option<i64>, i64, bool);

/// The columns of a parked event, in the order in which `parked_list.sql` names them: shard,
/// position, updated, event and edited event as JSON, error, attempts, retries, repairs, when it was
/// parked, what is left until it is due, and how many wait behind it.
pub(in crate::store) type ParkedColumns =
    (i64, i64, i64, String, Option<String>, String, i64, i64, i64, i64, Option<i64>, i64);

/// The columns of a request, in the order in which `requests_list.sql` names them: its line of the
/// record, position, action, who asks, reason, edited event as JSON.
pub(in crate::store) type RequestColumns =
    (i64, i64, String, String, Option<String>, Option<String>);

/// The columns of the record, in the order in which `record_list.sql` names them: line, position,
/// when, who, what, and why.
pub(in crate::store) type DeedColumns = (i64, i64, i64, String, String, String);

const PARKED: &str = "feed_parked";
const REQUESTS: &str = "feed_park_requests";
const RECORD: &str = "feed_parked_record";

impl Deed {
    const ALL: [(Self, &str); 11] = [
        (Self::Parked, "parked"),
        (Self::Failed, "failed"),
        (Self::Handled, "handled"),
        (Self::Discarded, "discarded"),
        (Self::RetryAsked, "retry-asked"),
        (Self::DiscardAsked, "discard-asked"),
        (Self::EditAsked, "edit-asked"),
        (Self::Taken, "taken"),
        (Self::Refused, "refused"),
        (Self::Forgotten, "forgotten"),
        (Self::Left, "left"),
    ];

    /// In a word, as it is kept: `parked`, `failed`, `retry-asked`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(deed, _)| *deed == self).map_or("", |(_, name)| *name)
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == name).map(|(deed, _)| *deed)
    }
}

impl ParkAction {
    /// As it is kept.
    pub(in crate::store) const fn name(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard { .. } => "discard",
            Self::Edit(_) => "edit",
        }
    }

    /// That somebody asks for it, and why.
    pub(in crate::store) fn asked(&self) -> (Deed, &str) {
        match self {
            Self::Retry => (Deed::RetryAsked, ""),
            Self::Discard { reason } => (Deed::DiscardAsked, reason),
            Self::Edit(_) => (Deed::EditAsked, ""),
        }
    }

    /// Why it is to be discarded, and what is to be handled instead.
    pub(in crate::store) fn parts(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Retry => (None, None),
            Self::Discard { reason } => (Some(text(reason).into_owned()), None),
            Self::Edit(event) => (None, Some(json(event))),
        }
    }
}

/// Text of others, as every database takes it, and not longer than is kept.
pub(in crate::store) fn text(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(MAX_ERROR_LEN)];
    // PostgreSQL has no such character.
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// An event as it is kept.
pub(in crate::store) fn json(event: &Event) -> String {
    let mut json = Vec::new();
    cloudevents::write_event(event, &mut json);
    // Expect safety: attributes are text, and so is JSON data; all other data is written as Base64.
    String::from_utf8(json).expect("a CloudEvent in JSON is text")
}

/// A position that the database made of those that it was given.
pub(in crate::store) fn position(number: i64) -> Result<Position, sqlx::Error> {
    let position = u64::try_from(number).ok().and_then(Position::new);
    position.ok_or_else(|| sqlx::Error::Decode(format!("{number} is no position").into()))
}

/// The whole of a head.
pub(in crate::store) fn head(
    columns: HeadColumns,
    subscription: &Subscription,
) -> Result<ParkedHead, StoreError> {
    let (shard, position, subject, due, followers, is_parked) = columns;
    let key = Key { subscription, position };
    let row = Row { table: PARKED, key: &key };
    Ok(ParkedHead {
        shard: ShardNumber::new(row.number("shard", shard)?),
        position: row.position("position", position)?,
        subject: subject.map(|subject| row.parse("subject", Some(&subject))).transpose()?,
        due: due.map(|due| span(&row, due)).transpose()?,
        followers: row.number("followers", followers)?,
        is_parked,
    })
}

/// The whole of a parked event.
pub(in crate::store) fn parked(
    columns: ParkedColumns,
    subscription: &Subscription,
) -> Result<Parked, StoreError> {
    let (
        shard,
        position,
        updated,
        original,
        edited,
        error,
        attempts,
        retries,
        repairs,
        parked,
        due,
        followers,
    ) = columns;
    let key = Key { subscription, position };
    let row = Row { table: PARKED, key: &key };
    Ok(Parked {
        shard: ShardNumber::new(row.number("shard", shard)?),
        recorded: Recorded {
            position: row.position("position", position)?,
            updated: row.time("updated", updated)?,
            event: event(&row, "event", &original)?,
        },
        edited: edited.map(|edited| event(&row, "edited", &edited)).transpose()?,
        error,
        attempts: row.number("attempts", attempts)?,
        retries: row.number("retries", retries)?,
        repairs: row.number("repairs", repairs)?,
        parked: row.time("parked", parked)?,
        due: due.map(|due| span(&row, due)).transpose()?,
        followers: row.number("followers", followers)?,
    })
}

/// The shard of a parked event without a subject, of so many.
pub(in crate::store) fn shard_of(
    (position, original): &(i64, String),
    shards: ShardCount,
    subscription: &Subscription,
) -> Result<ShardNumber, StoreError> {
    let key = Key { subscription, position: *position };
    let event = event(&Row { table: PARKED, key: &key }, "event", original)?;
    Ok(shards.shard_of(event.subject(), event.source(), event.id()))
}

/// The whole of a request.
pub(in crate::store) fn request(
    columns: RequestColumns,
    subscription: &Subscription,
) -> Result<ParkRequest, StoreError> {
    let (line, position, action, who, reason, edited) = columns;
    let key = Key { subscription, position };
    let row = Row { table: REQUESTS, key: &key };
    let action = match (&*action, reason, edited) {
        ("retry", ..) => ParkAction::Retry,
        ("discard", Some(reason), _) => ParkAction::Discard { reason },
        ("edit", _, Some(edited)) => ParkAction::Edit(Box::new(event(&row, "edited", &edited)?)),
        _ => return Err(row.inconsistent("action", format!("{action:?} is none"))),
    };
    let position = row.position("position", position)?;
    Ok(ParkRequest { id: RequestId(line), position, action, who })
}

/// A line of the record.
pub(in crate::store) fn deed(
    columns: DeedColumns,
    subscription: &Subscription,
) -> Result<ParkedDeed, StoreError> {
    let (line, position, at, who, what, why) = columns;
    let key = Key { subscription, position };
    let row = Row { table: RECORD, key: &key };
    let deed = Deed::of_name(&what);
    Ok(ParkedDeed {
        id: RequestId(line),
        position: row.position("position", position)?,
        at: row.time("done", at)?,
        who,
        what: deed.ok_or_else(|| row.inconsistent("what", format!("{what:?} is none")))?,
        why,
    })
}

pub(super) fn event(row: &Row<'_>, column: &'static str, json: &str) -> Result<Event, StoreError> {
    cloudevents::read_event(json.as_bytes()).map_err(|error| row.inconsistent(column, error))
}

fn span(row: &Row<'_>, micros: i64) -> Result<Duration, StoreError> {
    Ok(Duration::from_micros(row.number("due", micros)?))
}

/// The key of what is about a position.
pub(super) struct Key<'k> {
    pub(super) subscription: &'k Subscription,
    pub(super) position: i64,
}

impl Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, position {}", self.subscription, self.position)
    }
}
