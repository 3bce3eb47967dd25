//! What can happen next.

use super::{
    Adrift, Beaten, Bounds, Broken, Call, Clocks, Doing, Handlers, Holder, Rules, Transaction,
    View, What, World,
};
use crate::lease::model::explorer::Step;

/// The steps that lead on from a state.
pub(super) struct Steps<'a> {
    pub(super) from: &'a World,
    pub(super) bounds: Bounds,
    pub(super) rules: Rules,
    pub(super) found: Vec<Step<What, World, Broken>>,
}

impl Steps<'_> {
    fn add(&mut self, what: What, step: impl FnOnce(&mut World) -> Result<(), Broken>) {
        let mut world = self.from.clone();
        let outcome = step(&mut world);
        let outcome = outcome.and_then(|()| world.checked(self.bounds, self.rules));
        self.found.push((what, outcome));
    }

    /// A statement that nobody waits for: it may be carried out later, or never.
    fn set_adrift(&mut self, worker: usize, call: Call, then: impl FnOnce(&mut World)) {
        if self.from.workers[worker].adrift.is_none() {
            self.add(
                What { call: Some(call), ..What::of(worker, "sends and gives up") },
                |world| {
                    world.workers[worker].adrift = Some(Adrift { call, orphaned: false });
                    then(world);
                    Ok(())
                },
            );
        }
    }

    /// Acquires, renews, finds its lease lost, gives it back.
    pub(super) fn of_leases(&mut self, worker: usize) {
        let limits = (self.bounds, self.rules);
        let view = self.from.workers[worker].view;
        let held = view.map(|view| view.token);
        if self.can_write() {
            self.add(What::of(worker, "beats"), |world| {
                match world.beat(worker, false, held, limits)? {
                    Beaten::Renewed => {}
                    Beaten::Nothing => world.drop_view(worker),
                    Beaten::Acquired { token, cursor } => {
                        world.drop_view(worker);
                        let doing = Doing::Nothing;
                        world.workers[worker].view =
                            Some(View { token, cursor, done: cursor, doing });
                    }
                }
                Ok(())
            });
            self.add(What::of(worker, "beats, and the answer is lost"), |world| {
                world.beat(worker, false, held, limits).map(drop)
            });
        }
        self.set_adrift(worker, Call::Beat(held), |_| {});
        let Some(view) = view else { return };
        if view.doing == Doing::Nothing && view.done == view.cursor {
            if self.can_write() {
                self.add(What::of(worker, "releases"), |world| {
                    world.release(worker, false, view.token);
                    world.drop_view(worker);
                    Ok(())
                });
            }
            self.set_adrift(worker, Call::Release(view.token), |world| world.drop_view(worker));
        }
    }

    /// Handles an event, and moves the cursor outside of transactions.
    pub(super) fn of_handling(&mut self, worker: usize) {
        let rules = self.rules;
        let Some(view) = self.from.workers[worker].view else { return };
        let is_transactional = rules.handlers == Handlers::Transactional;
        if view.doing == Doing::Nothing && view.done < self.bounds.positions {
            self.add(What::of(worker, "begins to handle the next event"), |world| {
                world.view(worker).doing = Doing::Handling;
                Ok(())
            });
        }
        if is_transactional {
            return;
        }
        if view.doing == Doing::Handling {
            self.add(What::of(worker, "has handled it"), |world| {
                world.take_effect(view.done + 1);
                let view = world.view(worker);
                (view.done, view.doing) = (view.done + 1, Doing::Nothing);
                Ok(())
            });
        }
        if view.done > view.cursor {
            let (token, to) = (view.token, view.done);
            if self.can_write() {
                self.add(What::of(worker, "moves the cursor"), |world| {
                    match world.advance(token, to, rules)? {
                        true => world.view(worker).cursor = to,
                        false => world.drop_view(worker),
                    }
                    Ok(())
                });
                self.add(What::of(worker, "moves the cursor, the answer is lost"), |world| {
                    world.advance(token, to, rules).map(drop)
                });
            }
            self.set_adrift(worker, Call::Advance { token, to }, |_| {});
        }
    }

    /// The transaction of a handler: the last statement, the commit, and what to do when its outcome
    /// is unknown.
    pub(super) fn of_transaction(&mut self, worker: usize) {
        let rules = self.rules;
        let Some(view) = self.from.workers[worker].view else { return };
        match view.doing {
            Doing::Handling if rules.handlers == Handlers::Transactional && self.can_write() => {
                self.add(What::of(worker, "updates the row in its transaction"), |world| {
                    if rules.checks_token && view.token != world.row.token {
                        world.drop_view(worker);
                        return Ok(());
                    }
                    let (token, to) = (view.token, view.done + 1);
                    world.row.locked = Some(Transaction { of: worker, token, to });
                    world.view(worker).doing = Doing::Committing;
                    Ok(())
                });
            }
            Doing::Committing => {
                let unknown = match rules.looks_after_unknown_outcome {
                    true => Doing::Unsure,
                    false => Doing::Nothing,
                };
                self.add(What::of(worker, "commits"), |world| {
                    let is_committed = world.commit(worker, rules)?;
                    let view = world.view(worker);
                    view.doing = Doing::Nothing;
                    if is_committed {
                        (view.cursor, view.done) = (view.done + 1, view.done + 1);
                    }
                    Ok(())
                });
                self.add(What::of(worker, "commits, and the answer is lost"), |world| {
                    world.commit(worker, rules)?;
                    world.view(worker).doing = unknown;
                    Ok(())
                });
                // What the database has ended before cannot be committed by whatever comes late.
                if self.from.row.locked.is_some_and(|transaction| transaction.of == worker) {
                    self.set_adrift(worker, Call::Commit, |world| {
                        world.view(worker).doing = unknown;
                    });
                }
            }
            Doing::Unsure if self.can_write() => {
                self.add(What::of(worker, "looks where the cursor is"), |world| {
                    let cursor = world.row.cursor;
                    if world.row.token == view.token {
                        let doing = Doing::Nothing;
                        *world.view(worker) = View { cursor, done: cursor, doing, ..view };
                    } else {
                        world.drop_view(worker);
                    }
                    Ok(())
                });
            }
            _ => {}
        }
    }

    /// Its deadline passes; it crashes, and starts again under another name.
    pub(super) fn of_failures(&mut self, worker: usize) {
        let state = &self.from.workers[worker];
        if state.view.is_some() {
            self.add(What::of(worker, "finds its time over"), |world| {
                world.drop_view(worker);
                Ok(())
            });
        }
        if self.from.crashes < self.bounds.crashes {
            self.add(What::of(worker, "crashes and starts again"), |world| {
                // What it has written in a transaction stays locked until the database notices.
                world.workers[worker].view = None;
                if let Some(adrift) = &mut world.workers[worker].adrift {
                    adrift.orphaned = true;
                }
                if world.row.holder == Holder::Worker(worker) {
                    world.row.holder = Holder::Former;
                }
                world.crashes += 1;
                Ok(())
            });
        }
    }

    /// A statement that was given up is carried out after all, or never.
    pub(super) fn of_adrift(&mut self, worker: usize) {
        let (bounds, rules) = (self.bounds, self.rules);
        let Some(Adrift { call, orphaned }) = self.from.workers[worker].adrift else { return };
        self.add(
            What { call: Some(call), ..What::of(worker, "is spared the arrival of") },
            |world| {
                world.workers[worker].adrift = None;
                if call == Call::Commit {
                    world.roll_back(worker);
                }
                Ok(())
            },
        );
        if call != Call::Commit && !self.can_write() {
            return;
        }
        self.add(
            What { call: Some(call), ..What::of(worker, "has sent what arrives late:") },
            |world| {
                world.workers[worker].adrift = None;
                match call {
                    Call::Beat(held) => {
                        world.beat(worker, orphaned, held, (bounds, rules)).map(drop)
                    }
                    Call::Advance { token, to } => world.advance(token, to, rules).map(drop),
                    Call::Commit => world.commit(worker, rules).map(drop),
                    Call::Release(token) => {
                        world.release(worker, orphaned, token);
                        Ok(())
                    }
                }
            },
        );
    }

    /// The lease ends; the database ends a transaction that stands still.
    pub(super) fn of_time(&mut self) {
        let row = &self.from.row;
        // Whatever token the holder believes in, the row's end was last moved on after that one's.
        let is_believed =
            matches!(row.holder, Holder::Worker(it) if self.from.workers[it].view.is_some());
        let may_end = self.rules.clocks == Clocks::Arbitrary || !is_believed;
        if row.lasts && may_end {
            self.add(What::of_nobody("the lease ends"), |world| {
                world.row.lasts = false;
                Ok(())
            });
        }
        if let Some(of) = row.locked.map(|it| it.of).filter(|of| !self.from.is_commit_adrift(*of)) {
            self.add(What::of(of, "has its transaction ended by the database"), |world| {
                world.roll_back(of);
                Ok(())
            });
        }
    }

    /// Whether the row can be written to, or whoever tries waits for a transaction.
    fn can_write(&self) -> bool {
        self.from.row.locked.is_none()
    }
}
