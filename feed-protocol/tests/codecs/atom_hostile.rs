//! Documents that nobody should send.

use feed_protocol::atom::{
    AtomError, Limits, examine_document, read_document, read_entry, read_posted_entry,
    write_document, write_entry,
};
use feed_protocol::link::Addresses;
use proptest::prelude::*;

use crate::atom_round_trip::page;
use crate::events::{config, entry, identity};
use crate::golden::shop;

const ATOM: &str = "xmlns='http://www.w3.org/2005/Atom'";

/// An entry that is in order, but for what stands in front of it and in it.
fn entry_with(prolog: &str, inner: &str) -> String {
    format!(
        "{prolog}<entry {ATOM}><id>urn:a:1</id><title>a</title>\
         <updated>2026-01-01T00:00:00Z</updated><author><name>/shop</name></author>{inner}</entry>"
    )
}

fn post(xml: impl AsRef<[u8]>) -> Result<feed_protocol::Event, AtomError> {
    read_posted_entry(xml.as_ref(), &Limits::default())
}

#[test]
fn what_is_not_well_formed_is_malformed() {
    assert!(post(entry_with("", "")).is_ok());
    for inner in [
        "<content>&unknown;</content>",
        "<content>&#0;</content>",
        "<content>&#1;</content>",
        "<content>&#xFFFE;</content>",
        "<content>&#xD800;</content>",
        "<content>&#x110000;</content>",
        "<content>&#+65;</content>",
        "<content>&#;</content>",
        "<content>&;</content>",
        "<content>&</content>",
        "<content>& b</content>",
        "<content>&lt</content>",
        "<content>]]></content>",
        "<content><![CDATA[</content>",
        "<content><![cdata[]]></content>",
        "<content><!-- a -- b --></content>",
        "<content><!-- </content>",
        "<content>\u{1}</content>",
        "<content>\u{ffff}</content>",
        "<content a='1' a='2'/>",
        "<content a='<'/>",
        "<content a=1/>",
        "<content a/>",
        "<content a='1'b='2'/>",
        "<content/ >",
        "<content",
        "<content>",
        "<content></contents>",
        "</content>",
        "</entry>",
        "<1a/>",
        "<a<b/>",
        "<p:a/>",
        "<content p:type='text'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='urn:a'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<?xml version='1.0'?>",
        "<?XML a?>",
        "<? a?>",
        "<!DOCTYPE a>",
        "<!ELEMENT a>",
        "<>",
        "< a/>",
    ] {
        let error = post(entry_with("", inner)).expect_err(inner);
        assert!(matches!(error, AtomError::Malformed(_)), "{inner}: {error:?}");
    }
    for outer in [
        entry_with(" <?xml version='1.0'?>", ""),
        entry_with("<?xml version='1.0'?><?xml version='1.0'?>", ""),
        entry_with("<?xml version='1.1'?>", ""),
        entry_with("<?xml version='1.0' encoding='iso-8859-1'?>", ""),
        entry_with("<?xml version='1.0' encoding='utf-16'?>", ""),
        entry_with("a", ""),
        entry_with("&amp;", ""),
        entry_with("<![CDATA[ ]]>", ""),
        entry_with("", "") + "a",
        entry_with("", "") + "<a/>",
        entry_with("", "") + "</a>",
        entry_with("", "") + "<!DOCTYPE a>",
        entry_with("", "") + "<?xml version='1.0'?>",
        entry_with("", "") + "\u{feff}",
        String::new(),
        " ".to_owned(),
        "<!-- -->".to_owned(),
        "{}".to_owned(),
    ] {
        let error = post(&outer).expect_err(&outer);
        assert!(matches!(error, AtomError::Malformed(_)), "{outer}: {error:?}");
    }
}

