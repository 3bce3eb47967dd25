//! What stands at an address: a feed of ours, or a document of other software.

use chrono::{DateTime, Utc};
use feed_protocol::atom::{self, ReadDocument};
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::link::{Link, Relation};
use feed_protocol::{Cursor, Incarnation, PageSize, Position, PositionRange};
use http::{HeaderMap, StatusCode};
use url::Url;

use super::addresses::Addresses;
use super::client::{Client, Document, Request, Response};
use super::error::{Discontinuity, ReadError};
use super::links::links;
use crate::store::Validators;

/// What is accepted of an Atom document.
pub(super) const LIMITS: atom::Limits =
    atom::Limits { max_bytes: 64 * 1024 * 1024, max_depth: 64, max_entries: 10_000 };

/// The media types under which Atom is served, rightly and not.
const ATOM_TYPES: [&str; 3] = [atom::MEDIA_TYPE, "application/xml", "text/xml"];

/// What to ask for.
const ACCEPT: &str = "application/atom+xml, application/xml;q=0.5, text/xml;q=0.5";

/// What stands at an address.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A feed with positions.
    Feed(OpenFeed),
    /// A document of other software.
    Document(Box<OpenDocument>),
    /// The document that we know already.
    NotModified(HeaderMap),
}

/// A feed with positions.
#[derive(Debug, Clone)]
pub(crate) struct OpenFeed {
    /// The feed's `atom:id`.
    pub(crate) id: String,
    /// Its present life.
    pub(crate) incarnation: Incarnation,
    /// Where its pages and tails are.
    pub(crate) addresses: Addresses,
    /// The newest position.
    pub(crate) head: Position,
    /// How many positions a page holds; `None` before the first page is full.
    pub(crate) page_size: Option<PageSize>,
}

impl OpenFeed {
    /// The last position that was given before a time, by the server's clock; at most the head.
    pub(crate) async fn position_at(
        &self,
        client: &Client,
        time: DateTime<Utc>,
    ) -> Result<Position, ReadError> {
        let url = &self.addresses.at(time);
        let accept = atom::MEDIA_TYPE;
        let request = Request { url, accept, wait: None, fresh: true, validators: None };
        let (_, headers) = client.head(request).await?;
        let range = headers.get(FEED_RANGE).and_then(|it| it.to_str().ok()?.parse().ok());
        let before = range.map(PositionRange::before).ok_or_else(|| ReadError::Nonsense {
            url: url.to_string(),
            reason: "a HEAD request is answered without positions".to_owned(),
        })?;
        Ok(before.min(self.head))
    }
}

/// A document of other software.
#[derive(Debug)]
pub(crate) struct OpenDocument {
    /// Where it came from, after redirects: what its links are relative to.
    pub(crate) url: Url,
    /// What it says.
    pub(crate) document: ReadDocument,
    /// How it came.
    pub(crate) headers: HeaderMap,
    /// What makes the next request conditional.
    pub(crate) validators: Validators,
}

/// Looks at what stands at the address.
///
/// A feed of ours says all that we need in header fields, but for its id. The document itself may
/// be larger than any that is accepted, so it is got only where they do not do.
pub(crate) async fn open(client: &Client, url: &Url) -> Result<Opened, ReadError> {
    let none = Validators::default();
    let request = Request { url, accept: ACCEPT, wait: None, fresh: true, validators: None };
    match client.head(request).await {
        Ok((url, headers)) => match Outline::of_headers(client, &url, &headers) {
            Some(outline) => Ok(Opened::Feed(outline.with_id(client).await?)),
            None => open_document(client, &url, &none).await,
        },
        Err(ReadError::Status { status: StatusCode::GONE, .. }) => {
            Err(Discontinuity::Gone { url: url.to_string() }.into())
        }
        // Some software knows no HEAD; otherwise the document's own answer says more.
        Err(ReadError::Status { .. }) => open_document(client, url, &none).await,
        Err(error) => Err(error),
    }
}

