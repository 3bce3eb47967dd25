//! Feeds that other software made.

use feed_protocol::Event;
use feed_protocol::atom::{AtomError, Limits, ReadDocument, read_document};
use feed_protocol::link::Relation;

fn read(xml: &str) -> Result<ReadDocument, AtomError> {
    read_document(xml.as_bytes(), &Limits::default())
}

/// A feed with these entries.
fn feed(entries: &str) -> ReadDocument {
    read(&feed_xml(entries)).unwrap_or_else(|error| panic!("{error}\n{entries}"))
}

fn feed_xml(entries: &str) -> String {
    format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><id>https://a.example/feed</id>\
         <title type='html'>A &amp;amp; B</title><updated>2026-01-01T00:00:00Z</updated>{entries}</feed>"
    )
}

/// The event of an entry that holds this besides its id and its date.
fn event(inner: &str) -> Event {
    let document = feed(&entry_xml(inner));
    document.entries.into_iter().next().unwrap().event
}

fn entry_xml(inner: &str) -> String {
    format!(
        "<entry><id>tag:a.example,2026:1</id><title>One</title>\
         <updated>2026-01-01T00:00:00Z</updated>{inner}</entry>"
    )
}

/// The media type and the data of this content.
fn content(xml: &str) -> (String, String) {
    let event = event(xml);
    let data = event.data().map(|it| String::from_utf8(it.to_vec()).unwrap());
    let media_type = event.data_content_type().map(ToString::to_string);
    (media_type.unwrap_or_default(), data.unwrap_or_else(|| "none".into()))
}

#[test]
fn the_example_of_rfc_4287() {
    let document = read(include_str!("rfc4287-example.xml")).unwrap();
    assert_eq!(document.id, "tag:example.org,2003:3");
    assert_eq!(document.title, "dive into mark");
    assert_eq!(document.updated.to_rfc3339(), "2005-07-31T12:29:29+00:00");
    assert!(!document.archive);
    assert_eq!((document.range, document.incarnation), (None, None));
    let links: Vec<_> = document.links.iter().map(|it| (it.relation, it.href.as_str())).collect();
    assert_eq!(
        links,
        [
            (Relation::Alternate, "http://example.org/"),
            (Relation::SelfDocument, "http://example.org/feed.atom"),
        ]
    );
    let entry = &document.entries[0];
    assert_eq!(entry.iri, "tag:example.org,2003:3.2397");
    assert_eq!(entry.position, None);
    let event = &entry.event;
    assert_eq!(event.id().as_str(), "tag:example.org,2003:3.2397");
    assert_eq!(event.source().as_str(), "tag:example.org,2003:3");
    assert_eq!(event.event_type().as_str(), "entry");
    assert_eq!(event.time().unwrap().as_str(), "2003-12-13T08:29:29-04:00");
    assert_eq!(event.data_content_type().unwrap().as_str(), "application/xhtml+xml");
    assert_eq!(
        str::from_utf8(event.data().unwrap()).unwrap(),
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">\n        \
         <p><i>[Update: The Atom draft is finished.]</i></p>\n      </div>"
    );
}

