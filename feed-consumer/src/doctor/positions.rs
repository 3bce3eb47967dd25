//! What only feeds with positions offer: proof that nothing is missing, long poll, and stream.

use std::time::Duration;

use feed_protocol::atom::{self, Examined, ReadDocument};
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::{Cursor, PositionRange};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, StatusCode};

use super::{ATOM, Examination, LIMITS, Verdict};
use crate::reading::addresses::names_types;
use crate::reading::client::probe::{Probe, Probed};

const STREAM: &str = "text/event-stream";

/// How long a server is asked to wait, to see whether it does.
const WAIT: Duration = Duration::from_secs(1);

/// What positions there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    /// The newest.
    pub(super) head: u64,
    /// Whether the oldest page begins with the first.
    pub(super) from_the_first: bool,
    /// Whether only some of the events are shown.
    pub(super) is_filtered: bool,
}

impl Examination {
    /// Looks whether the feed has positions, and at what comes with them.
    pub(super) async fn look_at_positions(&mut self, first: &Probed, examined: &Examined) {
        let document = atom::read_document(&first.body, &LIMITS).ok();
        let range = document.as_ref().and_then(|it| it.incarnation.as_ref().and(it.range));
        self.look_whether_current(first, examined, document.as_ref());
        let (Some(document), Some(range)) = (document, range) else {
            let message = "none: what was missed cannot be told, and news must be asked for";
            return self.tell("positions", Verdict::Note, message);
        };
        let is_filtered = names_types(&first.url);
        if !self.positions_are_proven(first, &document, range, is_filtered) {
            return;
        }
        let from_the_first = self.looks_at_the_oldest(first, examined).await;
        self.facts.positions =
            Some(Positions { head: range.last().get(), from_the_first, is_filtered });
        self.look_at_long_poll(first, examined).await;
        self.look_at_stream().await;
    }

    /// Tells if it is a page or a tail, in which no news will come.
    fn look_whether_current(
        &mut self,
        first: &Probed,
        examined: &Examined,
        document: Option<&ReadDocument>,
    ) {
        let incarnation = document.and_then(|it| it.incarnation.as_ref());
        let mut segments = first.url.path_segments().into_iter().flatten();
        let is_part = incarnation.is_some_and(|it| segments.any(|part| part == it.as_str()));
        if is_part || examined.archive {
            let current = examined.link("current").and_then(|href| first.url.join(href).ok());
            let remedy = current.map_or(String::new(), |url| format!(": name {url} instead"));
            let verdict = if is_part { Verdict::Fails } else { Verdict::Warning };
            let message = format!("it is not the current document of the feed{remedy}");
            self.tell_by("current", verdict, message, "RFC 5005, section 4");
        }
    }

    fn positions_are_proven(
        &mut self,
        first: &Probed,
        document: &ReadDocument,
        range: PositionRange,
        is_filtered: bool,
    ) -> bool {
        let reference = "docs/PROTOCOL.md, section 4";
        let mut found: Vec<_> = document.entries.iter().filter_map(|it| it.position).collect();
        found.sort_unstable();
        let is_within = found.iter().all(|it| *it >= range.first() && *it <= range.last());
        let is_whole = is_filtered || found.len() as u64 == range.len();
        if found.windows(2).any(|it| it[0] == it[1]) || !is_within || !is_whole {
            let message = format!("it states the range {range}, and its entries do not fill it");
            self.tell_by("positions", Verdict::Fails, message, reference);
            return false;
        }
        let cursor = first.header(FEED_CURSOR).and_then(|it| it.parse::<Cursor>().ok());
        let stated = first.header(FEED_RANGE).and_then(|it| it.parse::<PositionRange>().ok());
        if cursor.is_none() || stated != Some(range) {
            let message =
                "the header fields feed-cursor and feed-range are not those of the document";
            self.tell_by("positions", Verdict::Warning, message, reference);
        } else {
            let message = if range.is_empty() {
                "there are some, and no event has one yet".to_owned()
            } else {
                format!("{range} in the current document, without a gap")
            };
            self.tell("positions", Verdict::Ok, message);
        }
        true
    }