#[test]
fn no_entity_is_ever_expanded() {
    let laughs = "<!DOCTYPE entry [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>\
                  <!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]>";
    let external = "<!DOCTYPE entry [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>";
    let parameter = "<!DOCTYPE entry [<!ENTITY % a SYSTEM 'https://a.example/'> %a;]>";
    for (prolog, inner) in [
        (laughs, "<content>&c;</content>"),
        (external, "<content>&a;</content>"),
        (parameter, ""),
        ("<!DOCTYPE entry SYSTEM 'https://a.example/'>", ""),
        ("<!doctype entry>", ""),
        ("<?xml version='1.0'?><!DOCTYPE entry>", ""),
    ] {
        let error = post(entry_with(prolog, inner)).unwrap_err();
        assert!(matches!(error, AtomError::Malformed(_)), "{prolog}: {error:?}");
    }
}

#[test]
fn only_utf_8_is_read_with_or_without_a_mark() {
    let xml = entry_with("<?xml version='1.0' encoding='UTF-8'?>", "");
    assert!(post(format!("\u{feff}{xml}")).is_ok());
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &[u8]| {
        let mut document = mark.to_vec();
        document.extend(xml.encode_utf16().flat_map(bytes));
        document
    };
    for document in [
        utf16(u16::to_be_bytes, &[0xFE, 0xFF]),
        utf16(u16::to_le_bytes, &[0xFF, 0xFE]),
        utf16(u16::to_be_bytes, &[]),
        utf16(u16::to_le_bytes, &[]),
    ] {
        let error = post(document).unwrap_err().to_string();
        assert_eq!(error, "is UTF-16, and only UTF-8 is read");
    }
    let mut broken = entry_with("", "<content>é</content>").into_bytes();
    let at = broken.iter().position(|byte| *byte == 0xC3).unwrap();
    broken.remove(at + 1);
    assert_eq!(post(broken).unwrap_err().to_string(), format!("byte {at} is not UTF-8"));
}

#[test]
fn a_fault_names_its_line() {
    let error = post("<entry xmlns='http://www.w3.org/2005/Atom'>\n<id>\n&nbsp;</id></entry>");
    assert_eq!(error.unwrap_err().to_string(), "line 3: the reference '&nbsp;' stands for nothing");
}

#[test]
fn depth_is_refused_long_before_it_costs_anything() {
    let limits = Limits { max_bytes: 100_000_000, max_depth: usize::MAX, max_entries: 10 };
    for (open, close) in [("<a>", ""), ("<a>", "</a>"), ("<content><a xmlns='urn:a'>", "")] {
        let xml = entry_with("", &(open.repeat(1_000_000) + &close.repeat(1_000_000)));
        let error = read_posted_entry(xml.as_bytes(), &limits).unwrap_err();
        assert!(matches!(error, AtomError::TooLarge { .. }), "{error:?}");
    }
    let deep = entry_with("", &format!("<content type='xhtml'>{}</content>", "<b>".repeat(100)));
    let error = post(deep).unwrap_err();
    assert_eq!(
        error,
        AtomError::TooLarge { what: "elements nested deeper than 100".into(), limit: 100 }
    );
}

#[test]
fn limits_are_exact() {
    let xml = entry_with("", "");
    let bytes = |max_bytes| Limits { max_bytes, ..Limits::default() };
    assert!(read_posted_entry(xml.as_bytes(), &bytes(xml.len())).is_ok());
    let error = read_posted_entry(xml.as_bytes(), &bytes(xml.len() - 1)).unwrap_err();
    assert!(matches!(error, AtomError::TooLarge { .. }));
    let depth = |max_depth| Limits { max_depth, ..Limits::default() };
    assert!(read_posted_entry(xml.as_bytes(), &depth(3)).is_ok());
    assert!(read_posted_entry(xml.as_bytes(), &depth(2)).is_err());
    let document = write_document(&page(shop().into_iter().map(entry).collect(), true));
    let entries = |max_entries| Limits { max_entries, ..Limits::default() };
    assert!(read_document(&document, &entries(8)).is_ok());
    let error = read_document(&document, &entries(7)).unwrap_err();
    assert_eq!(error, AtomError::TooLarge { what: "more than 7 entries".into(), limit: 7 });
}

