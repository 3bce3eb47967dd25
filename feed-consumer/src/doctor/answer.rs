//! Whether the feed answers, and how.

use std::time::Duration;

use http::StatusCode;
use http::header::{AGE, CONTENT_TYPE, DATE};

use super::{Examination, Verdict};
use crate::reading::client::is_loopback;
use crate::reading::client::probe::Probed;

/// By how much the clocks may differ before it is told, beyond what the answer took.
const CLOCKS: Duration = Duration::from_secs(5);

/// When a difference of the clocks is no chance any more.
const WRONG_CLOCK: Duration = Duration::from_secs(120);

/// The size from which a document is worth a word, in bytes.
const LARGE: usize = 1024 * 1024;

impl Examination {
    /// Asks for the document for the first time.
    pub(super) async fn reach(&mut self) -> Option<Probed> {
        let url = self.doctor.url.clone();
        match self.ask(&url, &[]).await {
            Ok(probed) if probed.status == StatusCode::OK => {
                let took = Duration::from_millis(probed.took.as_millis() as u64);
                let took = humantime::format_duration(took);
                self.tell("reachable", Verdict::Ok, format!("200 OK after {took}"));
                Some(probed)
            }
            Ok(probed) => {
                let remedy = match probed.status.as_u16() {
                    401 | 403 => ": name a token that may read it (--token-file)",
                    404 => ": look at the address again",
                    410 => ": the feed is gone for good",
                    429 | 503 => ": ask again later",
                    _ => "",
                };
                let message = format!("the answer is {}, and not 200 OK{remedy}", probed.status);
                self.tell_by("reachable", Verdict::Fails, message, "RFC 9110, section 15");
                None
            }
            Err(reason) => {
                self.tell("reachable", Verdict::Fails, reason);
                None
            }
        }
    }

    /// What the first answer tells beside the document.
    pub(super) fn look_at_answer(&mut self, first: &Probed) {
        self.look_at_transport(first);
        self.look_at_redirects(first);
        self.look_at_media_type(first);
        self.look_at_size(first);
        self.look_at_clock(first);
    }

    fn look_at_transport(&mut self, first: &Probed) {
        if first.url.scheme() == "https" {
            self.tell("https", Verdict::Ok, "the connection is encrypted");
        } else if is_loopback(&first.url) {
            self.tell("https", Verdict::Ok, "http, on this machine");
        } else {
            let message = "http: whoever is between can read and change the feed";
            self.tell_by("https", Verdict::Warning, message, "RFC 9110, section 17.1");
        }
    }

    fn look_at_redirects(&mut self, first: &Probed) {
        let permanent = |status: &StatusCode| matches!(status.as_u16(), 301 | 308);
        if first.redirects.is_empty() {
            self.tell("redirects", Verdict::Ok, "none");
        } else if first.redirects.iter().all(|(status, _)| permanent(status)) {
            let message = format!("it has moved for good: name {} instead", first.url);
            self.tell_by("redirects", Verdict::Warning, message, "RFC 9110, section 15.4.2");
        } else {
            let message = format!("each request is led on to {}", first.url);
            self.tell("redirects", Verdict::Note, message);
        }
    }

    fn look_at_media_type(&mut self, first: &Probed) {
        let stated = first.header(CONTENT_TYPE).unwrap_or_default();
        let essence = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let reference = "RFC 4287, section 7";
        match &*essence {
            "application/atom+xml" => self.tell("media-type", Verdict::Ok, stated),
            "application/xml" | "text/xml" => {
                let message = format!("{essence}, where application/atom+xml would say what it is");
                self.tell_by("media-type", Verdict::Warning, message, reference);
            }
            _ => {
                let message = format!(
                    "{stated:?} is not that of an Atom feed, which is application/atom+xml"
                );
                self.tell_by("media-type", Verdict::Fails, message, reference);
            }
        }
    }

    fn look_at_size(&mut self, first: &Probed) {
        let bytes = first.body.len();
        self.facts.bytes = bytes;
        let message = format!("{} uncompressed", size(bytes));
        let verdict = if bytes > LARGE { Verdict::Note } else { Verdict::Ok };
        self.tell("size", verdict, message);
    }

    fn look_at_clock(&mut self, first: &Probed) {
        let reference = "RFC 9110, section 6.6.1";
        let Some(date) = first.header(DATE).and_then(|it| httpdate::parse_http_date(&it).ok())
        else {
            let message = "no Date: who has a clock must state it";
            return self.tell_by("clock", Verdict::Warning, message, reference);
        };
        // A cache states how long ago the origin has answered (RFC 9111, section 5.1).
        let age = first.header(AGE).and_then(|it| it.parse().ok()).map(Duration::from_secs);
        let date = date.checked_add(age.unwrap_or_default()).unwrap_or(date);
        let (apart, way) = match first.at.duration_since(date) {
            // The field has whole seconds.
            Ok(behind) => (behind.saturating_sub(Duration::from_secs(1)), "behind"),
            Err(error) => (error.duration(), "ahead of"),
        };
        let apart = apart.saturating_sub(first.took);
        let shown = humantime::format_duration(Duration::from_secs(apart.as_secs()));
        if apart <= CLOCKS {
            self.tell("clock", Verdict::Ok, "the server's is ours, within a few seconds");
        } else {
            let verdict = if apart > WRONG_CLOCK { Verdict::Warning } else { Verdict::Note };
            let message = format!("the server's is {shown} {way} ours");
            self.tell_by("clock", verdict, message, reference);
        }
    }
}

/// A number of bytes for people.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
    }
}
