//! Which step towards another number of shards can be taken now.

use feed_protocol::Position;

use super::{Pause, Resharding};
use crate::shard::{ShardCount, Token};
use crate::store::Validators;
use crate::store::shards::{Shard, ShardPlace};

/// What is asked for, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Asked {
    /// How many shards there are.
    pub(in crate::store) shards: ShardCount,
    /// How many are asked for, if another number is.
    pub(in crate::store) to: Option<ShardCount>,
    /// How far all go before they are cut anew, once that is set.
    pub(in crate::store) barrier: Option<Position>,
}

/// What is to be done, and how far that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Step {
    /// Nothing can be done now.
    Wait(Resharding),
    /// The barrier is set, and every token raised.
    Barrier(Position, Resharding),
    /// The shards are cut anew.
    Cut(Cut),
}

/// How shards are cut anew: all in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Cut {
    /// How many there are to be.
    pub(in crate::store) to: ShardCount,
    /// Above all tokens that there were.
    pub(in crate::store) token: Token,
    /// Where they stand.
    pub(in crate::store) place: ShardPlace,
    /// The pause of one of those that there were, if all were paused.
    pub(in crate::store) paused: Option<Pause>,
}

impl Asked {
    /// How far that is.
    pub(in crate::store) fn reached(&self, shards: &[Shard]) -> Resharding {
        let Some(to) = self.to else { return Resharding::Done(self.shards) };
        let count = |is: &dyn Fn(&Shard) -> bool| {
            u16::try_from(shards.iter().filter(|it| is(it)).count()).unwrap_or(u16::MAX)
        };
        let is_held = |shard: &Shard| shard.left.is_some();
        match self.barrier {
            None => Resharding::Drain { to, held: count(&is_held) },
            Some(barrier) => {
                let short = count(&|it| it.place.position < barrier || is_held(it));
                Resharding::Reach { to, barrier, short }
            }
        }
    }
}

impl Step {
    /// The next one, of all shards as they are while nobody else changes them.
    pub(in crate::store) fn next(asked: &Asked, shards: &[Shard]) -> Self {
        match asked.reached(shards) {
            Resharding::Drain { held: 0, .. } => {
                let barrier = shards.iter().map(|it| it.place.position).max().unwrap_or_default();
                let set = Asked { barrier: Some(barrier), ..*asked };
                Self::Barrier(barrier, set.reached(shards))
            }
            Resharding::Reach { to, short: 0, .. } => Self::Cut(Cut::of(to, shards)),
            reached => Self::Wait(reached),
        }
    }

    /// How far it leads.
    pub(in crate::store) const fn reached(&self) -> Resharding {
        match self {
            Self::Wait(reached) | Self::Barrier(_, reached) => *reached,
            Self::Cut(cut) => Resharding::Done(cut.to),
        }
    }
}

impl Cut {
    fn of(to: ShardCount, shards: &[Shard]) -> Self {
        // Nobody goes beyond the barrier; of whoever did, nothing would be left out.
        let position = shards.iter().map(|it| it.place.position).min().unwrap_or_default();
        let last = shards.iter().filter_map(|it| it.place.last.clone());
        let last = last.filter(|last| last.position <= position).max_by_key(|last| last.position);
        let token = shards.iter().map(|it| it.lease.token.get()).max().unwrap_or_default() + 1;
        let is_paused = shards.iter().all(|it| it.paused.is_some());
        let paused = shards.iter().find_map(|it| it.paused.clone()).filter(|_| is_paused);
        // A document of other software is looked at again, since no new shard has handled it whole.
        let place = ShardPlace { position, last, validators: Validators::default() };
        Self { to, token: Token::new(token), place, paused }
    }
}
