//! References under an `xml:base`.

use iri_string::types::{IriAbsoluteStr, IriReferenceStr, IriStr};

/// The reference as it stands under a base, resolved as far as the base goes (RFC 3986, section
/// 5.2). Without a base, and where either is no IRI reference, it stays as it was written.
pub(super) fn resolve(base: Option<&str>, reference: &str) -> String {
    let Some(base) = base else { return reference.to_owned() };
    let (Ok(base), Ok(target)) = (IriReferenceStr::new(base), IriReferenceStr::new(reference))
    else {
        return reference.to_owned();
    };
    if IriStr::new(reference).is_ok() {
        return reference.to_owned();
    }
    let without_fragment = base.as_str().split('#').next().unwrap_or_default();
    match IriAbsoluteStr::new(without_fragment) {
        Ok(base) => target.resolve_against(base).to_string(),
        Err(_) => join(base, without_fragment, target),
    }
}

/// A relative reference against a relative base: what resolving it against the document's address
/// will resolve further, `..` included.
fn join(base: &IriReferenceStr, without_fragment: &str, reference: &IriReferenceStr) -> String {
    let text = reference.as_str();
    let authority = base.authority_str().map_or(String::new(), |it| format!("//{it}"));
    if reference.authority_str().is_some() {
        text.to_owned()
    } else if text.starts_with('/') {
        format!("{authority}{text}")
    } else if reference.path_str().is_empty() {
        let kept = if reference.query_str().is_some() {
            format!("{authority}{}", base.path_str())
        } else {
            without_fragment.to_owned()
        };
        format!("{kept}{text}")
    } else {
        let folder = base.path_str().rfind('/').map_or("", |at| &base.path_str()[..=at]);
        let slash = if folder.is_empty() && !authority.is_empty() { "/" } else { "" };
        format!("{authority}{folder}{slash}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_far_as_the_base_goes() {
        for (base, reference, expected) in [
            ("https://a.example/x/y?q#f", "../z", "https://a.example/z"),
            ("https://a.example/x/y", "?q", "https://a.example/x/y?q"),
            ("https://a.example", "z", "https://a.example/z"),
            ("https://a.example/x", "urn:a:b", "urn:a:b"),
            ("https://a.example/x", "//b.example/z", "https://b.example/z"),
            ("/feeds/", "a/b", "/feeds/a/b"),
            ("/feeds/x", "../a", "/feeds/../a"),
            ("feeds", "a", "a"),
            ("../feeds/x?q", "", "../feeds/x?q"),
            ("../feeds/x?q", "?r", "../feeds/x?r"),
            ("../feeds/x?q", "#r", "../feeds/x?q#r"),
            ("//a.example", "z", "//a.example/z"),
            ("//a.example/b/c", "/z", "//a.example/z"),
            ("https://a.example/", "not an iri", "not an iri"),
            ("not an iri", "z", "z"),
        ] {
            assert_eq!(resolve(Some(base), reference), expected, "{base} {reference}");
        }
        assert_eq!(resolve(None, "../z"), "../z");
    }
}
