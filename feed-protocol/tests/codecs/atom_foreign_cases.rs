//! RFC 4287 case by case, as feed validators have it: what a feed may say, what many say though
//! they may not, and what cannot be read.

use std::fmt::Write;

use feed_protocol::atom::{AtomError, Limits, ReadDocument, read_document};

fn read(xml: &str) -> Result<ReadDocument, AtomError> {
    read_document(xml.as_bytes(), &Limits::default())
}

/// A whole feed with this in it, besides what it must have.
fn feed(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" \
         xml:lang=\"en\" xml:base=\"http://a.example/\">\n<id>tag:a.example,2026:f</id>\n\
         <title>F</title>\n<updated>2026-01-01T00:00:00Z</updated>\n<author><name>A</name></author>\n\
         {inner}\n</feed>\n"
    )
}

/// A feed with an entry that has this in it, besides what it must have.
fn entry(inner: &str) -> String {
    feed(&format!(
        "<entry>\n<id>tag:a.example,2026:e</id>\n<title>E</title>\n\
         <updated>2026-01-02T00:00:00Z</updated>\n{inner}\n</entry>"
    ))
}

/// What is read of the entry of a feed, but for what every entry here has.
fn shown(document: &ReadDocument) -> String {
    let entry = &document.entries[0];
    let event = &entry.event;
    let mut out = String::new();
    if event.event_type().as_str() != "entry" {
        write!(out, "type {:?}; ", event.event_type().as_str()).unwrap();
    }
    if event.source().as_str() != document.id {
        write!(out, "source {}; ", event.source()).unwrap();
    }
    let time = event.time().unwrap().as_str();
    if time != "2026-01-02T00:00:00Z" {
        write!(out, "time {time}; ").unwrap();
    }
    if let Some(src) = &entry.external_data {
        write!(out, "at {src}; ").unwrap();
    }
    if let Some(kind) = event.data_content_type() {
        write!(out, "{kind}; ").unwrap();
    }
    if let Some(data) = event.data() {
        write!(out, "{}", String::from_utf8_lossy(data)).unwrap();
    }
    out.trim_end_matches("; ").to_owned()
}

const DIV: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";