/// Each of these is small, and would be slow or large for a reader that trusts it.
#[test]
fn nothing_small_costs_much() {
    let many = |count: usize, part: fn(usize) -> String| (0..count).map(part).collect::<String>();
    let attributes = format!("<a {}/>", many(100_000, |it| format!("a{it}='' ")));
    assert!(matches!(post(entry_with("", &attributes)), Err(AtomError::Malformed(_))));
    let declarations = many(20, |it| format!("<a {}>", many_declarations(it)));
    assert!(matches!(post(entry_with("", &declarations)), Err(AtomError::TooLarge { .. })));
    // A long namespace, and a hundred thousand elements that would each have to declare it.
    let namespace = "n".repeat(100_000);
    let markup = format!(
        "<content type='application/xml' xmlns:p='{namespace}'>{}</content>",
        "<p:a/>".repeat(100_000)
    );
    assert!(matches!(post(entry_with("", &markup)), Err(AtomError::TooLarge { .. })));
    let open = "<!--".repeat(1_000_000);
    assert!(matches!(post(entry_with("", &open)), Err(AtomError::Malformed(_))));
    let references = format!("<content>{}</content>", "&amp;".repeat(1_000_000));
    assert_eq!(post(entry_with("", &references)).unwrap().data().unwrap().len(), 1_000_000);
}

fn many_declarations(element: usize) -> String {
    (0..10).map(|it| format!("xmlns:p{element}x{it}='urn:a' ")).collect()
}

#[test]
fn another_root_is_no_atom() {
    for root in [
        "<entry xmlns='http://www.w3.org/2005/atom'/>",
        "<entry/>",
        "<p:entry xmlns:p='urn:a' xmlns='http://www.w3.org/2005/Atom'/>",
        "<entry xmlns='http://www.w3.org/2005/At&#111;m'/>",
        "<rss version='2.0'/>",
    ] {
        for result in [
            post(root).map(drop),
            read_entry(root.as_bytes(), &Limits::default()).map(drop),
            read_document(root.as_bytes(), &Limits::default()).map(drop),
        ] {
            assert!(matches!(result, Err(AtomError::Invalid(_))), "{root}: {result:?}");
        }
    }
    let feed = write_document(&page(Vec::new(), false));
    let error = post(feed).unwrap_err().to_string();
    assert_eq!(error, "entry: is not the root element in the namespace of Atom, but <feed>");
}

#[test]
fn half_a_document_is_never_taken_for_a_whole_one() {
    let document = write_document(&page(shop().into_iter().map(entry).collect(), true));
    let whole = document.len() - "\n".len();
    for end in 0..whole {
        assert!(read_document(&document[..end], &Limits::default()).is_err(), "{end}");
    }
    for recorded in shop() {
        let xml = write_entry(&entry(recorded), &Addresses::from_page(&identity().feed));
        for end in 0..xml.len() - "\n".len() {
            assert!(read_entry(&xml[..end], &Limits::default()).is_err(), "{end}");
            assert!(post(&xml[..end]).is_err(), "{end}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_damage_makes_a_reader_panic(
        place in any::<proptest::sample::Index>(),
        junk in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            "[<>&;/!?'\"\\[\\]a:= \\-]{0,4}".prop_map(String::into_bytes),
        ],
        removed in 0..20_usize,
    ) {
        let mut document = write_document(&page(shop().into_iter().map(entry).collect(), true));
        let at = place.index(document.len());
        let end = (at + removed).min(document.len());
        document.splice(at..end, junk);
        let _ = read_document(&document, &Limits::default());
        let _ = examine_document(&document, &Limits::default());
    }

    #[test]
    fn no_junk_makes_a_reader_panic(junk in "[<>&;/!?'\"\\[\\]a:= \\-#x\u{e9}\r\n]{0,40}") {
        let _ = post(entry_with("", &junk));
        let feed = format!("<feed {ATOM}>{}</feed>", entry_with("", &junk));
        let _ = examine_document(feed.as_bytes(), &Limits::default());
        let _ = post(junk);
    }
}
