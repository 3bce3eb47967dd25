//! Rust sources as the rules see them: code alone.

/// A Rust source with comments, the insides of strings, and unit tests blanked out; every line
/// stands where it stood.
#[derive(Debug)]
pub(super) struct Source {
    code: String,
}

impl Source {
    pub(super) fn of(text: &str) -> Self {
        Self { code: without_unit_tests(&blank_comments_and_strings(text)) }
    }

    /// The lines, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The code as a whole.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The number of the line that holds this byte of [`code`](Self::code).
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.code.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Where a name stands as a word of its own.
    pub(super) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        let bytes = self.code.as_bytes();
        self.code.match_indices(word).map(|(offset, _)| offset).filter(move |offset| {
            let before = offset.checked_sub(1).map(|offset| bytes[offset]);
            let after = bytes.get(offset + word.len()).copied();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    }
}

/// Replaces every byte of comments, strings and character literals by a space, but keeps line
/// breaks.
fn blank_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'\'' => character_end(text, at),
            b'r' if !continues_a_word(bytes, at) => raw_string_end(bytes, at),
            _ => at,
        };
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(
                bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
            );
            at = end;
        }
    }
    // Whole characters are kept or blanked, never halves.
    String::from_utf8_lossy(&code).into_owned()
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

fn comment_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The end of a string whose opening quote stands before `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal; `from` itself where the quote begins a lifetime.
fn character_end(text: &str, from: usize) -> usize {
    let inside = &text[from + 1..];
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map_or(text.len(), |length| from + 1 + 2 + length + 1);
    }
    let mut characters = inside.char_indices().skip(1);
    match characters.next() {
        Some((length, '\'')) => from + 1 + length + 1,
        _ => from,
    }
}

/// The end of a raw string; `from` itself where there is none.
fn raw_string_end(bytes: &[u8], from: usize) -> usize {
    let hashes = bytes[from + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = from + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return from;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    length.map_or(bytes.len(), |length| open + 1 + length + close.len())
}

/// Whether the `r` at this place belongs to a longer name; `br` and `cr` begin raw strings too.
fn continues_a_word(bytes: &[u8], at: usize) -> bool {
    let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    let before = match &bytes[..at] {
        [before @ .., b'b' | b'c'] => before,
        before => before,
    };
    before.last().is_some_and(|byte| is_part(*byte))
}

/// Blanks what stands below `#[cfg(test)]`: a module in braces, or whatever ends in a semicolon.
fn without_unit_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut result = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let end = start + item_end(&rest[start..]);
        result.push_str(&rest[..start]);
        let blanked = |byte| if byte == b'\n' { '\n' } else { ' ' };
        result.extend(rest[start..end].bytes().map(blanked));
        rest = &rest[end..];
    }
    result.push_str(rest);
    result
}

/// The end of the first item: its closing brace, or a semicolon outside braces.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return offset + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        let text = "a; // sqlx\n/* sqlx /* sqlx */ sqlx */ b\nc(\"sqlx \\\" sqlx\"); d(r#\"sqlx \" \"#);\n\
                    e('\"', b'\\'', 'é'); let f: &'static str = br\"sqlx\"; /// sqlx\ng";
        let source = Source::of(text);
        assert!(!source.code().contains("sqlx"), "{}", source.code());
        for kept in ["a;", " b\n", "c(", "d(", "e(", "&'static str", "\ng"] {
            assert!(source.code().contains(kept), "{kept:?} in {}", source.code());
        }
        assert_eq!(source.lines().count(), text.lines().count());
    }

    #[test]
    fn a_word_is_found_on_its_own_only() {
        let source = Source::of("my_sqlx; sqlx2;\nsqlx::query; (sqlx)");
        let lines: Vec<_> = source.words("sqlx").map(|offset| source.line_of(offset)).collect();
        assert_eq!(lines, [2, 2]);
    }

    #[test]
    fn unit_tests_are_left_out_and_the_code_after_them_is_not() {
        let text =
            "a;\n#[cfg(test)]\nmod tests { fn b() { \"}\"; } }\nc;\n#[cfg(test)]\nuse d;\ne;";
        let source = Source::of(text);
        for gone in ["fn b", "use d"] {
            assert!(!source.code().contains(gone), "{}", source.code());
        }
        for kept in ["a;", "c;", "e;"] {
            assert!(source.code().contains(kept), "{}", source.code());
        }
    }
}