#[test]
fn what_an_entry_may_say_is_read_exactly() {
    for (inner, expected) in [
        // Text constructs (section 3.1), and which of them becomes the data.
        ("", ""),
        ("<summary>a &amp; b</summary>", "text/plain; a & b"),
        ("<summary type=\"text\"> a\n\tb </summary>", "text/plain; a\n\tb"),
        ("<summary type=\"html\">&lt;p>a &amp;amp; b</summary>", "text/html; <p>a &amp; b"),
        ("<summary type=\"html\"><![CDATA[<p>a & b]]></summary>", "text/html; <p>a & b"),
        ("<rights>&#169; 2026</rights><title/>", ""),
        ("<summary/>", "text/plain"),
        // Content (section 4.1.3).
        ("<content>&#x1F600; &#228;</content>", "text/plain; \u{1F600} \u{e4}"),
        ("<content type=\"text/plain\">a</content>", "text/plain; a"),
        ("<content type=\"html\">a&lt;br></content>", "text/html; a<br>"),
        (
            "<content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\"><b>a</b> &lt; \
             <![CDATA[<]]></div></content>",
            "application/xhtml+xml; {DIV}<b>a</b> &lt; &lt;</div>",
        ),
        (
            "<content type=\"xhtml\" xmlns:x=\"http://www.w3.org/1999/xhtml\"><x:div>a</x:div></content>",
            "application/xhtml+xml; <x:div xmlns:x=\"http://www.w3.org/1999/xhtml\">a</x:div>",
        ),
        (
            "<content type=\"xhtml\">\n {DIV}<img src=\"i.png\" alt=\"'&quot;\"/></div>\n</content>",
            "application/xhtml+xml; {DIV}<img src=\"i.png\" alt=\"'&quot;\"/></div>",
        ),
        (
            "<content type=\"application/xml\"><a xmlns=\"urn:x\"><b/></a></content>",
            "application/xml; <a xmlns=\"urn:x\"><b/></a>",
        ),
        (
            "<content type=\"image/svg+xml\"><svg xmlns=\"http://www.w3.org/2000/svg\"/></content>",
            "image/svg+xml; <svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ),
        ("<content type=\"image/png\">aVZC\nT1I=\n</content>", "image/png; iVBOR"),
        ("<content type=\"text/csv; charset=utf-8\">a,b</content>", "text/csv; charset=utf-8; a,b"),
        (
            "<content type=\"image/png\" src=\"/i.png\"/><summary>s</summary>",
            "at http://a.example/i.png; image/png",
        ),
        ("<content src=\"x/i\"/><summary>s</summary>", "at http://a.example/x/i"),
        // Bases, one in the other (section 2).
        (
            "<content xml:base=\"x/y/\" type=\"image/png\" src=\"../i\"/>",
            "at http://a.example/x/i; image/png",
        ),
        ("<content xml:base=\"//b.example/c\" src=\"d?e#f\"/>", "at http://b.example/d?e#f"),
        ("<content src=\"data:,a%20b\"/>", "at data:,a%20b"),
        // Categories (section 4.2.2): the first is the type.
        ("<category term=\"a\"/><category term=\"b\" scheme=\"urn:s\"/>", "type \"a\""),
        ("<category term=\"a b\" label=\"A &amp; B\" xml:lang=\"de\">x</category>", "type \"a b\""),
        // Links of every kind (section 4.2.7).
        (
            "<link href=\"/e\"/><link rel=\"enclosure\" href=\"/e.mp3\" length=\"1\" type=\"audio/mpeg\"/>\
             <link rel=\"related\" href=\"http://b.example/\" hreflang=\"de\" title=\"t\"/>\
             <link rel=\"via\" href=\"/v\"/><link rel=\"http://b.example/rel\" href=\"mailto:a@b.example\"/>\
             <link rel=\"alternate\" hreflang=\"de\" href=\"/de/e\"/>",
            "",
        ),
        // Dates (section 3.3).
        (
            "<published>2003-12-13T18:30:02.25+01:00</published>",
            "time 2003-12-13T18:30:02.25+01:00",
        ),
        ("<published>2003-12-13T18:30:02-12:59</published>", "time 2003-12-13T18:30:02-12:59"),
        ("<published>2004-02-29T23:59:60Z</published>", "time 2004-02-29T23:59:60Z"),
        ("<published>0001-01-01T00:00:00Z</published>", "time 0001-01-01T00:00:00Z"),
        ("<published>9999-12-31T23:59:59Z</published>", "time 9999-12-31T23:59:59Z"),
        // People (section 3.2), and the feed that an entry was taken from (section 4.2.11).
        (
            "<author><name>A</name><email>a@b.example</email><uri>http://b.example/</uri></author>\
             <author><name>B</name></author><contributor><name>C</name></contributor>",
            "",
        ),
        (
            "<source><id>urn:s</id><title>S</title><updated>2020-01-01T00:00:00Z</updated>\
             <author><name>S</name></author><category term=\"no\"/><link href=\"/s\"/></source>",
            "source urn:s",
        ),
        ("<source><title>S</title></source>", ""),
        // Foreign markup (section 6), comments and instructions, anywhere.
        (
            "<x:a xmlns:x=\"urn:x\" x:b=\"c\"><x:id>no</x:id><published>no</published></x:a>\
             <!-- <id>no</id> --><?x <id>no</id>?><summary x:c=\"d\" xmlns:x=\"urn:x\">s</summary>",
            "text/plain; s",
        ),
        ("<y xmlns=\"\"><content>no</content></y><content>c</content>", "text/plain; c"),
        ("<summary>a<!-- b -->c<?d e?>f</summary>", "text/plain; acf"),
        ("<future>an element of Atom that is not known</future>", ""),
    ] {
        let document = read(&entry(&inner.replace("{DIV}", DIV)));
        let document = document.unwrap_or_else(|error| panic!("{inner}: {error}"));
        assert_eq!(shown(&document), expected.replace("{DIV}", DIV), "{inner}");
    }
}

#[test]
fn what_many_feeds_say_though_they_may_not_is_read_where_it_is_clear() {
    for (inner, expected) in [
        ("<published> 2026-01-02 03:04:05z </published>", "time 2026-01-02T03:04:05Z"),
        ("<content type=\"HTML\">&lt;b></content>", "text/html; <b>"),
        (
            "<content type=\"html\"><b>a</b></content>",
            "text/html; <b xmlns=\"http://www.w3.org/2005/Atom\">a</b>",
        ),
        ("<content type=\"\">a</content>", "text/plain; a"),
        ("<content type=\"application/json\">{\"a\":1}</content>", "application/json; {\"a\":1}"),
        ("<category/><category term=\"\"/>", ""),
        ("<category term=\" a&#9;b \"/>", "type \"a b\""),
        // Stated twice, the first counts.
        ("<content>a</content><content>b</content><id>urn:no</id>", "text/plain; a"),
        ("<title>again</title><updated>2030-01-01T00:00:00Z</updated>", ""),
        // What no reader needs may be wrong.
        ("<link/><link rel=\"\" href=\"http://[\"/><link href=\"not an IRI\"/>", ""),
        ("<author/><author><name/></author><author><email>no</email></author>", ""),
        ("<content src=\"not an IRI\" type=\"not a type\"/>", "at not an IRI"),
        ("<content xml:base=\"not an IRI\" src=\"a\"/>", "at a"),
        ("text beside the elements<summary>s</summary>&amp;", "text/plain; s"),
    ] {
        let document = read(&entry(inner)).unwrap_or_else(|error| panic!("{inner}: {error}"));
        assert_eq!(shown(&document), expected, "{inner}");
    }
}

#[test]
fn the_parts_of_a_feed_are_read() {
    for (inner, links) in [
        ("", vec![]),
        (
            "<generator uri=\"/g\" version=\"1\">g</generator><icon>/i</icon><logo>/l</logo>\
             <rights type=\"xhtml\">{DIV}r</div></rights><subtitle type=\"html\">&lt;b></subtitle>",
            vec![],
        ),
        ("<link href=\"\"/>", vec!["alternate http://a.example/"]),
        (
            "<link rel=\"self\" href=\"f\"/><link rel=\"next\" href=\"?page=2\" xml:base=\"/x/y\"/>",
            vec!["self http://a.example/f", "next http://a.example/x/y?page=2"],
        ),
        (
            "<link rel=\"prev-archive\" href=\"/1\" type=\"application/atom+xml\"/>\
             <link rel=\"Current\" href=\"/2\"/><link rel=\"hub\" href=\"/3\"/>",
            vec!["prev-archive http://a.example/1", "current http://a.example/2"],
        ),
    ] {
        let document = read(&feed(&inner.replace("{DIV}", DIV))).unwrap();
        assert_eq!((&*document.id, &*document.title), ("tag:a.example,2026:f", "F"));
        assert!(document.entries.is_empty());
        let found: Vec<_> =
            document.links.iter().map(|it| format!("{} {}", it.relation, it.href)).collect();
        assert_eq!(found, links, "{inner}");
        assert!(!document.archive && !document.complete);
    }
    let history = "xmlns:h=\"http://purl.org/syndication/history/1.0\"";
    assert!(read(&feed(&format!("<h:archive {history}/>"))).unwrap().archive);
    assert!(read(&feed(&format!("<h:complete {history}>\n</h:complete>"))).unwrap().complete);
    let elsewhere = format!("<x xmlns=\"urn:x\"><h:complete {history}/></x><complete/>");
    assert!(!read(&feed(&elsewhere)).unwrap().complete);
}

#[test]
fn the_order_of_elements_and_the_space_between_them_mean_nothing() {
    let xml = "\u{feff}<?xml version='1.0'?><!-- a --><?b c?>\r\n<a:feed\n\txmlns:a='http://www.w3.org/2005/Atom'\r\n>\
               <a:entry><a:content>c</a:content><a:updated>\n2026-01-02T00:00:00Z\t</a:updated><a:id>\n urn:e \r\n</a:id></a:entry>\
               <a:updated\n>2026-01-01T00:00:00Z</a:updated\n><a:id>urn:f</a:id ></a:feed>\n<!-- d -->\n";
    let document = read(xml).unwrap();
    assert_eq!((&*document.id, &*document.entries[0].iri), ("urn:f", "urn:e"));
    assert_eq!(shown(&document), "text/plain; c");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (inner, says) in [
        ("<published>2026-02-30T00:00:00Z</published>", "entry tag:a.example,2026:e: published: "),
        ("<published>2026-01-02T24:00:00Z</published>", "entry tag:a.example,2026:e: published: "),
        ("<published>2026-01-02T00:00:00</published>", "entry tag:a.example,2026:e: published: "),
        ("<published>2026-1-2T00:00:00Z</published>", "entry tag:a.example,2026:e: published: "),
        ("<published>20260102T000000Z</published>", "entry tag:a.example,2026:e: published: "),
        ("<published/>", "entry tag:a.example,2026:e: published: "),
        ("<content type=\"xhtml\">&lt;div></content>", "entry tag:a.example,2026:e: content: "),
        ("<content type=\"image/png\">%</content>", "entry tag:a.example,2026:e: content: "),
        ("<content type=\"image\">YQ==</content>", "entry tag:a.example,2026:e: content: "),
        ("<source><id>a b</id></source>", "entry tag:a.example,2026:e: source: "),
        ("<summary>&nbsp;</summary>", "line 11"),
        ("<summary>\n\n<b></summary>", "line 13"),
        ("<x:a/>", "line 11"),
        ("<summary>\u{b}</summary>", "U+000B at byte 348"),
        ("<summary a=\"b\" a=\"c\"/>", "line 11"),
    ] {
        let error = read(&entry(inner)).expect_err(inner).to_string();
        assert!(error.starts_with(says) || error.contains(says), "{inner}: {error}");
    }
    let stated = feed("<entry><id>urn:e</id><updated>x</updated></entry>");
    for (xml, says) in [
        (stated.clone(), "entry urn:e: updated: is not an RFC 3339 date"),
        (stated.replace("<updated>x</updated>", ""), "entry urn:e: updated: is missing"),
        (stated.replace("<id>urn:e</id>", ""), "entry without an id: "),
        (stated.replace("<id>urn:e</id>", "<id/>"), "entry : id: "),
        (feed("").replace("<id>tag:a.example,2026:f</id>", ""), "feed: id: is missing"),
        (feed("").replace("2026-01-01T", "2026-01-01"), "feed: updated: is not an RFC 3339 date"),
        (feed("").replace("2005/Atom", "2005/atom"), "feed: is not the root element"),
        (
            feed("").replace("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"),
            "feed: is not",
        ),
        ("<rss version=\"2.0\"><channel/></rss>".into(), "but <rss>"),
        ("<!DOCTYPE html><html/>".into(), "line 1"),
        ("{\"version\": \"https://jsonfeed.org/version/1\"}".into(), "line 1"),
        (String::new(), ""),
        (feed("").replace("</feed>", ""), "line"),
        (feed("") + "<feed/>", "line"),
        (feed("").replace("utf-8", "iso-8859-1"), "iso-8859-1"),
    ] {
        let error = read(&xml).expect_err(&xml).to_string();
        assert!(error.contains(says) && !error.is_empty(), "{error}: {xml}");
    }
}

#[test]
fn a_small_document_does_not_become_a_large_one() {
    let many = |one: &str| {
        feed(
            &format!("<entry><id>urn:e</id><updated>2026-01-01T00:00:00Z</updated>{one}</entry>")
                .repeat(3000),
        )
    };
    let long = "n".repeat(6000);
    for (xml, says) in [
        // A namespace that is declared once and needed in every entry.
        (
            many("<content type='application/xml'><x:a/></content>")
                .replace("xml:lang", &format!("xmlns:x='urn:{long}' xml:lang")),
            "bytes of repeated bases and namespaces",
        ),
        // A base under which every link stands.
        (
            many("<link href='a'/>").replace("a.example/\">", &format!("a.example/{long}/\">")),
            "bytes of repeated bases and namespaces",
        ),
        (
            many("<content src='a'/>").replace("a.example/\">", &format!("a.example/{long}/\">")),
            "bytes of repeated bases and namespaces",
        ),
        (
            feed("").replace("a.example/\">", &format!("a.example/{long}{long}/\">")),
            "an xml:base of more than 8192 bytes",
        ),
    ] {
        let error = read(&xml).expect_err("a small document").to_string();
        assert!(error.contains(says), "{error}");
    }
}
