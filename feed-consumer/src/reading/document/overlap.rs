//! How a document meets what is known.

use chrono::{DateTime, Utc};

/// What is known of an entry that stands in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing: it is new.
    Unknown,
    /// It was read, and has changed since: it may stand elsewhere now.
    Changed,
    /// It was read, and is as it was.
    Same,
}

/// The entries of a document in its order, newest first: when each was changed, and what is known
/// of it.
///
/// That some entry is known does not say that all before it are: an old one that was edited, or
/// that is pinned, stands above entries that are new.
#[derive(Debug)]
pub(super) struct Overlap(Vec<(DateTime<Utc>, Was)>);

impl Overlap {
    pub(super) const fn new(entries: Vec<(DateTime<Utc>, Was)>) -> Self {
        Self(entries)
    }

    /// Whether everything that is older than the document is known: an entry is as it was, and no
    /// new one that is later stands after it.
    pub(super) fn is_connected(&self) -> bool {
        let mut latest = None;
        for &(updated, was) in self.0.iter().rev() {
            match was {
                Was::Same if latest.is_none_or(|latest| latest <= updated) => return true,
                Was::Unknown => latest = latest.max(Some(updated)),
                Was::Same | Was::Changed => {}
            }
        }
        false
    }

    /// Whether an entry that is known is in its place, so that none can have come and gone unseen.
    /// It is less than [`Self::is_connected`]: a document may be in any order, and its last entry
    /// may have been edited.
    pub(super) fn is_linked(&self) -> bool {
        let same = |entries: &[(DateTime<Utc>, Was)]| entries.iter().any(|it| it.1 == Was::Same);
        let pinned = self.0.iter().take_while(|it| it.1 != Was::Unknown).count();
        let is_oldest_first = self.0.is_sorted_by_key(|it| it.0);
        self.0.last().is_some_and(|it| it.1 != Was::Unknown)
            || same(&self.0[pinned..])
            || is_oldest_first && same(&self.0)
            || self.is_connected()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An overlap of entries, each by its minute, and whether it is new (`+`), has changed (`~`),
    /// or is as it was (`=`).
    fn overlap(entries: &str) -> Overlap {
        let entry = |text: &str| {
            let (was, minute) = text.split_at(1);
            let was = match was {
                "+" => Was::Unknown,
                "~" => Was::Changed,
                _ => Was::Same,
            };
            let updated = DateTime::from_timestamp(60 * minute.parse::<i64>().unwrap(), 0);
            (updated.unwrap(), was)
        };
        Overlap::new(entries.split_whitespace().map(entry).collect())
    }

    #[test]
    fn all_before_is_known_below_an_entry_that_is_as_it_was() {
        for (entries, connected, linked) in [
            ("", false, false),
            ("+9 +8", false, false),
            ("+9 =8 =7", true, true),
            ("=8 =7", true, true),
            // One that comes late with an old time.
            ("+9 =8 =7 +2", true, true),
            ("=8 =7 +2", true, true),
            // The last one was edited where it stands.
            ("=8 =7 ~9", true, true),
            ("+9 ~8", false, true),
            ("~9 ~8", false, true),
            // An old one was edited and has moved up, or is pinned: new ones are below.
            ("~9 +8 +7", false, false),
            ("+9 ~8 +7", false, false),
            ("=1 +8 +7", false, false),
            ("=2 =1 +8 +7", false, false),
            ("=1 +8 +7 =6", true, true),
            // In no order, and the oldest first.
            ("+8 =2 +9", false, true),
            ("=1 =2 +3", false, true),
        ] {
            let overlap = overlap(entries);
            assert_eq!(
                (overlap.is_connected(), overlap.is_linked()),
                (connected, linked),
                "{entries}"
            );
        }
    }
}
