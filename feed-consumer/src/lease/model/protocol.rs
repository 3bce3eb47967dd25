//! The row of a shard, the workers, the statements, and what must hold.
//!
//! # Layout
//!
//! - [`steps`]: what can happen next
//! - [`number`]: states as numbers

mod number;
mod steps;

use self::steps::Steps;
use super::explorer::Step;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) workers: usize,
    /// Events to be handled.
    pub(super) positions: u8,
    /// Acquisitions.
    pub(super) tokens: u8,
    pub(super) crashes: u8,
}

/// What workers and database keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) handlers: Handlers,
    pub(super) clocks: Clocks,
    /// Whatever is written to the row is conditional on its token.
    pub(super) checks_token: bool,
    /// An acquisition raises the token.
    pub(super) raises_token: bool,
    /// A lower position than the stored one changes nothing.
    pub(super) never_moves_back: bool,
    /// A worker that does not know whether a transaction has been committed waits until it is
    /// settled, and reads where the cursor stands.
    pub(super) looks_after_unknown_outcome: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handlers {
    /// An effect is in the transaction that moves the cursor.
    Transactional,
    /// Effects come first, and the cursor moves behind several of them.
    AtLeastOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clocks {
    /// Leases end whenever they like: clocks are wrong, or workers stand still.
    Arbitrary,
    /// A worker knows that its lease has ended before it has.
    Right,
}

/// A promise that a step broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A token was given to a second worker.
    TokenTwice,
    /// The cursor was moved under a token lower than the row's.
    StaleToken,
    MovedBack,
    /// The cursor has passed an event without an effect.
    Skipped,
    /// With transactional handlers, an effect happened twice, or the cursor has not passed it.
    NotOnce,
}

const MAX_WORKERS: usize = 3;
const MAX_POSITIONS: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct World {
    row: Row,
    workers: [Worker; MAX_WORKERS],
    /// How many times each event has taken effect; more than two is two.
    effects: [u8; MAX_POSITIONS],
    /// The tokens that were ever given, a bit each.
    given: u8,
    crashes: u8,
}

/// What is done in a step, and by whom.
#[expect(dead_code, reason = "it is printed where an invariant is broken")]
#[derive(Debug, Clone, Copy)]
pub(super) struct What {
    worker: Option<usize>,
    what: &'static str,
    call: Option<Call>,
}

/// The row of the shard.
#[derive(Debug, Clone)]
struct Row {
    token: u8,
    holder: Holder,
    /// Whether the lease has not ended.
    lasts: bool,
    cursor: u8,
    /// The transaction that has written to it, and has not ended.
    locked: Option<Transaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    Worker(usize),
    /// A worker that has crashed: its successor has another name.
    Former,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transaction {
    of: usize,
    token: u8,
    to: u8,
}

#[derive(Debug, Clone, Default)]
struct Worker {
    /// What it believes to hold.
    view: Option<View>,
    /// A statement that it has sent and no longer waits for.
    adrift: Option<Adrift>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    token: u8,
    /// Where it knows the stored cursor to be.
    cursor: u8,
    /// How far it has handled.
    done: u8,
    doing: Doing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// It is in a handler.
    Handling,
    /// The last statement of its handler's transaction has been carried out.
    Committing,
    /// It does not know whether its transaction has been committed.
    Unsure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Adrift {
    call: Call,
    /// Whether its sender has crashed.
    orphaned: bool,
}

/// A statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Renews the lease of this token, or acquires the shard.
    Beat(Option<u8>),
    Advance {
        token: u8,
        to: u8,
    },
    Commit,
    Release(u8),
}

/// What a beat brought.
enum Beaten {
    Renewed,
    Acquired { token: u8, cursor: u8 },
    Nothing,
}

impl What {
    fn of(worker: usize, what: &'static str) -> Self {
        Self { worker: Some(worker), what, call: None }
    }

    fn of_nobody(what: &'static str) -> Self {
        Self { worker: None, what, call: None }
    }
}

impl World {
    pub(super) fn new(bounds: Bounds) -> Self {
        assert!(bounds.workers <= MAX_WORKERS && usize::from(bounds.positions) <= MAX_POSITIONS);
        Self {
            row: Row { token: 0, holder: Holder::Nobody, lasts: false, cursor: 0, locked: None },
            workers: Default::default(),
            effects: [0; MAX_POSITIONS],
            given: 0,
            crashes: 0,
        }
    }

    /// Whether the cursor has passed all events.
    pub(super) fn is_done(&self, bounds: Bounds) -> bool {
        self.row.cursor == bounds.positions
    }

