//! What an answer means for the event.

use std::time::Duration;

use feed_protocol::Problem;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use crate::clock;
use crate::reading::retry_after::retry_after;

/// How much of a body is read: that of a short one, so that the connection can serve again.
const MAX_BYTES: usize = 64 * 1024;

/// For how long.
const MAX_TIME: Duration = Duration::from_secs(1);

/// How many characters of a text that explains a refusal are shown.
const SHOWN: usize = 200;

/// What a status means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is handled.
    Handled,
    /// It is handled too: the target has it already, or wants it no more.
    NotNeeded,
    /// Another try may succeed.
    TryAgain,
    /// No other try will.
    Refused,
}

impl Meaning {
    pub(super) fn of(status: StatusCode) -> Self {
        match status {
            _ if status.is_success() => Self::Handled,
            StatusCode::CONFLICT | StatusCode::GONE => Self::NotNeeded,
            // By what they say themselves: too slow, too early, too often.
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Self::TryAgain
            }
            _ if status.is_server_error() => Self::TryAgain,
            _ => Self::Refused,
        }
    }
}

/// What an answer says, in one line that repeats no secret of the request, and how long the target
/// wants to be left alone.
pub(super) async fn read(
    response: reqwest::Response,
    sent: &HeaderMap,
) -> (String, Option<Duration>) {
    let status = response.status();
    let wait = retry_after(response.headers(), clock::now());
    if status.is_redirection()
        && let Some(to) = response.headers().get(LOCATION)
    {
        // Where it leads may hold a secret in its query.
        let to = String::from_utf8_lossy(to.as_bytes());
        let to = one_line(to.split(['?', '#']).next().unwrap_or_default(), sent);
        let said = format!(
            "{status}: it redirects to {to}, and redirects are not followed: name the address \
             that takes events"
        );
        return (said, wait);
    }
    let body = some(response).await;
    let explanation = match Problem::from_json(&body) {
        Some(problem) => problem.detail,
        None => String::from_utf8_lossy(&body).into_owned(),
    };
    let explanation = one_line(&explanation, sent);
    let colon = if explanation.is_empty() { "" } else { ": " };
    (format!("{status}{colon}{explanation}"), wait)
}

/// The beginning of the body. It only explains, and may be missing.
async fn some(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= MAX_BYTES {
                break;
            }
        }
    };
    // What has come by then is enough.
    let _ = timeout(MAX_TIME, reading).await;
    body
}

/// The first line of a text, without control characters and without what we have sent as a secret.
fn one_line(text: &str, sent: &HeaderMap) -> String {
    let mut text = text.to_owned();
    for value in sent.values().filter_map(|value| value.to_str().ok()) {
        // Both the whole of `Bearer TOKEN` and its last word.
        for secret in [Some(value), value.split(' ').next_back()].into_iter().flatten() {
            if !secret.is_empty() {
                text = text.replace(secret, "***");
            }
        }
    }
    let line = text.trim().lines().next().unwrap_or_default();
    let shown: String = line.chars().filter(|it| !it.is_control()).take(SHOWN).collect();
    shown.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_meaning() {
        for (statuses, meaning) in [
            (&[200, 201, 202, 204, 299][..], Meaning::Handled),
            (&[409, 410], Meaning::NotNeeded),
            (&[408, 425, 429, 500, 501, 502, 503, 504, 599], Meaning::TryAgain),
            (&[301, 302, 304, 307, 308, 400, 401, 403, 404, 413, 415, 422], Meaning::Refused),
        ] {
            for status in statuses {
                let status = StatusCode::from_u16(*status).unwrap();
                assert_eq!(Meaning::of(status), meaning, "{status}");
            }
        }
    }

    #[test]
    fn an_explanation_is_one_short_line_without_our_secrets() {
        let sent = HeaderMap::from_iter([
            (http::header::AUTHORIZATION, "Bearer t0ken".parse().unwrap()),
            ("x-key".parse().unwrap(), "k3y".parse().unwrap()),
        ]);
        let text = "you sent Bearer t0ken, t0ken and k3y\u{1b}[31m.\nsecond line";
        assert_eq!(one_line(text, &sent), "you sent ***, *** and ***[31m");
        assert_eq!(one_line(&"x".repeat(1000), &sent).len(), SHOWN);
        assert_eq!(one_line(" \n ", &sent), "");
    }
}
