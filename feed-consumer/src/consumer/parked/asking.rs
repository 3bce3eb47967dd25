//! What people ask to be done with parked events, and what becomes of it.

use std::time::Duration;

use feed_protocol::{Event, Position};
use tokio::time::{Instant, sleep};

use super::ParkedEvents;
use crate::store::StoreError;
use crate::store::parking::{Deed, ParkAction, ParkedDeed, RequestId, Requested};

/// How often it is looked what has become of a request.
const LOOK: Duration = Duration::from_millis(100);

/// Something that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    position: Position,
    id: RequestId,
}

/// What has become of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// No worker has answered: it is done when one holds the event's shard.
    Waits,
    /// A worker handles the event now, or soon.
    Taken,
    /// The event was handled.
    Handled,
    /// It failed again, with this error, a cause a line.
    Failed(String),
    /// It was given up.
    Discarded,
    /// The worker does not do it, for this reason.
    Refused(String),
    /// The cursor was put before the event by hand meanwhile, or into another life of the feed.
    Forgotten,
}

/// Why something cannot be asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParkedError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such event.
    #[error(
        "no event is parked at position {position}: `feed-consumer parked list` shows those that are"
    )]
    NotParked {
        /// Its place.
        position: Position,
    },
    /// Something else is asked for, and not answered.
    #[error(
        "{who} has asked for something about the event at position {position}, which no worker has \
         answered: wait until one has"
    )]
    Conflict {
        /// The event's place.
        position: Position,
        /// Who asked, as they name themselves.
        who: String,
    },
    /// An edited event is another event.
    #[error(
        "the {attribute} of the edited event is not that of the event at position {position}: leave \
         source, id and subject as they are"
    )]
    OtherEvent {
        /// The event's place.
        position: Position,
        /// What differs: `source`, `id` or `subject`.
        attribute: &'static str,
    },
    /// An event is not given up for no reason.
    #[error("the reason is empty: say why the event is given up")]
    NoReason,
}

impl ParkedEvents {
    /// Asks for an event to be handled now. `who` is on record.
    ///
    /// # Errors
    ///
    /// When it is not parked, or something is asked for already.
    pub async fn retry(&self, position: Position, who: &str) -> Result<Asked, ParkedError> {
        self.ask(position, ParkAction::Retry, who).await
    }

    /// Asks for this event to be handled now in place of the one that is parked, which is kept
    /// beside it. It is the same event in all but type, data and what describes them: source, id and
    /// subject stay.
    ///
    /// # Errors
    ///
    /// When it is another event, none is parked there, or something is asked for already.
    pub async fn edit(
        &self,
        position: Position,
        event: Event,
        who: &str,
    ) -> Result<Asked, ParkedError> {
        let parked = self.find(position).await?.ok_or(ParkedError::NotParked { position })?;
        if let Some(attribute) = parked.difference(&event) {
            return Err(ParkedError::OtherEvent { position, attribute });
        }
        self.ask(position, ParkAction::Edit(Box::new(event)), who).await
    }

    /// Asks for an event to be given up, for a reason. It is never handled then, and those behind it
    /// go on.
    ///
    /// # Errors
    ///
    /// When there is no reason, it is not parked, or something is asked for already.
    pub async fn discard(
        &self,
        position: Position,
        reason: &str,
        who: &str,
    ) -> Result<Asked, ParkedError> {
        if reason.trim().is_empty() {
            return Err(ParkedError::NoReason);
        }
        self.ask(position, ParkAction::Discard { reason: reason.to_owned() }, who).await
    }

    async fn ask(
        &self,
        position: Position,
        action: ParkAction,
        who: &str,
    ) -> Result<Asked, ParkedError> {
        match self.store.request(&self.subscription, position, &action, who).await? {
            Requested::Asked(id) => Ok(Asked { position, id }),
            Requested::Conflict { who } => Err(ParkedError::Conflict { position, who }),
            Requested::NotParked => Err(ParkedError::NotParked { position }),
        }
    }

    /// What has become of something that was asked for. Waits at most so long for a worker to have
    /// done it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn outcome(&self, asked: Asked, patience: Duration) -> Result<Outcome, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let outcome = outcome(&self.deeds(asked.position, asked.id).await?);
            let is_final = !matches!(outcome, Outcome::Waits | Outcome::Taken);
            if is_final || Instant::now() >= deadline {
                return Ok(outcome);
            }
            sleep(LOOK.min(deadline - Instant::now())).await;
        }
    }
}

impl Asked {
    /// The place of the event that it is about.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }
}

/// What has become of what was asked for before all of this was done.
fn outcome(deeds: &[ParkedDeed]) -> Outcome {
    let mut so_far = Outcome::Waits;
    for deed in deeds {
        match deed.what {
            Deed::Taken => so_far = Outcome::Taken,
            Deed::Handled => return Outcome::Handled,
            Deed::Discarded => return Outcome::Discarded,
            Deed::Refused => return Outcome::Refused(deed.why.clone()),
            Deed::Forgotten => return Outcome::Forgotten,
            // What was under way before has nothing to do with it.
            Deed::Failed if so_far == Outcome::Taken => return Outcome::Failed(deed.why.clone()),
            _ => {}
        }
    }
    so_far
}
