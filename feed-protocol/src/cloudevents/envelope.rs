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
    read: fn(Members<'de>) -> Result<T, InvalidEvent>,
) -> Result<T, CloudEventsError> {
    let members: Members<'de> = serde_json::from_str(text(body)?).map_err(malformed)?;
    Ok(read(members)?)
}

/// Reads an array of at most `limit` objects.
pub(super) fn many<'de, T>(
    body: &'de [u8],
    limit: usize,
    read: fn(Members<'de>) -> Result<T, InvalidEvent>,
) -> Result<Vec<T>, CloudEventsError> {
    let (mut failure, mut reached) = (None, None);
    let mut json = serde_json::Deserializer::from_str(text(body)?);
    let batch = Batch { limit, read, failure: &mut failure, reached: &mut reached };
    let batch = batch.deserialize(&mut json);
    match (failure, batch.and_then(|batch| json.end().map(|()| batch))) {
        (Some(failure), _) => Err(failure),
        (None, batch) => batch.map_err(|error| CloudEventsError::Malformed {
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
struct Batch<'f, 'de, T> {
    limit: usize,
    read: fn(Members<'de>) -> Result<T, InvalidEvent>,
    /// Why it stopped, if not for the sake of the JSON.
    failure: &'f mut Option<CloudEventsError>,
    /// The member that it reads.
    reached: &'f mut Option<usize>,
}

impl<'de, T> DeserializeSeed<'de> for Batch<'_, 'de, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T> Visitor<'de> for Batch<'_, 'de, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of CloudEvents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
        let mut batch = Vec::new();
        loop {
            let index = batch.len();
            *self.reached = Some(index);
            let Some(members) = array.next_element::<Members<'de>>()? else { return Ok(batch) };
            let failure = if index == self.limit {
                CloudEventsError::TooMany { limit: self.limit }
            } else {
                match (self.read)(members) {
                    Ok(event) => {
                        batch.push(event);
                        continue;
                    }
                    Err(error) => CloudEventsError::Invalid { index: Some(index), error },
                }
            };
            *self.failure = Some(failure);
            return Err(A::Error::custom("stopped"));
        }
    }
}
