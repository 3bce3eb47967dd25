//! A `feed-consumer` on a database of its own.
