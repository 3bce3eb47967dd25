//! Where older entries are, and whether they stay what they are (RFC 5005).

use std::time::Duration;

use feed_protocol::atom::{self, Examined};
use http::StatusCode;
use http::header::CACHE_CONTROL;

use super::{Examination, LIMITS, Verdict};
use crate::reading::client::probe::Probed;
use crate::reading::retry_after::max_age;

/// How many archives are looked at: the newest ones.
const ARCHIVES: usize = 3;

/// Where older entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Older {
    /// Nowhere.
    #[default]
    Nowhere,
    /// There are none: the document is the whole.
    Complete,
    /// On pages that shift as entries come.
    Paged,
    /// In archives, which did not change.
    Archived,
    /// In archives, which changed or could not be read.
    Unsure,
}

impl Examination {
    /// Follows the links to older entries, a little.
    pub(super) async fn look_at_older(&mut self, first: &Probed, examined: &Examined) {
        if let Some(href) = examined.link("prev-archive") {
            self.look_at_archives(first, examined, href).await;
        } else if examined.complete {
            self.facts.older = Older::Complete;
            let message = "the document says that it holds all entries";
            self.tell_by("archives", Verdict::Ok, message, "RFC 5005, section 2");
        } else if let Some(href) = examined.link("next") {
            self.look_at_paging(first, examined, href).await;
        } else if self.facts.positions.is_some() {
            self.tell("archives", Verdict::Ok, "no page is full yet");
        } else {
            let message = "none: entries that leave the document are gone";
            self.tell_by("archives", Verdict::Note, message, "RFC 5005, section 4");
        }
    }

    async fn look_at_archives(&mut self, first: &Probed, examined: &Examined, href: &str) {
        self.facts.older = Older::Unsure;
        let mut seen: Vec<(Probed, Examined)> = Vec::new();
        let (mut from, mut next) = (first.url.clone(), Some(href.to_owned()));
        while let Some(href) = next.take().filter(|_| seen.len() < ARCHIVES) {
            let (probed, archive) = match self.ask_linked(&from, &href).await {
                Ok(found) => found,
                Err((verdict, reason)) => return self.tell("archives", verdict, reason),
            };
            let known = seen.iter().any(|(it, _)| it.url == probed.url) || probed.url == first.url;
            if known {
                let message = format!("the links go round in a circle, at {}", probed.url);
                return self.tell_by("archives", Verdict::Fails, message, "RFC 5005, section 4");
            }
            next = archive.link("prev-archive").map(str::to_owned);
            from = probed.url.clone();
            seen.push((probed, archive));
        }
        self.look_at_marks(examined, &seen);
        if self.stay_the_same(&seen).await {
            self.facts.older = Older::Archived;
        }
    }

    /// What an archive says of itself.
    fn look_at_marks(&mut self, examined: &Examined, seen: &[(Probed, Examined)]) {
        let reference = "RFC 5005, section 4";
        let count = seen.len();
        let of_others = |it: &&(Probed, Examined)| it.1.id.is_some() && it.1.id != examined.id;
        if let Some((probed, _)) = seen.iter().find(of_others) {
            let message = format!("{} is of another feed, by its id", probed.url);
            self.tell_by("archives", Verdict::Warning, message, reference);
        } else if seen.iter().any(|(_, archive)| !archive.archive) {
            let message = "archives without fh:archive, by which they are known";
            self.tell_by("archives", Verdict::Warning, message, reference);
        } else if seen.iter().any(|(_, archive)| archive.link("current").is_none()) {
            let message = "archives without a link to the current document";
            self.tell_by("archives", Verdict::Warning, message, reference);
        } else {
            self.tell("archives", Verdict::Ok, format!("linked, and the newest {count} readable"));
        }
        let broken = seen.iter().flat_map(|(probed, it)| {
            it.breaches.iter().filter(|it| it.is_must).map(move |breach| (probed, breach))
        });
        if let Some((probed, breach)) = broken.clone().next() {
            let message = format!(
                "{} breaks {} rules of Atom, and the first is: {} {}",
                probed.url,
                broken.count(),
                breach.place,
                breach.what
            );
            let reference = format!("RFC 4287, section {}", breach.section);
            self.tell_by("archives", Verdict::Fails, message, reference);
        }
    }

