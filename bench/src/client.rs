//! A lean HTTP/1.1 client: one keep-alive connection, one request at a time, from bytes that are
//! ready to be sent. It costs a write and as few reads as the answer takes, so that on a small
//! machine it is the server that is measured.

mod request;
mod stream;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) use request::{get, write_post};
pub(crate) use stream::EventStream;

/// Room for a head, and for a good piece of a body.
const BUFFER_BYTES: usize = 64 << 10;
/// Room for a head: for the many connections that wait.
const SMALL_BUFFER_BYTES: usize = 2 << 10;
/// More header fields than any answer here has.
const MAX_FIELDS: usize = 32;

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// How much of the buffer is read and not used yet.
    filled: usize,
}

/// An answer, kept whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What the first part of an answer says of the second.
#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    /// Where the body begins in the buffer.
    bytes: usize,
    /// `None` when it is sent in chunks.
    body: Option<usize>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await.context("cannot connect")?;
        Self::new(stream, BUFFER_BYTES)
    }

    /// Connects from an address of its own, with a small buffer: one of many that wait.
    pub(crate) async fn open_small(server: SocketAddr, from: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into()).with_context(|| format!("cannot bind {from}"))?;
        let stream = socket.connect(server).await.context("cannot connect")?;
        Self::new(stream, SMALL_BUFFER_BYTES)
    }

    fn new(stream: TcpStream, buffer: usize) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; buffer].into_boxed_slice(), filled: 0 })
    }

    /// Sends a request and reads its answer, of which only the status is kept.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        self.read_body(head, |_| ()).await?;
        Ok(head.status)
    }

    /// Sends a request and keeps its answer.
    pub(crate) async fn fetch(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        let fields = fields(&self.buffer[..head.bytes])?;
        let mut body = Vec::new();
        self.read_body(head, |bytes| body.extend_from_slice(bytes)).await?;
        Ok(Answer { status: head.status, fields, body })
    }

    /// Sends a request whose answer is a stream of server-sent events.
    pub(crate) async fn into_event_stream(mut self, request: &[u8]) -> Result<EventStream> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        ensure!(head.status == 200 && head.body.is_none(), "no stream, but status {}", head.status);
        let begun = self.buffer[head.bytes..self.filled].to_vec();
        Ok(EventStream::new(self.stream, self.buffer, begun))
    }

    async fn read_head(&mut self) -> Result<Head> {
        loop {
            if let Some(head) = parse_head(&self.buffer[..self.filled])? {
                return Ok(head);
            }
            ensure!(self.filled < self.buffer.len(), "the head of the answer is too large");
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            self.filled += read;
        }
    }

    async fn read_body(&mut self, head: Head, mut take: impl FnMut(&[u8])) -> Result<()> {
        let Some(length) = head.body else { bail!("an answer of unknown length") };
        let begun = &self.buffer[head.bytes..self.filled];
        ensure!(begun.len() <= length, "bytes after the end of the answer");
        take(begun);
        let mut left = length - begun.len();
        while left > 0 {
            let room = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..room]).await?;
            ensure!(read > 0, "the server closed the connection");
            take(&self.buffer[..read]);
            left -= read;
        }
        self.filled = 0;
        Ok(())
    }
}

impl Answer {
    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Result<&str> {
        let field = self.fields.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        let (_, value) = field.with_context(|| format!("the answer has no {name}"))?;
        Ok(value)
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.context("an answer without a status")?;
    let mut body = Some(0);
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            body = Some(str::from_utf8(field.value)?.parse()?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            body = None;
        }
    }
    // What a 304 says of a length is that of another answer.
    let body = if status == 304 { Some(0) } else { body };
    Ok(Some(Head { status, bytes: length, body }))
}

fn fields(head: &[u8]) -> Result<Vec<(String, String)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head)?;
    let text = |field: &httparse::Header<'_>| {
        (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned())
    };
    Ok(response.headers.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_the_body_begins_and_ends() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert!(parse_head(&head[..head.len() - 1]).unwrap().is_none());
        let parsed = parse_head(&[head, &b"hello"[..]].concat()).unwrap().unwrap();
        assert_eq!((parsed.status, parsed.bytes, parsed.body), (200, head.len(), Some(5)));
        let head = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(parse_head(head).unwrap().unwrap().body, Some(0));
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse_head(head).unwrap().unwrap().body, None);
    }
}
