//! The namespaces and schemes of our Atom documents.

use iri_string::types::UriStr;

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
/// or the id itself where it is an IRI that every validator takes for one. Any other stays in its
/// extension element alone.
pub(super) fn reply_iri(causation_id: &str) -> Option<String> {
    if is_uuid(causation_id) {
        Some(format!("{UUID_URN}{causation_id}"))
    } else {
        is_common_uri(causation_id).then(|| causation_id.to_owned())
    }
}

/// Whether this is an ASCII URI of a scheme that we know, in which it is well formed.
fn is_common_uri(text: &str) -> bool {
    let Ok(uri) = UriStr::new(text) else { return false };
    match uri.scheme_str() {
        "http" | "https" => uri
            .authority_components()
            .is_some_and(|authority| !authority.host().is_empty() && !text.contains('[')),
        "urn" => is_urn(uri),
        "tag" => is_tag(uri.path_str()),
        _ => false,
    }
}

/// RFC 2141, section 2: `urn:`, an identifier of a namespace, and what that names; a real UUID in
/// the namespace of those.
fn is_urn(uri: &UriStr) -> bool {
    let Some((namespace, name)) = uri.path_str().split_once(':') else { return false };
    let is_namespace = (2..=32).contains(&namespace.len())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !namespace.starts_with('-');
    let is_name = !name.is_empty() && !name.contains(['/', '~', '&']);
    let is_whole = uri.query_str().is_none() && uri.fragment_str().is_none();
    let is_uuid = || name.len() == 36 && uuid::Uuid::try_parse(name).is_ok();
    is_namespace && is_name && is_whole && (!namespace.eq_ignore_ascii_case("uuid") || is_uuid())
}

/// RFC 4151, section 2.1, after `tag:`: an authority and a date, `:`, and anything.
fn is_tag(path: &str) -> bool {
    let Some((entity, _)) = path.split_once(':') else { return false };
    let Some((authority, date)) = entity.split_once(',') else { return false };
    let only = |text: &str, marks: &[u8]| {
        let known = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || marks.contains(&it);
        !text.is_empty() && text.bytes().all(known)
    };
    let is_authority = match authority.split_once('@') {
        Some((user, host)) => only(user, b"-._") && only(host, b"-."),
        None => only(authority, b"-."),
    };
    let shape = date.bytes().map(|it| if it.is_ascii_digit() { b'0' } else { it });
    let is_date = [&b"0000"[..], b"0000-00", b"0000-00-00"].contains(&&*shape.collect::<Vec<_>>());
    is_authority && is_date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_names_what_every_validator_takes_for_an_iri() {
        let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
        assert_eq!(reply_iri(uuid), Some(format!("urn:uuid:{uuid}")));
        for good in [
            "http://shop.example",
            "https://user@shop.example:8443/orders/1?a=b&c=%20#d~e",
            "http://10.0.0.1/",
            "urn:isbn:0-395-36341-1",
            "urn:xy:a%2Fb",
            "urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11",
            "urn:uuid:6F0E9FBD-4F0C-4D2B-8D7E-3D6F1D1F0A11",
            "tag:shop.example,2026-11-21:orders:%2Fshop:3",
            "tag:a.b_c@shop.example,2026:",
            "tag:shop.example,2026-11:a?b#c",
        ] {
            assert_eq!(reply_iri(good).as_deref(), Some(good));
        }
        for bad in [
            "1",
            "/orders/1",
            "http:/x",
            "http:x",
            "http://",
            "http:///x",
            "http://:80/",
            "http://[::1]/",
            "http://größe.example/",
            "http://shop.example/%zz",
            "http://shop.example/a b",
            "ftp://shop.example/",
            "x:y",
            "urn:x:y",
            "urn:-x:y",
            "urn:x_y:z",
            "urn:xy",
            "urn:xy:",
            "urn:xy:a/b",
            "urn:xy:a~b",
            "urn:xy:a&b",
            "urn:xy:a?b",
            "urn:xy:a#b",
            "urn:uuid:1",
            "urn:uuid:6f0e9fbd4f0c4d2b8d7e3d6f1d1f0a11",
            "urn:a23456789012345678901234567890123:b",
            "tag:foo",
            "tag:foo,2026",
            "tag:foo,26:a",
            "tag:foo,2026-1:a",
            "tag:foo,2026-11-21-1:a",
            "tag:,2026:a",
            "tag:@foo,2026:a",
            "tag:my_host,2026:a",
            "tag:Foo,2026:a",
        ] {
            assert_eq!(reply_iri(bad), None, "{bad}");
        }
    }
}
