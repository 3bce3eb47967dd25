//! How long a client is willing to wait (RFC 7240, section 4.3).

use std::time::Duration;

use axum::response::IntoResponse;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::HandlerResult;

/// The preferences of a request.
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Which of them the answer honours.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// That a client may have waited for the answer, so that its time says nothing of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited;

/// Marks what comes of a wait as [`Waited`] for, a failure too.
pub(super) fn waited(result: HandlerResult) -> HandlerResult {
    let mut response = result.into_response();
    response.extensions_mut().insert(Waited);
    Ok(response)
}

/// A wait that a client prefers, cut to what the server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(Duration);

impl Wait {
    /// The `wait` preference of a request, if it states one: the first, if it states several.
    /// Only whole seconds count.
    pub(super) fn preferred(headers: &HeaderMap, cap: Duration) -> Option<Self> {
        let fields = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let preferences = fields.flat_map(|field| field.split(','));
        let seconds: &str = preferences
            .filter_map(|preference| preference.split(';').next()?.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))?
            .1
            .trim()
            .trim_matches('"');
        let is_number = !seconds.is_empty() && seconds.bytes().all(|it| it.is_ascii_digit());
        // A number too large for a number is a wish beyond any cap.
        let seconds = is_number.then(|| seconds.parse().unwrap_or(u64::MAX))?;
        Some(Self(Duration::from_secs(seconds).min(cap)))
    }

    /// How long.
    pub(super) const fn duration(self) -> Duration {
        self.0
    }

    /// What the answer says of it.
    pub(super) fn applied(self) -> HeaderValue {
        HeaderValue::try_from(format!("wait={}", self.0.as_secs()))
            .expect("made of characters that a header field may hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_found_among_other_preferences_and_cut_to_the_cap() {
        let cap = Duration::from_secs(30);
        for (value, expected) in [
            ("wait=10", Some(10)),
            ("respond-async, Wait=10; foo=bar", Some(10)),
            ("wait=\"5\"", Some(5)),
            ("wait = 7", Some(7)),
            ("wait=9999", Some(30)),
            ("wait=99999999999999999999", Some(30)),
            ("wait=+5", None),
            ("wait=0", Some(0)),
            ("wait=-1", None),
            ("wait", None),
            ("waiting=3", None),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            let wait = Wait::preferred(&headers, cap).map(|it| it.duration().as_secs());
            assert_eq!(wait, expected, "{value}");
        }
    }
}
