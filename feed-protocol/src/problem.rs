//! The errors of the wire: problem details (RFC 9457).

use serde::Serialize;
use serde_json::{Map, Value};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problem, each with a stable URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemType {
    /// 400: the request cannot be read.
    BadRequest,
    /// 401: reading or publishing needs a token.
    Unauthorized,
    /// 403: the token does not allow it.
    Forbidden,
    /// 404: no such feed, page, entry or address.
    NotFound,
    /// 405: the address exists, the method does not; `Allow` names those that do.
    MethodNotAllowed,
    /// 406: no representation that the client accepts.
    NotAcceptable,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 409: the same source and id were published with other content.
    EventConflict,
    /// 409: the position lies beyond the feed's head.
    BeyondHead,
    /// 410: another incarnation; the present one is named.
    IncarnationGone,
    /// 412: the subject has another number of events than expected.
    VersionMismatch,
    /// 413: larger than a limit, which is named.
    TooLarge,
    /// 415: a media type that is not accepted; those that are, are named.
    UnsupportedMediaType,
    /// 422: read, and no event.
    InvalidEvent,
    /// 429: too many requests.
    TooManyRequests,
    /// 500: a fault of the server.
    Internal,
    /// 503: not now; `Retry-After` says when.
    Unavailable,
}

impl ProblemType {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestTimeout,
        Self::EventConflict,
        Self::BeyondHead,
        Self::IncarnationGone,
        Self::VersionMismatch,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidEvent,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status, the last part of the URI, and the title.
    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad-request", "The request cannot be read"),
            Self::Unauthorized => (401, "unauthorized", "A token is needed"),
            Self::Forbidden => (403, "forbidden", "The token does not allow this"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Method not allowed"),
            Self::NotAcceptable => (406, "not-acceptable", "No acceptable representation"),
            Self::RequestTimeout => (408, "request-timeout", "The request did not arrive in time"),
            Self::EventConflict => {
                (409, "event-conflict", "The event was published before with other content")
            }
            Self::BeyondHead => (409, "beyond-head", "The position lies beyond the head"),
            Self::IncarnationGone => (410, "incarnation-gone", "Another life of the feed"),
            Self::VersionMismatch => {
                (412, "version-mismatch", "The subject has another number of events")
            }
            Self::TooLarge => (413, "too-large", "Larger than the limit"),
            Self::UnsupportedMediaType => {
                (415, "unsupported-media-type", "Media type not accepted")
            }
            Self::InvalidEvent => (422, "invalid-event", "Not a valid event"),
            Self::TooManyRequests => (429, "too-many-requests", "Too many requests"),
            Self::Internal => (500, "internal", "A fault of the server"),
            Self::Unavailable => (503, "unavailable", "Not available now"),
        }
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.parts().0
    }

    /// The stable URI of the kind.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:feed-protocol:problem:{}", self.parts().1)
    }

    /// What the kind is, in words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.parts().2
    }

    /// The kind of this URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// A problem: its kind, what is wrong this time, and members that a client can act on.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The kind.
    pub kind: ProblemType,
    /// What is wrong this time, and what would be right. Nothing internal.
    pub detail: String,
    /// Extension members (RFC 9457, section 3.2).
    pub members: Map<String, Value>,
}

/// The members of a problem in the order in which they are written.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), members: Map::new() }
    }

    /// With a member that a client can act on.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> String {
        let body = Body {
            kind: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            members: &self.members,
        };
        let mut text = serde_json::to_string(&body).expect("strings and values are JSON");
        text.push('\n');
        text
    }

    /// The problem of a body; `None` if it is none of ours.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        let Value::Object(mut members) = serde_json::from_slice(body).ok()? else { return None };
        let kind = ProblemType::from_uri(members.remove("type")?.as_str()?)?;
        let detail = members.remove("detail")?.as_str()?.to_owned();
        members.remove("title");
        members.remove("status");
        Some(Self { kind, detail, members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_back_as_it_was_written() {
        for kind in ProblemType::ALL {
            let problem = Problem::new(kind, "because").with("limit", 5);
            assert_eq!(Problem::from_json(problem.to_json().as_bytes()), Some(problem));
        }
        assert_eq!(Problem::from_json(b"{\"type\":\"about:blank\"}"), None);
    }
}