    /// Whether two workers are in their handlers.
    pub(super) fn is_crowded(&self) -> bool {
        let is_inside = |view: &View| matches!(view.doing, Doing::Handling | Doing::Committing);
        self.workers.iter().filter(|it| it.view.as_ref().is_some_and(is_inside)).count() > 1
    }

    /// Whatever can happen next.
    pub(super) fn steps(&self, bounds: Bounds, rules: Rules) -> Vec<Step<What, Self, Broken>> {
        let mut steps = Steps { from: self, bounds, rules, found: Vec::new() };
        for worker in 0..bounds.workers {
            steps.of_leases(worker);
            steps.of_handling(worker);
            steps.of_transaction(worker);
            steps.of_failures(worker);
            steps.of_adrift(worker);
        }
        steps.of_time();
        steps.found
    }

    fn view(&mut self, worker: usize) -> &mut View {
        self.workers[worker].view.as_mut().expect("it holds the shard")
    }

    /// Drops what is in hand. A transaction whose commit has not been sent is rolled back.
    fn drop_view(&mut self, worker: usize) {
        if self.workers[worker].view.take().is_some_and(|view| view.doing == Doing::Committing) {
            self.roll_back(worker);
        }
    }

    fn roll_back(&mut self, worker: usize) {
        self.row.locked.take_if(|transaction| transaction.of == worker);
    }

    fn is_commit_adrift(&self, worker: usize) -> bool {
        self.workers[worker].adrift.is_some_and(|it| it.call == Call::Commit)
    }

    fn take_effect(&mut self, position: u8) {
        let effects = &mut self.effects[usize::from(position - 1)];
        *effects = 2.min(*effects + 1);
    }

    /// Carries out a beat.
    fn beat(
        &mut self,
        worker: usize,
        orphaned: bool,
        held: Option<u8>,
        (bounds, rules): (Bounds, Rules),
    ) -> Result<Beaten, Broken> {
        let me = if orphaned { Holder::Former } else { Holder::Worker(worker) };
        let row = &mut self.row;
        if row.holder == me && held == Some(row.token) {
            row.lasts = true;
            return Ok(Beaten::Renewed);
        }
        let is_free = row.holder == Holder::Nobody || row.holder == me || !row.lasts;
        if !is_free || row.token == bounds.tokens {
            return Ok(Beaten::Nothing);
        }
        row.holder = me;
        row.lasts = true;
        if rules.raises_token {
            row.token += 1;
        }
        let (token, cursor) = (row.token, row.cursor);
        if self.given & (1 << token) != 0 {
            return Err(Broken::TokenTwice);
        }
        self.given |= 1 << token;
        Ok(Beaten::Acquired { token, cursor })
    }

    /// Moves the cursor. `false` if another worker has the shard.
    fn advance(&mut self, token: u8, to: u8, rules: Rules) -> Result<bool, Broken> {
        let row = &mut self.row;
        if rules.checks_token && token != row.token {
            return Ok(false);
        }
        if token < row.token {
            return Err(Broken::StaleToken);
        }
        if to < row.cursor && !rules.never_moves_back {
            return Err(Broken::MovedBack);
        }
        row.cursor = row.cursor.max(to);
        Ok(true)
    }

    /// Commits the transaction of a worker. `false` if the database has ended it before.
    fn commit(&mut self, worker: usize, rules: Rules) -> Result<bool, Broken> {
        let Some(Transaction { token, to, .. }) = self.row.locked.take_if(|it| it.of == worker)
        else {
            return Ok(false);
        };
        self.take_effect(to);
        // The row is locked since its token was looked at.
        self.advance(token, to, rules)
    }

    fn release(&mut self, worker: usize, orphaned: bool, token: u8) {
        let me = if orphaned { Holder::Former } else { Holder::Worker(worker) };
        if self.row.token == token && self.row.holder == me {
            self.row.holder = Holder::Nobody;
        }
    }

    /// What must hold in every state.
    fn checked(self, bounds: Bounds, rules: Rules) -> Result<Self, Broken> {
        for position in 1..=bounds.positions {
            let (is_passed, effects) =
                (position <= self.row.cursor, self.effects[usize::from(position - 1)]);
            if rules.handlers == Handlers::Transactional && effects != u8::from(is_passed) {
                return Err(Broken::NotOnce);
            }
            if is_passed && effects == 0 {
                return Err(Broken::Skipped);
            }
        }
        Ok(self)
    }
}
