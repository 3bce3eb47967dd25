//! What is read as a CloudEvent, and what is refused.

use bytes::Bytes;
use feed_protocol::cloudevents::{
    CloudEventsError, read_batch, read_binary, read_event, read_recorded, write_binary, write_event,
};
use feed_protocol::event::ExtensionValue;
use feed_protocol::{Event, InvalidEvent};

use crate::events::simple;

const LEAST: &str = r#""specversion":"1.0","id":"1","source":"/shop","type":"order.placed""#;

/// An event with this besides the least that it has.
fn with(members: &str) -> Result<Event, CloudEventsError> {
    read_event(format!("{{{LEAST},{members}}}").as_bytes())
}

fn data(members: &str) -> Option<Bytes> {
    let event = with(members).unwrap_or_else(|error| panic!("{error}: {members}"));
    event.data().cloned()
}

fn invalid(result: Result<Event, CloudEventsError>) -> InvalidEvent {
    match result {
        Err(CloudEventsError::Invalid { index: None, error }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_data_is_kept_as_it_was_written() {
    for json in [
        "null",
        "1.0",
        "{ \"a\" : 1e2,\r\n\"a\":[ ] }",
        "\"\\u00e9\\ud800\"",
        "123456789012345678901",
    ] {
        assert_eq!(data(&format!("\"data\": {json} ")).unwrap(), json);
        let typed = format!("\"data\":{json},\"datacontenttype\":\"application/a+json\"");
        assert_eq!(data(&typed).unwrap(), json);
    }
    assert_eq!(data("\"subject\":null"), None);
}

#[test]
fn other_data_is_a_string_or_base64() {
    for (members, expected) in [
        (r#""datacontenttype":"text/plain","data":"a\n\u0000\u00e9""#, "a\n\0é".as_bytes()),
        (r#""data":"","datacontenttype":"application/xml""#, b""),
        (r#""datacontenttype":"image/png","data_base64":"iVBORw==""#, b"\x89PNG"),
        (r#""data_base64":"bnVsbA==""#, b"null"),
    ] {
        assert_eq!(data(members).unwrap(), expected, "{members}");
    }
    assert_eq!(data(r#""data_base64":null"#), None);
    for (members, field) in [
        (r#""datacontenttype":"text/plain","data":{"a":1}"#, "data"),
        (r#""datacontenttype":"text/plain","data":null"#, "data"),
        (r#""datacontenttype":"text/plain","data":"\ud800""#, "data"),
        (r#""data":1,"data_base64":"MQ==""#, "data"),
        (r#""data":null,"data_base64":"MQ==""#, "data"),
        (r#""data_base64":"e30""#, "data_base64"),
        (r#""data_base64":"e!==""#, "data_base64"),
        (r#""data_base64":1"#, "data_base64"),
        (r#""data_base64":"ew==""#, "data"),
    ] {
        assert_eq!(invalid(with(members)).field(), field, "{members}");
    }
    let deep = format!("\"data\":{}{}", "[".repeat(129), "]".repeat(129));
    assert_eq!(
        invalid(with(&deep)).to_string(),
        "data: is JSON nested 129 deep, and 128 is the limit"
    );
}

#[test]
fn extensions_are_strings_booleans_and_integers_of_32_bits() {
    let event = with(r#""a":"x","b":true,"c":-2147483648,"d":null"#).unwrap();
    let extensions: Vec<_> = event.extensions().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(extensions, ["a", "b", "c"]);
    assert_eq!(event.extensions().get("c"), Some(&ExtensionValue::Integer(i32::MIN)));
    for (members, message) in [
        (r#""a":1.0"#, "a: is a fraction, and not a string, a boolean or an integer of 32 bits"),
        (
            r#""a":2147483648"#,
            "a: is a number beyond 32 bits, and not a string, a boolean or an integer of 32 bits",
        ),
        (
            r#""a":-2147483649"#,
            "a: is a number beyond 32 bits, and not a string, a boolean or an integer of 32 bits",
        ),
        (r#""a":[[1],{}]"#, "a: is an array, and not a string, a boolean or an integer of 32 bits"),
        (
            r#""a":{"b":[1]}"#,
            "a: is an object, and not a string, a boolean or an integer of 32 bits",
        ),
        (r#""a":"""#, "a: is empty"),
        (
            r#""a":"x\ny""#,
            "a: holds U+000A at byte 1: control characters and non-characters are not allowed",
        ),
        (r#""a":"x","a":"x""#, "a: is stated twice"),
        (r#""a":null,"a":null"#, "a: is stated twice"),
        (r#""traceParent":"x""#, "traceParent: is not an attribute name: 1 to 64 of a-z and 0-9"),
        (
            r#""trace-parent":null"#,
            "trace-parent: is not an attribute name: 1 to 64 of a-z and 0-9",
        ),
        (r#""":"x""#, ": is not an attribute name: 1 to 64 of a-z and 0-9"),
        (
            r#""feedposition":"1""#,
            "feedposition: is not the name of an extension attribute: it is reserved",
        ),
        (
            r#""feedupdated":"1""#,
            "feedupdated: is not the name of an extension attribute: it is reserved",
        ),
    ] {
        assert_eq!(invalid(with(members)).to_string(), message, "{members}");
    }
    let names: Vec<_> = (0..1000).map(|it| format!("\"x{it}\":1")).collect();
    assert!(with(&names[..64].join(",")).is_ok());
    for count in [65, 67, 1000] {
        let error = invalid(with(&names[..count].join(","))).to_string();
        assert!(error.ends_with("is one too many: an event has at most 64 extensions"), "{error}");
    }
    let long = format!("\"{}\":1", "é".repeat(1_000_000));
    assert!(invalid(with(&long)).to_string().len() < 500);
}

#[test]
fn attributes_are_strings_stated_once() {
    for (body, message) in [
        ("{}", "specversion: is missing"),
        (r#"{"specversion":"0.3"}"#, "specversion: is not '1.0'"),
        (r#"{"specversion":1.0}"#, "specversion: is a fraction, and not a string"),
        (r#"{"specversion":"1.0"}"#, "id: is missing"),
        (r#"{"specversion":"1.0","id":null}"#, "id: is missing"),
        (r#"{"specversion":"1.0","id":1}"#, "id: is a number, and not a string"),
        (r#"{"specversion":"1.0","id":true}"#, "id: is a boolean, and not a string"),
        (r#"{"specversion":"1.0","id":""}"#, "id: is empty"),
        (r#"{"specversion":"1.0","id":"1","id":"1"}"#, "id: is stated twice"),
        (r#"{"specversion":"1.0","id":"1"}"#, "source: is missing"),
        (r#"{"data":1,"data":1}"#, "data: is stated twice"),
        (r#"{"time":{"a":1},"time":[]}"#, "time: is stated twice"),
    ] {
        assert_eq!(invalid(read_event(body.as_bytes())).to_string(), message, "{body}");
    }
    let escaped = with(r#""\u0073ubject":"order\u002d42","\u0064ata":1"#).unwrap();
    assert_eq!(escaped.subject().unwrap().as_str(), "order-42");
    assert_eq!(escaped.data().unwrap(), "1");
    let error = invalid(with(r#""time":"yesterday""#)).to_string();
    assert!(error.starts_with("time: is not an RFC 3339"), "{error}");
}

#[test]
fn what_is_no_object_or_no_json_is_malformed() {
    let deep = "[".repeat(1_000_000);
    let in_member = format!("{{\"a\":{deep}");
    let in_data = format!("{{\"data\":{deep}");
    for body in [
        "",
        "null",
        "1",
        "[]",
        "\"\"",
        "{",
        "{}x",
        "{} {}",
        "{'a':1}",
        "\u{feff}{}",
        "{\"a\":}",
        "{\"id\":\"\u{1}\"}",
        "{\"data\":01}",
        "{\"id\":\"\\ud800\"}",
        &deep,
        &in_member,
        &in_data,
    ] {
        let result = read_event(body.as_bytes());
        let shown = &body[..body.len().min(20)];
        assert!(matches!(result, Err(CloudEventsError::Malformed { .. })), "{shown}: {result:?}");
        let result = read_batch(body.as_bytes(), 10);
        assert!(
            body == "[]" || matches!(result, Err(CloudEventsError::Malformed { .. })),
            "{shown}"
        );
    }
    let error = read_event(b"{\"id\":\"\xff\"}").unwrap_err();
    assert_eq!(
        error,
        CloudEventsError::Malformed { index: None, reason: "byte 7 is not UTF-8".into() }
    );
}

#[test]
fn a_batch_names_its_bad_member() {
    let batch = format!("[{{{LEAST}}},{{{LEAST},\"time\":\"x\"}},{{");
    let error = read_batch(batch.as_bytes(), 10).unwrap_err();
    assert!(matches!(error, CloudEventsError::Invalid { index: Some(1), .. }));
    assert!(error.to_string().starts_with("event 1 of the batch: time: is not"), "{error}");
    let error = read_batch(batch.as_bytes(), 1).unwrap_err();
    assert_eq!(error, CloudEventsError::TooMany { limit: 1 });
    assert_eq!(error.to_string(), "a batch of more than 1 events");
    assert_eq!(read_batch(b"[]", 0), Ok(Vec::new()));
    assert!(matches!(read_batch(b"[] x", 0), Err(CloudEventsError::Malformed { .. })));
}

#[test]
fn a_recorded_event_needs_its_place() {
    let read = |members: &str| read_recorded(format!("{{{LEAST}{members}}}").as_bytes());
    let updated = r#","feedupdated":"2026-01-01T00:00:00.000001Z""#;
    let recorded = read(&format!("{updated},\"feedposition\":\"7\"")).unwrap();
    assert_eq!(recorded.position.get(), 7);
    assert_eq!(recorded.updated.timestamp_subsec_micros(), 1);
    assert!(recorded.event.extensions().is_empty());
    for (members, message) in [
        (updated.to_owned(), "feedposition: is missing"),
        (r#","feedposition":"7""#.to_owned(), "feedupdated: is missing"),
        (format!("{updated},\"feedposition\":7"), "feedposition: is a number, and not a string"),
        (format!("{updated},\"feedposition\":\"0\""), "feedposition: is not a position from 1"),
        (format!("{updated},\"feedposition\":\"07\""), "feedposition: is not a position from 1"),
        (
            r#","feedposition":"7","feedupdated":"now""#.to_owned(),
            "feedupdated: is not an RFC 3339 date and time",
        ),
    ] {
        assert_eq!(read(&members).unwrap_err().to_string(), message);
    }
}

/// What the binary mode makes of these header fields, besides the least, and of this body.
fn binary(headers: &[(&str, &str)], body: &'static str) -> Result<Event, CloudEventsError> {
    let least =
        [("ce-specversion", "1.0"), ("CE-Id", "1"), ("ce-source", "/shop"), ("ce-type", "a")];
    let all = least.iter().chain(headers).map(|(name, value)| (*name, value.as_bytes()));
    read_binary(all, Bytes::from_static(body.as_bytes()))
}

#[test]
fn header_values_are_unquoted_and_unescaped_once() {
    for (value, expected) in [
        ("a", "a"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%2520", "%20"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        (" a b ", "a b"),
        ("\"a \\\"b\\\\%20c\"", "a \"b\\ c"),
        ("caf\u{e9}", "café"),
    ] {
        let event = binary(&[("ce-subject", value)], "").unwrap();
        assert_eq!(event.subject().unwrap().as_str(), expected, "{value}");
    }
    for (name, value, message) in [
        ("ce-subject", "%FF", "subject: is not UTF-8"),
        ("ce-subject", "\"\"", "subject: is empty"),
        ("ce-subject", "%20", "subject: begins or ends with white space"),
        ("ce-Type", "b", "type: is stated twice"),
        ("ce-data", "b", "data: is not the name of an extension attribute: it is reserved"),
        ("ce-", "b", ": is not an attribute name: 1 to 64 of a-z and 0-9"),
        ("ce-a_b", "b", "a_b: is not an attribute name: 1 to 64 of a-z and 0-9"),
        (
            "ce-datacontenttype",
            "b",
            "datacontenttype: is the header field Content-Type in binary mode",
        ),
        ("Content-Type", "b", "datacontenttype: is not a media type such as 'application/json'"),
    ] {
        assert_eq!(invalid(binary(&[(name, value)], "")).to_string(), message);
    }
    let wrong =
        [("ce-specversion", &b"2"[..]), ("ce-id", b"1"), ("ce-source", b"a"), ("ce-type", b"a")];
    let error = invalid(read_binary(wrong, Bytes::new()));
    assert_eq!(error.to_string(), "specversion: is not '1.0'");
    assert_eq!(invalid(read_binary([], Bytes::new())).to_string(), "specversion: is missing");
}

#[test]
fn a_body_is_data_of_its_content_type() {
    assert_eq!(binary(&[], "").unwrap().data(), None);
    let error = invalid(binary(&[], "a"));
    assert_eq!(
        error.to_string(),
        "datacontenttype: is missing: a body needs the header field Content-Type"
    );
    let text = binary(&[("content-type", "text/plain")], "").unwrap();
    assert_eq!(text.data().unwrap(), "");
    let json = binary(&[("content-type", "application/json")], "").unwrap();
    assert_eq!((json.data(), json.has_json_data_type()), (None, true));
    let json = binary(&[("content-type", "application/json")], " {} ").unwrap();
    assert_eq!(json.data().unwrap(), " {} ");
    assert_eq!(invalid(binary(&[("content-type", "application/json")], "{")).field(), "data");
    let two = [("content-type", "text/plain"), ("Content-Type", "text/plain")];
    assert_eq!(invalid(binary(&two, "")).to_string(), "datacontenttype: is stated twice");
}

#[test]
fn header_values_are_escaped_as_the_binding_says() {
    let mut parts = simple("a b\"%é", "a", None, Some(b"{}")).into_parts();
    parts.extensions.insert("retries".parse().unwrap(), ExtensionValue::Integer(-3));
    let headers = write_binary(&Event::new(parts).unwrap());
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        [
            "ce-specversion: 1.0",
            "ce-id: a%20b%22%25%C3%A9",
            "ce-source: https://shop.example/",
            "ce-type: a",
            "ce-retries: -3",
            "content-type: application/json",
        ]
    );
}

#[test]
fn data_is_written_as_what_brings_it_back() {
    for (media_type, data, expected) in [
        (None, &b"{ }"[..], "\"data\":{ }"),
        (None, b" {}", "\"data_base64\":\"IHt9\""),
        (Some("application/a+json"), b"\"x\"", "\"data\":\"x\""),
        (Some("text/plain"), b"\"x\"", "\"data\":\"\\\"x\\\"\""),
        (Some("text/plain"), b"\xff", "\"data_base64\":\"/w==\""),
        (Some("TEXT/plain"), b"", "\"data\":\"\""),
        (Some("image/svg+xml"), b"<a/>", "\"data\":\"<a/>\""),
        (Some("image/png"), b"a", "\"data_base64\":\"YQ==\""),
    ] {
        let mut json = Vec::new();
        write_event(&simple("1", "a", media_type, Some(data)), &mut json);
        let json = String::from_utf8(json).unwrap();
        assert!(json.ends_with(&format!(",{expected}}}")), "{json}");
    }
}
