//! Over which connection an answer came.

use std::net::SocketAddr;

use hyper_util::client::legacy::connect::HttpInfo;

/// A connection, by both its ends. An answer over the same one as another comes from the same
/// process, unless there is a proxy between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    local: SocketAddr,
    remote: SocketAddr,
}

impl ConnectionId {
    /// That of an answer, where it is known.
    pub(super) fn of(response: &reqwest::Response) -> Option<Self> {
        let info = response.extensions().get::<HttpInfo>()?;
        Some(Self { local: info.local_addr(), remote: info.remote_addr() })
    }
}
