//! Whether a history is what the library promises.
//!
//! **Of transactional handlers**: the effects are those of the feed, each exactly once; those of one
//! subject stand in the order of the feed; and no effect was committed under a token when there was
//! one under a higher token of the same shard, since the database itself fences the former holder.
//!
//! **Of all**: what is set aside or given up has no effect and no end, and what waits behind it is not
//! even begun.
//!
//! **Of all others**: every event was handled to its end at least once, and none of a subject was
//! begun before the one before it had been handled to its end. Under one token, which one worker
//! has, the handler is called in the order of the feed, for one event of a subject at a time, and
//! again for the same event only if it has failed.
//!
//! What nobody can promise of them is that a former holder stands still once its lease is over: its
//! process may be stopped between its last look at the lease and the first step of the handler.
//! Such a call is *late*: it begins when another has begun under a higher token of the same shard.
//! It does so once: before the next event the worker looks again, and finds its lease gone. Handlers
//! that compare tokens are not harmed by it. Late calls are counted, and so are those that began in
//! time and ended late.

mod tally;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use tally::Tally;
pub use violation::Violation;

use crate::history::{Call, Kind, Record};

/// The events of a feed, and what is to become of them: all but those that are set aside, are given
/// up, or wait behind one that is set aside are handled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// Their subjects, by their positions.
    pub subjects: BTreeMap<i64, String>,
    /// Those that are set aside.
    pub parked: BTreeSet<i64>,
    /// Those that wait behind them.
    pub waiting: BTreeSet<i64>,
    /// Those that were set aside, and are given up.
    pub given_up: BTreeSet<i64>,
}

impl Feed {
    /// What is to become of these events when these are given up: of each subject the first of the
    /// others that is bad is set aside, and what follows it waits.
    #[must_use]
    pub fn expected(
        subjects: BTreeMap<i64, String>,
        given_up: &BTreeSet<i64>,
        is_bad: impl Fn(i64) -> bool,
    ) -> Self {
        let (mut parked, mut waiting) = (BTreeSet::new(), BTreeSet::new());
        let mut held_back: BTreeSet<&str> = BTreeSet::new();
        for (position, subject) in subjects.iter().filter(|(it, _)| !given_up.contains(it)) {
            if held_back.contains(subject.as_str()) {
                waiting.insert(*position);
            } else if is_bad(*position) {
                held_back.insert(subject);
                parked.insert(*position);
            }
        }
        Self { subjects, parked, waiting, given_up: given_up.clone() }
    }

    /// How many of them are handled.
    #[must_use]
    pub fn handled(&self) -> usize {
        self.subjects.len() - self.parked.len() - self.waiting.len() - self.given_up.len()
    }

    fn is_handled(&self, position: i64) -> bool {
        ![&self.parked, &self.waiting, &self.given_up].iter().any(|it| it.contains(&position))
    }
}

/// Looks through a history of transactional handlers.
///
/// # Errors
///
/// Everything that was promised otherwise.
pub fn check_transactional(feed: &Feed, history: &[Record]) -> Result<Tally, Vec<Violation>> {
    let effects = || history.iter().filter(|it| it.kind == Kind::Effect);
    let mut violations = strangers(feed, effects());
    violations.extend(not_left_alone(feed, history));
    let mut times: HashMap<i64, u32> = HashMap::new();
    for effect in effects() {
        *times.entry(effect.call.position).or_default() += 1;
    }
    for position in feed.subjects.keys().copied().filter(|it| feed.is_handled(*it)) {
        match times.get(&position).copied().unwrap_or_default() {
            0 => violations.push(Violation::Lost { position }),
            1 => {}
            times => violations.push(Violation::Doubled { position, times }),
        }
    }
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut highest: HashMap<i64, i64> = HashMap::new();
    for record in effects() {
        let Call { subject, position, shard, token, .. } = &record.call;
        let before = last.entry(subject).or_default();
        if *before > *position {
            violations.push(Violation::Overtaken { first: *position, by: *before });
        }
        *before = (*before).max(*position);
        let highest = highest.entry(*shard).or_insert(*token);
        if *highest > *token {
            violations.push(Violation::Unfenced { record: record.clone(), token: *highest });
        }
        *highest = (*highest).max(*token);
    }
    conclude(violations, || Tally::of(history))
}

/// Looks through a history of handlers with effects of their own.
///
/// # Errors
///
/// Everything that was promised otherwise.
pub fn check_outside(feed: &Feed, history: &[Record]) -> Result<Tally, Vec<Violation>> {
    let mut violations = strangers(feed, history.iter().filter(|it| it.kind == Kind::Begin));
    violations.extend(not_left_alone(feed, history));
    violations.extend(lost_and_overtaken(feed, history));
    violations.extend(under_one_token(history));
    violations.extend(by_token_order(history));
    conclude(violations, || Tally::of(history))
}

fn conclude(
    violations: Vec<Violation>,
    tally: impl FnOnce() -> Tally,
) -> Result<Tally, Vec<Violation>> {
    if violations.is_empty() { Ok(tally()) } else { Err(violations) }
}

