//! What a person sees: a block for each subscription.
//!
//! # Layout
//!
//! - [`notes`]: what a person has to know of workers and shards

mod notes;

use std::time::Duration;

use feed_consumer::{LagSince, RestReason, ShardStatus, Status, WorkerStatus};

use super::screen::Paint;

/// A subscription that stands still for so long with something to do is worth a look.
const LATE: f64 = 60.0;

/// A subscription, its workers, and what is wrong; all shards if asked for.
pub(super) fn block(
    status: &Status,
    problem: Option<&str>,
    with_shards: bool,
    paint: Paint,
) -> String {
    let mut lines = vec![format!("{}  {}", paint.bold(&status.group), status.url)];
    lines.push(format!("  {}", summary(status, problem, paint)));
    if !status.workers.is_empty() {
        lines.extend(workers(status, paint));
    }
    lines.extend(notes::wrong(status).iter().map(|line| format!("  {}", paint.red(line))));
    lines.extend(notes::worth_a_look(status).iter().map(|it| format!("  {}", paint.yellow(it))));
    if with_shards && !status.shards.is_empty() {
        lines.extend(shards(status, paint));
    }
    lines.join("\n") + "\n"
}

/// Where the cursor stands, how far behind it is, and how fast it goes.
fn summary(status: &Status, problem: Option<&str>, paint: Paint) -> String {
    let cursor = status.cursor;
    let place = match (status.head, status.lag_events) {
        _ if status.incarnation.is_none() && cursor == 1 => "1 entry handled".to_owned(),
        _ if status.incarnation.is_none() => format!("{cursor} entries handled"),
        (Some(_), Some(0)) => format!("position {cursor}, nothing behind it"),
        (Some(head), Some(lag)) => {
            let late = status.lag_seconds.filter(|late| *late >= 1.0);
            let late = late.map(|it| since(status.lag_since, it)).unwrap_or_default();
            let place = format!("position {cursor} of {head}, {lag} behind{late}");
            if status.lag_seconds.is_some_and(|still| still >= LATE) {
                paint.yellow(&place)
            } else {
                place
            }
        }
        _ => {
            let why = problem.map(|it| format!(": {it}")).unwrap_or_default();
            format!(
                "position {cursor}; {}",
                paint.red(&format!("where the feed ends is not known{why}"))
            )
        }
    };
    let alive = status.workers.iter().filter(|it| it.is_alive).count();
    let running = match alive {
        0 => paint.yellow("no worker lives"),
        1 => "1 worker".to_owned(),
        many => format!("{many} workers"),
    };
    let shards = match status.shards.len() {
        0 => "not cut into shards yet".to_owned(),
        1 => "1 shard".to_owned(),
        many => format!("{many} shards"),
    };
    let rate = if alive > 0 { format!(", {} events/s", rate(status.rate)) } else { String::new() };
    format!("{place}; {shards}, {running}{rate}")
}

/// How late a subscription is.
fn since(since: Option<LagSince>, seconds: f64) -> String {
    match since {
        Some(LagSince::Accepted) => format!(", the oldest {} old", time(seconds)),
        _ => format!(", standing still for {}", time(seconds)),
    }
}

fn workers(status: &Status, paint: Paint) -> Vec<String> {
    let mut rows =
        vec![["WORKER", "HEARD", "EVENTS/S", "WAITING", "ASKS", "SHARDS"].map(str::to_owned)];
    rows.extend(status.workers.iter().map(|worker| {
        let said = |text: String| if worker.is_alive { text } else { "-".to_owned() };
        let count = worker.shards.len();
        let ranges = Status::ranges(&worker.shards);
        let held = if count == 0 { "none".to_owned() } else { format!("{count}: {ranges}") };
        [
            worker.name(),
            ago(worker.silent_seconds),
            said(rate(worker.report.rate)),
            said(worker.report.waiting.to_string()),
            said(asks(worker)),
            held,
        ]
    }));
    let lines = columns(&rows, [false, false, true, true, false, false]);
    let painted = lines.into_iter().enumerate().map(|(index, line)| match index {
        0 => paint.dim(&line),
        _ if status.workers.get(index - 1).is_some_and(|it| !it.is_alive) => paint.red(&line),
        _ => line,
    });
    painted.map(|line| format!("  {line}")).collect()
}

/// When a worker asks for news.
fn asks(worker: &WorkerStatus) -> String {
    let schedule = worker.report.schedule.clone().unwrap_or_else(|| "-".to_owned());
    match worker.report.next_poll_seconds.map(|seconds| seconds - worker.silent_seconds) {
        Some(seconds) if seconds >= 1.0 => format!("{schedule}, in {}", time(seconds)),
        _ => schedule,
    }
}

fn shards(status: &Status, paint: Paint) -> Vec<String> {
    let mut rows = vec![
        ["SHARD", "TOKEN", "LEASE", "POSITION", "BEHIND", "MOVED", "HOLDER", "STATE"]
            .map(str::to_owned),
    ];
    rows.extend(status.shards.iter().map(|shard| {
        let behind = status.head.map(|head| head.saturating_sub(shard.position).to_string());
        [
            shard.shard.to_string(),
            shard.token.to_string(),
            shard.lease_seconds.map_or("-".to_owned(), time),
            shard.position.to_string(),
            behind.unwrap_or_else(|| "?".to_owned()),
            ago(shard.still_seconds),
            shard.holder.clone().unwrap_or_else(|| "-".to_owned()),
            state(shard).to_owned(),
        ]
    }));
    let lines = columns(&rows, [true, true, true, true, true, false, false, false]);
    let painted = lines.into_iter().enumerate();
    painted
        .map(|(index, line)| format!("  {}", if index == 0 { paint.dim(&line) } else { line }))
        .collect()
}

/// What keeps a shard from going on as others do, in a word or two.
fn state(shard: &ShardStatus) -> &'static str {
    match (&shard.paused, &shard.resting, &shard.retrying) {
        (Some(_), ..) => "paused",
        (_, Some(resting), _) => match resting.why {
            RestReason::MostFail => "most fail",
            RestReason::TooManyWait => "too many wait",
            RestReason::Suspects => "suspects",
            _ => "rests",
        },
        (.., Some(_)) => "retries",
        _ if shard.suspects > 0 && !shard.is_held() => "suspects",
        _ => "-",
    }
}

/// Rows below each other, each column as wide as it must be.
fn columns<const N: usize>(rows: &[[String; N]], is_number: [bool; N]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let line = |row: &[String; N]| {
        let cells = (0..N).map(|column| {
            let (cell, width) = (&row[column], widths[column]);
            if is_number[column] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn rate(rate: f64) -> String {
    if rate < 10.0 && rate > 0.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn ago(seconds: f64) -> String {
    format!("{} ago", time(seconds))
}

/// A time in at most two units.
fn time(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.1}s", seconds.max(0.0));
    }
    // Not to be counted is longer than any time that there is.
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX);
    let text = humantime::format_duration(whole).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (seconds, text) in
            [(0.0, "0.0s"), (0.449, "0.4s"), (12.3, "12s"), (3725.0, "1h 2m"), (-1.0, "0.0s")]
        {
            assert_eq!(time(seconds), text);
        }
        assert!(!time(f64::MAX).is_empty());
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [["NAME", "COUNT"].map(str::to_owned), ["a".to_owned(), "7".to_owned()]];
        assert_eq!(columns(&rows, [false, true]), ["NAME  COUNT", "a         7"]);
    }

    #[test]
    fn colours_are_left_out_where_there_is_no_terminal() {
        assert_eq!(Paint::NONE.red("x"), "x");
    }
}
