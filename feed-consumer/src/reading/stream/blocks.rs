//! From bytes to blocks (WHATWG HTML, sections 9.2.5 and 9.2.6).

/// What stands between two blank lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// The id that it sets.
    pub(crate) id: Option<Vec<u8>>,
    /// The data, its lines joined with line feeds; `None` where there is no such line.
    pub(crate) data: Option<Vec<u8>>,
    /// The type of the event, if it is not `message`.
    pub(crate) event: Option<Vec<u8>>,
}

/// Cuts a stream into blocks, as its bytes come. It keeps what is not whole yet, and no more of it
/// than is allowed.
#[derive(Debug)]
pub(super) struct Blocks {
    /// What a line and a block may hold together, in bytes.
    limit: usize,
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// The block that is not whole yet.
    block: Block,
    /// Whether the last byte was a carriage return: a line feed behind it ends no other line.
    after_return: bool,
    /// Whether no line has ended yet: only then is a byte order mark one.
    at_start: bool,
}

/// A line or a block is larger than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

impl Blocks {
    /// None yet, of at most `limit` bytes each.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            block: Block::default(),
            after_return: false,
            at_start: true,
        }
    }

    /// The blocks that end in these bytes, which follow the ones before.
    pub(super) fn of(&mut self, mut bytes: &[u8]) -> Result<Vec<Block>, TooLarge> {
        let mut blocks = Vec::new();
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + self.block.size() + part.len() > self.limit {
                return Err(TooLarge);
            }
            let Some(end) = end else {
                self.line.extend_from_slice(part);
                break;
            };
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            // Most lines come whole, and need not be copied.
            if self.line.is_empty() {
                self.end_line(part, &mut blocks);
            } else {
                self.line.extend_from_slice(part);
                let mut line = std::mem::take(&mut self.line);
                self.end_line(&line, &mut blocks);
                line.clear();
                self.line = line;
            }
        }
        Ok(blocks)
    }

    fn end_line(&mut self, mut line: &[u8], blocks: &mut Vec<Block>) {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            blocks.push(std::mem::take(&mut self.block));
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match &mut self.block.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.block.data = Some(value.to_vec()),
            },
            b"id" if !value.contains(&0) => self.block.id = Some(value.to_vec()),
            b"event" => {
                self.block.event =
                    (!value.is_empty() && value != b"message").then(|| value.to_vec());
            }
            // Comments, `retry`, and what nobody knows.
            _ => {}
        }
    }
}

impl Block {
    /// Whether it has an id, or the data of a message.
    pub(super) fn says_something(&self) -> bool {
        self.id.is_some() || (self.data.is_some() && self.event.is_none())
    }

    fn size(&self) -> usize {
        [&self.id, &self.data, &self.event].into_iter().flatten().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &Option<Vec<u8>>) -> Option<&str> {
        bytes.as_deref().map(|bytes| str::from_utf8(bytes).unwrap())
    }

    /// Ids and data of the blocks of a stream, which comes in pieces of this length.
    fn read(stream: &str, length: usize) -> Vec<(Option<String>, Option<String>)> {
        let mut blocks = Blocks::new(1000);
        let pieces = stream.as_bytes().chunks(length);
        let found = pieces.flat_map(|piece| blocks.of(piece).unwrap());
        let owned = |it: Option<&str>| it.map(str::to_owned);
        found.map(|block| (owned(text(&block.id)), owned(text(&block.data)))).collect()
    }

    fn block(id: &str, data: &str) -> (Option<String>, Option<String>) {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        (some(id), some(data))
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut_and_whatever_ends_its_lines() {
        let stream = "\u{FEFF}retry: 1000\nid: k3v9:1\n\n: a comment\n\n\
                      id:k3v9:2\ndata: {\"a\":\ndata\ndata:  \"ü\u{2028}🎉\"}\nother: x\n\n\
                      data: \u{FEFF}\nid: a\0b\nid\n\n\
                      id: k3v9:3\ndata: not whole\n";
        let expected = [
            block("k3v9:1", "-"),
            block("-", "-"),
            block("k3v9:2", "{\"a\":\n\n \"ü\u{2028}🎉\"}"),
            block("", "\u{FEFF}"),
        ];
        for end in ["\n", "\r", "\r\n"] {
            let stream = stream.replace('\n', end);
            for length in [1, 2, 3, 7, 1000] {
                assert_eq!(read(&stream, length), expected, "{end:?} {length}");
            }
        }
    }

    #[test]
    fn a_line_feed_behind_a_carriage_return_ends_no_other_line() {
        assert_eq!(read("data: a\r\ndata: b\r\n\r\n", 9), [block("-", "a\nb")]);
        assert_eq!(read("data: a\r\rdata: b\n\r\n", 1), [block("-", "a"), block("-", "b")]);
        assert_eq!(read("data: a\n\n\n", 4), [block("-", "a"), block("-", "-")]);
    }

    #[test]
    fn an_event_of_another_type_is_told_from_a_message() {
        let mut blocks = Blocks::new(1000);
        let found = blocks.of(b"event: message\ndata: a\n\nevent: other\ndata: b\n\n").unwrap();
        let events: Vec<_> = found.iter().map(|it| text(&it.event)).collect();
        assert_eq!(events, [None, Some("other")]);
    }

    #[test]
    fn what_is_kept_is_bounded_line_by_line_and_block_by_block() {
        let line = format!("data: {}", "x".repeat(994));
        assert!(Blocks::new(1000).of(line.as_bytes()).is_ok());
        assert_eq!(Blocks::new(999).of(line.as_bytes()), Err(TooLarge));
        let mut endless = Blocks::new(1000);
        assert!((0..1001).any(|_| endless.of(b":") == Err(TooLarge)));
        let mut lines = Blocks::new(1000);
        assert!((0..1000).any(|_| lines.of(b"data: x\n") == Err(TooLarge)));
        // What is ignored, and what has ended, does not count.
        let mut blocks = Blocks::new(1000);
        for _ in 0..1000 {
            blocks.of(b": a comment\nid: k3v9:1\n").unwrap();
            blocks.of(b"data: a\n\n").unwrap();
        }
    }

    #[test]
    fn no_bytes_are_too_odd() {
        for seed in 0..2000_u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                b"\n\r:di at\0\xFF\xEF\xBB\xBF"[usize::try_from(state % 13).unwrap()]
            };
            let bytes: Vec<u8> = (0..64).map(|_| random()).collect();
            let whole = Blocks::new(1000).of(&bytes).unwrap();
            let mut blocks = Blocks::new(1000);
            let cut: Vec<_> = bytes.chunks(3).flat_map(|it| blocks.of(it).unwrap()).collect();
            assert_eq!(whole, cut, "{bytes:?}");
        }
    }
}
