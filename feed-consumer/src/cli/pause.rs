//! `feed-consumer pause` and `feed-consumer resume`

use feed_consumer::{KeptCursor, Status};
use serde_json::json;

use super::args::PlaceArgs;
use super::args::orders::{OfArgs, PauseArgs, ResumeArgs};
use super::cursor::say;
use super::exit::Failed;
use super::settings;
use super::which::{self, Found};

/// What is ordered of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Pause,
    Resume,
}

/// Of the shards that are meant, those of which that was not so before, and the others.
#[derive(Debug)]
struct Obeyed {
    order: Order,
    /// How many shards there are.
    shards: u16,
    changed: Vec<u16>,
    already: Vec<u16>,
}

/// Pauses shards.
pub(super) async fn pause(args: &PauseArgs, place: &PlaceArgs) -> Result<(), Failed> {
    let Found { cursors, cursor } = find(&args.of, place).await?;
    let (meant, asking) = (&args.shards.shards, &args.asking);
    let changed = cursors.pause(&cursor, meant, &asking.who, &args.reason).await?;
    cursors.close().await;
    let obeyed = Obeyed::new(Order::Pause, cursor.shards(), meant, changed);
    report(&obeyed, &cursor, asking.json)
}

/// Lets paused shards go on.
pub(super) async fn resume(args: &ResumeArgs, place: &PlaceArgs) -> Result<(), Failed> {
    let Found { cursors, cursor } = find(&args.of, place).await?;
    let meant = &args.shards.shards;
    let changed = cursors.resume(&cursor, meant).await?;
    cursors.close().await;
    let obeyed = Obeyed::new(Order::Resume, cursor.shards(), meant, changed);
    report(&obeyed, &cursor, args.json)
}

async fn find(of: &OfArgs, place: &PlaceArgs) -> Result<Found, Failed> {
    let databases = settings::databases(place)?;
    which::one(&databases, of.group.as_deref(), of.feed.as_deref(), "FEED and --group").await
}

fn report(obeyed: &Obeyed, cursor: &KeptCursor, as_json: bool) -> Result<(), Failed> {
    say(&if as_json { obeyed.json(cursor) } else { obeyed.text(cursor) })
}

impl Obeyed {
    fn new(order: Order, shards: u16, meant: &[u16], changed: Vec<u16>) -> Self {
        let mut meant = if meant.is_empty() { (0..shards).collect() } else { meant.to_vec() };
        meant.sort_unstable();
        meant.dedup();
        let already = meant.into_iter().filter(|shard| !changed.contains(shard)).collect();
        Self { order, shards, changed, already }
    }

    /// What a person is told.
    fn text(&self, cursor: &KeptCursor) -> String {
        let whose = format!("of the group {:?} in {}", cursor.group(), cursor.url());
        self.lines(&whose)
    }

    fn lines(&self, whose: &str) -> String {
        let (done, so) = match self.order {
            Order::Pause => ("paused", "paused already"),
            Order::Resume => ("they go on", "not paused"),
        };
        let mut text = String::new();
        if !self.changed.is_empty() {
            text += &format!("{} {whose}: {done}\n", self.name(&self.changed));
        }
        if !self.already.is_empty() {
            text += &format!("{} {whose}: {so}\n", self.name(&self.already));
        }
        text
    }

    fn name(&self, shards: &[u16]) -> String {
        if shards.len() == usize::from(self.shards) && self.shards > 1 {
            return format!("all {} shards", self.shards);
        }
        let of = if shards.len() == 1 { "shard" } else { "shards" };
        format!("{of} {}", Status::ranges(shards))
    }

    /// The same for programs.
    fn json(&self, cursor: &KeptCursor) -> String {
        let changed = match self.order {
            Order::Pause => "paused",
            Order::Resume => "resumed",
        };
        let mut value = json!({
            "group": cursor.group(),
            "url": cursor.url(),
            "already": self.already,
        });
        value[changed] = json!(self.changed);
        format!("{value}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_and_what_was_so_already_is_said() {
        let text = |order, shards, meant: &[u16], changed: &[u16]| {
            Obeyed::new(order, shards, meant, changed.to_vec()).lines("of x")
        };
        assert_eq!(text(Order::Pause, 4, &[], &[0, 1, 2, 3]), "all 4 shards of x: paused\n");
        assert_eq!(
            text(Order::Pause, 64, &[7, 3, 4, 3], &[3, 4]),
            "shards 3-4 of x: paused\nshard 7 of x: paused already\n"
        );
        assert_eq!(text(Order::Resume, 1, &[], &[0]), "shard 0 of x: they go on\n");
        assert_eq!(text(Order::Resume, 2, &[], &[]), "all 2 shards of x: not paused\n");
    }
}