    /// Whether the oldest page begins with the first event.
    async fn looks_at_the_oldest(&mut self, first: &Probed, examined: &Examined) -> bool {
        let Some(href) = examined.link("last") else {
            let message = "no link to the oldest page ('last')";
            self.tell_by("oldest", Verdict::Fails, message, "docs/PROTOCOL.md, section 4");
            return false;
        };
        let (page, _) = match self.ask_linked(&first.url, href).await {
            Ok(found) => found,
            Err((verdict, reason)) => {
                self.tell("oldest", verdict, reason);
                return false;
            }
        };
        let range = atom::read_document(&page.body, &LIMITS).ok().and_then(|it| it.range);
        match range.map(|it| it.first().get()) {
            Some(1) => {
                self.tell("oldest", Verdict::Ok, "the oldest page begins with position 1");
                true
            }
            Some(position) => {
                let message = format!("the oldest page begins with position {position}");
                self.tell("oldest", Verdict::Warning, message);
                false
            }
            None => {
                let message = format!("{} states no range", page.url);
                self.tell_by("oldest", Verdict::Fails, message, "docs/PROTOCOL.md, section 4");
                false
            }
        }
    }

    async fn look_at_long_poll(&mut self, first: &Probed, examined: &Examined) {
        let reference = "RFC 7240, section 4.3";
        let tail = examined.link("previous").and_then(|href| first.url.join(href).ok());
        let Some(tail) = tail.filter(|it| self.doctor.client.may_ask(it)) else {
            let message = "no link to the tail ('previous') on this origin";
            return self.tell("long-poll", Verdict::Warning, message);
        };
        let prefer = HeaderName::from_static("prefer");
        let wait = format!("wait={}", WAIT.as_secs());
        let headers = [(ACCEPT, ATOM), (prefer, wait.as_str())];
        let probe = Probe { url: &tail, headers: &headers, wait: WAIT, only_beginning: false };
        match self.probe(&self.doctor.client, probe).await {
            Ok(answer) if answer.status != StatusCode::OK => {
                let message = format!("the tail is {}", answer.status);
                self.tell("long-poll", Verdict::Warning, message);
            }
            Ok(answer) => {
                let applied = answer.header("preference-applied").unwrap_or_default();
                // An answer before the time is over has news.
                let is_honoured = applied.contains("wait");
                self.facts.long_poll = is_honoured;
                if is_honoured {
                    let message = "the server waits for news, and says so (Preference-Applied)";
                    self.tell("long-poll", Verdict::Ok, message);
                } else {
                    let message = "the server did not wait for news, or a proxy keeps it from it";
                    self.tell_by("long-poll", Verdict::Warning, message, reference);
                }
            }
            Err(reason) => self.tell("long-poll", Verdict::Warning, reason),
        }
    }

    async fn look_at_stream(&mut self) {
        let url = self.doctor.url.clone();
        let headers = [(ACCEPT, STREAM), (CACHE_CONTROL, "no-cache")];
        let probe =
            Probe { url: &url, headers: &headers, wait: Duration::ZERO, only_beginning: true };
        match self.probe(&self.doctor.client, probe).await {
            Ok(answer) => {
                let kind = answer.header(CONTENT_TYPE).unwrap_or_default();
                let is_offered = answer.status == StatusCode::OK && kind.starts_with(STREAM);
                self.facts.stream = is_offered && !answer.body.is_empty();
                if self.facts.stream {
                    self.tell("stream", Verdict::Ok, "events are sent as they come");
                } else if is_offered {
                    let message = "offered, and nothing comes of it: a proxy may hold it back";
                    self.tell("stream", Verdict::Warning, message);
                } else {
                    self.tell("stream", Verdict::Note, "not offered");
                }
            }
            Err(reason) => self.tell("stream", Verdict::Warning, reason),
        }
    }
}
