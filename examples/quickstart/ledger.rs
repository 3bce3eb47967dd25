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
    handled: Notify,
}

/// The events of one feed.
#[derive(Debug, Clone, Default)]
struct Account {
    expected: usize,
    published: Vec<Position>,
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

    pub(super) fn handled(&self, feed: &'static str, position: Position) {
        self.with(feed, |account| account.handled.push(position));
        self.handled.notify_one();
    }

    /// Waits until as many events have been handled as are expected, or none has been for a while.
    pub(super) async fn complete(&self, patience: Duration) {
        while !self.is_complete() {
            if timeout(patience, self.handled.notified()).await.is_err() {
                break;
            }
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn is_complete(&self) -> bool {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().all(|account| account.handled.len() >= account.expected)
    }

    fn with(&self, feed: &'static str, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        change(accounts.entry(feed).or_default());
    }
}

impl Account {
    fn lost(&self) -> usize {
        self.published.iter().filter(|position| !self.handled.contains(position)).count()
    }

    fn doubled(&self) -> usize {
        let mut distinct = self.handled.clone();
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
                account.published.len() == account.expected && account.handled == account.published
            })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (feed, account) in &self.0 {
            let order = if account.is_in_order() { "in order" } else { "OUT OF ORDER" };
            write!(
                f,
                "{feed}: {} published, {} handled {order}, {} lost, {} doubled; ",
                account.published.len(),
                account.handled.len(),
                account.lost(),
                account.doubled(),
            )?;
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
        let ledger = Ledger::default();
        ledger.expect("orders", 3);
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
}
