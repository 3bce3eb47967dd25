//! Events as CloudEvents 1.0.2: structured, batch and binary mode.
//!
//! JSON data is never re-serialised: it is a slice of the text on the way in and is copied as it
//! stands on the way out. (The SDK for Rust parses data into a tree and prints that, so the
//! envelope is read here.)
//!
//! The structured and batch modes carry every event without loss. The binary mode carries no types
//! of extension attributes, so they come back as strings; it states the media type of data that
//! has none (`application/json`); and it cannot tell empty data that is not JSON from none.

mod binary;
mod envelope;
mod members;
mod select;
mod value;
mod write;

use bytes::Bytes;

pub use self::select::{Outline, Selection};
use crate::{Event, InvalidEvent, Recorded};

/// The media type of one event in structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The media type of a batch.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// The version of CloudEvents that is read and written.
const SPEC_VERSION: &str = "1.0";

/// The attribute that carries a recorded event's position: a decimal number, as a string, since a
/// CloudEvents Integer has 32 bits only.
const FEED_POSITION: &str = "feedposition";

/// The attribute that says when a recorded event was given its position.
const FEED_UPDATED: &str = "feedupdated";

/// Why bytes are no CloudEvents that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudEventsError {
    /// Not JSON, or not of the shape of CloudEvents.
    #[error("{}{reason}", member(*.index))]
    Malformed {
        /// The place in the batch, from 0, of the member that is no object.
        index: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// More members than allowed.
    #[error("a batch of more than {limit} events")]
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
    /// A member that is no event.
    #[error("{}{error}", member(*.index))]
    Invalid {
        /// Its place in the batch, from 0.
        index: Option<usize>,
        /// What is wrong with it.
        error: InvalidEvent,
    },
}

fn member(index: Option<usize>) -> String {
    index.map(|index| format!("event {index} of the batch: ")).unwrap_or_default()
}

impl From<InvalidEvent> for CloudEventsError {
    fn from(error: InvalidEvent) -> Self {
        Self::Invalid { index: None, error }
    }
}

/// Writes an event in structured mode.
pub fn write_event(event: &Event, out: &mut Vec<u8>) {
    write::event(event, None, out);
}

/// Writes a recorded event in structured mode, its place in `feedposition` and `feedupdated`.
pub fn write_recorded(recorded: &Recorded, out: &mut Vec<u8>) {
    write::event(&recorded.event, Some(recorded), out);
}

/// Writes a batch of recorded events, one a line.
pub fn write_batch<'a>(batch: impl IntoIterator<Item = &'a Recorded>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, recorded) in batch.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        write_recorded(recorded, out);
    }
    out.extend_from_slice(b"\n]\n");
}

/// Reads an event in structured mode.
///
/// # Errors
///
/// When the body is not one JSON object, or not an event; `feedposition` and `feedupdated` are a
/// feed's own and refused.
pub fn read_event(body: &[u8]) -> Result<Event, CloudEventsError> {
    envelope::one(body, members::Members::take_event)
}

/// Reads a batch of at most `limit` events that somebody publishes.
///
/// # Errors
///
/// As [`read_event`], for the first member at fault; and above the limit.
pub fn read_batch(body: &[u8], limit: usize) -> Result<Vec<Event>, CloudEventsError> {
    let mut events = Vec::new();
    envelope::many(body, limit, |members| {
        events.push(members.take_event()?);
        Ok(())
    })?;
    Ok(events)
}

/// Reads one recorded event, as [`write_recorded`] writes it.
///
/// # Errors
///
/// As [`read_event`], and without `feedposition` or `feedupdated`.
pub fn read_recorded(body: &[u8]) -> Result<Recorded, CloudEventsError> {
    envelope::one(body, members::Members::take_recorded)
}

/// Reads a batch of recorded events that a feed serves.
///
/// # Errors
///
/// As [`read_recorded`], for the first member at fault; and above the limit.
pub fn read_recorded_batch(body: &[u8], limit: usize) -> Result<Vec<Recorded>, CloudEventsError> {
    let mut events = Vec::new();
    envelope::many(body, limit, |members| {
        events.push(members.take_recorded()?);
        Ok(())
    })?;
    Ok(events)
}

/// Reads of a batch of recorded events those that are wanted, and of all others the positions.
///
/// The first and the last are read whatever is wanted: they tell a feed from another. Passing over
/// the others costs a fraction of reading them. They are JSON, they have what tells them apart, and
/// state no attribute twice; nothing else of them is checked.
///
/// # Errors
///
/// As [`read_recorded_batch`], but not for an attribute or for data of an event that is passed over.
pub fn select_recorded(
    body: &[u8],
    limit: usize,
    wanted: impl FnMut(&Outline<'_>) -> bool,
) -> Result<Selection, CloudEventsError> {
    select::read(body, limit, wanted)
}

/// Reads an event in binary mode: its attributes in `ce-` header fields, its data the body.
///
/// A body without a media type is refused. With one, even an empty body is data, unless the type
/// is JSON: nothing is no JSON text, so there it means that the event has no data.
///
/// # Errors
///
/// When the header fields and the body are no event.
pub fn read_binary<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
) -> Result<Event, CloudEventsError> {
    Ok(binary::read(headers, body)?)
}

/// The header fields of an event in binary mode; the body is its data.
#[must_use]
pub fn write_binary(event: &Event) -> Vec<(String, String)> {
    binary::write(event)
}
