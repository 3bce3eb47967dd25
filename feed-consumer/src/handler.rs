//! What handles events.
//!
//! # Layout
//!
//! - [`error`]: why an event was not handled
//! - [`mod@print`]: events as lines of JSON
//! - [`exec`]: a command for each event
//! - [`forward`]: each event as a request to an address

mod error;
mod exec;
mod forward;
mod print;

use std::fmt;
use std::sync::Arc;

use feed_protocol::Recorded;

pub use error::HandlerError;
pub(crate) use error::Kind;
pub use exec::Exec;
pub use forward::{Forward, ForwardCounts, InvalidForward};
pub use print::Print;

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
    /// A transient error leads to another try, after a while; a permanent one ends the
    /// subscription.
    fn handle(&self, event: Arc<Recorded>)
    -> impl Future<Output = Result<(), HandlerError>> + Send;

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

/// A closure that handles events.
#[derive(Clone)]
pub struct Each<F>(pub(crate) F);

impl<F> fmt::Debug for Each<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Each(closure)")
    }
}

impl<F, R> Handler for Each<F>
where
    F: Fn(Arc<Recorded>) -> R + Send + Sync,
    R: Future<Output = Result<(), HandlerError>> + Send,
{
    async fn handle(&self, event: Arc<Recorded>) -> Result<(), HandlerError> {
        (self.0)(event).await
    }
}
