//! Entries that others publish: kept whole, or refused by name.

use feed_protocol::Event;
use feed_protocol::atom::{AtomError, Limits, read_posted_entry, write_entry};
use feed_protocol::link::Addresses;

use crate::events::{at, entry, identity, simple};

const REST: &str = "<updated>2026-01-01T00:00:00Z</updated><author><name>/shop</name></author>";

fn post(inner: &str) -> Result<Event, AtomError> {
    let xml = format!(
        "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0' \
         xmlns:ev='urn:feed-protocol:event:1' xmlns:app='http://www.w3.org/2007/app'>{inner}</entry>"
    );
    read_posted_entry(xml.as_bytes(), &Limits::default())
}

/// The event of an entry with an id, a title, a date, an author, and this.
fn event(inner: &str) -> Event {
    with(inner).unwrap_or_else(|error| panic!("{error}\n{inner}"))
}

fn with(inner: &str) -> Result<Event, AtomError> {
    post(&format!("<id>urn:a:1</id><title>order.placed</title>{REST}{inner}"))
}

#[test]
fn the_least_that_an_entry_says() {
    let event = event("");
    assert_eq!(event.id().as_str(), "urn:a:1");
    assert_eq!(event.source().as_str(), "/shop");
    assert_eq!(event.event_type().as_str(), "order.placed");
    assert_eq!(event.time().unwrap().as_str(), "2026-01-01T00:00:00Z");
    assert_eq!((event.subject(), event.data()), (None, None));
}

#[test]
fn everything_that_an_entry_can_say() {
    let event = event(
        "<category scheme='urn:feed-protocol:type' term='order.placed'/>\
         <category scheme='urn:feed-protocol:subject' term='order-42'/>\
         <published>2025-12-31T23:59:59+01:00</published>\
         <thr:in-reply-to ref='urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11'/>\
         <link rel='self' href='a'/><link rel='alternate' href='a'/>\
         <ev:id>1</ev:id><ev:dataschema>urn:schema</ev:dataschema>\
         <ev:extension name='tenant'>blue</ev:extension>\
         <ev:extension name='retries' type='integer'>3</ev:extension>\
         <ev:extension name='test' type='boolean'>true</ev:extension>\
         <content type='text/json'>{\"a\": 1.0}</content>",
    );
    assert_eq!(event.id().as_str(), "1");
    assert_eq!(event.subject().unwrap().as_str(), "order-42");
    assert_eq!(event.time().unwrap().as_str(), "2025-12-31T23:59:59+01:00");
    assert_eq!(event.causation_id(), Some("6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11"));
    assert_eq!(event.data_schema().unwrap().as_str(), "urn:schema");
    assert_eq!(event.data_content_type().unwrap().as_str(), "application/json");
    assert_eq!(event.data().unwrap(), "{\"a\": 1.0}");
    let extensions: Vec<_> = event
        .extensions()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_text()))
        .collect();
    assert_eq!(
        extensions,
        [
            "causationid=6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11",
            "retries=3",
            "tenant=blue",
            "test=true"
        ]
    );
}

#[test]
fn the_causation_id_is_what_a_reply_names_whatever_we_would_write() {
    let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
    for (iri, id) in [
        (&format!("urn:uuid:{uuid}"), uuid),
        (&"urn:x:y".to_owned(), "urn:x:y"),
        (&"http://größe.example/".to_owned(), "http://größe.example/"),
    ] {
        let reply = format!("<thr:in-reply-to ref='{iri}'/>");
        assert_eq!(event(&reply).causation_id(), Some(id));
        let both = format!("{reply}<ev:extension name='causationid'>{id}</ev:extension>");
        assert_eq!(event(&both).causation_id(), Some(id));
        let same = format!("{reply}<ev:extension name='causationid'>{iri}</ev:extension>");
        assert_eq!(event(&same).causation_id(), Some(iri.as_str()));
    }
}

#[test]
fn a_uuid_keeps_its_atom_id() {
    let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
    let posted = |iri: &str| post(&format!("<id>{iri}</id><title>a</title>{REST}")).unwrap();
    let event = posted(&format!("urn:uuid:{uuid}"));
    assert_eq!(event.id().as_str(), uuid);
    assert_eq!(feed_protocol::FeedIdentity::uuid_iri(&event), Some(format!("urn:uuid:{uuid}")));
    let upper = format!("urn:uuid:{}", uuid.to_uppercase());
    assert_eq!(posted(&upper).id().as_str(), upper);
}

#[test]
fn the_type_is_a_category_or_else_the_title() {
    let entry = |inner: &str| post(&format!("<id>urn:a:1</id>{REST}{inner}"));
    for (inner, event_type) in [
        ("<title>a</title>", "a"),
        ("<title/><category term='a'/>", "a"),
        ("<title>a</title><category term='a'/>", "a"),
        ("<title type='text'>a</title><category scheme='urn:feed-protocol:type' term='a'/>", "a"),
    ] {
        assert_eq!(entry(inner).unwrap().event_type().as_str(), event_type, "{inner}");
    }
    for (inner, field) in [
        ("<title/>", "category"),
        ("<category term='a'/>", "title"),
        ("<title>Your order</title><category term='a'/>", "title"),
        ("<title>a</title><category term='a'/><category term='b'/>", "category"),
        ("<title>a</title><category term='a' scheme='urn:other'/>", "category"),
        ("<title>a</title><category term='a' label='A'/>", "category/@label"),
        ("<title type='html'>a</title>", "title"),
        ("<title/><category/>", "type"),
    ] {
        assert_eq!(field_of(entry(inner)), field, "{inner}");
    }
}

