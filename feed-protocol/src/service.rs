//! The service document that names a server's feeds (RFC 5023, section 8).

use quick_xml::escape::escape;

use crate::{atom, cloudevents};

/// The media type of a service document.
pub const MEDIA_TYPE: &str = "application/atomsvc+xml";

/// A feed as a service document names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The address of its current document, to which events are posted too.
    pub href: String,
    /// Its title.
    pub title: String,
}

/// Writes the service document of these feeds, and what may be posted to each.
#[must_use]
pub fn write_service(collections: &[Collection]) -> String {
    let accepted = [
        &format!("{};type=entry", atom::MEDIA_TYPE),
        cloudevents::MEDIA_TYPE,
        cloudevents::BATCH_MEDIA_TYPE,
    ]
    .map(|media_type| format!("<accept>{media_type}</accept>"))
    .concat();
    let collections: String = collections
        .iter()
        .map(|Collection { href, title }| {
            let (href, title) = (escape(href.as_str()), escape(title.as_str()));
            format!(
                "<collection href=\"{href}\"><atom:title>{title}</atom:title>{accepted}</collection>\n"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <service xmlns=\"http://www.w3.org/2007/app\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n\
         <workspace><atom:title>Feeds</atom:title>\n{collections}</workspace>\n</service>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_addresses_are_escaped() {
        let xml = write_service(&[Collection { href: "/a?b&c".into(), title: "<Orders>".into() }]);
        assert!(xml.contains("href=\"/a?b&amp;c\""), "{xml}");
        assert!(xml.contains("<atom:title>&lt;Orders&gt;</atom:title>"), "{xml}");
    }
}
