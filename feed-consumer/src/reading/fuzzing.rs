//! Whatever a server may answer, read as far as it can be: for the fuzz target in `fuzz/`, and a
//! bounded run of the same in the tests.

use std::time::SystemTime;

use bytes::Bytes;
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::{Cursor, Position, PositionRange, cloudevents};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::client::Document;
use super::contiguity::{self, Gap};
use super::document::settings::{DocumentSettings, Updates};
use super::document::{DocumentNews, older};
use super::links::links;
use super::opening::{LIMITS, OpenDocument, read};
use super::retry_after::{max_age, retry_after};
use crate::store::Validators;
use crate::store::entries::DocumentEnd;
use crate::store::pages::PageKind;

/// How many events a batch may hold.
const MAX_EVENTS: usize = 10_000;

/// Reads header fields, up to an empty line, and a body.
///
/// # Panics
///
/// When what is made of it is much larger than it is.
pub fn read_answer(answer: &[u8]) {
    let (headers, body) = parts(answer);
    for link in links(&headers) {
        assert!(link.href.len() <= answer.len());
    }
    let _ = (retry_after(&headers, SystemTime::UNIX_EPOCH), max_age(&headers));
    read_batch(&headers, &body);
    // Unwrap safety: it is a URL.
    let url: Url = "http://a.example/x/feed".parse().expect("a URL");
    let answer = Document { url, headers, body, connection: None };
    let size = answer.body.len();
    let Ok(document) = read(&answer) else { return };
    let document = OpenDocument::of(document, answer);
    for kind in [None, Some(PageKind::Archive), Some(PageKind::Paged)] {
        let _ = older(&document, kind, &DocumentSettings::default());
    }
    let (validators, taken) = (Validators::default(), Vec::new());
    let end = DocumentEnd::Document { validators, taken };
    let news = DocumentNews::of(document, Updates::Once, end);
    let held: usize = news
        .entries
        .iter()
        .map(|entry| entry.iri.len() + entry.event.data().map_or(0, |data| data.len()))
        .sum();
    assert!(held <= 8 * size + LIMITS.max_bytes, "{held} bytes of {size}");
}

/// Reads a page or tail of a feed with positions.
fn read_batch(headers: &HeaderMap, body: &[u8]) {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let _ = text(FEED_CURSOR).map(str::parse::<Cursor>);
    let range = text(FEED_RANGE).and_then(|range| range.parse::<PositionRange>().ok());
    let is_wanted = |position: Position| position.get().is_multiple_of(3);
    let selection =
        cloudevents::select_recorded(body, MAX_EVENTS, |outline| is_wanted(outline.position));
    if let (Some(range), Ok(events)) = (range, cloudevents::read_recorded_batch(body, MAX_EVENTS)) {
        // Unwrap safety: less is asked of what is passed over.
        let selection = selection.expect("what is read whole is read in part");
        for after in [Position::ZERO, range.first(), range.last()] {
            let prove = |batch| {
                let mut events = contiguity::after_cursor(after, range, batch, false)?;
                events.retain(|event| is_wanted(event.position));
                Ok::<_, Gap>(events)
            };
            assert_eq!(prove(selection.clone()), prove(events.clone().into()));
        }
    }
}

/// The header fields and the body. It is Atom where no field says what it is.
fn parts(answer: &[u8]) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let mut rest = answer;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/atom+xml"));
    (headers, Bytes::copy_from_slice(rest))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use super::*;
    use crate::random;

    /// How many answers are read.
    const COUNT: u32 = 10_000;

    /// How long one of them may take, on a machine that does other things too.
    const PATIENCE: Duration = Duration::from_secs(20);

    const SEEDS: [&[u8]; 2] = [
        include_bytes!("../../../fuzz/seeds/reader/archive.http"),
        include_bytes!("../../../fuzz/seeds/reader/batch.http"),
    ];

    /// What a document may hold, in places where it should not.
    const PIECES: [&str; 24] = [
        "<",
        ">",
        "&",
        "\"",
        "'",
        "]]>",
        "<![CDATA[",
        "<!--",
        "-->",
        "<?x?>",
        "&#0;",
        "&#x10FFFF;",
        "<!DOCTYPE a>",
        "\u{0}",
        "\u{feff}",
        "\u{10ffff}",
        "\n\n",
        ": ",
        " xml:base=\"//[\"",
        " xmlns=\"\"",
        "<entry>",
        "</entry>",
        "999999999999999999999",
        "[[[[[[[[",
    ];

    /// The SplitMix64 generator (Steele, Lea and Flood, 2014): the same numbers from the same seed.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
        }

        /// An answer that was right before.
        fn mutated(&mut self) -> Vec<u8> {
            let mut answer = SEEDS[self.below(SEEDS.len())].to_vec();
            for _ in 0..=self.below(6) {
                let (at, other) = (self.below(answer.len()), self.below(answer.len()));
                let (from, to) = (at.min(other), at.max(other));
                match self.below(8) {
                    0 => answer[at] ^= 1 << self.below(8),
                    1 => answer[at] = self.below(256) as u8,
                    2 => answer.truncate(at.max(1)),
                    3 => drop(answer.drain(from..to.min(from + 40))),
                    4 => {
                        let piece = answer[from..to].repeat(1 + self.below(4));
                        answer.splice(at..at, piece);
                    }
                    5 => {
                        let piece = PIECES[self.below(PIECES.len())];
                        let piece = piece.repeat(1 + self.below(2) * self.below(200));
                        answer.splice(at..at, piece.into_bytes());
                    }
                    6 => answer[from..to].reverse(),
                    _ => answer.rotate_left(at / 64),
                }
                answer.truncate(200_000);
                if answer.is_empty() {
                    answer.push(b'<');
                }
            }
            answer
        }
    }

    #[test]
    fn whatever_a_server_answers_is_read_or_refused_in_no_time() {
        SEEDS.into_iter().for_each(read_answer);
        let stated = std::env::var("FEED_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = stated.unwrap_or_else(|| (random::fraction() * 1e15) as u64);
        // The output of tests that pass is not shown.
        eprintln!("to repeat: FEED_TEST_SEED={seed}");
        let (sender, done) = channel();
        let reader = std::thread::spawn(move || {
            let mut numbers = Numbers(seed);
            for number in 0..COUNT {
                read_answer(&numbers.mutated());
                // Nobody listens any more when the test has failed.
                let _ = sender.send(number);
            }
        });
        for number in 0..COUNT {
            match done.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("answer {number} takes too long to read"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        reader.join().unwrap();
    }

    #[test]
    fn what_is_valid_is_read_whole() {
        let (headers, body) = parts(SEEDS[0]);
        let url: Url = "http://a.example/x/archive/2".parse().unwrap();
        let answer = Document { url, headers, body, connection: None };
        let document = OpenDocument::of(read(&answer).unwrap(), answer);
        let before = older(&document, None, &DocumentSettings::default()).unwrap();
        assert_eq!(before, Some((PageKind::Archive, "http://a.example/archive/1".into())));
        assert_eq!(document.document.entries.len(), 3);
        let (headers, body) = parts(SEEDS[1]);
        assert_eq!(cloudevents::read_recorded_batch(&body, 2).unwrap().len(), 2);
        assert!(headers[FEED_RANGE].to_str().unwrap().parse::<PositionRange>().is_ok());
        assert!(headers[FEED_CURSOR].to_str().unwrap().parse::<Cursor>().is_ok());
    }
}