    /// Fetches archives again, and compares.
    async fn stay_the_same(&mut self, seen: &[(Probed, Examined)]) -> bool {
        let (mut bytes_differ, mut entries_differ) = (None, None);
        for (before, archive) in seen {
            let again = match self.ask(&before.url, &[]).await {
                Ok(again) if again.status == StatusCode::OK => again,
                Ok(again) => {
                    let message = format!("the second time, {} is {}", before.url, again.status);
                    self.tell("archives-immutable", Verdict::Warning, message);
                    return false;
                }
                Err(reason) => {
                    self.tell("archives-immutable", Verdict::Warning, reason);
                    return false;
                }
            };
            self.compare_tags(before, &again);
            if again.body != before.body {
                bytes_differ.get_or_insert_with(|| before.url.clone());
                let now = atom::examine_document(&again.body, &LIMITS).map(|it| it.entries);
                if now.as_ref() != Ok(&archive.entries) {
                    entries_differ.get_or_insert_with(|| before.url.clone());
                }
            }
        }
        let is_ours = self.facts.positions.is_some();
        match (bytes_differ, entries_differ) {
            (Some(url), _) if is_ours => {
                let message = format!("{url} is not the same byte for byte, and a full page is");
                let reference = "docs/PROTOCOL.md, section 4";
                self.tell_by("archives-immutable", Verdict::Fails, message, reference);
                false
            }
            (_, Some(url)) => {
                let message = format!("the entries of {url} were others when fetched again");
                let reference = "RFC 5005, section 4";
                self.tell_by("archives-immutable", Verdict::Warning, message, reference);
                false
            }
            (Some(url), None) => {
                let message =
                    format!("other bytes in {url} when fetched again, and the same entries");
                self.tell("archives-immutable", Verdict::Note, message);
                true
            }
            (None, None) => {
                self.tell("archives-immutable", Verdict::Ok, "the same bytes when fetched again");
                self.look_at_archive_lifetime(seen);
                true
            }
        }
    }

    fn look_at_archive_lifetime(&mut self, seen: &[(Probed, Examined)]) {
        let long = Duration::from_secs(3600);
        let short = seen.iter().find(|(probed, _)| {
            let stated = probed.header(CACHE_CONTROL).unwrap_or_default();
            !stated.contains("immutable") && max_age(&probed.headers).is_none_or(|it| it < long)
        });
        match short {
            None => self.tell("archive-lifetime", Verdict::Ok, "caches may keep them for long"),
            Some((probed, _)) => {
                let stated = probed.header(CACHE_CONTROL);
                let stated = stated.map_or("nothing".to_owned(), |it| format!("{it:?}"));
                let message = format!(
                    "Cache-Control of {} says {stated}: caches do not keep what never changes",
                    probed.url
                );
                let reference = "RFC 8246, section 2";
                self.tell_by("archive-lifetime", Verdict::Note, message, reference);
            }
        }
    }

    async fn look_at_paging(&mut self, first: &Probed, examined: &Examined, href: &str) {
        let reference = "RFC 5005, section 3";
        match self.ask_linked(&first.url, href).await {
            Ok((page, _)) if page.url == first.url => {
                let message = "the next page is the document itself";
                self.tell_by("paging", Verdict::Fails, message, reference);
            }
            Ok((_, page)) if page.id.is_some() && page.id != examined.id => {
                let message = "the next page is of another feed, by its id";
                self.tell_by("paging", Verdict::Warning, message, reference);
            }
            Ok(_) => {
                self.facts.older = Older::Paged;
                let message = "older entries by 'next'; pages shift while entries come";
                self.tell_by("paging", Verdict::Note, message, reference);
            }
            Err((verdict, reason)) => self.tell("paging", verdict, reason),
        }
    }
}
