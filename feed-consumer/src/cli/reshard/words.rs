//! What another number of shards means and how far it is, in words.

use feed_consumer::{Resharding, ShardCount, Status};

/// Why it does not come on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// No worker lives that could bring shards to the barrier.
    NoWorker,
    /// These shards are paused before the barrier.
    Paused(Vec<u16>),
}

/// What will be done.
pub(super) fn plan(whose: &str, from: u16, to: ShardCount) -> String {
    format!(
        "{} has {}, and is to have {to}.\n\
         Its workers finish what they have in hand, all shards go up to the same position, and there \
         they are cut anew; the workers go on by themselves. Events beyond that position wait as long. \
         Nothing is lost or handled twice, each subject keeps its order, and what is parked stays \
         parked.\n\
         Workers that are started with --shards have to name {to} from then on.",
        capital(whose),
        shards(from),
    )
}

/// So many there are.
pub(super) fn present(whose: &str, count: ShardCount) -> String {
    format!("{} has {}.", capital(whose), shards(count.get()))
}

/// That was asked for before.
pub(super) fn asked_before(whose: &str, to: ShardCount) -> String {
    format!("{} is being cut into {} already.", capital(whose), shards(to.get()))
}

/// What was asked for before is not any more.
pub(super) fn withdrawn(whose: &str, asked: ShardCount, stays: ShardCount) -> String {
    format!(
        "That {whose} is cut into {} is withdrawn: it keeps its {}.",
        shards(asked.get()),
        shards(stays.get())
    )
}

/// Somebody else has withdrawn it, or asked for another number.
pub(super) fn withdrawn_by_others(whose: &str, to: ShardCount, present: ShardCount) -> String {
    format!("{whose} has {} and not {to}: somebody has changed the order", shards(present.get()))
}

/// It goes on without this command.
pub(super) fn under_way(whose: &str, step: Resharding) -> String {
    let (Resharding::Drain { to, .. } | Resharding::Reach { to, .. } | Resharding::Done(to)) = step;
    format!(
        "{whose} is not cut into {} yet ({}); its workers go on with that, and `feed-consumer reshard \
         {to}` shows how far it is",
        shards(to.get()),
        state(step)
    )
}

/// How far it is.
pub(super) fn state(step: Resharding) -> String {
    match step {
        Resharding::Drain { held: 0, .. } => "all are given back".to_owned(),
        Resharding::Drain { held, .. } => format!("{} held yet", are(held)),
        Resharding::Reach { short: 0, .. } => "all are given back, and about to be cut".to_owned(),
        Resharding::Reach { barrier, short, .. } => {
            format!("{} not given back at position {barrier} yet", are(short))
        }
        Resharding::Done(_) => "it is done".to_owned(),
    }
}

impl Hindrance {
    /// What somebody has to do.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::NoWorker => "no worker lives: start one with `feed-consumer run`".to_owned(),
            Self::Paused(shards) => {
                let of = if shards.len() == 1 { "shard" } else { "shards" };
                let (ranges, verb) =
                    (Status::ranges(shards), if shards.len() == 1 { "is" } else { "are" });
                format!("{of} {ranges} {verb} paused: let them go on with `feed-consumer resume`")
            }
        }
    }
}

fn shards(count: u16) -> String {
    if count == 1 { "1 shard".to_owned() } else { format!("{count} shards") }
}

fn are(count: u16) -> String {
    format!("{} {}", shards(count), if count == 1 { "is" } else { "are" })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use feed_protocol::Position;

    use super::*;

    #[test]
    fn it_is_said_how_far_it_is_and_what_somebody_has_to_do() {
        let to = ShardCount::new(16).unwrap();
        let barrier = Position::new(1200).unwrap();
        for (step, says) in [
            (Resharding::Drain { to, held: 3 }, "3 shards are held yet"),
            (Resharding::Drain { to, held: 1 }, "1 shard is held yet"),
            (Resharding::Drain { to, held: 0 }, "all are given back"),
            (Resharding::Reach { to, barrier, short: 0 }, "about to be cut"),
            (
                Resharding::Reach { to, barrier, short: 2 },
                "2 shards are not given back at position 1200 yet",
            ),
        ] {
            assert!(state(step).contains(says), "{}", state(step));
            let under_way = under_way("the group \"a\" in x", step);
            assert!(under_way.contains(says) && under_way.contains("reshard 16"), "{under_way}");
        }
        assert!(Hindrance::NoWorker.remedy().contains("start one"));
        let paused = Hindrance::Paused(vec![3, 4, 5]).remedy();
        assert!(paused.starts_with("shards 3-5 are paused"), "{paused}");
    }

    #[test]
    fn a_plan_names_both_numbers() {
        let plan = plan("the group \"a\" in x", 64, ShardCount::ONE);
        assert!(plan.starts_with("The group \"a\" in x has 64 shards, and is to have 1.\n"));
    }
}
