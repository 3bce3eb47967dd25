//! Validators and 304s, how long the document may be kept, and compression.

use http::StatusCode;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, EXPIRES, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use std::time::Duration;

use super::answer::size;
use super::{ATOM, Examination, Verdict};
use crate::reading::client::probe::{Probe, Probed};
use crate::reading::retry_after::max_age;

/// An entity tag that no server has given.
const UNKNOWN_TAG: &str = "\"feed-consumer-doctor\"";

/// Before any document was changed.
const LONG_AGO: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

impl Examination {
    /// Looks at all that saves requests and bytes.
    pub(super) async fn look_at_caching(&mut self, first: &Probed) {
        self.look_at_validators(first).await;
        self.look_at_lifetime(first);
        self.look_at_compression().await;
    }

    async fn look_at_validators(&mut self, first: &Probed) {
        let (etag, modified) = (first.header(ETAG), first.header(LAST_MODIFIED));
        let condition = match (&etag, &modified) {
            (Some(etag), _) => (IF_NONE_MATCH, etag.as_str()),
            (None, Some(modified)) => (IF_MODIFIED_SINCE, modified.as_str()),
            (None, None) => {
                self.facts.validators = Some(false);
                let message = "neither ETag nor Last-Modified: it is sent whole each time";
                return self.tell_by(
                    "validators",
                    Verdict::Warning,
                    message,
                    "RFC 9110, section 8.8",
                );
            }
        };
        let names = match (&etag, &modified) {
            (Some(_), Some(_)) => "ETag and Last-Modified",
            (Some(_), None) => "ETag",
            _ => "Last-Modified",
        };
        self.tell("validators", Verdict::Ok, names);
        let lies = self.looks_for_lies(etag.is_some(), modified.is_some()).await;
        let url = self.doctor.url.clone();
        let is_true = match self.ask(&url, &[condition]).await {
            Ok(answer) if answer.status == StatusCode::NOT_MODIFIED => {
                if etag.is_some() && !answer.headers.contains_key(ETAG) {
                    let message = "304 without the ETag, which it must repeat";
                    let reference = "RFC 9110, section 15.4.5";
                    self.tell_by("not-modified", Verdict::Fails, message, reference);
                } else if !lies {
                    self.tell("not-modified", Verdict::Ok, "304 while nothing has changed");
                }
                true
            }
            Ok(answer) if answer.status == StatusCode::OK && answer.body == first.body => {
                let message = "it is sent whole all the same, while nothing has changed";
                let reference = "RFC 9110, section 13.1";
                self.tell_by("not-modified", Verdict::Warning, message, reference);
                false
            }
            Ok(answer) if answer.status == StatusCode::OK => {
                let message = "the document differs from request to request, so no 304 was seen";
                self.tell("not-modified", Verdict::Note, message);
                false
            }
            Ok(answer) => {
                let message = format!("a conditional request is answered with {}", answer.status);
                self.tell_by("not-modified", Verdict::Fails, message, "RFC 9110, section 13.1");
                false
            }
            Err(reason) => {
                self.tell("not-modified", Verdict::Warning, reason);
                false
            }
        };
        self.facts.validators = Some(is_true && !lies);
    }

    /// Whether 304 is the answer to conditions that are true: then news would be missed.
    async fn looks_for_lies(&mut self, has_tag: bool, has_date: bool) -> bool {
        let url = self.doctor.url.clone();
        let mut lies = false;
        for (has, name, value) in
            [(has_tag, IF_NONE_MATCH, UNKNOWN_TAG), (has_date, IF_MODIFIED_SINCE, LONG_AGO)]
        {
            let field = name.clone();
            if has
                && let Ok(answer) = self.ask(&url, &[(name, value)]).await
                && answer.status == StatusCode::NOT_MODIFIED
            {
                lies = true;
                let message = format!(
                    "304 to {field}: {value}, which no document of it has: news would be missed"
                );
                self.tell_by("not-modified", Verdict::Fails, message, "RFC 9110, section 13.1");
            }
        }
        lies
    }

