//! How events are handled, and what becomes of those that are not.

use std::time::Duration;

use super::ConsumerBuilder;
use crate::cursor::Window;
use crate::handler::repair::Repair;
use crate::handler::{HandlerError, ParkedEvent, Repaired};
use crate::schedule::failures::Retry;
use crate::worker::{Batching, OnExhausted};

impl<H> ConsumerBuilder<H> {
    /// How much of a shard may be handled before its cursor moves past it, and may be handled again
    /// after a crash: 100 events and 100 ms, if not set. The cursor does not move within a batch, so there
    /// it may be one batch more. Transactional handlers do not need it: their cursor moves with
    /// them.
    #[must_use]
    pub const fn window(mut self, window: Window) -> Self {
        self.settings.window = window;
        self
    }

    /// How many events are handled together: at most `events` (0 means 1), and the first of them
    /// waits for the others for `time` at most. 100 events without a wait, if not set, so that what
    /// is there is handled at once.
    ///
    /// It is for handlers of several events ([`on_batch`](ConsumerBuilder::on_batch)), which are
    /// given so many, and for transactional ones, of which so many share a transaction. All others
    /// handle one event after the other, however many there are.
    #[must_use]
    pub fn batch(mut self, events: usize, time: Duration) -> Self {
        self.settings.batching = Batching { events: events.max(1), time };
        self
    }

    /// How long the handling of an event may take, or of several at once. One that takes longer is
    /// dropped, and counts as a failed try; in a transaction, what it wrote is rolled back. No
    /// limit if `None`. A minute for closures and no limit for a [`Handler`](crate::Handler), if not set. In a
    /// transaction at most a third of the [`lease`](Self::lease), and that if not set.
    #[must_use]
    pub const fn deadline(mut self, limit: Option<Duration>) -> Self {
        self.settings.deadline = Some(limit);
        self
    }

    /// How an event is tried again that was not handled, before [`on_exhausted`](Self::on_exhausted)
    /// says what becomes of it. Its shard waits meanwhile. Three tries, within a second at most, if
    /// not set; but where it is to stop the subscription, as failures of reading are met
    /// ([`backoff`](Self::backoff), [`give_up_after`](Self::give_up_after)).
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = Some(retry);
        self
    }

    /// What becomes of an event after its last try, or after a permanent error: it is parked, so that
    /// all events of other subjects go on (if not set), or the subscription stops before it. With
    /// [one shard](Self::shards), where all events are in one order, only to stop keeps that order.
    #[must_use]
    pub const fn on_exhausted(mut self, what: OnExhausted) -> Self {
        self.settings.on_exhausted = what;
        self
    }

    /// After how long a parked event is taken up again, one time after the other; after the last it
    /// waits for a person. 10 seconds, 1, 5 and 30 minutes and 2 hours, if not set.
    #[must_use]
    pub fn parked_retries(mut self, times: impl IntoIterator<Item = Duration>) -> Self {
        self.settings.parked_retries = times.into_iter().collect();
        self
    }

    /// How many events of a shard may wait behind parked ones. When more would, the shard pauses until
    /// some of them are handled, or given up. 10,000, if not set.
    #[must_use]
    pub const fn most_followers(mut self, events: u64) -> Self {
        self.settings.most_behind = events;
        self
    }

    /// After how many attempts that ended its worker an event is parked, or the subscription
    /// [stopped](OnExhausted::Stop), without another. Only attempts are counted that were made alone,
    /// with nothing else in hand in the whole process, and have not returned: the process was killed,
    /// or stood still until its lease was lost. 3, if not set; 0 means 1.
    #[must_use]
    pub const fn deadly_after(mut self, attempts: u32) -> Self {
        self.settings.deadly_after = attempts;
        self
    }

    /// What may mend parked events without a person. It is asked about an event when that is parked,
    /// and again when what it sent has failed, three times in all. Its answer is done as if a person
    /// had asked for it ([`Repaired`]), and is on record; an error, a panic, or an event whose source,
    /// id or subject is another leaves the event to a person. Nothing, if not set.
    ///
    /// It has one event at a time, on a thread of its own: no event waits for it, nor does a shutdown.
    /// What it was asked when the worker ended, the next holder of the shard asks it again. With
    /// several workers each has its own. It cannot be set together with [`OnExhausted::Stop`].
    ///
    /// ```no_run
    /// use feed_consumer::{Consumer, ParkedEvent, Repaired};
    /// use serde_json::Value;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
    ///     .repair(async |parked: ParkedEvent| {
    ///         let Some(data) = parked.event().data() else {
    ///             return Ok(Repaired::leave("there is nothing to mend"));
    ///         };
    ///         let mut order: Value = serde_json::from_slice(data)?;
    ///         let total = order["total"].as_str().and_then(|it| it.parse::<u64>().ok());
    ///         order["total"] = total.into();
    ///         Ok(Repaired::resubmit(parked.with_data(order.to_string())?))
    ///     })
    ///     .on_any(async |_, _| Ok(()))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn repair<F>(mut self, hook: F) -> Self
    where
        F: AsyncFn(ParkedEvent) -> Result<Repaired, HandlerError> + Send + Sync + 'static,
    {
        self.settings.repair = Some(Repair::new(hook));
        self
    }

    /// How long [`repair`](Self::repair) may take for an event, before it is dropped and the event
    /// left to a person. A minute, if not set.
    #[must_use]
    pub const fn repair_deadline(mut self, limit: Duration) -> Self {
        self.settings.repair_deadline = Some(limit);
        self
    }

    /// How long a shutdown waits for the event in hand. Ten seconds, if not set.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }
}
