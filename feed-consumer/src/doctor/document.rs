//! Whether the document is valid Atom, its ids, and its order.

use std::collections::HashMap;
use std::time::Duration;

use feed_protocol::atom::{self, Examined};
use http::StatusCode;

use super::{Examination, Extent, LIMITS, Verdict};
use crate::clock;
use crate::reading::client::probe::Probed;

/// How many breaches are told one by one.
const TOLD: usize = 10;

/// How far in the future an entry may be.
const AHEAD: Duration = Duration::from_secs(60);

impl Examination {
    /// Looks for what the document breaks; `None` if it is no feed.
    pub(super) fn look_at_document(&mut self, first: &Probed) -> Option<Examined> {
        let examined = match atom::examine_document(&first.body, &LIMITS) {
            Ok(examined) => examined,
            Err(error) => {
                let text = String::from_utf8_lossy(&first.body[..first.body.len().min(1000)]);
                let other = if text.contains("<rss") || text.contains("<rdf:RDF") {
                    ": it is RSS, and only Atom is read"
                } else {
                    ""
                };
                let message = format!("it is no Atom feed: {error}{other}");
                self.tell_by("atom", Verdict::Fails, message, "RFC 4287, section 2");
                return None;
            }
        };
        self.tell_breaches("atom", &examined);
        if let Err(error) = atom::read_document(&first.body, &LIMITS) {
            let message = format!("a consumer cannot read it: {error}");
            self.tell("readable", Verdict::Fails, message);
        }
        let times = examined.entries.iter().filter_map(|it| it.updated);
        let span = times.clone().max().zip(times.min());
        self.facts.document = Some(Extent {
            entries: examined.entries.len(),
            span: span.and_then(|(newest, oldest)| (newest - oldest).to_std().ok()),
        });
        Some(examined)
    }

    /// Tells what a document breaks of RFC 4287, if it breaks anything.
    fn tell_breaches(&mut self, check: &'static str, examined: &Examined) {
        if examined.breaches.is_empty() {
            let entries = examined.entries.len();
            let message = format!("valid, with {entries} entries");
            return self.tell(check, Verdict::Ok, message);
        }
        // The worst first.
        let (must, should): (Vec<_>, Vec<_>) = examined.breaches.iter().partition(|it| it.is_must);
        for breach in must.iter().chain(&should).take(TOLD) {
            let verdict = if breach.is_must { Verdict::Fails } else { Verdict::Warning };
            let message = format!("{} {}", breach.place, breach.what);
            let reference = format!("RFC 4287, section {}", breach.section);
            self.tell_by(check, verdict, message, reference);
        }
        let others = examined.breaches.len().saturating_sub(TOLD);
        if others > 0 {
            let verdict = if must.len() > TOLD { Verdict::Fails } else { Verdict::Warning };
            self.tell(check, verdict, format!("and {others} more of the kind"));
        }
    }

    /// Looks at the order of the entries, and at their times.
    pub(super) fn look_at_order(&mut self, examined: &Examined) {
        let times: Vec<_> = examined.entries.iter().filter_map(|it| it.updated).collect();
        let now = clock::now() + AHEAD;
        let ahead = times.iter().filter(|it| std::time::SystemTime::from(**it) > now).count();
        if ahead > 0 {
            let message = format!("{ahead} entries were updated in the future");
            self.tell_by("dates", Verdict::Warning, message, "RFC 4287, section 4.2.15");
        }
        let reference = "RFC 4287, section 4.1.1";
        if self.facts.positions.is_some() {
            self.tell("order", Verdict::Ok, "by position");
        } else if times.len() < 2 {
            self.tell("order", Verdict::Ok, "too few entries to tell");
        } else if times.is_sorted_by(|a, b| a > b) {
            self.tell("order", Verdict::Ok, "newest first, by updated");
        } else if times.is_sorted_by(|a, b| a >= b) {
            let message = "newest first, and some entries share a time: their order is a guess";
            self.tell_by("order", Verdict::Note, message, reference);
        } else if times.is_sorted() {
            let message = "oldest first, by updated; no order is promised";
            self.tell_by("order", Verdict::Note, message, reference);
        } else {
            let message =
                "none that can be seen: entries are sorted by updated, as far as it tells";
            self.tell_by("order", Verdict::Note, message, reference);
        }
    }

