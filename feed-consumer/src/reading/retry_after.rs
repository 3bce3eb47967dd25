//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{CACHE_CONTROL, RETRY_AFTER};

/// The longest that a server is obeyed: what it says may be a mistake.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The time that `Retry-After` names (RFC 9110, section 10.2.3), in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse().map(Duration::from_secs) {
        Ok(wait) => wait,
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST))
}

/// For how long a document is fresh, as `Cache-Control` says (RFC 9111, section 5.2.2.1).
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let seconds = fields
        .flat_map(|field| field.split(','))
        .filter_map(|directive| directive.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))?
        .1
        .trim()
        .trim_matches('"')
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let wait = retry_after(&headers(RETRY_AFTER, value), now);
            assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn max_age_is_found_among_other_directives() {
        for (value, seconds) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=5, immutable", Some(5)),
            ("max-age=99999999", Some(3600)),
            ("s-maxage=10", None),
            ("no-cache", None),
        ] {
            let age = max_age(&headers(CACHE_CONTROL, value));
            assert_eq!(age.map(|age| age.as_secs()), seconds, "{value}");
        }
    }
}
