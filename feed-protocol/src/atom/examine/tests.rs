use super::*;

const HEAD: &str = "<id>urn:x:feed</id><title>t</title><updated>2021-01-01T00:00:00Z</updated>\
                    <link rel='self' href='feed'/><author><name>a</name></author>";

const ENTRY: &str = "<entry><id>urn:x:1</id><title>t</title><updated>2021-01-01T00:00:00Z</updated>\
                     <content>text</content></entry>";

fn examine(head: &str, entries: &str) -> Examined {
    let text = format!(
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:fh='http://purl.org/syndication/history/1.0'>\
         {head}{entries}</feed>"
    );
    document(text.as_bytes(), &Limits::default()).unwrap()
}

/// The places, sections and texts of what is broken.
fn breaches(head: &str, entries: &str) -> Vec<String> {
    let said = |it: Breach| {
        let level = if it.is_must { "MUST" } else { "SHOULD" };
        format!("{level} {} {} {}", it.section, it.place, it.what)
    };
    examine(head, entries).breaches.into_iter().map(said).collect()
}

#[test]
fn a_valid_document_breaks_nothing() {
    assert_eq!(breaches(HEAD, ENTRY), Vec::<String>::new());
    let found = examine(&format!("{HEAD}<fh:archive/><fh:complete/>"), ENTRY);
    assert!(found.archive && found.complete);
    assert_eq!(found.link("self"), Some("feed"));
    assert_eq!(found.entries[0].id.as_deref(), Some("urn:x:1"));
    assert!(found.entries[0].updated.is_some());
    for content in [
        "<content type='html'>&lt;p></content>",
        "<content type='xhtml'><h:div xmlns:h='http://www.w3.org/1999/xhtml'>x</h:div></content>",
        "<content type='text/plain; charset=utf-8'>text</content>",
        "<content type='image/svg+xml'><svg xmlns='http://www.w3.org/2000/svg'/></content>",
        "<content type='image/png'> aGVs\nbG8= </content><summary>s</summary>",
        "<content type='image/png' src='a.png'/><summary>s</summary>",
        "<link href='/a'/><link href='/b' hreflang='en'/>",
        "<content/><source><author><name>b</name></author></source>",
    ] {
        let entry = ENTRY.replace("<content>text</content>", content);
        assert_eq!(breaches(HEAD, &entry), Vec::<String>::new(), "{content}");
    }
}

#[test]
fn each_rule_that_is_broken_is_named_with_its_place() {
    for (from, to, expected) in [
        ("<id>urn:x:1</id>", "", "MUST 4.1.2 entry 1 has no id"),
        (
            "<id>urn:x:1</id>",
            "<id>/a</id>",
            "MUST 4.2.6 entry 1 (/a) has the id \"/a\", which is no IRI",
        ),
        (
            "<title>",
            "<title>t</title><title>",
            "MUST 4.1.2 entry 1 (urn:x:1) has more than one title",
        ),
        (
            "<title>t",
            "<title type='b'>t",
            "MUST 3.1.1 entry 1 (urn:x:1) has a title of type \"b\": text, html or xhtml",
        ),
        (
            "<title>t",
            "<title><b>t</b>",
            "MUST 3.1.1 entry 1 (urn:x:1) has a title of type text with elements in it",
        ),
        (
            "<title>t",
            "<title type='xhtml'>t",
            "MUST 3.1.1 entry 1 (urn:x:1) has a title of type xhtml that is not one div",
        ),
        (
            "T00",
            " 00",
            "MUST 3.3 entry 1 (urn:x:1) has in updated \"2021-01-01 00:00:00Z\", and not a date as RFC 3339 has them",
        ),
        (
            "00Z",
            "00",
            "MUST 3.3 entry 1 (urn:x:1) has in updated \"2021-01-01T00:00:00\", and not a date as RFC 3339 has them",
        ),
        (
            "<content>text</content>",
            "",
            "MUST 4.1.2 entry 1 (urn:x:1) has neither content nor a link 'alternate'",
        ),
        (
            "<content>",
            "<content type='image/png'>",
            "MUST 4.1.2 entry 1 (urn:x:1) has no summary, and its content is elsewhere or in Base64",
        ),
        (
            "<content>",
            "<content type='message/rfc822'>",
            "MUST 4.1.3.1 entry 1 (urn:x:1) has content of the type \"message/rfc822\"",
        ),
        (
            "<content>",
            "<summary>s</summary><content src='a'>",
            "MUST 4.1.3.2 entry 1 (urn:x:1) has content of its own beside content elsewhere",
        ),
        (
            "<content>",
            "<link/><content>",
            "MUST 4.2.7.1 entry 1 (urn:x:1) has a link without a target",
        ),
        (
            "<content>",
            "<link href='a'/><link href='b'/><content>",
            "MUST 4.1.2 entry 1 (urn:x:1) has two links 'alternate' of the same type and language",
        ),
        (
            "<content>",
            "<category/><content>",
            "MUST 4.2.2.1 entry 1 (urn:x:1) has a category without a term",
        ),
        (
            "<content>",
            "<contributor/><content>",
            "MUST 3.2.1 entry 1 (urn:x:1) has a contributor with 0 names",
        ),
        (
            "<content>",
            "<author><name>a</name><email>b</email></author><content>",
            "MUST 3.2.3 entry 1 (urn:x:1) has an author whose email is none",
        ),
    ] {
        assert!(ENTRY.contains(from), "{from}");
        let found = breaches(HEAD, &ENTRY.replace(from, to));
        assert!(found.iter().any(|it| it == expected), "{to}: {found:?}");
    }
    let without_author = HEAD.replace("<author><name>a</name></author>", "");
    assert_eq!(
        breaches(&without_author, ENTRY),
        ["MUST 4.1.1 feed has no author, and neither has entry 1"]
    );
    let own = ENTRY.replace("<content>", "<author><name>b</name></author><content>");
    assert_eq!(breaches(&without_author, &own), Vec::<String>::new());
    let without_self = HEAD.replace("<link rel='self' href='feed'/>", "");
    assert_eq!(breaches(&without_self, ENTRY), ["SHOULD 4.1.1 feed has no link 'self'"]);
    assert_eq!(
        breaches(HEAD, &format!("{ENTRY}{ENTRY}")),
        ["SHOULD 4.1.1 entry 2 (urn:x:1) has the id and the date of entry 1"]
    );
    assert_eq!(
        breaches(&HEAD.replace("<title>t</title>", ""), ENTRY),
        ["MUST 4.1.1 feed has no title"]
    );
}

#[test]
fn what_is_no_atom_is_an_error_and_what_is_broken_often_is_told_so_often() {
    for bad in ["", "<rss/>", "<feed/>", "<feed xmlns='http://www.w3.org/2005/Atom'>"] {
        assert!(document(bad.as_bytes(), &Limits::default()).is_err(), "{bad}");
    }
    let many = "<entry/>".repeat(1000);
    assert_eq!(examine(HEAD, &many).breaches.len(), MAX_BREACHES);
}
