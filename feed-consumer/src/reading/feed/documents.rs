//! Gets pages and tails, and tells what is wrong with them.

use std::time::Duration;

use feed_protocol::cloudevents::{self, Selection};
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::{Cursor, Position, PositionRange, ProblemType, Recorded};
use http::{HeaderMap, HeaderName};
use url::Url;

use super::FeedReader;
use crate::reading::client::{ConnectionId, Document, Request, Response};
use crate::reading::contiguity;
use crate::reading::error::ReadError;
use crate::reading::interest::Scope;
use crate::store::Validators;

/// Which preferences were honoured (RFC 7240).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How many events a document may hold.
const MAX_EVENTS: usize = 10_000;

/// The answer to a request for a page or a tail.
pub(super) enum Answer {
    /// The document.
    Run(Run),
    /// That it has not changed.
    NotModified {
        /// Over which connection it says so.
        connection: Option<ConnectionId>,
        /// Whether the server says that it has held the request.
        is_held: bool,
    },
}

/// A page or a tail.
pub(super) struct Run {
    pub(super) range: PositionRange,
    /// The events after the position from which it was to be read on, oldest first: those of the
    /// scope, and in any case the one at the next position and the last.
    pub(super) events: Vec<Recorded>,
    pub(super) scope: Scope,
    pub(super) validators: Validators,
    pub(super) connection: Option<ConnectionId>,
    /// Whether the server says that it has held the request.
    pub(super) is_held: bool,
}

/// What to ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// A page or a tail.
    pub(super) url: &'a Url,
    /// What comes after this position.
    pub(super) after: Position,
    /// How long the server may wait for news.
    pub(super) wait: Option<Duration>,
    /// What is there already.
    pub(super) validators: Option<&'a Validators>,
    /// Whether no cache may answer without asking the server.
    pub(super) fresh: bool,
    /// The page to get meanwhile.
    pub(super) next: Option<&'a Url>,
}

impl FeedReader {
    /// Gets a page or a tail, and proves that nothing is left out in it.
    pub(super) async fn get(&self, wanted: Wanted<'_>) -> Result<Answer, ReadError> {
        let Wanted { url, after, wait, validators, fresh, next } = wanted;
        let accept = cloudevents::BATCH_MEDIA_TYPE;
        let request = Request { url, accept, wait, fresh, validators };
        match self.ahead.answer(&self.client, request).await {
            Ok(Response::NotModified { headers, connection }) => {
                Ok(Answer::NotModified { connection, is_held: is_held(&headers) })
            }
            Ok(Response::Document(document)) => {
                if let Some(next) = next {
                    self.ahead.begin(&self.client, next, accept, document.body.len());
                }
                let run = self.run(url, after, &document).map(Answer::Run);
                if run.is_err() {
                    // What cannot be read must not come out of our own cache again.
                    self.client.forget(request).await;
                }
                run
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Recognises the errors after which there is no going on.
    pub(super) fn explain(&self, error: ReadError) -> ReadError {
        let ReadError::Status { problem: Some(problem), .. } = &error else { return error };
        let member = |name: &str| problem.members.get(name);
        match problem.kind {
            ProblemType::IncarnationGone => {
                let present = member("incarnation").and_then(|it| it.as_str()?.parse().ok());
                self.new_incarnation(present).into()
            }
            ProblemType::BeyondHead => {
                let head = member("head").and_then(|it| Position::new(it.as_u64()?));
                self.beyond_head(head).into()
            }
            _ => error,
        }
    }

    /// The page or tail of an answer.
    fn run(&self, url: &Url, after: Position, answer: &Document) -> Result<Run, ReadError> {
        let media_type = answer.media_type();
        if media_type != cloudevents::BATCH_MEDIA_TYPE {
            let expected = cloudevents::BATCH_MEDIA_TYPE;
            return Err(nonsense(url, format!("it is {media_type:?}, and not {expected}")));
        }
        let range = header(url, &answer.headers, FEED_RANGE)?;
        let cursor: Cursor = header(url, &answer.headers, FEED_CURSOR)?;
        if cursor.incarnation != self.incarnation {
            let reason = format!("it is of incarnation {}", cursor.incarnation);
            return Err(nonsense(url, reason));
        }
        let scope = self.interest.scope();
        let batch = if scope.is_everything() {
            cloudevents::read_recorded_batch(&answer.body, MAX_EVENTS).map(Selection::from)
        } else {
            let next = after.next();
            cloudevents::select_recorded(&answer.body, MAX_EVENTS, |outline| {
                outline.position == next || scope.wants(outline)
            })
        };
        let batch = batch.map_err(|error| nonsense(url, error))?;
        let events = contiguity::after_cursor(after, range, batch, self.is_filtered)
            .map_err(|gap| nonsense(url, gap))?;
        let (validators, is_held) = (answer.validators(), is_held(&answer.headers));
        Ok(Run { range, events, scope, validators, connection: answer.connection, is_held })
    }
}

/// Whether a server says that it has honoured the wish to wait (RFC 7240, section 3).
fn is_held(headers: &HeaderMap) -> bool {
    let applied = headers.get_all(PREFERENCE_APPLIED).iter().filter_map(|it| it.to_str().ok());
    applied.flat_map(|it| it.split(',')).any(|it| it.trim_start().starts_with("wait"))
}

pub(super) fn nonsense(url: &Url, reason: impl ToString) -> ReadError {
    ReadError::Nonsense { url: url.to_string(), reason: reason.to_string() }
}

/// A header field that must be there.
fn header<T>(url: &Url, headers: &HeaderMap, name: &'static str) -> Result<T, ReadError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| nonsense(url, format!("it has no header field {name}")))?;
    value.parse().map_err(|error| nonsense(url, error))
}
