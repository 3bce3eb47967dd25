//! What this process has seen of the outbox, so that it need not look at it again.
//!
//! A row that was taken stays in the database's files until no transaction is older than its removal,
//! and every look passes over it. So after a look that took all that it found, the next one asks only
//! for what the last one could not see: rows of transactions that were open then, or began later. The
//! database says which those are; its text (`feed_mark`) is nothing but handed back.
//!
//! A mark makes looks quick, and nothing rests on its being there. It is wrong if rows are put behind
//! it that its look had to see, as when somebody restores the table under a running server; hence it
//! is given up from time to time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often to look at everything.
const FULL_LOOK: Duration = Duration::from_secs(30);

/// The marks of the last looks, by the keys of the feeds.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<HashMap<i64, Mark>>);

#[derive(Debug)]
struct Mark {
    text: String,
    /// When everything was looked at last.
    full_look: Instant,
}

impl Marks {
    /// The mark of the last look at a feed; `None` when it is time to look at everything.
    pub(super) fn of(&self, feed: i64) -> Option<String> {
        self.lock()
            .get(&feed)
            .filter(|mark| mark.full_look.elapsed() < FULL_LOOK)
            .map(|mark| mark.text.clone())
    }

    /// All of them, as the columns that a statement takes.
    pub(super) fn all(&self) -> (Vec<i64>, Vec<String>) {
        let marks = self.lock();
        let present = marks.iter().filter(|(_, mark)| mark.full_look.elapsed() < FULL_LOOK);
        present.map(|(feed, mark)| (*feed, mark.text.clone())).unzip()
    }

    /// Takes note of a look, and that all was taken that it found. `after` is the mark that it began
    /// with.
    pub(super) fn note(&self, feed: i64, after: Option<&str>, text: String) {
        let mut marks = self.lock();
        let full_look = match (after, marks.get(&feed)) {
            // Another look may have been at everything meanwhile; this one was not.
            (Some(_), Some(mark)) => mark.full_look,
            (Some(_), None) => return,
            (None, _) => Instant::now(),
        };
        marks.insert(feed, Mark { text, full_look });
    }

    /// Forgets them: after a failure, the next connection may lead to another database.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mark_counts_until_it_is_time_to_look_at_everything() {
        let marks = Marks::default();
        assert_eq!(marks.of(1), None);
        marks.note(1, None, "a".to_owned());
        tokio::time::advance(FULL_LOOK / 2).await;
        marks.note(1, Some("a"), "b".to_owned());
        assert_eq!(marks.of(1).as_deref(), Some("b"));
        assert_eq!(marks.all(), (vec![1], vec!["b".to_owned()]));
        tokio::time::advance(FULL_LOOK / 2).await;
        assert_eq!(marks.of(1), None);
        assert_eq!(marks.all(), (vec![], vec![]));
    }

    #[test]
    fn a_look_that_began_before_a_failure_leaves_no_mark() {
        let marks = Marks::default();
        marks.note(1, None, "a".to_owned());
        marks.forget();
        marks.note(1, Some("a"), "b".to_owned());
        assert_eq!(marks.of(1), None);
    }
}
