//! What became of a publish, in the words of docs/METRICS.md.

use super::PublishError;
use crate::store::{Appended, Refusal};

/// What became of a publish; `None` of one without events.
pub(super) fn of(published: &Result<Vec<Appended>, PublishError>) -> Option<&'static str> {
    Some(match published {
        Ok(events) if events.is_empty() => return None,
        Ok(events) if events.iter().any(|event| event.created) => "created",
        Ok(_) => "existing",
        Err(error) => match error {
            PublishError::UnknownFeed(_) => "unknown_feed",
            PublishError::Invalid(_) => "invalid",
            PublishError::TooLarge { .. } => "too_large",
            PublishError::Refused(Refusal::Conflict { .. }) => "conflict",
            PublishError::Refused(Refusal::VersionMismatch { .. }) => "version_mismatch",
            PublishError::Refused(Refusal::SubjectBusy) => "subject_busy",
            PublishError::Overloaded => "overloaded",
            PublishError::Unknown(_) | PublishError::Transaction(_) => "unknown",
            PublishError::ShuttingDown => "shutting_down",
        },
    })
}
