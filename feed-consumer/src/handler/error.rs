//! Why an event was not handled.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why an event was not handled.
///
/// The `?` operator makes a transient error of any error, so that a database that is away or a
/// service that is busy leads to another try. [`or_permanent`](OrPermanent::or_permanent) before
/// it makes a permanent one.
///
/// ```
/// use feed_consumer::{HandlerError, OrPermanent};
///
/// fn amount(text: &str) -> Result<u64, HandlerError> {
///     let limit: u64 = std::fs::read_to_string("limit.txt")?.trim().parse()?;
///     let amount: u64 = text.parse().or_permanent()?;
///     if amount > limit {
///         return Err(HandlerError::permanent(format!("{amount} is above the limit of {limit}")));
///     }
///     Ok(amount)
/// }
/// assert!(amount("12").unwrap_err().is_transient(), "there is no file yet");
/// ```
#[derive(Debug)]
pub struct HandlerError {
    kind: Kind,
    error: Box<dyn Error + Send + Sync>,
    /// The shortest wait before another try.
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Another try may succeed.
    Transient,
    /// No other try will.
    Permanent,
    /// No more events are wanted.
    Closed,
}

impl HandlerError {
    /// An error that may be over at the next try.
    pub fn transient(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Transient, error: error.into(), wait: None }
    }

    /// An error that no other try will mend: the event is parked at once, or stops the subscription
    /// (see [`OnExhausted`](crate::OnExhausted)).
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Permanent, error: error.into(), wait: None }
    }

    /// Nobody wants more events: the subscription ends as at a shutdown, and its cursor stays
    /// before the event.
    pub fn closed(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Closed, error: reason.into(), wait: None }
    }

    /// Asks for at least this wait before another try, as a service that is busy does. If it is
    /// longer than the event is tried, this was its last try; parked, it is not taken up before.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.wait = wait;
        self
    }

    pub(crate) const fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Whether another try may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Transient)
    }

    /// Whether no other try will succeed.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self.kind, Kind::Permanent)
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.error
    }

    pub(crate) fn as_error(&self) -> &(dyn Error + 'static) {
        &*self.error
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::transient(error)
    }
}

/// Makes permanent errors where the `?` operator alone would make transient ones.
pub trait OrPermanent<T> {
    /// The value, or an error that no other try will mend.
    ///
    /// # Errors
    ///
    /// Whatever the error was, as a permanent one.
    fn or_permanent(self) -> Result<T, HandlerError>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrPermanent<T> for Result<T, E> {
    fn or_permanent(self) -> Result<T, HandlerError> {
        self.map_err(HandlerError::permanent)
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
