//! Events to try the codecs with: any that are valid, and rather the nasty ones.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use chrono::DateTime;
use feed_protocol::event::{
    EventParts, EventTime, ExtensionName, ExtensionValue, Extensions, is_json,
};
use feed_protocol::{Entry, Event, FeedIdentity, Position, Recorded};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// A run with a seed that a failure prints, to be run again with; nothing is written to disk.
pub(crate) fn config() -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(()));
    }
    if let RngSeed::Fixed(seed) = config.rng_seed {
        println!("PROPTEST_RNG_SEED={seed}");
    }
    config
}

/// A character that an attribute may hold, and rather one that a format must escape.
fn attribute_character() -> impl Strategy<Value = char> {
    let allowed = |it: &char| {
        let code = u32::from(*it);
        !it.is_control() && code & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&code)
    };
    prop_oneof![
        4 => "[a-z0-9.-]".prop_map(|it| it.chars().next().unwrap()),
        3 => proptest::sample::select("<>&\"'%]\\ ;:#{}\u{a0}\u{2028}\u{feff}\u{fffd}".chars().collect::<Vec<_>>()),
        2 => any::<char>().prop_filter("is allowed in an attribute", allowed),
    ]
}

/// Text that an attribute may hold.
fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("]]>".to_owned()),
        Just("&amp;".to_owned()),
        Just("6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11".to_owned()),
        Just("urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11".to_owned()),
        Just("%41%zz%".to_owned()),
        vec(attribute_character(), 1..12)
            .prop_map(|it| it.into_iter().collect::<String>().trim().to_owned())
            .prop_filter("is not empty", |it| !it.is_empty()),
    ]
}

fn iri_reference() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/shop".to_owned()),
        Just("https://shop.example/größe?a=1&b=2#c".to_owned()),
        Just("urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11".to_owned()),
        "[a-z/&;=?'-]{1,9}".prop_map(|it| format!("/{it}")),
    ]
    .prop_filter("is an IRI reference", |it| feed_protocol::event::Source::new(it).is_ok())
}

fn time() -> impl Strategy<Value = EventTime> {
    prop_oneof![
        Just("2021-01-01T02:00:00.120+02:00".parse().unwrap()),
        Just("1999-12-31T23:59:60Z".parse().unwrap()),
        (0..4_000_000_000_i64, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap().into()),
    ]
}

fn media_type() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "application/json",
        "application/json; charset=utf-8",
        "text/json",
        "application/vnd.shop+json;v=\"1;2\"",
        "text/plain",
        "Text/CSV; charset=\"iso-8859-1\"",
        "text/html",
        "application/xml",
        "text/xml",
        "image/svg+xml",
        "application/octet-stream",
        "application/pdf; odd (parameters",
        "multipart/mixed; boundary=a",
        "message/http",
    ])
    .prop_map(str::to_owned)
}

fn extension() -> impl Strategy<Value = ExtensionValue> {
    prop_oneof![
        any::<bool>().prop_map(ExtensionValue::Boolean),
        any::<i32>().prop_map(ExtensionValue::Integer),
        Just(ExtensionValue::string("true").unwrap()),
        Just(ExtensionValue::string("42").unwrap()),
        attribute().prop_map(|text| ExtensionValue::string(text).unwrap()),
    ]
}

fn extensions() -> impl Strategy<Value = Extensions> {
    let name = prop_oneof![
        Just("causationid".to_owned()),
        Just("traceparent".to_owned()),
        "[a-z0-9]{1,6}",
    ]
    .prop_filter_map("is no reserved name", |it| it.parse::<ExtensionName>().ok());
    btree_map(name, extension(), 0..4).prop_map(|map| {
        let mut extensions = Extensions::default();
        for (name, value) in map {
            extensions.insert(name, value);
        }
        extensions
    })
}

/// One JSON text, in any layout that JSON allows.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let literal = proptest::sample::select(vec![
        "null",
        "{}",
        "[]",
        "\"\"",
        "0",
        "-1.50e+400",
        "{\"a\":1,\"a\":2}",
        "\"\\ud800\"",
        "\"\u{fffe}\"",
        "\"]]>\u{2028}<&\"",
        "{ \"total\" : 1.980,\n\t\"é\":[ ] }",
        "{\r\n}",
    ]);
    let space = proptest::sample::select(vec!["", " ", "\n", "\r", "\t"]);
    let string = ".{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap());
    let depth = (1..=128_usize).prop_map(|it| format!("{}{}", "[".repeat(it), "]".repeat(it)));
    prop_oneof![
        4 => literal.prop_map(str::to_owned),
        2 => string,
        1 => depth,
        2 => (space.clone(), "[0-9]{1,3}", space)
            .prop_filter("no leading zero", |(_, it, _)| it == "0" || !it.starts_with('0'))
            .prop_map(|(before, it, after)| format!("{before}{it}{after}")),
    ]
    .prop_map(String::into_bytes)
}

