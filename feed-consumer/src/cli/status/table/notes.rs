//! What a person has to know of workers and shards.

use feed_consumer::{
    PausedShard, ReshardStatus, RestReason, Retrying, ShardStatus, Status, WorkerStatus,
};

use super::time;
use crate::cli::parked::plain;

/// What is wrong with workers and shards.
pub(super) fn wrong(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    match status.parked {
        0 => {}
        parked => lines.push(format!("{parked} parked: see `feed-consumer parked list`")),
    }
    for worker in &status.workers {
        let name = worker.name();
        if !worker.is_alive {
            let mine = |it: &&ShardStatus| it.worker.as_ref() == Some(&worker.worker);
            let left = status.shards.iter().filter(mine).filter_map(|it| it.lease_seconds);
            lines.push(match left.max_by(f64::total_cmp) {
                Some(left) => format!("{name} is silent: its shards are free in {}", time(left)),
                None => format!("{name} is silent: its leases have ended"),
            });
            continue;
        }
        if let Some(problem) = &worker.report_problem {
            lines.push(format!("{name}: what it says about its work is not understood: {problem}"));
        }
        if let Some(failure) = worker.report.reading_failure.as_ref().filter(|it| !it.is_over) {
            let next = next_try(failure.next_try_seconds, worker);
            let (count, error) = (times(failure.failures), &failure.error);
            lines.push(format!("{name} cannot read the feed: failed {count}, {next}: {error}"));
        }
        lines.extend(retrying(status, worker));
        let untold = worker
            .report
            .retrying_in_all
            .saturating_sub(u64::try_from(worker.report.retrying.len()).unwrap_or(u64::MAX));
        if untold > 0 {
            lines.push(format!("{untold} more shards of {name} wait for events that failed"));
        }
    }
    lines
}

/// The shards of a worker that wait for events that failed: of those that failed in one way, one in
/// full.
fn retrying(status: &Status, worker: &WorkerStatus) -> Vec<String> {
    let mut ways: Vec<(&Retrying, Vec<u16>)> = Vec::new();
    let told = status.shards.iter().filter_map(|shard| shard.retrying.as_ref());
    for retrying in told.filter(|it| worker.shards.contains(&it.shard)) {
        match ways.iter_mut().find(|(known, _)| known.error == retrying.error) {
            Some((_, others)) => others.push(retrying.shard),
            None => ways.push((retrying, Vec::new())),
        }
    }
    let line = |(retrying, others): (&Retrying, Vec<u16>)| {
        let event = retrying.id.as_ref().map_or("the event".to_owned(), |id| format!("event {id}"));
        let too = match &others[..] {
            [] => String::new(),
            others => format!("; so it is with {}", named(others)),
        };
        format!(
            "shard {} waits for {event} at position {}: failed {}, {}: {}{too}",
            retrying.shard,
            retrying.position,
            times(retrying.attempts),
            next_try(retrying.next_try_seconds, worker),
            retrying.error,
        )
    };
    ways.into_iter().map(line).collect()
}

/// What is not as usual, and may be as wanted.
pub(super) fn worth_a_look(status: &Status) -> Vec<String> {
    let mut lines: Vec<String> = status.reshard.iter().map(|it| reshard(status, *it)).collect();
    lines.extend(paused(status));
    lines.extend(resting(status));
    lines.extend(unheld(status));
    lines
}

/// Another number of shards that is on its way.
fn reshard(status: &Status, reshard: ReshardStatus) -> String {
    let ReshardStatus { to, barrier, to_go, .. } = reshard;
    let how_far = match barrier {
        _ if to_go == 0 => "all are given back".to_owned(),
        None => format!("{} held yet", are(to_go)),
        Some(barrier) => format!("{} not given back at position {barrier} yet", are(to_go)),
    };
    format!("{} being cut into {to}: {how_far}", are(count(status.shards.len())))
}

