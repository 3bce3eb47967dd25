//! A stream of server-sent events, block by block (WHATWG HTML, section 9.2).

use reqwest::Response;

use crate::http::Request;
use crate::wait::within;

/// A stream that is being read.
#[derive(Debug)]
pub struct EventStream {
    /// The answer that the stream is the body of.
    response: Response,
    received: Vec<u8>,
}

/// What stands between two blank lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The last event id that the block sets.
    pub id: Option<String>,
    /// The data, its lines joined with line feeds; `None` where there is no such line.
    pub data: Option<String>,
    /// Every other field.
    pub others: Vec<(String, String)>,
    /// How many lines are comments.
    pub comments: usize,
}

impl EventStream {
    /// Opens a stream.
    ///
    /// # Panics
    ///
    /// When the answer is none.
    pub async fn open(request: Request) -> Self {
        Self::try_open(request).await.expect("an answer")
    }

    /// Opens a stream of a server that may be going away.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    ///
    /// # Panics
    ///
    /// When the answer is no stream.
    pub async fn try_open(request: Request) -> Result<Self, reqwest::Error> {
        let opened = request.header("accept", "text/event-stream").try_open();
        let response = within("a stream to open", opened).await?;
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self { response, received: Vec::new() })
    }

    /// A header field of the answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.response.headers()[name].to_str().expect("text")
    }

    /// The next block; `None` at the end of the stream.
    ///
    /// # Panics
    ///
    /// When there is neither.
    pub async fn next(&mut self) -> Option<Block> {
        loop {
            if let Some(end) = self.received.windows(2).position(|it| it == b"\n\n") {
                let block: Vec<u8> = self.received.drain(..end + 2).collect();
                return Some(Block::of(str::from_utf8(&block).expect("a stream is UTF-8")));
            }
            match within("a block of a stream", self.response.chunk()).await {
                Ok(Some(bytes)) => self.received.extend_from_slice(&bytes),
                Ok(None) => {
                    assert_eq!(self.received, b"", "a stream ends within a block");
                    return None;
                }
                // The server was killed, at any byte.
                Err(_) => return None,
            }
        }
    }

    /// The next block that has data.
    ///
    /// # Panics
    ///
    /// When the stream ends without.
    pub async fn next_with_data(&mut self) -> Block {
        loop {
            let block = self.next().await.expect("a block with data");
            if block.data.is_some() {
                return block;
            }
        }
    }
}

impl Block {
    fn of(text: &str) -> Self {
        let mut block = Self::default();
        assert!(!text.contains('\r'), "a bare CR would end a line: {text:?}");
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match name {
                "" => block.comments += 1,
                "id" => block.id = Some(value),
                "data" => match &mut block.data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    None => block.data = Some(value),
                },
                _ => block.others.push((name.to_owned(), value)),
            }
        }
        block
    }

    /// The position of the block's id.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn position(&self) -> u64 {
        let id = self.id.as_deref().expect("an id");
        id.split_once(':').expect("a cursor").1.parse().expect("a position")
    }

    /// The event of the block's data.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn event(&self) -> serde_json::Value {
        serde_json::from_str(self.data.as_deref().expect("data")).expect("JSON")
    }
}
