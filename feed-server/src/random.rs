//! The one place where this crate draws random numbers.

use feed_protocol::Incarnation;
use uuid::Uuid;

/// A mark for a new life of a feed.
pub(crate) fn incarnation() -> Incarnation {
    Incarnation::from_random(rand::random())
}

/// An id for an event whose producer gave none: a UUID of version 7, so that the ids of one
/// producer grow with time and stand close together in an index.
pub(crate) fn event_id() -> String {
    Uuid::now_v7().to_string()
}

/// A name for this process among those of a database.
pub(crate) fn process() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A permanent `atom:id` for a new feed.
pub(crate) fn feed_iri() -> String {
    Uuid::new_v4().urn().to_string()
}