    /// Whether the entity tag tells two answers apart that differ.
    pub(super) fn compare_tags(&mut self, first: &Probed, again: &Probed) {
        let (before, now) = (first.header(ETAG), again.header(ETAG));
        if before.is_none() || before != now || first.body == again.body {
            return;
        }
        let is_weak = before.is_some_and(|it| it.starts_with("W/"));
        if is_weak {
            let message = "other bytes under the same weak ETag";
            self.tell_by("etag", Verdict::Note, message, "RFC 9110, section 8.8.1");
        } else {
            self.facts.validators = Some(false);
            let message = "other bytes under the same strong ETag: news would be missed";
            self.tell_by("etag", Verdict::Fails, message, "RFC 9110, section 8.8.1");
        }
    }

    fn look_at_lifetime(&mut self, first: &Probed) {
        let stated = first.header(CACHE_CONTROL).unwrap_or_default();
        let says =
            |directive: &str| stated.split(',').any(|it| it.trim().eq_ignore_ascii_case(directive));
        let age = max_age(&first.headers);
        self.facts.max_age = age;
        match age {
            _ if says("no-store") => {
                self.tell_by(
                    "cache-lifetime",
                    Verdict::Note,
                    "no-store: no cache may keep it",
                    "RFC 9111, section 5.2.2.5",
                );
            }
            Some(age) if age > Duration::from_secs(3600 - 1) => {
                let message = format!("{stated}: a cache between may be an hour behind, or more");
                let reference = "RFC 9111, section 5.2.2.1";
                self.tell_by("cache-lifetime", Verdict::Warning, message, reference);
            }
            Some(_) => self.tell("cache-lifetime", Verdict::Ok, stated),
            None if says("no-cache") => self.tell("cache-lifetime", Verdict::Ok, stated),
            None if first.headers.contains_key(EXPIRES) => {
                self.tell("cache-lifetime", Verdict::Ok, "by Expires");
            }
            None => {
                let message = "nothing is said of it, so caches guess";
                let reference = "RFC 9111, section 4.2.2";
                self.tell_by("cache-lifetime", Verdict::Note, message, reference);
            }
        }
    }

    async fn look_at_compression(&mut self) {
        let (plain, packed) =
            (self.ask_packed("identity").await, self.ask_packed("gzip, zstd").await);
        let (Ok(plain), Ok(packed)) = (plain, packed) else {
            return self.tell("compression", Verdict::Warning, "it could not be asked for");
        };
        let Some(coding) = packed.header(CONTENT_ENCODING) else {
            let message = "none is offered";
            return self.tell_by("compression", Verdict::Note, message, "RFC 9110, section 12.5.3");
        };
        let message =
            format!("{coding}: {} instead of {}", size(packed.body.len()), size(plain.body.len()));
        self.tell("compression", Verdict::Ok, message);
        let tag = packed.header(ETAG).filter(|it| !it.starts_with("W/"));
        if tag.is_some() && tag == plain.header(ETAG) && plain.body != packed.body {
            let message = "the same strong ETag with and without compression";
            self.tell_by("compression", Verdict::Warning, message, "RFC 9110, section 8.8.3.3");
        }
    }

    async fn ask_packed(&self, coding: &str) -> Result<Probed, ()> {
        let headers = [(ACCEPT, ATOM), (CACHE_CONTROL, "no-cache"), (ACCEPT_ENCODING, coding)];
        let (url, wait) = (&self.doctor.url, Duration::ZERO);
        let probe = Probe { url, headers: &headers, wait, only_beginning: false };
        match self.probe(&self.doctor.undecoded, probe).await {
            Ok(probed) if probed.status == StatusCode::OK => Ok(probed),
            _ => Err(()),
        }
    }
}