/// Looks at the document at the address; if it is one that we know already, by its validators, the
/// server may say so.
pub(crate) async fn open_document(
    client: &Client,
    url: &Url,
    known: &Validators,
) -> Result<Opened, ReadError> {
    let request = Request { url, accept: ACCEPT, wait: None, fresh: true, validators: Some(known) };
    let answer = match client.get(request).await {
        Ok(Response::Document(answer)) => answer,
        Ok(Response::NotModified { headers, .. }) => return Ok(Opened::NotModified(headers)),
        Err(ReadError::Status { status: StatusCode::GONE, problem: None, .. }) => {
            return Err(Discontinuity::Gone { url: url.to_string() }.into());
        }
        Err(error) => return Err(error),
    };
    let document = read(&answer)?;
    let (Some(incarnation), Some(range)) = (document.incarnation.clone(), document.range) else {
        return Ok(Opened::Document(Box::new(OpenDocument::of(document, answer))));
    };
    let outline = Outline::new(client, &answer.url, incarnation, range, &document.links)
        .map_err(|reason| ReadError::Nonsense { url: url.to_string(), reason })?;
    Ok(Opened::Feed(outline.into_feed(document.id)))
}

/// Gets an older page of a feed of other software; with `fresh`, no cache may answer for its
/// server.
pub(crate) async fn open_page(
    client: &Client,
    url: &Url,
    fresh: bool,
) -> Result<OpenDocument, ReadError> {
    let Response::Document(answer) = client.get(page_request(url, fresh)).await? else {
        unreachable!("there was no condition");
    };
    match read(&answer) {
        Ok(document) => Ok(OpenDocument::of(document, answer)),
        Err(error) => {
            // What cannot be read must not come out of our own cache again.
            forget_page(client, url).await;
            Err(error)
        }
    }
}

/// Forgets an older page that our own cache may have kept: it leads nowhere good.
pub(crate) async fn forget_page(client: &Client, url: &Url) {
    client.forget(page_request(url, false)).await;
}

const fn page_request(url: &Url, fresh: bool) -> Request<'_> {
    Request { url, accept: ACCEPT, wait: None, fresh, validators: None }
}

impl OpenDocument {
    /// The document that an answer holds.
    pub(super) fn of(document: ReadDocument, answer: Document) -> Self {
        let validators = answer.validators();
        Self { url: answer.url, document, headers: answer.headers, validators }
    }
}

/// What a current document says of its feed, apart from the id.
struct Outline {
    incarnation: Incarnation,
    addresses: Addresses,
    head: Position,
    page_size: Option<PageSize>,
}

impl Outline {
    fn new(
        client: &Client,
        url: &Url,
        incarnation: Incarnation,
        range: PositionRange,
        links: &[Link],
    ) -> Result<Self, String> {
        let addresses = Addresses::of(client, url, links, &incarnation)?;
        // The current document holds as many events as a page, once there are so many; and then
        // there is a full page before it.
        let archived = links.iter().any(|link| link.relation == Relation::PrevArchive);
        let page_size = if archived { PageSize::new(range.len()).ok() } else { None };
        Ok(Self { incarnation, addresses, head: range.last(), page_size })
    }

    /// That of a document with these header fields, if they are those of a current document.
    fn of_headers(client: &Client, url: &Url, headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok();
        let cursor: Cursor = text(FEED_CURSOR)?.parse().ok()?;
        let range = text(FEED_RANGE)?.parse().ok()?;
        Self::new(client, url, cursor.incarnation, range, &links(headers)).ok()
    }

    /// Learns the id from the feed's smallest document, the tail after its head.
    async fn with_id(self, client: &Client) -> Result<OpenFeed, ReadError> {
        let url = &self.addresses.tail(self.head);
        let accept = atom::MEDIA_TYPE;
        let request = Request { url, accept, wait: None, fresh: true, validators: None };
        let tail = match client.get(request).await? {
            Response::Document(answer) => read(&answer)?,
            Response::NotModified { .. } => unreachable!("there was no condition"),
        };
        if tail.incarnation.as_ref() == Some(&self.incarnation) {
            return Ok(self.into_feed(tail.id));
        }
        let reason = format!("it is not of incarnation {}", self.incarnation);
        Err(ReadError::Nonsense { url: url.to_string(), reason })
    }

    fn into_feed(self, id: String) -> OpenFeed {
        let Self { incarnation, addresses, head, page_size } = self;
        OpenFeed { id, incarnation, addresses, head, page_size }
    }
}

/// The Atom document of an answer.
pub(super) fn read(answer: &Document) -> Result<ReadDocument, ReadError> {
    let nonsense = |reason: String| ReadError::Nonsense { url: answer.url.to_string(), reason };
    let media_type = answer.media_type();
    if !ATOM_TYPES.contains(&&*media_type) {
        return Err(nonsense(format!(
            "it is {media_type:?}, and not a feed: that would be {}",
            atom::MEDIA_TYPE
        )));
    }
    atom::read_document(&answer.body, &LIMITS)
        .map_err(|error| nonsense(format!("it is no Atom feed: {error}")))
}
