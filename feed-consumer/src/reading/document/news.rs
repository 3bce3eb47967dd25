//! What is handed on of a document: its entries, oldest first, each id once.

use std::collections::HashMap;

use feed_protocol::Event;
use feed_protocol::atom::ReadEntry;
use feed_protocol::event::ExtensionValue;
use url::Url;

use super::settings::Updates;
use crate::reading::opening::OpenDocument;
use crate::store::entries::{DocumentEnd, DocumentEntry, Finding};

/// The entries of a document, oldest first, each id once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentNews {
    /// The entries.
    pub(crate) entries: Vec<DocumentEntry>,
    /// Which of them count.
    pub(crate) updates: Updates,
    /// What is to be kept with them.
    pub(crate) end: DocumentEnd,
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
            taken.extend(entries.iter().map(DocumentEntry::seen));
        }
        self
    }

    /// What is to be kept of it.
    pub(crate) fn finding(&self) -> Finding<'_> {
        let each_update = self.updates == Updates::Each;
        Finding { entries: &self.entries, each_update, end: &self.end }
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
