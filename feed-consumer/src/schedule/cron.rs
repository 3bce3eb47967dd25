//! Times on the clock, as cron has them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use super::LONGEST_INTERVAL;
use super::timetable::{Situation, Timetable, When};
use crate::clock;

/// Times on the clock of a time zone: minute, hour, day of the month, month, day of the week.
///
/// From text: `"*/5 8-18 * * MON-FRI"@Europe/Berlin`. The quotation marks may be left out, and so
/// may the zone: then it is UTC. Days of the week are `MON` to `SUN`, or 0 to 7 from Sunday to
/// Sunday; where both days are restricted, either will do. `@hourly`, `@daily` and their like are
/// patterns as well.
///
/// When clocks go forward, a fixed time that is left out (`30 2 * * *`) comes right after the gap.
/// When they go back, it comes once, and a pattern with a `*` in its minutes or hours in both
/// hours.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: Arc<croner::Cron>,
    text: String,
    zone: Tz,
}

impl Cron {
    /// The first time after this one.
    fn after(&self, time: DateTime<Utc>) -> Result<DateTime<Utc>, CronError> {
        let time = time.with_timezone(&self.zone);
        Ok(self.pattern.find_next_occurrence(&time, false)?.with_timezone(&Utc))
    }
}

impl Timetable for Cron {
    fn next(&self, situation: &Situation) -> When {
        // A pattern that has had a time will have another, until the calendar of croner ends.
        self.after(situation.now).map_or(When::After(LONGEST_INTERVAL), When::At)
    }
}

/// The error is a reason in words.
impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, zone) = split(text)?;
        let zone: Tz = match zone {
            Some(zone) => zone.parse().map_err(|_| {
                format!("{zone:?} is no time zone of the IANA database, as Europe/Berlin is one")
            })?,
            None => Tz::UTC,
        };
        let fields = pattern.split_whitespace().count();
        if !pattern.starts_with('@') && fields != 5 {
            return Err(format!(
                "{pattern:?} has {fields} fields, and not the five of cron: minute, hour, day of \
                 the month, month, day of the week"
            ));
        }
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser
            .parse(pattern)
            .map_err(|error| format!("{pattern:?} is no pattern of cron: {error}"))?;
        let cron = Self { pattern: Arc::new(parsed), text: pattern.to_owned(), zone };
        match cron.after(clock::now().into()) {
            Ok(_) => Ok(cron),
            Err(_) => Err(format!("{pattern:?} never comes: no such day is in any calendar")),
        }
    }
}

/// The pattern, and the zone if one is stated.
fn split(text: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (pattern, rest) = quoted
            .split_once('"')
            .ok_or("the quotation mark before the pattern has no other behind it")?;
        return match rest.strip_prefix('@') {
            Some(zone) => Ok((pattern.trim(), Some(zone))),
            None if rest.is_empty() => Ok((pattern.trim(), None)),
            None => Err(format!(
                "behind the pattern stands {rest:?}, and not a time zone such as @Europe/Berlin"
            )),
        };
    }
    // The first character may be that of a pattern such as @daily.
    let zone = text.char_indices().skip(1).find(|(_, it)| *it == '@').map(|(at, _)| at);
    Ok(match zone {
        Some(at) => (text[..at].trim(), Some(&text[at + 1..])),
        None => (text.trim(), None),
    })
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.text)?;
        match self.zone {
            Tz::UTC => Ok(()),
            zone => write!(f, "@{zone}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(text: &str) -> Cron {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The next times after one, as the zone's clocks show them.
    fn times(text: &str, after: &str, count: usize) -> Vec<String> {
        let cron = cron(text);
        let mut time: DateTime<Utc> = after.parse().unwrap();
        let mut next = || {
            time = cron.after(time).unwrap();
            time.with_timezone(&cron.zone).format("%a %d %H:%M %Z").to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_pattern_has_its_times_in_its_zone() {
        // A Friday evening in Berlin, where it is an hour later.
        let friday = "2026-11-20T17:52:00Z";
        assert_eq!(
            times("\"*/5 8-18 * * MON-FRI\"@Europe/Berlin", friday, 3),
            ["Fri 20 18:55 CET", "Mon 23 08:00 CET", "Mon 23 08:05 CET"]
        );
        assert_eq!(times("*/5 8-18 * * 1-5", friday, 2), ["Fri 20 17:55 UTC", "Fri 20 18:00 UTC"]);
        assert_eq!(times("@daily@America/New_York", friday, 1), ["Sat 21 00:00 EST"]);
        assert_eq!(times("0 0 * * 7", friday, 1), times("0 0 * * SUN", friday, 1));
    }

    #[test]
    fn a_time_that_clocks_leave_out_comes_right_after_the_gap() {
        let night = "2026-03-28T23:00:00Z";
        assert_eq!(
            times("30 2 * * *@Europe/Berlin", night, 2),
            ["Sun 29 03:00 CEST", "Mon 30 02:30 CEST"]
        );
        assert_eq!(
            times("*/30 * * * *@Europe/Berlin", "2026-03-29T00:15:00Z", 3),
            ["Sun 29 01:30 CET", "Sun 29 03:00 CEST", "Sun 29 03:30 CEST"]
        );
    }

    #[test]
    fn a_time_that_clocks_show_twice_comes_once_unless_the_hour_is_left_open() {
        let night = "2026-10-24T23:00:00Z";
        assert_eq!(
            times("30 2 * * *@Europe/Berlin", night, 2),
            ["Sun 25 02:30 CEST", "Mon 26 02:30 CET"]
        );
        assert_eq!(
            times("30 * * * *@Europe/Berlin", night, 4),
            ["Sun 25 01:30 CEST", "Sun 25 02:30 CEST", "Sun 25 02:30 CET", "Sun 25 03:30 CET"]
        );
    }

    #[test]
    fn each_time_is_later_than_the_one_before_it() {
        for text in ["* * * * *@Europe/Berlin", "30 2 * * *@Europe/Berlin", "0 0 29 2 *"] {
            let cron = cron(text);
            for hours in 0..24 * 366 {
                let start: DateTime<Utc> = "2026-01-01T00:00:59Z".parse().unwrap();
                let time = start + chrono::TimeDelta::hours(hours);
                assert!(cron.after(time).unwrap() > time, "{text} after {time}");
            }
        }
    }

    #[test]
    fn what_cron_does_not_know_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "has 0 fields"),
            ("* * * *", "has 4 fields"),
            ("0 * * * * *", "has 6 fields, and not the five of cron: minute, hour"),
            ("61 * * * *", "\"61 * * * *\" is no pattern of cron"),
            ("* 8-25 * * *", "no pattern of cron"),
            ("* * * * FUN", "no pattern of cron"),
            ("@sometimes", "no pattern of cron"),
            ("*/0 * * * *", "no pattern of cron"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 31 4,6,9,11 *", "never comes"),
            ("\"* * * * *", "has no other"),
            ("\"* * * * *\" Europe/Berlin", "not a time zone such as @Europe/Berlin"),
            ("* * * * *@Berlin", "\"Berlin\" is no time zone"),
            ("* * * * *@", "\"\" is no time zone"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
