//! Reading a single Atom document of other software, again and again.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use feed_protocol::Event;
use feed_protocol::atom::ReadEntry;
use feed_protocol::event::ExtensionValue;
use http::HeaderMap;
use url::Url;

use super::client::Client;
use super::error::{Discontinuity, ReadError};
use super::opening::{OpenDocument, Opened, open_document};
use super::retry_after::max_age;
use crate::store::Validators;

/// How long to wait before asking again, unless the document stays fresh for longer.
const SHORTEST_PAUSE: Duration = Duration::from_secs(60);

/// Reads a document whenever it changes.
#[derive(Debug)]
pub(crate) struct DocumentReader {
    client: Client,
    url: Url,
    feed: String,
    validators: Validators,
    /// What the opening request brought.
    opened: Option<FirstAnswer>,
    /// Whether the document was handed on since the last pause.
    handed_on: bool,
    pause: Duration,
}

/// What the opening request brought.
#[derive(Debug)]
enum FirstAnswer {
    /// A document.
    Document(Box<OpenDocument>),
    /// That the document is the one that was handled.
    NotModified,
}

/// The entries of a document, oldest first, each id once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentNews {
    /// The entries.
    pub(crate) entries: Vec<DocumentEntry>,
    /// To be kept once all of them are handled.
    pub(crate) validators: Validators,
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

impl DocumentReader {
    /// A reader that begins with a document that has just been read.
    pub(crate) fn new(client: Client, url: Url, document: OpenDocument) -> Self {
        Self {
            client,
            url,
            feed: document.document.id.clone(),
            validators: document.validators.clone(),
            pause: pause(&document.headers),
            opened: Some(FirstAnswer::Document(Box::new(document))),
            handed_on: false,
        }
    }

    /// A reader of a document that has not changed since it was handled.
    pub(crate) fn unchanged(
        client: Client,
        url: Url,
        feed: String,
        validators: Validators,
        headers: &HeaderMap,
    ) -> Self {
        let opened = Some(FirstAnswer::NotModified);
        let pause = pause(headers);
        Self { client, url, feed, validators, opened, handed_on: false, pause }
    }

    /// How long a live subscription waits before it asks again.
    pub(crate) const fn pause(&self) -> Duration {
        self.pause
    }

    /// Reads the document; `None` if it has not changed, or has only just been read.
    ///
    /// A document holds all that there is, so there is a pause after each reading of it. Its
    /// server may well send it whole every time.
    pub(crate) async fn read(&mut self) -> Result<Option<DocumentNews>, ReadError> {
        if std::mem::take(&mut self.handed_on) {
            return Ok(None);
        }
        let news = match self.opened.take() {
            Some(FirstAnswer::Document(document)) => Some(news(&self.url, *document)),
            Some(FirstAnswer::NotModified) => None,
            None => self.ask().await?,
        };
        self.handed_on = news.is_some();
        Ok(news)
    }

    async fn ask(&mut self) -> Result<Option<DocumentNews>, ReadError> {
        let opened = open_document(&self.client, &self.url, &self.validators).await?;
        let (id, opened) = match opened {
            Opened::NotModified(headers) => {
                self.pause = pause(&headers);
                return Ok(None);
            }
            Opened::Document(document) => (document.document.id.clone(), Some(document)),
            Opened::Feed(feed) => (feed.id, None),
        };
        let url = self.url.to_string();
        match opened {
            Some(document) if id == self.feed => {
                self.pause = pause(&document.headers);
                self.validators = document.validators.clone();
                Ok(Some(news(&self.url, *document)))
            }
            None if id == self.feed => {
                Err(Discontinuity::OtherKind { url, positions: true }.into())
            }
            _ => {
                let stored = self.feed.clone();
                Err(Discontinuity::OtherFeed { url, stored, present: id }.into())
            }
        }
    }
}

/// The server may slow us down, and not hurry us.
fn pause(headers: &HeaderMap) -> Duration {
    max_age(headers).unwrap_or_default().max(SHORTEST_PAUSE)
}

/// The entries of a document in the order in which they happened, as far as it tells: by
/// `updated`, and where that is the same, the later in the document the older.
fn news(url: &Url, opened: OpenDocument) -> DocumentNews {
    let mut entries = opened.document.entries;
    entries.reverse();
    entries.sort_by_key(|entry| entry.updated);
    // Of an id that stands there twice, the newest counts.
    let newest: HashMap<String, usize> =
        entries.iter().enumerate().map(|(index, entry)| (entry.iri.clone(), index)).collect();
    let entries = entries
        .into_iter()
        .enumerate()
        .filter(|(index, entry)| newest.get(&entry.iri) == Some(index))
        .map(|(_, entry)| document_entry(url, entry))
        .collect();
    DocumentNews { entries, validators: opened.validators }
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