    /// Fetches the document once more, and compares.
    pub(super) async fn look_again(&mut self, first: &Probed, examined: &Examined) {
        let url = self.doctor.url.clone();
        let again = match self.ask(&url, &[]).await {
            Ok(again) if again.status == StatusCode::OK => again,
            Ok(again) => {
                let message = format!("the second time, the answer is {}", again.status);
                return self.tell("ids-stable", Verdict::Warning, message);
            }
            Err(reason) => return self.tell("ids-stable", Verdict::Warning, reason),
        };
        let Ok(second) = atom::examine_document(&again.body, &LIMITS) else {
            let message = "the second time, it is no Atom feed";
            return self.tell("ids-stable", Verdict::Fails, message);
        };
        let changed = match (&examined.id, &second.id) {
            (Some(before), Some(now)) if before != now => {
                let message = format!("the feed was {before}, and is {now} the second time");
                self.tell_by("ids-stable", Verdict::Fails, message, "RFC 4287, section 4.2.6");
                return;
            }
            _ => ids_that_changed(examined, &second),
        };
        if changed > 0 {
            let message = format!("{changed} entries had another id the second time");
            self.tell_by("ids-stable", Verdict::Fails, message, "RFC 4287, section 4.2.6");
        } else {
            let message = "the same when fetched twice";
            self.facts.ids_are_stable = !examined.entries.iter().any(|it| it.id.is_none());
            self.tell("ids-stable", Verdict::Ok, message);
        }
        self.compare_tags(first, &again);
    }
}

/// How many entries are gone from a document, while as many with other ids and the same dates
/// have come: the same entries under other names.
fn ids_that_changed(before: &Examined, now: &Examined) -> usize {
    let count = |document: &Examined| {
        let mut ids: HashMap<_, Vec<String>> = HashMap::new();
        for entry in &document.entries {
            if let (Some(id), Some(updated)) = (&entry.id, entry.updated) {
                ids.entry(updated).or_default().push(id.clone());
            }
        }
        ids
    };
    let (before, now) = (count(before), count(now));
    let renamed = before.iter().filter_map(|(updated, ids)| {
        let present = now.get(updated).filter(|present| present.len() == ids.len())?;
        Some(ids.iter().filter(|id| !present.contains(id)).count())
    });
    renamed.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feed of entries with these ids and days.
    fn feed(entries: &[(&str, u32)]) -> Examined {
        let entry = |(id, day): &(&str, u32)| {
            format!("<entry><id>{id}</id><updated>2021-01-{day:02}T00:00:00Z</updated></entry>")
        };
        let entries: String = entries.iter().map(entry).collect();
        let text = format!("<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>");
        atom::examine_document(text.as_bytes(), &LIMITS).unwrap()
    }

    #[test]
    fn an_entry_under_another_id_is_told_from_one_that_came_or_went() {
        let before = feed(&[("urn:a", 3), ("urn:b", 2), ("urn:c", 1)]);
        let changed = |now: &[(&str, u32)]| ids_that_changed(&before, &feed(now));
        assert_eq!(changed(&[("urn:a", 3), ("urn:b", 2), ("urn:c", 1)]), 0);
        assert_eq!(changed(&[("urn:n", 4), ("urn:a", 3), ("urn:b", 2)]), 0);
        assert_eq!(changed(&[("urn:n", 3), ("urn:a", 3), ("urn:b", 2)]), 0);
        assert_eq!(changed(&[("urn:x", 3), ("urn:y", 2), ("urn:c", 1)]), 2);
    }
}
