//! Rounds in turn, medians, ratios, and the lines of JSON.
//!
//! What is compared is measured in turn, A B A B, and compared round by round, so that whatever
//! else the machine does falls on both sides.

mod goal;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

pub(crate) use goal::Goal;

use crate::options::Options;

/// How long a round may take beside many times its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something to measure, again and again.
pub(crate) struct Contender<'a> {
    /// What the names of its figures begin with.
    name: String,
    /// How many events are stored.
    events: u64,
    /// The rest of the name, and the unit, of each value that a round has.
    values: &'static [Value],
    /// What some of the values should come to.
    goals: &'static [(&'static str, Goal)],
    run: Box<dyn Fn(Duration) -> LocalBoxFuture<'a, Result<Vec<f64>>> + 'a>,
}

/// A value of a round: the rest of its figure's name, and its unit.
pub(crate) type Value = (&'static str, &'static str);

impl<'a> Contender<'a> {
    /// A round, given its time, has as many results as there are values.
    pub(crate) fn new<F>(
        name: impl Into<String>,
        events: u64,
        values: &'static [Value],
        run: impl Fn(Duration) -> F + 'a,
    ) -> Self
    where
        F: Future<Output = Result<Vec<f64>>> + 'a,
    {
        let run = Box::new(move |time| Box::pin(run(time)) as LocalBoxFuture<'a, _>);
        Self { name: name.into(), events, values, goals: &[], run }
    }

    /// With what some of its values should come to.
    pub(crate) fn goals(mut self, goals: &'static [(&'static str, Goal)]) -> Self {
        self.goals = goals;
        self
    }
}

/// What has been measured so far.
#[derive(Debug)]
pub(crate) struct Harness<'a> {
    pub(crate) options: &'a Options,
    rounds: BTreeMap<(String, u64), Vec<f64>>,
}

/// A line of the output.
#[derive(Debug, Serialize)]
struct Line<'a> {
    figure: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    rounds: Vec<f64>,
}

impl<'a> Harness<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self { options, rounds: BTreeMap::new() }
    }

    /// Measures the contenders that are wanted, in turn, and prints their figures.
    pub(crate) async fn measure(&mut self, contenders: Vec<Contender<'_>>) -> Result<()> {
        let wanted: Vec<_> =
            contenders.into_iter().filter(|it| self.options.wants(&it.name)).collect();
        let mut results = vec![Vec::new(); wanted.len()];
        // The first round warms up, and is not counted.
        for round in 0..=self.options.rounds() {
            for (contender, results) in wanted.iter().zip(&mut results) {
                let time = self.options.round();
                let time = if round == 0 { time / 2 } else { time };
                let values = tokio::time::timeout(time * 10 + PATIENCE, (contender.run)(time))
                    .await
                    .context("a round does not end")
                    .and_then(|values| values)
                    .with_context(|| {
                        format!("{} at {} events", contender.name, contender.events)
                    })?;
                if round > 0 {
                    say_round(contender, round, &values);
                    results.push(values);
                }
            }
        }
        for (contender, results) in wanted.iter().zip(results) {
            for (index, (suffix, unit)) in contender.values.iter().enumerate() {
                let rounds = results.iter().filter_map(|values| values.get(index)).copied();
                let name = format!("{}_{suffix}", contender.name);
                let goal = contender.goals.iter().find(|(value, _)| value == suffix);
                let goal = goal.map(|(_, goal)| *goal);
                self.figure(name, contender.events, unit, rounds.collect(), goal)?;
            }
        }
        Ok(())
    }

    /// Prints a figure, and keeps it for the ratios.
    pub(crate) fn figure(
        &mut self,
        name: String,
        events: u64,
        unit: &str,
        rounds: Vec<f64>,
        goal: Option<Goal>,
    ) -> Result<()> {
        if rounds.iter().any(|value| value.is_nan()) {
            return Ok(());
        }
        print(&Line {
            figure: &name,
            events: Some(events),
            unit: Some(unit),
            ..Line::new(&rounds, goal)
        })?;
        self.rounds.insert((name, events), rounds);
        Ok(())
    }

    /// Prints how many times as large one figure is as another, if both were measured.
    pub(crate) fn ratio(
        &self,
        name: &str,
        over: (&str, u64),
        under: (&str, u64),
        goal: Option<Goal>,
    ) -> Result<()> {
        let rounds = |(figure, events): (&str, u64)| self.rounds.get(&(figure.to_owned(), events));
        let (Some(over), Some(under)) = (rounds(over), rounds(under)) else { return Ok(()) };
        let rounds: Vec<_> = over.iter().zip(under).map(|(over, under)| over / under).collect();
        print(&Line { figure: &format!("ratio_{name}"), ..Line::new(&rounds, goal) })
    }
}

impl Line<'_> {
    fn new(rounds: &[f64], goal: Option<Goal>) -> Self {
        let value = median(rounds);
        Self {
            figure: "",
            events: None,
            value: rounded(value),
            unit: None,
            goal: goal.map(|goal| goal.to_string()),
            met: goal.map(|goal| goal.is_met(value)),
            rounds: rounds.iter().copied().map(rounded).collect(),
        }
    }
}

fn say_round(contender: &Contender<'_>, round: usize, values: &[f64]) {
    let mut line = format!("{:>28} at {:>7}, round {round}:", contender.name, contender.events);
    for (value, (suffix, _)) in values.iter().zip(contender.values) {
        if !value.is_nan() {
            line.push_str(&format!("  {} {}", rounded(*value), suffix.replace('_', " ")));
        }
    }
    eprintln!("{line}");
}

fn print(line: &Line<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    Ok(())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which this share of the values lies, between the two nearest ones where it
/// falls between them.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    #[expect(clippy::cast_precision_loss, reason = "no more values than a float can count")]
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// Four digits are more than such measurements can tell.
fn rounded(value: f64) -> f64 {
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let scale = 10_f64.powf((3.0 - magnitude).max(0.0));
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_nearest_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 1.0), 3.0);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn values_keep_four_digits() {
        assert_eq!(rounded(0.123_456), 0.1235);
        assert_eq!(rounded(12_345.6), 12_346.0);
        assert_eq!(rounded(0.0), 0.0);
    }
}
