//! Which events were published and which were handled: the proof at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use feed_protocol::Position;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What is known of each feed.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: Mutex<BTreeMap<&'static str, Account>>,
    changed: Notify,
}

/// The events of one feed.
#[derive(Debug, Clone, Default)]
struct Account {
    expected: usize,
    published: Vec<Position>,
    /// How far earlier runs have come; unknown until the subscription has begun.
    began: Option<Position>,
    handled: Vec<Position>,
}

/// Whether each event was handled exactly once and in order.
#[derive(Debug)]
pub(super) struct Verdict(BTreeMap<&'static str, Account>);

impl Ledger {
    pub(super) fn expect(&self, feed: &'static str, events: usize) {
        self.with(feed, |account| account.expected = events);
    }

    pub(super) fn published(&self, feed: &'static str, position: Position) {
        self.with(feed, |account| account.published.push(position));
    }

    /// The subscription goes on after this position: everything up to it was handled earlier.
    pub(super) fn began(&self, feed: &'static str, after: Position) {
        self.with(feed, |account| account.began = Some(after));
        self.changed.notify_one();
    }

    pub(super) fn handled(&self, feed: &'static str, position: Position) {
        self.with(feed, |account| account.handled.push(position));
        self.changed.notify_one();
    }

    /// Waits until everything that was published has been handled, or nothing has been for a while.
    pub(super) async fn complete(&self, patience: Duration) {
        while !self.is_complete() {
            if timeout(patience, self.changed.notified()).await.is_err() {
                break;
            }
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn is_complete(&self) -> bool {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().all(|account| account.began.is_some() && account.lost() == 0)
    }

    fn with(&self, feed: &'static str, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        change(accounts.entry(feed).or_default());
    }
}

impl Account {
    fn is_from_earlier(&self, position: Position) -> bool {
        self.began.is_some_and(|began| position <= began)
    }

    fn handled_earlier(&self) -> usize {
        self.published.iter().filter(|position| self.is_from_earlier(**position)).count()
    }

    fn lost(&self) -> usize {
        let handled = |position| self.is_from_earlier(position) || self.handled.contains(&position);
        self.published.iter().filter(|position| !handled(**position)).count()
    }

    fn doubled(&self) -> usize {
        let mut distinct = self.handled.clone();
        distinct.retain(|position| !self.is_from_earlier(*position));
        distinct.sort_unstable();
        distinct.dedup();
        self.handled.len() - distinct.len()
    }

    fn is_in_order(&self) -> bool {
        self.handled.is_sorted()
    }
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        !self.0.is_empty()
            && self.0.values().all(|account| {
                account.published.len() == account.expected
                    && account.lost() == 0
                    && account.doubled() == 0
                    && account.is_in_order()
            })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (feed, account) in &self.0 {
            let order = if account.is_in_order() { "in order" } else { "OUT OF ORDER" };
            let (published, handled) = (account.published.len(), account.handled.len());
            write!(f, "{feed}: {published} published, {handled} handled {order}, ")?;
            match account.handled_earlier() {
                0 => {}
                count => write!(f, "{count} in an earlier run, ")?,
            }
            write!(f, "{} lost, {} doubled; ", account.lost(), account.doubled())?;
        }
        let judgement = if self.is_good() {
            "every event was handled exactly once"
        } else {
            "NOT exactly once"
        };
        f.write_str(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(published: &[u64], handled: &[u64]) -> bool {
        judge_after(0, published, handled)
    }

    fn judge_after(began: u64, published: &[u64], handled: &[u64]) -> bool {
        let ledger = Ledger::default();
        ledger.expect("orders", 3);
        ledger.began("orders", Position::new(began).unwrap());
        for number in published {
            ledger.published("orders", Position::new(*number).unwrap());
        }
        for number in handled {
            ledger.handled("orders", Position::new(*number).unwrap());
        }
        ledger.verdict().is_good()
    }

    #[test]
    fn only_every_event_once_and_in_order_is_good() {
        assert!(judge(&[1, 2, 3], &[1, 2, 3]));
        assert!(!judge(&[1, 2, 3], &[1, 2]));
        assert!(!judge(&[1, 2, 3], &[1, 2, 3, 3]));
        assert!(!judge(&[1, 2, 3], &[1, 3, 2]));
        assert!(!judge(&[1, 2], &[1, 2]));
        assert!(!Ledger::default().verdict().is_good());
    }

    #[test]
    fn what_an_earlier_run_has_handled_is_neither_lost_nor_handled_again() {
        assert!(judge_after(2, &[1, 2, 3], &[3]));
        assert!(judge_after(3, &[1, 2, 3], &[]));
        // Somebody else has published an event too.
        assert!(judge_after(2, &[1, 2, 4], &[3, 4]));
        assert!(!judge_after(2, &[1, 2, 3], &[2, 3]));
        assert!(!judge_after(1, &[1, 2, 3], &[3]));
    }
}
