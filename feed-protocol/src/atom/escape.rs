//! Text that becomes XML.

/// Whether text keeps its every character in XML as character data: all are legal (XML 1.0,
/// section 2.2), and none is the carriage return, which every reader turns into a line feed.
pub(super) fn is_carried_by_xml(text: &str) -> bool {
    is_legal(text) && !text.as_bytes().contains(&b'\r')
}

/// Whether every character is legal in XML 1.0.
pub(super) fn is_legal(text: &str) -> bool {
    first_illegal(text).is_none()
}

/// The place of the first character that is illegal in XML 1.0: a control character other than
/// tab, line feed and carriage return, or U+FFFE or U+FFFF. (Text holds no surrogates.)
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // In UTF-8, EF BF BE and EF BF BF are U+FFFE and U+FFFF, and EF begins nothing but characters.
    let is_illegal = |at: usize| match bytes[at] {
        b'\t' | b'\n' | b'\r' | 0x20..=0xEE | 0xF0.. => false,
        0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        _ => true,
    };
    // Nearly every block has no byte to look at twice, which is quickly said of a whole block.
    const BLOCK: usize = 64;
    let is_odd = |byte: &u8| (*byte < 0x20 && *byte != b'\n') || *byte == 0xEF;
    bytes.chunks(BLOCK).enumerate().find_map(|(block, chunk)| {
        let start = block * BLOCK;
        let is_suspect = chunk.iter().fold(false, |odd, byte| odd | is_odd(byte));
        if is_suspect { (start..start + chunk.len()).find(|at| is_illegal(*at)) } else { None }
    })
}

/// Writes character data. `>` is always escaped, so that no `]]>` appears.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes the value of an attribute, which stands between double quotes.
pub(super) fn attribute(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes text with some ASCII characters replaced. What no XML can hold becomes U+FFFD: events
/// have none of it where this is called, and a feed's title is better spoiled than its document.
#[inline]
fn escape(text: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text;
    while let Some(illegal) = first_illegal(rest) {
        let (before, after) = rest.split_at(illegal);
        escape_legal(before, out, &replacement);
        out.extend_from_slice("\u{FFFD}".as_bytes());
        let mut characters = after.chars();
        characters.next();
        rest = characters.as_str();
    }
    escape_legal(rest, out, &replacement);
}

#[inline]
fn escape_legal(text: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(replacement) = replacement(*byte) {
            out.extend_from_slice(&bytes[written..at]);
            out.extend_from_slice(replacement.as_bytes());
            written = at + 1;
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_characters_are_those_of_xml_1_0() {
        for code in (0..=0x10_FFFF_u32).filter_map(char::from_u32) {
            let legal = matches!(code, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
            assert_eq!(is_legal(&format!("a{code}b")), legal, "{code:?}");
        }
    }

    #[test]
    fn markup_and_white_space_are_escaped_and_illegal_characters_replaced() {
        let mut out = Vec::new();
        text("a<b>&\"\r\n\t]]>\u{1}\u{FFFF}é", &mut out);
        out.push(b'|');
        attribute("a<b>&\"\r\n\t", &mut out);
        let expected =
            "a&lt;b&gt;&amp;\"&#13;\n\t]]&gt;\u{FFFD}\u{FFFD}é|a&lt;b&gt;&amp;&quot;&#13;&#10;&#9;";
        assert_eq!(str::from_utf8(&out).unwrap(), expected);
    }
}
