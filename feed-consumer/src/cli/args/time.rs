//! Lengths of time.

use std::time::Duration;

/// A length of time that is not none, from text such as `30s`.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    const REMEDY: &str = "use a duration such as '30s'";
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err(format!("nothing takes no time: {REMEDY}")),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}: {REMEDY}")),
    }
}
