//! How and when the feed is read.

use std::time::Duration;

use super::ConsumerBuilder;
use crate::reading::client::options::HttpOptions;
use crate::reading::document::settings::{Updates, Vanished};
use crate::schedule::Schedule;
use crate::schedule::backoff::Backoff;

impl<H> ConsumerBuilder<H> {
    /// When to ask for news: one of the schedules that there are, or a [`Timetable`] of your own.
    /// Live, if not set.
    ///
    /// [`Timetable`]: crate::Timetable
    #[must_use]
    pub fn schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.settings.schedule = schedule.into();
        self
    }

    /// Whether to end once everything that the feed holds is handled. No, if not set.
    #[must_use]
    pub const fn until_idle(mut self, until_idle: bool) -> Self {
        self.settings.until_idle = until_idle;
        self
    }

    /// How long to wait after failures of reading, and of handling an event that is to stop the
    /// subscription ([`retry`](Self::retry)). At most 200 ms after the first, doubling up to at most
    /// a minute, if not set.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// How long failures in a row are borne, of reading, or of handling an event that is to stop the
    /// subscription ([`retry`](Self::retry)), before it ends with an error. For ever if `None`. The time counts from the first failure;
    /// a request that is under way when it is over may still succeed. A server that asks for a
    /// longer wait (`Retry-After`) is given up at once.
    ///
    /// If not set: for ever, or for five minutes if the subscription is to end by itself, since
    /// then somebody waits for it.
    #[must_use]
    pub const fn give_up_after(mut self, limit: Option<Duration>) -> Self {
        self.settings.give_up_after = Some(limit);
        self
    }

    /// How often an entry of a feed without positions is handled: once (if not set), or again
    /// whenever it has changed. The newest 10,000 entries that such a feed no longer shows are
    /// remembered, besides those that it does.
    #[must_use]
    pub const fn updates(mut self, updates: Updates) -> Self {
        self.settings.documents.updates = updates;
        self
    }

    /// What to do when a feed without positions no longer holds any entry that was handled, so
    /// that entries may have been missed. It ends with [`Discontinuity::Vanished`], if not set.
    ///
    /// [`Discontinuity::Vanished`]: crate::Discontinuity::Vanished
    #[must_use]
    pub const fn vanished(mut self, vanished: Vanished) -> Self {
        self.settings.documents.vanished = vanished;
        self
    }

    /// How many older pages of a feed without positions (RFC 5005: `prev-archive` or `next`) may
    /// be found before the first of them is handled; with 0, no link to them is followed. 10,000,
    /// if not set.
    #[must_use]
    pub const fn max_pages(mut self, count: u32) -> Self {
        self.settings.documents.max_pages = count;
        self
    }

    /// How requests are made: time-outs, tokens, proxies, certificates, a cache.
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.settings.http = options;
        self
    }
}
