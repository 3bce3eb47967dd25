//! What handles events.
//!
//! # Layout
//!
//! - [`error`]: why an event was not handled
//! - [`context`]: what a handler is told beside the data
//! - [`handed`]: an event as a worker hands it on
//! - [`once`]: what handlers do outside the database, and are not to do again
//! - [`repair`]: what may mend parked events without a person
//! - [`parked`]: a parked event, as people and repair hooks see it
//! - [`pattern`]: which events a closure handles, and what it is given of them
//! - [`routes`]: closures by the types of events
//! - [`work`]: what a worker does with a portion of events, in a transaction or not
//! - [`mod@print`]: events as lines of JSON
//! - [`exec`]: a command for each event
//! - [`forward`]: each event as a request to an address

mod context;
mod error;
mod exec;
mod forward;
pub(crate) mod handed;
pub(crate) mod once;
mod parked;
pub(crate) mod pattern;
mod print;
pub(crate) mod repair;
pub(crate) mod routes;
pub(crate) mod work;

use std::sync::Arc;

use feed_protocol::Recorded;

pub use context::{BatchContext, Context};
pub(crate) use error::Kind;
pub use error::{HandlerError, OrPermanent};
pub use exec::Exec;
pub use forward::{Forward, ForwardCounts, InvalidForward};
pub use parked::ParkedEvent;
pub use print::Print;
pub use repair::Repaired;
pub use repair::command::RepairCommand;
pub use work::Work;

/// What handles events, one after the other, in the order of the feed.
///
/// The cursor moves past an event only after `handle` has returned `Ok` for it, and `flush` after
/// that. After a crash an event may be handled again: at least once, never not at all.
///
/// An implementation writes the methods as `async fn`.
pub trait Handler: Send + Sync {
    /// Handles one event.
    ///
    /// A future that is dropped, when a shutdown has waited long enough, counts as a failure: the
    /// event is handled again at the next start.
    ///
    /// # Errors
    ///
    /// A transient error leads to another try, after a while; after the last one, or a permanent
    /// error, the event is parked, or stops the subscription (see
    /// [`OnExhausted`](crate::OnExhausted)).
    fn handle(&self, event: Arc<Recorded>)
    -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Handles one event of which more is known than what the feed says: its shard, the token
    /// under which this worker holds it, and which attempt this is. This is what workers call; it
    /// calls [`handle`](Self::handle), unless a handler does something else.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    fn handle_in(&self, cx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self.handle(Arc::clone(cx.recorded()))
    }

    /// Makes the effects of all events handled so far last: called before the cursor moves past
    /// them, and whenever there is nothing more to handle at the moment. May be called while
    /// another event is being handled.
    ///
    /// # Errors
    ///
    /// Any error ends the subscription; [`HandlerError::closed`] in peace.
    fn flush(&self) -> impl Future<Output = Result<(), HandlerError>> + Send {
        std::future::ready(Ok(()))
    }
}
