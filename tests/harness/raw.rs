//! Requests byte by byte, for those that no client library sends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wait::within;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, as it came.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server that takes connections and says nothing.
#[derive(Debug)]
pub struct Silent(TcpListener);

impl Silent {
    /// Starts it. Its connections wait in the queue of the system.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// Its address.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        Self { stream: stream.expect("somebody listens"), received: Vec::new() }
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// When the other side does not take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let sent = within("bytes to be taken", self.stream.write_all(bytes.as_ref())).await;
        sent.expect("the connection is open");
        self
    }

    /// Sends what the other side may no longer want.
    pub async fn send_in_vain(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("bytes to be taken", self.stream.write_all(bytes.as_ref())).await;
    }

    /// Reads one answer. The request must not have been HEAD.
    ///
    /// # Panics
    ///
    /// When there is no whole answer with a stated length.
    pub async fn answer(&mut self) -> RawAnswer {
        let end = loop {
            match find(&self.received, b"\r\n\r\n") {
                Some(end) => break end,
                None => self.receive().await,
            }
        };
        let head: Vec<u8> = self.received.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("a header is text");
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status = lines.next().expect("a status line");
        let status = status.split(' ').nth(1).expect("a status").parse().expect("a number");
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
        while self.received.len() < length {
            self.receive().await;
        }
        RawAnswer { status, headers, body: self.received.drain(..length).collect() }
    }

    /// Waits until the other side closes, however long that takes.
    pub async fn closed(&mut self) {
        // A reset is an end as well.
        while self.stream.read_buf(&mut self.received).await.is_ok_and(|length| length > 0) {}
    }

    /// Waits until the other side has cut the connection off, however long that takes, and takes
    /// nothing from it meanwhile.
    pub async fn cut_off(&mut self) {
        // Whoever has closed answers what still arrives with a reset, and then nothing more can be
        // sent. The other side reads this as the beginning of a next request.
        let mut again = tokio::time::interval(Duration::from_millis(100));
        while self.stream.write_all(b"G").await.is_ok() {
            again.tick().await;
        }
    }

    async fn receive(&mut self) {
        let length = within("an answer", self.stream.read_buf(&mut self.received)).await;
        assert!(
            length.expect("the connection is open") > 0,
            "the connection ended within an answer: {}",
            String::from_utf8_lossy(&self.received)
        );
    }
}

impl RawAnswer {
    /// A header field.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let field = self.headers.iter().find(|(it, _)| it == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}

/// Sends one request on a connection of its own, and reads the answer.
///
/// # Panics
///
/// When there is no whole answer.
pub async fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> RawAnswer {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    connection.answer().await
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
