//! What can be said of data by its media type.

use serde::de::IgnoredAny;

use super::InvalidEvent;

/// How deep JSON data may be nested.
pub const MAX_JSON_DEPTH: usize = 128;

/// The part of a media type before its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether text ends so, in any case.
fn ends_with(text: &str, end: &str) -> bool {
    let rest = text.len().checked_sub(end.len()).and_then(|at| text.as_bytes().get(at..));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(end.as_bytes()))
}

/// Whether data of this media type is JSON: a subtype `json` or with the suffix `+json`
/// (CloudEvents JSON format 1.0.2, section 3.1).
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    ends_with(essence, "/json") || ends_with(essence, "+json")
}

/// Whether this is an XML media type as RFC 4287, section 4.1.3.3 has it: a subtype `xml` of
/// `text` or `application`, or with the suffix `+xml` (and the few older names of RFC 3023).
#[must_use]
pub fn is_xml(media_type: &str) -> bool {
    const OTHERS: [&str; 5] = [
        "text/xml",
        "application/xml",
        "text/xml-external-parsed-entity",
        "application/xml-external-parsed-entity",
        "application/xml-dtd",
    ];
    let essence = essence(media_type);
    ends_with(essence, "+xml") || OTHERS.iter().any(|other| essence.eq_ignore_ascii_case(other))
}

/// Checks that data is one JSON text: UTF-8, syntax, depth.
pub(crate) fn check_json(data: &[u8]) -> Result<(), InvalidEvent> {
    let text = str::from_utf8(data).map_err(|error| {
        InvalidEvent::new(
            "data",
            format!("claims to be JSON and is not: byte {} is not UTF-8", error.valid_up_to()),
        )
    })?;
    // The depth comes first, so that no reader of ours or of others ever meets a deeper text.
    check_json_depth(data)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        InvalidEvent::new("data", format!("claims to be JSON and is not: {error}"))
    })?;
    Ok(())
}

/// Checks the depth alone, of data whose syntax has been checked.
pub(crate) fn check_json_depth(data: &[u8]) -> Result<(), InvalidEvent> {
    // Nothing is nested deeper than it has brackets, and those are counted many bytes at a time.
    if brackets(data) <= MAX_JSON_DEPTH {
        return Ok(());
    }
    let depth = nesting(data);
    if depth > MAX_JSON_DEPTH {
        return Err(InvalidEvent::new(
            "data",
            format!("is JSON nested {depth} deep, and {MAX_JSON_DEPTH} is the limit"),
        ));
    }
    Ok(())
}

/// How many opening brackets there are, in strings too.
fn brackets(data: &[u8]) -> usize {
    // The two differ in one bit. So many bytes at a time can be counted in a byte each.
    let count = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    data.chunks(usize::from(u8::MAX)).map(|bytes| usize::from(count(bytes))).sum()
}

/// How deep arrays and objects are nested; exact for JSON, and a bound on any other bytes.
fn nesting(data: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => {
                        bytes.next();
                    }
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_subtype() {
        for json in ["application/json", "text/json", "Application/Vnd.Shop+JSON ; v=1"] {
            assert!(is_json(json), "{json}");
        }
        for other in ["application/jsonl", "text/plain", "application/json-seq", "json"] {
            assert!(!is_json(other), "{other}");
        }
        assert!(is_xml("application/atom+xml") && is_xml("TEXT/XML; charset=utf-8"));
        assert!(!is_xml("application/xmlish"));
    }

    #[test]
    fn the_depth_limit_counts_brackets_outside_strings_only() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check_json(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert!(check_json(nested(MAX_JSON_DEPTH + 1).as_bytes()).is_err());
        assert!(check_json(format!("\"\\\"{}\"", "[".repeat(500)).as_bytes()).is_ok());
        assert!(check_json(&b"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn one_json_text_and_nothing_beside_it() {
        for good in ["null", " {} ", "\"\"", "1e400", "{\"a\":1,\"a\":2}"] {
            assert!(check_json(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [&b""[..], b"{} {}", b"\xef\xbb\xbf{}", b"\"\xff\"", b"{'a':1}", b"NaN", b"[1,]"]
        {
            assert!(check_json(bad).is_err(), "{bad:?}");
        }
    }
}
