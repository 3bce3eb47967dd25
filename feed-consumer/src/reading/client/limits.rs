//! What is accepted of a server.

use std::time::Duration;

/// What is accepted of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a connection may take.
    pub(crate) connect: Duration,
    /// How long an answer may take to begin, beyond the time that the server was asked to wait.
    pub(crate) first_byte: Duration,
    /// How long the body may stand still.
    pub(crate) between_bytes: Duration,
    /// How long an answer may take as a whole, once it has begun, beyond the time that its bytes
    /// take at the slowest rate.
    pub(crate) whole: Duration,
    /// The slowest rate at which an answer may come, in bytes a second, uncompressed: 16 KiB, with
    /// which the largest document takes more than an hour.
    pub(crate) slowest: u32,
    /// The size of a document in bytes, uncompressed.
    pub(crate) bytes: usize,
    /// The size of an error's body in bytes.
    pub(crate) error_bytes: usize,
    /// How long a stream may take to begin, and then until something of it comes.
    pub(crate) stream_opening: Duration,
    /// How long a stream may be silent: our servers send a heartbeat every 15 seconds, unless they
    /// are set otherwise.
    pub(crate) stream_silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(30),
            whole: Duration::from_secs(60),
            slowest: 16 * 1024,
            bytes: 64 * 1024 * 1024,
            error_bytes: 64 * 1024,
            stream_opening: Duration::from_secs(5),
            stream_silence: Duration::from_secs(45),
        }
    }
}

impl Limits {
    /// How long an answer may have taken once so much of it has come.
    pub(crate) fn time_for(&self, bytes: usize) -> Duration {
        let milliseconds = bytes as u64 * 1000 / u64::from(self.slowest);
        self.whole + Duration::from_millis(milliseconds)
    }
}
