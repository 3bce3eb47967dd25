//! A stream of server-sent events, sent in chunks (RFC 9112, section 7.1).

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A stream that is open.
#[derive(Debug)]
pub(crate) struct EventStream {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// What has arrived and is still in its chunks.
    arrived: Vec<u8>,
    /// What is out of its chunks and no whole block yet.
    text: Vec<u8>,
}

/// One block of a stream.
#[derive(Debug)]
pub(crate) struct Block {
    /// The event in JSON; empty in a block that only moves the cursor.
    pub(crate) data: Vec<u8>,
}

impl EventStream {
    /// The stream of an answer whose body begins so.
    pub(super) fn new(stream: TcpStream, buffer: Box<[u8]>, begun: Vec<u8>) -> Self {
        Self { stream, buffer, arrived: begun, text: Vec::new() }
    }

    /// Waits for the next block.
    pub(crate) async fn next(&mut self) -> Result<Block> {
        loop {
            if let Some(block) = take_block(&mut self.text) {
                return Ok(block);
            }
            if take_chunk(&mut self.arrived, &mut self.text)? {
                continue;
            }
            let read = self.stream.read(&mut self.buffer).await?;
            ensure!(read > 0, "the server closed the connection");
            self.arrived.extend_from_slice(&self.buffer[..read]);
        }
    }

    /// Waits for the next block that holds an event.
    pub(crate) async fn next_event(&mut self) -> Result<Block> {
        loop {
            let block = self.next().await?;
            if !block.data.is_empty() {
                return Ok(block);
            }
        }
    }
}

/// Moves one whole chunk; false if there is none yet.
fn take_chunk(arrived: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<bool> {
    let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(arrived)
    else {
        return Ok(false);
    };
    ensure!(length > 0, "the server ended the stream");
    let length = usize::try_from(length).context("a chunk of enormous size")?;
    let end = start + length + 2;
    if arrived.len() < end {
        return Ok(false);
    }
    text.extend_from_slice(&arrived[start..end - 2]);
    arrived.drain(..end);
    Ok(true)
}

/// Takes the first block, up to its empty line.
fn take_block(text: &mut Vec<u8>) -> Option<Block> {
    let end = text.windows(2).position(|it| it == b"\n\n")? + 2;
    let mut data = Vec::new();
    for line in text[..end].split(|byte| *byte == b'\n') {
        if let Some(line) = line.strip_prefix(b"data: ") {
            data.extend_from_slice(line);
            data.push(b'\n');
        }
    }
    text.drain(..end);
    Some(Block { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_however_the_chunks_cut_them() {
        let mut arrived = b"9\r\nretry: 1\n\r\n10\r\nid: a:1\n\nid: a:2\r\n".to_vec();
        let mut text = Vec::new();
        assert!(take_chunk(&mut arrived, &mut text).unwrap());
        assert!(take_block(&mut text).is_none());
        assert!(take_chunk(&mut arrived, &mut text).unwrap());
        assert!(take_block(&mut text).unwrap().data.is_empty());
        assert!(!take_chunk(&mut arrived, &mut text).unwrap());
        arrived.extend_from_slice(b"a\r\n\ndata: {}\n\r\n1\r\n\n\r\n");
        while take_chunk(&mut arrived, &mut text).unwrap() {}
        assert_eq!(take_block(&mut text).unwrap().data, b"{}\n");
        assert!(arrived.is_empty() && text.is_empty());
    }
}
