//! A stream of server-sent events that is being read (WHATWG HTML, section 9.2).
//!
//! # Layout
//!
//! - [`blocks`]: from bytes to blocks

mod blocks;

use url::Url;

use self::blocks::Blocks;
use super::client::{Client, ConnectionId, StreamBody};
use super::error::ReadError;

pub(crate) use blocks::Block;

/// The media type of a stream.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";

/// The size of a block in bytes: more than the largest event takes that a feed accepts, however
/// it is written.
const MAX_BLOCK: usize = 16 * 1024 * 1024;

/// A stream that is open. How long it may be silent is a limit of its client.
#[derive(Debug)]
pub(crate) struct EventStream {
    url: Url,
    body: StreamBody,
    blocks: Blocks,
}

impl EventStream {
    /// Opens the stream at this address.
    pub(crate) async fn open(client: &Client, url: &Url) -> Result<Self, ReadError> {
        let (media_type, body) = client.open_stream(url).await?;
        if media_type != MEDIA_TYPE {
            let reason = format!("it is {media_type:?}, and not {MEDIA_TYPE}");
            return Err(ReadError::Nonsense { url: url.to_string(), reason });
        }
        Ok(Self::new(url.clone(), body))
    }

    /// One whose body has been opened.
    pub(crate) fn new(url: Url, body: StreamBody) -> Self {
        Self { url, body, blocks: Blocks::new(MAX_BLOCK) }
    }

    /// Over which connection it comes.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.body.connection()
    }

    /// All blocks that say something and have come once the next of them is whole; `None` at the
    /// end of the stream. What says nothing, such as a comment, is no sign of life.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Block>>, ReadError> {
        while let Some(bytes) = self.body.next().await? {
            let mut blocks = self
                .blocks
                .of(&bytes)
                .map_err(|_| ReadError::TooLarge { url: self.url.to_string(), limit: MAX_BLOCK })?;
            blocks.retain(Block::says_something);
            if !blocks.is_empty() {
                self.body.end_part();
                return Ok(Some(blocks));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
