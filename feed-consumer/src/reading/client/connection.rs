//! Over which connection an answer came.

use std::net::SocketAddr;

use hyper_util::client::legacy::connect::HttpInfo;

/// A connection, by both its ends. An answer over the same one as another comes from the same
/// process, unless there is a proxy between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionId {
    /// One to a server.
    Socket {
        /// Our end.
        local: SocketAddr,
        /// The server's end.
        remote: SocketAddr,
    },
    /// None: our own cache answered. It says what the feed was, and so does the next answer of it.
    Cache,
}

impl ConnectionId {
    /// That of an answer, where it is known.
    pub(super) fn of(response: &reqwest::Response) -> Option<Self> {
        let info = response.extensions().get::<HttpInfo>()?;
        Some(Self::Socket { local: info.local_addr(), remote: info.remote_addr() })
    }
}