/// What is not in the feed; subjects in two shards; and tokens of two workers.
fn strangers<'a>(feed: &Feed, calls: impl Iterator<Item = &'a Record> + Clone) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut shards: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    let mut holders: BTreeMap<(i64, i64), BTreeSet<&str>> = BTreeMap::new();
    for record in calls {
        let Call { worker, position, subject, shard, token, .. } = &record.call;
        if feed.subjects.get(position) != Some(subject) {
            violations.push(Violation::NotInTheFeed { record: record.clone() });
        }
        shards.entry(subject).or_default().insert(*shard);
        holders.entry((*shard, *token)).or_default().insert(worker);
    }
    for (subject, shards) in shards.into_iter().filter(|(_, shards)| shards.len() > 1) {
        let shards = shards.into_iter().collect();
        violations.push(Violation::InTwoShards { subject: subject.to_owned(), shards });
    }
    for ((shard, token), workers) in holders.into_iter().filter(|(_, workers)| workers.len() > 1) {
        let workers = workers.into_iter().map(str::to_owned).collect();
        violations.push(Violation::TokenOfTwo { shard, token, workers });
    }
    violations
}

/// What is set aside is not handled, and what waits behind it is not begun.
fn not_left_alone(feed: &Feed, history: &[Record]) -> Vec<Violation> {
    let is_wrong = |record: &&Record| match record.kind {
        Kind::Effect | Kind::End => {
            let Call { position, .. } = record.call;
            feed.subjects.contains_key(&position) && !feed.is_handled(position)
        }
        Kind::Begin => feed.waiting.contains(&record.call.position),
        Kind::Failed => false,
    };
    let wrong = history.iter().filter(is_wrong);
    wrong.map(|record| Violation::NotLeftAlone { record: record.clone() }).collect()
}

/// Every event ends at least once, and first does so before the next of its subject begins.
fn lost_and_overtaken(feed: &Feed, history: &[Record]) -> Vec<Violation> {
    let mut begun: HashMap<i64, i64> = HashMap::new();
    let mut last_begun: HashMap<i64, i64> = HashMap::new();
    let mut ended: HashMap<i64, i64> = HashMap::new();
    for record in history {
        let firsts = match record.kind {
            Kind::Begin => &mut begun,
            Kind::End => &mut ended,
            Kind::Effect | Kind::Failed => continue,
        };
        firsts.entry(record.call.position).or_insert(record.number);
        if record.kind == Kind::Begin {
            last_begun.insert(record.call.position, record.number);
        }
    }
    let mut violations = Vec::new();
    let mut before: HashMap<&str, i64> = HashMap::new();
    for (position, subject) in &feed.subjects {
        if !feed.is_handled(*position) {
            // It is given up before the next begins, and not taken up again.
            let mut others = feed.subjects.range(*position + 1..);
            let next = others.find(|(it, of)| *of == subject && begun.contains_key(*it));
            if let (Some((by, _)), Some(last)) = (next, last_begun.get(position))
                && begun[by] < *last
            {
                violations.push(Violation::Overtaken { first: *position, by: *by });
            }
            continue;
        }
        if !ended.contains_key(position) {
            violations.push(Violation::Lost { position: *position });
        }
        let Some(first) = before.insert(subject, *position) else { continue };
        // An event that never ended is overtaken by all that follow it.
        let overtaken = match (ended.get(&first), begun.get(position)) {
            (Some(end), Some(begin)) => begin < end,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if overtaken {
            violations.push(Violation::Overtaken { first, by: *position });
        }
    }
    violations
}

/// Where a holder is within a subject.
enum Within<'a> {
    Calling(&'a Call),
    Done { position: i64, failed: bool },
}

/// A holder calls the handler in order, for one event of a subject at a time.
fn under_one_token(history: &[Record]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut subjects: HashMap<(&str, i64), Within<'_>> = HashMap::new();
    for record in history {
        let call = &record.call;
        let key = (call.subject.as_str(), call.token);
        let next = match record.kind {
            Kind::Effect => continue,
            Kind::End => Within::Done { position: call.position, failed: false },
            Kind::Failed => Within::Done { position: call.position, failed: true },
            Kind::Begin => {
                match subjects.get(&key) {
                    None => {}
                    Some(Within::Calling(other)) => violations
                        .push(Violation::AtOnce { record: record.clone(), other: other.position }),
                    Some(Within::Done { position, failed }) => {
                        let again = *position == call.position && *failed;
                        if *position >= call.position && !again {
                            let (record, last) = (record.clone(), *position);
                            violations.push(Violation::WentBack { record, last });
                        }
                    }
                }
                Within::Calling(call)
            }
        };
        subjects.insert(key, next);
    }
    violations
}

/// Under a token that is no longer the highest, at most one call begins.
fn by_token_order(history: &[Record]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut late: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    for record in late_ones(history, Kind::Begin) {
        let times = late.entry((record.call.shard, record.call.token)).or_default();
        *times += 1;
        if *times > 1 {
            violations.push(Violation::WentOn { record: record.clone() });
        }
    }
    violations
}

/// The records of this kind that were made when a call had begun under a higher token of the same
/// shard.
fn late_ones(history: &[Record], kind: Kind) -> impl Iterator<Item = &Record> {
    let mut highest: HashMap<i64, i64> = HashMap::new();
    history.iter().filter(move |record| {
        let Call { shard, token, .. } = record.call;
        let highest = highest.entry(shard).or_insert(token);
        if record.kind == Kind::Begin {
            *highest = (*highest).max(token);
        }
        record.kind == kind && token < *highest
    })
}
