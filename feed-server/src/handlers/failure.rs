//! From an error to a problem. The one place where errors meet status codes, and are logged.

use std::error::Error;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use feed_protocol::atom::AtomError;
use feed_protocol::cloudevents::CloudEventsError;
use feed_protocol::{InvalidEvent, Problem, ProblemType, problem};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tracing::error;

use crate::paging::PagingError;
use crate::publishing::PublishError;
use crate::store::{Refusal, StoreError};

/// After how many seconds it is worth to try again what was refused for lack of room.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A problem on its way to the client.
#[derive(Debug)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    headers: HeaderMap,
}

impl Failure {
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Why a batch was not published, and for which of its events, if it is one alone that is at
    /// fault. `oversized` is the first whose data is larger than the limit.
    pub(super) fn of_batch(error: PublishError, oversized: Option<usize>) -> Self {
        let index = match &error {
            PublishError::Refused(Refusal::Conflict { index, .. }) => Some(*index),
            PublishError::TooLarge { .. } => oversized,
            _ => None,
        };
        let mut failure = Self::from(error);
        if let Some(index) = index {
            let problem = &mut failure.problem;
            problem.detail = format!("event {index} of the batch: {}", problem.detail);
        }
        failure.with_index(index)
    }

    fn with_index(mut self, index: Option<usize>) -> Self {
        if let Some(index) = index {
            self.problem.members.insert("index".to_owned(), index.into());
        }
        self
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let mut headers = HeaderMap::new();
        if matches!(problem.kind, ProblemType::Unavailable | ProblemType::TooManyRequests) {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        Self { problem: Box::new(problem), headers }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.kind.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let fixed = [
            (header::CONTENT_TYPE, problem::MEDIA_TYPE),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (status, fixed, self.headers, self.problem.to_json()).into_response()
    }
}

impl From<PagingError> for Failure {
    fn from(error: PagingError) -> Self {
        match error {
            PagingError::NotFound => {
                Problem::new(ProblemType::NotFound, "The feed holds nothing there.").into()
            }
            PagingError::BeyondHead(head) => Problem::new(
                ProblemType::BeyondHead,
                format!("The newest event of the feed stands at position {head}."),
            )
            .with("head", head.get())
            .into(),
            PagingError::Large | PagingError::Crowded => Problem::new(
                ProblemType::Unavailable,
                "Too many large documents are being made or sent.",
            )
            .into(),
            PagingError::Store(error) => unavailable(&error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let detail = error.to_string();
        match error {
            PublishError::UnknownFeed(_) => Problem::new(ProblemType::NotFound, detail).into(),
            PublishError::Invalid(error) => error.into(),
            PublishError::TooLarge { limit, .. } => {
                Problem::new(ProblemType::TooLarge, detail).with("limit", limit).into()
            }
            PublishError::Refused(Refusal::Conflict { source_attribute, id, existing, .. }) => {
                let problem = Problem::new(ProblemType::EventConflict, detail)
                    .with("source", source_attribute.as_str())
                    .with("id", id.as_str());
                match existing {
                    Some(position) => problem.with("position", position.get()).into(),
                    None => problem.into(),
                }
            }
            PublishError::Refused(Refusal::VersionMismatch { expected, actual }) => {
                Problem::new(ProblemType::VersionMismatch, detail)
                    .with("expected", expected)
                    .with("actual", actual)
                    .into()
            }
            PublishError::Refused(Refusal::SubjectBusy)
            | PublishError::Overloaded
            | PublishError::ShuttingDown => Problem::new(ProblemType::Unavailable, detail).into(),
            // No request states a transaction.
            PublishError::Transaction(_) => Problem::new(ProblemType::Internal, detail).into(),
            // Logged where it happened, once for all who shared the commit.
            PublishError::Unknown(error) => Problem::new(
                kind_of(&error),
                "The database failed. Whether the event is stored is unknown; publishing it again \
                 with the same id settles it.",
            )
            .into(),
        }
    }
}

impl From<InvalidEvent> for Failure {
    fn from(error: InvalidEvent) -> Self {
        Problem::new(ProblemType::InvalidEvent, error.to_string())
            .with("field", error.field())
            .into()
    }
}

impl From<AtomError> for Failure {
    fn from(error: AtomError) -> Self {
        match error {
            AtomError::Malformed(detail) => Problem::new(ProblemType::BadRequest, detail).into(),
            AtomError::TooLarge { what, limit } => {
                Problem::new(ProblemType::TooLarge, what).with("limit", limit).into()
            }
            AtomError::Invalid(error) => error.into(),
        }
    }
}

impl From<CloudEventsError> for Failure {
    fn from(error: CloudEventsError) -> Self {
        let detail = error.to_string();
        match error {
            CloudEventsError::Malformed { index, .. } => {
                Self::from(Problem::new(ProblemType::BadRequest, detail)).with_index(index)
            }
            CloudEventsError::TooMany { limit } => {
                Problem::new(ProblemType::TooLarge, detail).with("limit", limit).into()
            }
            CloudEventsError::Invalid { index, error } => {
                let problem =
                    Problem::new(ProblemType::InvalidEvent, detail).with("field", error.field());
                Self::from(problem).with_index(index)
            }
        }
    }
}

/// The store failed: the whole chain goes to the log, and none of it to the client.
pub(super) fn unavailable(error: &Arc<StoreError>) -> Failure {
    error!(error = error.as_ref() as &dyn Error, "the store failed");
    Problem::new(kind_of(error), "The database did not answer.").into()
}

/// Whether trying again later may help.
fn kind_of(error: &StoreError) -> ProblemType {
    match error {
        StoreError::Unavailable(_) => ProblemType::Unavailable,
        _ => ProblemType::Internal,
    }
}
