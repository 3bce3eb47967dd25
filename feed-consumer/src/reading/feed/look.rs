//! Whether the last event is still what it was.
//!
//! A database that was put back to an earlier state, without a new incarnation, gives positions
//! again that it gave before, to other events: going on would pass over them. Only the last event
//! tells. It may have been read under another filter than the present one, so it is looked at
//! without any. It is looked at before anything is handed on from an answer that might come of another
//! database than the one before it: one over a new connection, since the server may have been
//! started anew, and one after a rest, since behind a proxy the connection tells nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::documents::{Answer, Run, Wanted};
use super::{FeedNews, FeedReader};
use crate::cursor::digest::last_event;
use crate::reading::client::ConnectionId;
use crate::reading::error::{Discontinuity, ReadError};
use crate::store::{LastEvent, Validators};

/// For how long the last event need not be looked at again, while the connection stays the same
/// and news follows news. No database is put back in less.
const RECENT: Duration = Duration::from_secs(1);

/// The last event read, and when it was last seen.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) event: Option<LastEvent>,
    /// `None` after an interruption.
    sighting: Option<Sighting>,
    /// What makes it cheap to look at the same event again.
    looked: Validators,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    connection: Option<ConnectionId>,
    at: Instant,
    /// There has been an answer without news since.
    has_rested: bool,
    /// A cache may have kept the page, and shows what the feed was.
    on_full_page: bool,
}

/// What an answer is, whose news are about to be handed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) connection: Option<ConnectionId>,
    pub(super) is_news: bool,
    pub(super) is_full_page: bool,
}

impl Last {
    /// One that has yet to be looked at.
    pub(super) fn new(event: Option<LastEvent>) -> Self {
        Self { event, sighting: None, looked: Validators::default() }
    }

    /// Another event is the last one, since an answer shows it.
    pub(super) fn replace(&mut self, event: LastEvent, found: Found) {
        *self = Self::new(Some(event));
        self.see(found.connection, found.is_full_page);
    }

    /// Something may have happened to the feed.
    pub(super) fn interrupt(&mut self) {
        self.sighting = None;
    }

    /// There is nothing new.
    pub(super) fn rest(&mut self) {
        if let Some(sighting) = &mut self.sighting {
            sighting.has_rested = true;
        }
    }

    /// Whether it must be looked at before anything else is asked for.
    pub(super) fn is_unseen(&self) -> bool {
        self.event.is_some() && self.sighting.is_none()
    }

    fn see(&mut self, connection: Option<ConnectionId>, on_full_page: bool) {
        let at = Instant::now();
        self.sighting = Some(Sighting { connection, at, has_rested: false, on_full_page });
    }

    /// Whether it must be looked at before an answer is believed.
    fn must_be_seen_for(&self, found: Found) -> bool {
        if self.event.is_none() {
            return false;
        }
        let Some(sighting) = self.sighting else { return true };
        let same = sighting.connection.is_some() && sighting.connection == found.connection;
        let long_ago = sighting.has_rested || sighting.at.elapsed() > RECENT;
        let kept = sighting.on_full_page && !found.is_full_page;
        !same || kept || (long_ago && found.is_news)
    }
}

impl FeedReader {
    /// Makes sure that an answer is of the feed that was read so far.
    pub(super) async fn confirm(&mut self, found: Found) -> Result<(), ReadError> {
        if self.last.must_be_seen_for(found) {
            self.look().await?;
        }
        Ok(())
    }

    /// Makes sure that a stream is of the feed that was read so far.
    ///
    /// It stands open while the last event is looked at over another connection, so that it counts
    /// as seen over its own: there need not be another look for the next news.
    pub(super) async fn confirm_stream(&mut self, found: Found) -> Result<(), ReadError> {
        self.confirm(found).await?;
        self.last.see(found.connection, false);
        Ok(())
    }

    /// Looks at the last event, and reads what follows it in the same document.
    pub(super) async fn look_and_read_on(&mut self) -> Result<Option<FeedNews>, ReadError> {
        let (position, run) = (self.position, self.look().await?);
        // Without the filter it shows what is not to be handled.
        if self.is_filtered {
            return Ok(None);
        }
        let Some(mut run) = run.filter(|run| run.range.last() > position) else { return Ok(None) };
        run.events.retain(|event| event.position > position);
        let found = Found { connection: run.connection, is_news: true, is_full_page: false };
        Ok(Some(self.passed(run.events, run.scope, run.range.last(), found)))
    }

    /// Looks at the last event, and tells what it saw, unless that has not changed.
    pub(super) async fn look(&mut self) -> Result<Option<Run>, ReadError> {
        let Some(last) = self.last.event.clone() else { return Ok(None) };
        let after = last.position.back_by(1);
        let url = self.standing().feed.addresses.whole_tail(after);
        let validators = Some(&self.last.looked);
        let wanted = Wanted { url: &url, after, wait: None, validators, fresh: true, next: None };
        let run = match self.get(wanted).await? {
            Answer::Run(run) => run,
            Answer::NotModified { connection, .. } => {
                self.last.see(connection, false);
                return Ok(None);
            }
        };
        self.compare(&last, &run)?;
        self.last.see(run.connection, false);
        self.last.looked = run.validators.clone();
        Ok(Some(run))
    }

    /// Compares the last event with what is there now.
    fn compare(&self, last: &LastEvent, run: &Run) -> Result<(), Discontinuity> {
        let found = match run.events.first() {
            Some(found) if last_event(found) == *last => return Ok(()),
            None if run.range.is_empty() => return Err(self.beyond_head(Some(run.range.last()))),
            Some(found) if found.position == last.position => {
                let (id, source) = (found.event.id(), found.event.source());
                if *id == last.id && *source == last.source {
                    "the same event with another content".to_owned()
                } else {
                    format!("the event {id} of {source}")
                }
            }
            _ => "no event".to_owned(),
        };
        Err(Discontinuity::OtherEvent {
            url: self.url.to_string(),
            position: last.position,
            source_attribute: last.source.to_string(),
            id: last.id.to_string(),
            found,
        })
    }
}
