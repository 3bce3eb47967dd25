//! What can become of a request, and of its answer.

use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Crash: the connection ends before there is an answer.
    Closed,
    /// Crash: this many hundredths of the answer arrive.
    Cut(u8),
    /// Omission: an answer without a body.
    Empty,
    /// Omission: 404, as if the document were not there.
    Missing,
    /// Timing: the answer comes, after this time.
    Late(Duration),
    /// Timing: the answer comes in small pieces.
    Drip,
    /// Wrong response: a gateway answers in the server's stead, with this status.
    Status(u16),
    /// Wrong response: the length that is stated is this many bytes off; the answer ends with the
    /// connection.
    Length(i64),
    /// Wrong response: the body is said to be compressed, and is not.
    Encoding,
    /// Wrong response: what was answered the first time to a request for the same path.
    Stale,
    /// Wrong response: the answer to a request for another path.
    Instead(String),
    /// Wrong response: 304, whether or not anything was asked for by an entity tag.
    NotModified,
    /// Wrong response: a redirect to this address.
    Redirect(String),
    /// Wrong response: the answer with this text in the place of that one.
    Replaced(&'static str, String),
    /// Wrong response: the answer with its date this many seconds off.
    Clock(i64),
    /// Arbitrary: a byte of the body, at this many hundredths of it, is one that no text holds.
    Flipped(u8),
    /// Arbitrary: a page for people comes in the document's stead, as hotels do it.
    Portal,
    /// Arbitrary: what is no HTTP comes.
    Nonsense,
    /// Arbitrary: a small body that becomes this many bytes.
    Bomb(usize),
    /// Arbitrary: arrays in arrays, in the type that was asked for.
    Deep,
    /// Arbitrary: a document whose entities grow.
    Entities,
}

impl Fault {
    /// Whether it is a server's answer that it spoils.
    pub(super) fn needs_answer(&self) -> bool {
        match self {
            Self::Cut(_)
            | Self::Empty
            | Self::Late(_)
            | Self::Drip
            | Self::Length(_)
            | Self::Encoding
            | Self::Stale
            | Self::Instead(_)
            | Self::Replaced(..)
            | Self::Clock(_)
            | Self::Flipped(_) => true,
            Self::Closed
            | Self::Missing
            | Self::Status(_)
            | Self::NotModified
            | Self::Redirect(_)
            | Self::Portal
            | Self::Nonsense
            | Self::Bomb(_)
            | Self::Deep
            | Self::Entities => false,
        }
    }

    /// The answer, of one that needs none of the server's.
    pub(super) fn own_answer(&self) -> Vec<u8> {
        let json = "application/cloudevents-batch+json";
        match self {
            Self::Missing => written("404 Not Found", &[], b""),
            Self::Status(status) => {
                written(&format!("{status} So"), &[("retry-after", "0")], b"no")
            }
            Self::NotModified => written("304 Not Modified", &[], b""),
            Self::Redirect(target) => written("307 Elsewhere", &[("location", target)], b""),
            Self::Portal => {
                let fields = [("content-type", "text/html")];
                written("200 OK", &fields, b"<html><p>Welcome</html>")
            }
            Self::Nonsense => b"\x16\x03\x01 this is no HTTP\r\n\r\n".into(),
            Self::Bomb(size) => {
                let fields = [("content-type", json), ("content-encoding", "gzip")];
                written("200 OK", &fields, &gzip(*size))
            }
            Self::Deep => {
                let body = format!("[{{\"data\":{}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
                written("200 OK", &[("content-type", json)], body.as_bytes())
            }
            Self::Entities => {
                let feed = b"<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;&b;&b;'>]>\
                             <feed xmlns='http://www.w3.org/2005/Atom'><title>&c;</title></feed>";
                written("200 OK", &[("content-type", "application/atom+xml")], feed)
            }
            _ => Vec::new(),
        }
    }

    /// Does to a server's answer what it is there for. `first` is the first one to the same path.
    pub(super) fn spoil(&self, answer: &mut Vec<u8>, first: Option<Vec<u8>>) {
        match self {
            Self::Cut(hundredths) => answer.truncate(share(answer.len(), *hundredths)),
            Self::Empty => {
                answer.truncate(body_of(answer));
                set_field(answer, "content-length", "0");
            }
            Self::Length(off) => {
                let length = i64::try_from(answer.len() - body_of(answer)).unwrap_or_default();
                set_field(answer, "content-length", &(length + off).max(0).to_string());
            }
            Self::Encoding => set_field(answer, "content-encoding", "gzip"),
            Self::Stale => {
                if let Some(first) = first {
                    *answer = first;
                }
            }
            Self::Replaced(from, to) => {
                *answer = replace(answer, from.as_bytes(), to.as_bytes());
                let length = answer.len() - body_of(answer);
                set_field(answer, "content-length", &length.to_string());
            }
            Self::Clock(seconds) => {
                let head = String::from_utf8_lossy(&answer[..body_of(answer)]).into_owned();
                let stated = head.split("\r\n").find_map(|line| line.strip_prefix("date: "));
                let stated = stated.and_then(|it| DateTime::parse_from_rfc2822(it).ok());
                let time =
                    stated.expect("the server states its time") + TimeDelta::seconds(*seconds);
                let date = time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                set_field(answer, "date", &date);
            }
            // In a way that shows: nobody can tell a digit from another one.
            Self::Flipped(hundredths) => {
                let body = body_of(answer);
                let place = body + share(answer.len() - body, *hundredths);
                if let Some(byte) = answer.get_mut(place) {
                    *byte = 0xFF;
                }
            }
            _ => {}
        }
    }
}

fn share(length: usize, hundredths: u8) -> usize {
    length * usize::from(hundredths) / 100
}

fn written(status: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n").into_bytes();
    for (name, value) in fields {
        answer.extend(format!("{name}: {value}\r\n").bytes());
    }
    answer.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    answer.extend(body);
    answer
}

fn gzip(size: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..size / blank.len() {
        encoder.write_all(&blank).expect("memory");
    }
    encoder.finish().expect("memory")
}

/// Where the body of an answer begins.
fn body_of(answer: &[u8]) -> usize {
    find(answer, b"\r\n\r\n").map_or(answer.len(), |end| end + 4)
}

/// Gives a header field a value, in the place of all that it has.
fn set_field(answer: &mut Vec<u8>, name: &str, value: &str) {
    let body = answer.split_off(body_of(answer));
    let head = String::from_utf8_lossy(answer).into_owned();
    let is_other = |line: &&str| {
        !line.split_once(':').is_some_and(|(it, _)| it.eq_ignore_ascii_case(name))
            && !line.is_empty()
    };
    let kept: Vec<&str> = head.split("\r\n").filter(is_other).collect();
    *answer = format!("{}\r\n{name}: {value}\r\n\r\n", kept.join("\r\n")).into_bytes();
    answer.extend(body);
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The bytes with every occurrence of some replaced by others.
pub(super) fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut replaced, mut rest) = (Vec::new(), bytes);
    while let Some(at) = find(rest, from) {
        replaced.extend(&rest[..at]);
        replaced.extend(to);
        rest = &rest[at + from.len()..];
    }
    replaced.extend(rest);
    replaced
}
