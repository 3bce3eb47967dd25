//! One JSON object or an array of them, read in one pass.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};

use super::CloudEventsError;
use super::members::Members;
use crate::InvalidEvent;

/// Reads one object.
pub(super) fn one<'de, T>(
    body: &'de [u8],
    read: fn(&mut Members<'de>) -> Result<T, InvalidEvent>,
) -> Result<T, CloudEventsError> {
    let mut members = Members::default();
    let mut json = serde_json::Deserializer::from_str(text(body)?);
    members.deserialize(&mut json).and_then(|()| json.end()).map_err(malformed)?;
    Ok(read(&mut members)?)
}

/// Reads an array of at most `limit` objects, which are taken one after the other, each in the place
/// of the one before, until one is refused.
pub(super) fn many<'de>(
    body: &'de [u8],
    limit: usize,
    take: impl FnMut(&mut Box<Members<'de>>) -> Result<(), InvalidEvent>,
) -> Result<(), CloudEventsError> {
    let (mut failure, mut reached) = (None, None);
    let mut json = serde_json::Deserializer::from_str(text(body)?);
    let batch = Batch { limit, take, failure: &mut failure, reached: &mut reached };
    let read = batch.deserialize(&mut json);
    match (failure, read.and_then(|()| json.end())) {
        (Some(failure), _) => Err(failure),
        (None, read) => read.map_err(|error| CloudEventsError::Malformed {
            // Where it is no JSON, the line and the column say more.
            index: reached.filter(|_| error.is_data()),
            reason: error.to_string(),
        }),
    }
}

/// The whole body as text: checked at once, which is quicker than string by string.
fn text(body: &[u8]) -> Result<&str, CloudEventsError> {
    str::from_utf8(body).map_err(|error| {
        let reason = format!("byte {} is not UTF-8", error.valid_up_to());
        CloudEventsError::Malformed { index: None, reason }
    })
}

fn malformed(error: serde_json::Error) -> CloudEventsError {
    CloudEventsError::Malformed { index: None, reason: error.to_string() }
}

/// Reads the members of an array, and stops at the first that is at fault or one too many.
struct Batch<'f, F> {
    limit: usize,
    take: F,
    /// Why it stopped, if not for the sake of the JSON.
    failure: &'f mut Option<CloudEventsError>,
    /// The member that it reads.
    reached: &'f mut Option<usize>,
}

impl<'de, F: FnMut(&mut Box<Members<'de>>) -> Result<(), InvalidEvent>> DeserializeSeed<'de>
    for Batch<'_, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&mut Box<Members<'de>>) -> Result<(), InvalidEvent>> Visitor<'de>
    for Batch<'_, F>
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of CloudEvents")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        let mut members = Box::default();
        for index in 0.. {
            *self.reached = Some(index);
            if array.next_element_seed(&mut *members)?.is_none() {
                break;
            }
            let failure = if index == self.limit {
                CloudEventsError::TooMany { limit: self.limit }
            } else {
                match (self.take)(&mut members) {
                    Ok(()) => continue,
                    Err(error) => CloudEventsError::Invalid { index: Some(index), error },
                }
            };
            *self.failure = Some(failure);
            return Err(A::Error::custom("stopped"));
        }
        Ok(())
    }
}
