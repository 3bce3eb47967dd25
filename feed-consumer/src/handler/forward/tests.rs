//! Settings, and what is sent. What answers do is tested over real sockets, end to end.

use bytes::Bytes;
use chrono::DateTime;
use feed_protocol::event::EventParts;
use feed_protocol::{Event, Position};

use super::*;

fn forward() -> Forward {
    Forward::new("https://user:pa%20ss@shop.example/hooks?key=s3cret#f").unwrap()
}

fn recorded(data: &'static [u8]) -> Recorded {
    let mut parts = EventParts::new(
        "1".parse().unwrap(),
        "/shop".parse().unwrap(),
        "order.placed".parse().unwrap(),
    );
    parts.subject = Some("grüße 1".parse().unwrap());
    parts.data = Some(Bytes::from_static(data));
    Recorded {
        position: Position::new(7).unwrap(),
        updated: DateTime::UNIX_EPOCH,
        event: Event::new(parts).unwrap(),
    }
}

#[test]
fn an_address_that_nothing_can_be_sent_to_is_refused_without_its_secrets() {
    for target in ["", "hooks", "ftp://u:s3cret@shop.example/", "http://", "mailto:a@b"] {
        let error = Forward::new(target).unwrap_err().to_string();
        assert!(error.contains("such as https://"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let forward =
        Forward::new("https://shop.example/hooks?key=s3cret").unwrap().bearer("t0ken").unwrap();
    let forward = forward.sign_with("s1gn").unwrap().header("X-Key", "k3y").unwrap();
    let headers = forward.headers_of(&recorded(b"1"), b"1").unwrap();
    let shown = format!("{:?} {forward:?} {headers:?}", self::forward());
    for secret in ["s3cret", "pa%20ss", "pa ss", "t0ken", "s1gn", "k3y"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_the_event_decides_cannot_be_set() {
    for name in ["Host", "content-type", "Ce-Id", "feed-position", "x-hub-signature-256"] {
        let error = forward().header(name, "x").unwrap_err().to_string();
        assert!(error.contains(&name.to_lowercase()), "{error}");
    }
    for (name, value) in [("a b", "x"), ("", "x"), ("x", "a\nb"), ("x", "é\0")] {
        assert!(forward().header(name, value).is_err(), "{name} {value}");
    }
    let twice = forward().bearer("t0ken").unwrap_err().to_string();
    assert!(twice.contains("authorization is stated twice"), "{twice}");
    for token in ["", "a b", "a\n"] {
        assert!(Forward::new("http://h/").unwrap().bearer(token).is_err());
    }
    assert!(forward().sign_with("").is_err());
}

#[test]
fn an_event_is_sent_in_binary_mode_and_signed() {
    let signing = forward().sign_with("Jefe").unwrap();
    // Test case 2 of RFC 4231.
    let data = b"\"what do ya want for nothing?\"";
    let headers = signing.headers_of(&recorded(data), &data[1..data.len() - 1]).unwrap();
    let value = |name: &str| headers.get(name).map(|it| it.to_str().unwrap());
    assert_eq!(
        value("x-hub-signature-256"),
        Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
    for (name, expected) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/shop"),
        ("ce-type", "order.placed"),
        ("ce-subject", "gr%C3%BC%C3%9Fe%201"),
        ("content-type", "application/json"),
        ("feed-position", "7"),
        ("authorization", "Basic dXNlcjpwYSBzcw=="),
    ] {
        assert_eq!(value(name), Some(expected), "{name}");
    }
}