#[test]
fn content_becomes_data_of_its_own_type() {
    for (xml, media_type, data) in [
        ("<content>a &lt; b</content>", "text/plain", "a < b"),
        (
            "<content type='text'><![CDATA[<b>]]> &#65;<!-- no -->B<?no?></content>",
            "text/plain",
            "<b> AB",
        ),
        ("<content type=''>a</content>", "text/plain", "a"),
        ("<content type='TEXT'>a\r\nb\rc</content>", "text/plain", "a\nb\nc"),
        ("<content type='html'>&lt;b>a&lt;/b></content>", "text/html", "<b>a</b>"),
        (
            "<content type='html'>a<b>c</b></content>",
            "text/html",
            "a<b xmlns=\"http://www.w3.org/2005/Atom\">c</b>",
        ),
        ("<content type='text/csv'>a,b\n</content>", "text/csv", "a,b\n"),
        (
            "<content type='text/plain; charset=utf-8'> a </content>",
            "text/plain; charset=utf-8",
            " a ",
        ),
        (
            "<content type='application/octet-stream'> YQ \n ==</content>",
            "application/octet-stream",
            "a",
        ),
        ("<content type='application/octet-stream'>YQ</content>", "application/octet-stream", "a"),
        (
            "<content type='application/json'>{\"a\": 1.0}</content>",
            "application/json",
            "{\"a\": 1.0}",
        ),
        (
            "<content type='application/json'>eyJhIjoxfQ==</content>",
            "application/json",
            "{\"a\":1}",
        ),
        ("<content type='text/json'>{}</content>", "text/json", "{}"),
        ("<content type='application/xml'>&lt;a/></content>", "application/xml", "<a/>"),
        (
            "<content type='application/xml'> <a xmlns='' b='\"&lt;'>&amp;<c/></a> </content>",
            "application/xml",
            "<a xmlns=\"\" b=\"&quot;&lt;\">&amp;<c/></a>",
        ),
        ("<content/>", "text/plain", ""),
        ("<summary>s</summary>", "text/plain", "s"),
        ("<summary type='html'>&lt;b></summary>", "text/html", "<b>"),
        ("<content>c</content><summary>s</summary>", "text/plain", "c"),
        ("", "", "none"),
    ] {
        assert_eq!(content(xml), (media_type.to_owned(), data.to_owned()), "{xml}");
    }
}

#[test]
fn markup_takes_its_namespaces_with_it() {
    let xml = "<content type='image/svg+xml' xmlns:s='http://www.w3.org/2000/svg' xmlns:u='urn:unused' \
               xmlns:x='urn:x?a&amp;\"b\"'><s:svg x:a='1'><s:g/><b xmlns='urn:b'><c/></b></s:svg></content>";
    assert_eq!(
        content(xml).1,
        "<s:svg x:a=\"1\" xmlns:s=\"http://www.w3.org/2000/svg\" \
         xmlns:x=\"urn:x?a&amp;&quot;b&quot;\"><s:g/><b xmlns=\"urn:b\"><c/></b></s:svg>"
    );
}

#[test]
fn any_prefix_serves_for_atom() {
    let xml = "<a:feed xmlns:a='http://www.w3.org/2005/Atom' xmlns='urn:other'>\
               <a:id>urn:a</a:id><id>wrong</id><a:updated>2026-01-01T00:00:00Z</a:updated>\
               <a:entry><a:id>urn:b</a:id><a:updated>2026-01-01T00:00:00Z</a:updated>\
               <content>wrong</content><a:content xmlns:a='http://www.w3.org/2005/Atom'>right</a:content>\
               </a:entry></a:feed>";
    let document = read(xml).unwrap();
    assert_eq!(document.id, "urn:a");
    assert_eq!(document.entries[0].event.data().unwrap(), "right");
}

#[test]
fn attributes_are_made_to_fit_where_they_can() {
    let event = event(
        "<category term=' order.placed&#10;now '/><category term='b'/>\
         <published>2026-01-02 03:04:05z</published>\
         <source><title>s</title><id> urn:s </id><updated>2026-01-01T00:00:00Z</updated></source>",
    );
    assert_eq!(event.event_type().as_str(), "order.placed now");
    assert_eq!(event.source().as_str(), "urn:s");
    assert_eq!(event.time().unwrap().as_str(), "2026-01-02T03:04:05Z");
    assert_eq!((event.subject(), event.data_schema()), (None, None));
    assert!(event.extensions().is_empty());
}

#[test]
fn dates_are_rfc_3339_give_or_take_its_letters() {
    for (date, expected) in [
        ("2026-01-02T03:04:05.5+01:00", "2026-01-02T03:04:05.5+01:00"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"),
        (" 2026-01-02 03:04:05Z\n", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.1234567891234+00:00", "2026-01-02T03:04:05.123456789Z"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:60Z"),
    ] {
        let event = event(&format!("<published>{date}</published>"));
        assert_eq!(event.time().unwrap().as_str(), expected, "{date}");
    }
    for date in
        ["", "yesterday", "Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02", "2026-01-02T03:04Z"]
    {
        let error = read(&feed_xml(&entry_xml(&format!("<published>{date}</published>"))));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("entry tag:a.example,2026:1: published: is not an RFC 3339 date"),
            "{error}"
        );
    }
}