/// Shards that somebody has paused, those of one pause in a line.
fn paused(status: &Status) -> Vec<String> {
    let mut pauses: Vec<(&PausedShard, Vec<u16>)> = Vec::new();
    for shard in &status.shards {
        let Some(pause) = &shard.paused else { continue };
        match pauses.iter_mut().find(|(known, _)| is_same(known, pause)) {
            Some((_, shards)) => shards.push(shard.shard),
            None => pauses.push((pause, vec![shard.shard])),
        }
    }
    let line = |(pause, shards): (&PausedShard, Vec<u16>)| {
        let since = pause.since.format("%Y-%m-%dT%H:%M:%SZ");
        let why = if pause.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", plain(&pause.reason))
        };
        format!("{}: paused by {} since {since}{why}", named(&shards), plain(&pause.who))
    };
    pauses.into_iter().map(line).collect()
}

/// Whether it is one pause, which comes to several shards one after the other.
fn is_same(one: &PausedShard, other: &PausedShard) -> bool {
    let apart = (one.since - other.since).num_milliseconds().abs();
    one.who == other.who && one.reason == other.reason && apart < 1000
}

/// Shards that rest by themselves, or go on slowly, by the reason.
fn resting(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    for (why, says) in [
        (RestReason::MostFail, "most events fail, so it is tried with one at a time"),
        (RestReason::Suspects, "what may have ended a worker is handled one event at a time"),
        (
            RestReason::TooManyWait,
            "too many events wait behind parked ones: see `feed-consumer parked list`",
        ),
        (RestReason::Other, "they rest, for a reason that a newer feed-consumer knows"),
    ] {
        let is_so = |it: &&ShardStatus| it.resting.as_ref().is_some_and(|it| it.why == why);
        let shards: Vec<&ShardStatus> = status.shards.iter().filter(is_so).collect();
        if shards.is_empty() {
            continue;
        }
        let numbers: Vec<u16> = shards.iter().map(|it| it.shard).collect();
        let events: u64 = shards.iter().filter_map(|it| Some(it.resting.as_ref()?.events)).sum();
        let more = match why {
            RestReason::Suspects => format!("; at most {events} left"),
            RestReason::TooManyWait => format!("; {events} wait"),
            _ => next(status, &shards).map(|it| format!("; {it}")).unwrap_or_default(),
        };
        lines.push(format!("{}: {says}{more}", named(&numbers)));
    }
    let living = status.workers.iter().filter(|worker| worker.is_alive);
    let untold = |worker: &WorkerStatus| {
        let told = u64::try_from(worker.report.resting.len()).unwrap_or(u64::MAX);
        worker.report.resting_in_all.saturating_sub(told)
    };
    match living.map(untold).sum::<u64>() {
        0 => {}
        untold => lines.push(format!("{untold} more shards rest, or go on slowly")),
    }
    lines
}

/// When the first of these is tried again.
fn next(status: &Status, shards: &[&ShardStatus]) -> Option<String> {
    let tries = shards.iter().filter_map(|shard| {
        let seconds = shard.resting.as_ref()?.next_try_seconds?;
        let holder = status.workers.iter().find(|it| Some(&it.worker) == shard.worker.as_ref())?;
        Some((seconds - holder.silent_seconds, holder, seconds))
    });
    let (_, holder, seconds) = tries.min_by(|one, other| one.0.total_cmp(&other.0))?;
    Some(next_try(Some(seconds), holder))
}

/// Shards that nobody works on, while there are workers.
fn unheld(status: &Status) -> Option<String> {
    let is_free = |shard: &&ShardStatus| !shard.is_held();
    let free: Vec<u16> = status.shards.iter().filter(is_free).map(|shard| shard.shard).collect();
    let is_wrong = !free.is_empty()
        && status.reshard.is_none()
        && status.workers.iter().any(|worker| worker.is_alive);
    is_wrong.then(|| format!("shards {}: nobody holds them now", Status::ranges(&free)))
}

fn next_try(seconds: Option<f64>, worker: &WorkerStatus) -> String {
    match seconds.map(|seconds| seconds - worker.silent_seconds) {
        Some(seconds) if seconds > 0.0 => format!("next try in {}", time(seconds)),
        _ => "being tried".to_owned(),
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn named(shards: &[u16]) -> String {
    let of = if shards.len() == 1 { "shard" } else { "shards" };
    format!("{of} {}", Status::ranges(shards))
}

fn are(shards: u16) -> String {
    if shards == 1 { "1 shard is".to_owned() } else { format!("{shards} shards are") }
}

fn count(shards: usize) -> u16 {
    u16::try_from(shards).unwrap_or(u16::MAX)
}
