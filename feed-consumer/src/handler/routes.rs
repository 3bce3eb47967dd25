//! Closures by the types of events.
//!
//! Each closure is one layer around those before it. Their futures are never boxed, and so are
//! `Send` exactly if what the closures do is: the compiler looks where a consumer is spawned.

use std::fmt;

use feed_protocol::Recorded;

use super::HandlerError;
use super::handed::Handed;
use super::pattern::Pattern;
use crate::store::transaction::{Database, Tx};

/// A closure that takes something of an environment (nothing, or a transaction), an argument and
/// a context.
pub trait Call<E, A, C> {
    /// Calls it.
    fn call(
        &self,
        environment: E,
        argument: A,
        context: C,
    ) -> impl Future<Output = Result<(), HandlerError>>;
}

impl<A, C, F: AsyncFn(A, C) -> Result<(), HandlerError>> Call<(), A, C> for F {
    async fn call(&self, (): (), argument: A, context: C) -> Result<(), HandlerError> {
        self(argument, context).await
    }
}

impl<DB, A, C, F> Call<Tx<DB>, A, C> for F
where
    DB: Database,
    F: AsyncFn(Tx<DB>, A, C) -> Result<(), HandlerError>,
{
    async fn call(&self, tx: Tx<DB>, argument: A, context: C) -> Result<(), HandlerError> {
        self(tx, argument, context).await
    }
}

/// Where events of a type go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which closure, counted from 1.
    number: usize,
    /// Whether it takes several events at once.
    pub(super) is_batch: bool,
}

/// Closures that find their events by type.
pub trait Routes<E>: Send + Sync {
    /// How many there are.
    const COUNT: usize;

    /// The closure for events of this type.
    fn find(&self, event_type: &str) -> Option<Found>;

    /// The types that have closures, and `None` for all others, in the order in which they were
    /// named.
    fn event_types(&self) -> Vec<Option<&str>>;

    /// Calls a closure.
    fn call(
        &self,
        found: Found,
        environment: E,
        events: Vec<Handed>,
        attempt: u32,
    ) -> impl Future<Output = Result<(), HandlerError>>;
}

/// No closures.
impl<E> Routes<E> for () {
    const COUNT: usize = 0;

    fn find(&self, _: &str) -> Option<Found> {
        None
    }

    fn event_types(&self) -> Vec<Option<&str>> {
        Vec::new()
    }

    async fn call(&self, _: Found, _: E, _: Vec<Handed>, _: u32) -> Result<(), HandlerError> {
        unreachable!("what is not found is not called")
    }
}

/// A closure for the events of a pattern, and the closures named before it.
#[derive(Clone)]
pub struct Route<P, F, R> {
    pub(crate) pattern: P,
    pub(crate) handle: F,
    pub(crate) rest: R,
}

impl<P: fmt::Debug, F, R: fmt::Debug> fmt::Debug for Route<P, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("pattern", &self.pattern).field("rest", &self.rest).finish()
    }
}

impl<E, P, F, R> Routes<E> for Route<P, F, R>
where
    P: Pattern,
    F: Call<E, P::Argument, P::Context> + Send + Sync,
    R: Routes<E>,
{
    const COUNT: usize = R::COUNT + 1;

    fn find(&self, event_type: &str) -> Option<Found> {
        let this = Found { number: Self::COUNT, is_batch: P::IS_BATCH };
        match self.pattern.event_type() {
            Some(mine) if mine == event_type => Some(this),
            Some(_) => self.rest.find(event_type),
            None => self.rest.find(event_type).or(Some(this)),
        }
    }

    fn event_types(&self) -> Vec<Option<&str>> {
        let mut types = self.rest.event_types();
        types.push(self.pattern.event_type());
        types
    }

    async fn call(
        &self,
        found: Found,
        environment: E,
        events: Vec<Handed>,
        attempt: u32,
    ) -> Result<(), HandlerError> {
        if found.number == Self::COUNT {
            let (argument, context) = self.pattern.take(events, attempt)?;
            self.handle.call(environment, argument, context).await
        } else {
            self.rest.call(found, environment, events, attempt).await
        }
    }
}

/// How many of the first events go together to one closure, and to which; `None` if to none.
pub(super) fn run<E>(routes: &impl Routes<E>, events: &[Handed]) -> (usize, Option<Found>) {
    let find = |event: &Handed| find(routes, &event.recorded);
    let Some(found) = events.first().map(find) else { return (0, None) };
    match found {
        Some(Found { is_batch: false, .. }) => (1, found),
        _ => (events.iter().take_while(|event| find(event) == found).count(), found),
    }
}

/// The closure for an event.
pub(super) fn find<E>(routes: &impl Routes<E>, event: &Recorded) -> Option<Found> {
    routes.find(event.event.event_type().as_str())
}

/// What is wrong with closures that contradict each other.
pub(super) fn check<E>(routes: &impl Routes<E>) -> Result<(), String> {
    let types = routes.event_types();
    for (number, event_type) in types.iter().enumerate() {
        if types[..number].contains(event_type) {
            return Err(match event_type {
                Some(event_type) => {
                    format!("two handlers take events of type {event_type:?}: leave one out")
                }
                None => "two handlers take events of any type: leave one out".to_owned(),
            });
        }
    }
    Ok(())
}