#[test]
fn an_entry_that_makes_no_event_is_named() {
    for (inner, field) in [
        ("<content type='application/pdf'>not Base64!</content>", "content"),
        ("<content type='nonsense'>YQ==</content>", "content"),
        ("<content type='text'><b/></content>", "content"),
        ("<content type='text/json'>{</content>", "data"),
        ("<content type='xhtml'>a</content>", "content"),
        ("<source><id>not an IRI</id></source>", "source"),
        (&format!("<category term='{}'/>", "a".repeat(2000)), "type"),
    ] {
        let error = read(&feed_xml(&entry_xml(inner))).unwrap_err();
        let AtomError::Invalid(error) = error else { panic!("{error}") };
        assert_eq!(error.field(), format!("entry tag:a.example,2026:1: {field}"), "{inner}");
    }
    let nameless = "<entry><updated>2026-01-01T00:00:00Z</updated></entry>";
    let error = read(&feed_xml(nameless)).unwrap_err().to_string();
    assert_eq!(error, "entry without an id: id: is missing");
}

#[test]
fn content_that_is_elsewhere_is_pointed_at() {
    let document = feed(&entry_xml("<content type='video/mp4' src='film.mp4'/>"));
    assert_eq!(document.entries[0].external_data.as_deref(), Some("film.mp4"));
    let event = &document.entries[0].event;
    assert_eq!(event.data_content_type().unwrap().as_str(), "video/mp4");
    assert_eq!(event.data(), None);
}

#[test]
fn bases_add_up() {
    let xml = "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://a.example/feeds/'>\
               <id>urn:a</id><updated>2026-01-01T00:00:00Z</updated>\
               <link rel='self' href='orders'/><link rel='next' xml:base='/x/' href='../2'/>\
               <link rel='http://www.iana.org/assignments/relation/prev-archive' href='//b.example/1'/>\
               <link rel='edit' href='no'/><link href='alt'/>\
               <entry xml:base='orders/'><id>urn:b</id><updated>2026-01-01T00:00:00Z</updated>\
               <content type='video/mp4' xml:base='data/' src='1.mp4'/></entry></feed>";
    let document = read(xml).unwrap();
    let links: Vec<_> = document.links.iter().map(|it| (it.relation, it.href.as_str())).collect();
    assert_eq!(
        links,
        [
            (Relation::SelfDocument, "https://a.example/feeds/orders"),
            (Relation::Next, "https://a.example/2"),
            (Relation::PrevArchive, "https://b.example/1"),
            (Relation::Alternate, "https://a.example/feeds/alt"),
        ]
    );
    let data = document.entries[0].external_data.as_deref();
    assert_eq!(data, Some("https://a.example/feeds/orders/data/1.mp4"));
}

#[test]
fn a_feed_needs_an_id_and_a_date() {
    for (xml, expected) in [
        ("<feed xmlns='http://www.w3.org/2005/Atom'/>", "feed: id: is missing"),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:a</id></feed>",
            "feed: updated: is missing",
        ),
    ] {
        assert_eq!(read(xml).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_a_document_of_ours_says_of_itself_is_checked() {
    let ours = "xmlns:ev='urn:feed-protocol:event:1'";
    for (inner, expected) in [
        (format!("<ev:first {ours}>1</ev:first>"), "feed: ev:last: is missing beside ev:first"),
        (format!("<ev:last {ours}>1</ev:last>"), "feed: ev:first: is missing beside ev:last"),
        (
            format!("<ev:incarnation {ours}>!</ev:incarnation>"),
            "feed: ev:incarnation: is wrong: \"!\" is not an incarnation: 4 to 32 of a-z and 0-9",
        ),
        (
            entry_xml(&format!("<ev:position {ours}>0</ev:position>")),
            "entry tag:a.example,2026:1: ev:position: is not a position from 1",
        ),
        (
            entry_xml(&format!("<ev:position {ours}>1</ev:position>")),
            "entry tag:a.example,2026:1: category: is missing",
        ),
    ] {
        assert_eq!(read(&feed_xml(&inner)).unwrap_err().to_string(), expected, "{inner}");
    }
}
