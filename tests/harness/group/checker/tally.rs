//! What a history that is in order holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::late_ones;
use crate::history::{Kind, Record};

/// What a history that is in order holds: what is no violation, and yet worth counting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many different events were handled.
    pub events: usize,
    /// How many processes handled any.
    pub workers: usize,
    /// How many leases any were handled under.
    pub leases: usize,
    /// How many calls failed.
    pub failed: usize,
    /// How many events of each shard were handled under more than one token. Shards without any
    /// are not there.
    pub repeated: BTreeMap<i64, usize>,
    /// How many calls began when another had begun under a higher token of the shard.
    pub late_begins: usize,
    /// How many ended so.
    pub late_ends: usize,
}

impl Tally {
    pub(super) fn of(history: &[Record]) -> Self {
        let calls = || history.iter().filter(|it| matches!(it.kind, Kind::Effect | Kind::Begin));
        let mut tokens: HashMap<(i64, i64), BTreeSet<i64>> = HashMap::new();
        for call in calls().map(|it| &it.call) {
            tokens.entry((call.shard, call.position)).or_default().insert(call.token);
        }
        let mut repeated = BTreeMap::new();
        for ((shard, _), _) in tokens.iter().filter(|(_, tokens)| tokens.len() > 1) {
            *repeated.entry(*shard).or_default() += 1;
        }
        Self {
            events: tokens.len(),
            workers: calls().map(|it| &it.call.worker).collect::<BTreeSet<_>>().len(),
            leases: calls().map(|it| (it.call.shard, it.call.token)).collect::<BTreeSet<_>>().len(),
            failed: history.iter().filter(|it| it.kind == Kind::Failed).count(),
            repeated,
            late_begins: late_ones(history, Kind::Begin).count(),
            late_ends: late_ones(history, Kind::End).count(),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, workers, leases, failed, repeated, late_begins, late_ends } = self;
        let repeated: usize = repeated.values().sum();
        write!(
            f,
            "{events} events by {workers} processes under {leases} leases; {repeated} repeated, \
             {failed} calls failed, {late_begins} begun late, {late_ends} ended late"
        )
    }
}
