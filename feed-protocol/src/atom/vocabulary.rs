//! The namespaces and schemes of our Atom documents.

/// Atom's own namespace (RFC 4287).
pub(super) const ATOM: &str = "http://www.w3.org/2005/Atom";
/// What an entry says of its event that Atom has no place for, and a document of its range.
pub(super) const EVENT: &str = "urn:feed-protocol:event:1";
/// Archived feeds (RFC 5005).
pub(super) const HISTORY: &str = "http://purl.org/syndication/history/1.0";
/// Threading (RFC 4685).
pub(super) const THREADING: &str = "http://purl.org/syndication/thread/1.0";
/// The `xml:` prefix.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The scheme of the category that is the event's type.
pub(super) const TYPE_SCHEME: &str = "urn:feed-protocol:type";
/// The scheme of the category that is the event's subject.
pub(super) const SUBJECT_SCHEME: &str = "urn:feed-protocol:subject";

/// The prefix of an `atom:id` that is a UUID.
pub(super) const UUID_URN: &str = "urn:uuid:";

/// The media type of data without one.
pub(super) const JSON: &str = "application/json";

/// The UUID of a `urn:uuid:` IRI in the one spelling that becomes such an IRI again: lower case.
pub(super) fn uuid_of_urn(iri: &str) -> Option<&str> {
    iri.strip_prefix(UUID_URN).filter(|id| is_uuid(id))
}

/// Whether an event id is a UUID in lower case, which an entry's `atom:id` can hold as it is.
pub(super) fn is_uuid(id: &str) -> bool {
    id.len() == 36
        && id.bytes().all(|byte| !byte.is_ascii_uppercase())
        && uuid::Uuid::try_parse(id).is_ok()
}

/// What `thr:in-reply-to` names for a causation id: the `atom:id` of an event whose id is a UUID,
/// or the id itself where it is an IRI. Any other stays in its extension element alone.
pub(super) fn reply_iri(causation_id: &str) -> Option<String> {
    if is_uuid(causation_id) {
        Some(format!("{UUID_URN}{causation_id}"))
    } else {
        let iri = iri_string::types::IriStr::new(causation_id).ok()?;
        Some(iri.as_str().to_owned())
    }
}