/// The field that an entry is refused for.
fn field_of(result: Result<Event, AtomError>) -> String {
    match result {
        Err(AtomError::Invalid(error)) => error.field().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_no_place_in_an_event_is_refused_by_name() {
    for (inner, field) in [
        ("<contributor><name>a</name></contributor>", "contributor"),
        ("<rights>mine</rights>", "rights"),
        ("<source><id>urn:s</id></source>", "source"),
        ("<summary>a</summary>", "summary"),
        ("<summary>a</summary><content>b</content>", "summary"),
        ("<author><name>/b</name></author>", "author"),
        ("<link rel='related' href='https://a.example/'/>", "link"),
        ("<link href='https://a.example/'/>", "link"),
        ("<link rel='self' href='a' title='b'/>", "link/@title"),
        ("<content xml:lang='en'>a</content>", "content/@xml:lang"),
        ("<content src='https://a.example/'/>", "content"),
        ("<content type='text'><b/></content>", "content"),
        ("<content type='xhtml'>a</content>", "content"),
        ("<content type='application/xml'>&lt;a/></content>", "content"),
        ("<content type='application/json'>{}</content>", "content"),
        ("<content type='application/pdf'>not Base64!</content>", "content"),
        ("<content type='text/json'>{</content>", "data"),
        ("<content/><content/>", "content"),
        ("<published>yesterday</published>", "published"),
        ("<published>2026-01-01 00:00:00Z</published>", "published"),
        ("<id>urn:a:2</id>", "id"),
        ("<ev:source>/other</ev:source>", "author"),
        ("<ev:subject>a</ev:subject><ev:subject>a</ev:subject>", "ev:subject"),
        ("<ev:other>a</ev:other>", "ev:other"),
        ("<ev:id><b/></ev:id>", "ev:id"),
        ("<ev:id>a&#x85;b</ev:id>", "id"),
        ("<ev:extension>a</ev:extension>", ""),
        ("<ev:extension name='A'>a</ev:extension>", "A"),
        ("<ev:extension name='id'>a</ev:extension>", "id"),
        ("<ev:extension name='a' type='integer'>1.5</ev:extension>", "a"),
        ("<ev:extension name='a' type='boolean'>1</ev:extension>", "a"),
        ("<ev:extension name='a' type='date'>1</ev:extension>", "a"),
        ("<ev:extension name='a'></ev:extension>", "a"),
        ("<ev:extension name='a'>1</ev:extension><ev:extension name='a'>1</ev:extension>", "a"),
        ("<thr:in-reply-to ref='urn:a'/><thr:in-reply-to ref='urn:b'/>", "thr:in-reply-to"),
        ("<thr:in-reply-to ref='urn:a' href='b'/>", "thr:in-reply-to/@href"),
        (
            "<thr:in-reply-to ref='urn:a'/><ev:extension name='causationid'>b</ev:extension>",
            "thr:in-reply-to",
        ),
        ("<app:control><app:draft>yes</app:draft></app:control>", "app:control"),
        ("<b xmlns='urn:other'/>", "b"),
        ("text", "entry"),
        ("<category term='order.placed'>text</category>", "category"),
        ("<category term='order.placed'><b/></category>", "category/b"),
    ] {
        assert_eq!(field_of(with(inner)), field, "{inner}");
    }
    for (inner, field) in [
        (String::new(), "title"),
        ("<title>a</title>".to_owned(), "id"),
        ("<id>urn:a</id><title>a</title>".to_owned(), "author"),
        ("<id>urn:a</id><title>a</title><author><name>/b</name></author>".to_owned(), "updated"),
        ("<id>urn:a</id><title>a</title><author><name>A B</name></author>".to_owned(), "source"),
        (
            format!(
                "<id>urn:a</id><title>a</title>{}",
                REST.replace("</name>", "</name><uri>b</uri>")
            ),
            "author/uri",
        ),
        (
            format!("<id>urn:a</id><title>a</title>{}", REST.replace("<name>/shop</name>", "")),
            "author",
        ),
    ] {
        assert_eq!(field_of(post(&inner)), field, "{inner}");
    }
}

#[test]
fn content_is_data_of_its_own_type() {
    for (content, media_type, data) in [
        ("<content>a</content>", "text/plain", "a"),
        ("<content type='html'>&lt;b></content>", "text/html", "<b>"),
        (
            "<content type='xhtml'><div xmlns='urn:x'>a</div></content>",
            "application/xhtml+xml",
            "<div xmlns=\"urn:x\">a</div>",
        ),
        (
            "<content type='application/xml'><a xmlns=''/></content>",
            "application/xml",
            "<a xmlns=\"\"/>",
        ),
        (
            "<content type='application/pdf'>YQ==</content><summary>a</summary>",
            "application/pdf",
            "a",
        ),
        (
            "<content>{}</content><ev:datacontenttype>application/x+json</ev:datacontenttype>",
            "application/x+json",
            "{}",
        ),
    ] {
        let event = event(content);
        assert_eq!(event.data_content_type().unwrap().as_str(), media_type, "{content}");
        assert_eq!(event.data().unwrap(), data, "{content}");
    }
}

#[test]
fn data_that_is_elsewhere_cannot_be_published_again() {
    let large = vec![b'x'; 70_000];
    let entry = entry(at(1, simple("1", "a", Some("text/plain"), Some(&large))));
    let xml = write_entry(&entry, &Addresses::from_page(&identity().feed));
    let error = read_posted_entry(&xml, &Limits::default()).unwrap_err().to_string();
    assert_eq!(error, "content: is elsewhere ('src'): an entry that is published holds its data");
}