/// Any bytes, and rather text, and rather text that XML spoils.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let odd = proptest::sample::select(vec![
        "",
        " ",
        "\n",
        "\r",
        "\r\n",
        "a\rb",
        "\0",
        "\u{b}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{feff}a",
        "]]>",
        "<!DOCTYPE a>",
        "&amp;",
        "&#13;",
        " a ",
        "\u{85}",
        "\u{7f}",
        "<a><![CDATA[b]]></a>",
        "e30=",
    ]);
    prop_oneof![
        3 => odd.prop_map(|it| it.as_bytes().to_vec()),
        2 => vec(any::<char>(), 0..20).prop_map(|it| it.into_iter().collect::<String>().into_bytes()),
        2 => vec(any::<u8>(), 0..40),
    ]
}

fn data(media_type: Option<String>) -> impl Strategy<Value = (Option<String>, Option<Vec<u8>>)> {
    let data = match &media_type {
        Some(it) if !is_json(it) => option::weighted(0.9, bytes()).boxed(),
        _ => option::weighted(0.9, json()).boxed(),
    };
    data.prop_map(move |data| (media_type.clone(), data))
}

prop_compose! {
    /// Any event whose data fits its entry.
    pub(crate) fn event()(
        id in attribute(),
        source in iri_reference(),
        event_type in attribute(),
        subject in option::of(attribute()),
        time in option::of(time()),
        schema in option::of(Just("https://shop.example/a?b=1&c='d'".to_owned())),
        extensions in extensions(),
        (media_type, data) in option::weighted(0.8, media_type()).prop_flat_map(data),
    ) -> Event {
        let mut parts = EventParts::new(
            id.parse().unwrap(),
            source.parse().unwrap(),
            event_type.parse().unwrap(),
        );
        parts.subject = subject.map(|it| it.parse().unwrap());
        parts.time = time;
        parts.data_content_type = media_type.map(|it| it.parse().unwrap());
        parts.data_schema = schema.map(|it| it.parse().unwrap());
        parts.extensions = extensions;
        parts.data = data.map(Bytes::from);
        Event::new(parts).unwrap()
    }
}

prop_compose! {
    /// Any event in any place.
    pub(crate) fn recorded()(
        event in event(),
        position in 1..=Position::MAX.get(),
        micros in 0..4_000_000_000_000_000_i64,
    ) -> Recorded {
        Recorded {
            position: Position::new(position).unwrap(),
            updated: DateTime::from_timestamp_micros(micros).unwrap(),
            event,
        }
    }
}

/// The feed that all entries here are of.
pub(crate) fn identity() -> FeedIdentity {
    FeedIdentity {
        authority: "shop.example".into(),
        date: chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
        feed: "orders".parse().unwrap(),
    }
}

/// The entry of a recorded event.
pub(crate) fn entry(recorded: Recorded) -> Entry {
    let event = &recorded.event;
    let iri = FeedIdentity::uuid_iri(event).unwrap_or_else(|| identity().tag_iri(event));
    Entry { iri, recorded }
}

/// The event of these attributes.
pub(crate) fn simple(
    id: &str,
    event_type: &str,
    media_type: Option<&str>,
    data: Option<&[u8]>,
) -> Event {
    let mut parts = EventParts::new(
        id.parse().unwrap(),
        "https://shop.example/".parse().unwrap(),
        event_type.parse().unwrap(),
    );
    parts.data_content_type = media_type.map(|it| it.parse().unwrap());
    parts.data = data.map(Bytes::copy_from_slice);
    Event::new(parts).unwrap()
}

/// An event in its place; it was given it as many seconds after the beginning of 2026.
pub(crate) fn at(position: u64, event: Event) -> Recorded {
    let updated = DateTime::from_timestamp(1_767_225_600 + i64::try_from(position).unwrap(), 0);
    Recorded { position: Position::new(position).unwrap(), updated: updated.unwrap(), event }
}
