//! What is handed on of a document: its entries, oldest first, each id once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use feed_protocol::Event;
use feed_protocol::atom::ReadEntry;
use feed_protocol::event::ExtensionValue;
use url::Url;

use super::settings::Updates;
use crate::reading::opening::OpenDocument;
use crate::store::pages::{PageKind, SeenEntry};
use crate::store::{Seen, Validators};

/// The entries of a document, oldest first, each id once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentNews {
    /// The entries.
    pub(crate) entries: Vec<DocumentEntry>,
    /// Which of them are handled.
    pub(crate) updates: Updates,
    /// What is to be kept once all of them are handled.
    pub(crate) end: DocumentEnd,
}

/// What is to be kept once a document is handled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DocumentEnd {
    /// Nothing: a page was read to learn what is before it.
    Nothing,
    /// That this page has been handled.
    Page {
        /// Its place.
        place: i64,
        /// What kind of page it is.
        kind: PageKind,
    },
    /// What makes the next request for the document that is subscribed to conditional.
    Document {
        /// Its validators.
        validators: Validators,
        /// Entries of it that are taken as handled.
        taken: Vec<SeenEntry>,
    },
}

/// An entry of a document of other software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentEntry {
    /// The `atom:id`.
    pub(crate) iri: String,
    /// When it was last changed, as it says.
    pub(crate) updated: DateTime<Utc>,
    /// What happened.
    pub(crate) event: Event,
}

impl DocumentNews {
    /// That a page was read, and there is nothing to handle yet.
    pub(super) const fn nothing(updates: Updates) -> Self {
        Self { entries: Vec::new(), updates, end: DocumentEnd::Nothing }
    }

    /// The entries of a document.
    pub(in crate::reading) fn of(
        document: OpenDocument,
        updates: Updates,
        end: DocumentEnd,
    ) -> Self {
        Self { entries: entries(document), updates, end }
    }

    /// The same with all of its entries taken as handled.
    pub(super) fn taken(mut self) -> Self {
        let entries = std::mem::take(&mut self.entries);
        if let DocumentEnd::Document { taken, .. } = &mut self.end {
            let seen = |it: DocumentEntry| SeenEntry { iri: it.iri, updated: it.updated };
            taken.extend(entries.into_iter().map(seen));
        }
        self
    }

    /// The entries that are still to be handled, where these have been.
    pub(crate) fn unseen(self, seen: &Seen) -> Vec<DocumentEntry> {
        let is_new = |entry: &DocumentEntry| match (seen.get(&entry.iri), self.updates) {
            (None, _) => true,
            (Some(_), Updates::Once) => false,
            // To the microsecond, as stores keep times.
            (Some(updated), Updates::Each) => updated.is_some_and(|updated| {
                entry.updated.timestamp_micros() > updated.timestamp_micros()
            }),
        };
        self.entries.into_iter().filter(is_new).collect()
    }
}

/// The entries of a document in the order in which they happened, as far as it tells: by
/// `updated`, and where that is the same, the later in the document the older.
fn entries(opened: OpenDocument) -> Vec<DocumentEntry> {
    let mut entries = opened.document.entries;
    entries.reverse();
    entries.sort_by_key(|entry| entry.updated);
    // Of an id that stands there twice, the newest counts.
    let newest: HashMap<String, usize> =
        entries.iter().enumerate().map(|(index, entry)| (entry.iri.clone(), index)).collect();
    entries
        .into_iter()
        .enumerate()
        .filter(|(index, entry)| newest.get(&entry.iri) == Some(index))
        .map(|(_, entry)| document_entry(&opened.url, entry))
        .collect()
}

fn document_entry(url: &Url, entry: ReadEntry) -> DocumentEntry {
    let ReadEntry { iri, updated, event, external_data, .. } = entry;
    let address = external_data.map(|data| url.join(&data).map_or(data, |url| url.to_string()));
    let event = match address {
        Some(address) => with_data_reference(event, &address),
        None => event,
    };
    DocumentEntry { iri, updated, event }
}

/// Says where the data is, by the extension that CloudEvents documents for that.
fn with_data_reference(event: Event, address: &str) -> Event {
    let mut parts = event.into_parts();
    if let (Ok(name), Ok(value)) = ("dataref".parse(), ExtensionValue::string(address)) {
        // One that the entry states itself comes first.
        let _ = parts.extensions.insert_new(name, value);
    }
    Event::from_checked(parts)
}
