//! States as numbers.

use super::{Adrift, Call, Holder, World};

impl World {
    /// The state as a number, which is another one for each.
    pub(in crate::lease::model) fn number(&self) -> u128 {
        let mut number = 0;
        let mut add = |bits: u32, value: usize| number = (number << bits) | value as u128;
        let row = &self.row;
        let holder = match row.holder {
            Holder::Nobody => 0,
            Holder::Former => 1,
            Holder::Worker(worker) => 2 + worker,
        };
        for (bits, value) in
            [(3, row.token.into()), (3, holder), (1, row.lasts.into()), (2, row.cursor.into())]
        {
            add(bits, value);
        }
        let locked = row.locked.map(|it| (it.of + 1, it.token, it.to)).unwrap_or_default();
        for (bits, value) in [(2, locked.0), (3, locked.1.into()), (2, locked.2.into())] {
            add(bits, value);
        }
        for worker in &self.workers {
            if let Some(view) = worker.view {
                add(3, view.doing as usize + 1);
                add(3, view.token.into());
                add(2, view.cursor.into());
                add(2, view.done.into());
            } else {
                add(10, 0);
            }
            if let Some(Adrift { call, orphaned }) = worker.adrift {
                add(1, orphaned.into());
                let (kind, token, to) = match call {
                    Call::Beat(held) => (1, held.map_or(0, |held| held + 1), 0),
                    Call::Advance { token, to } => (2, token, to),
                    Call::Commit => (3, 0, 0),
                    Call::Release(token) => (4, token, 0),
                };
                for (bits, value) in [(3, kind), (3, token.into()), (2, to.into())] {
                    add(bits, value);
                }
            } else {
                add(9, 0);
            }
        }
        for effects in self.effects {
            add(2, effects.into());
        }
        add(8, self.given.into());
        add(3, self.crashes.into());
        number
    }
}
