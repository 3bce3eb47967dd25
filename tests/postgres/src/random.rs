//! Names and ports that nobody else chooses.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports that no system gives to outgoing connections (Linux begins at 32768, macOS at 49152).
/// Otherwise a client that connects again and again to a server that is down can be given the
/// server's port, connect to itself, and keep the server from coming back.
const PORTS: Range<u16> = 15_000..32_000;

/// A name for a folder that tells whose it is, short enough for the path of a socket.
pub(crate) fn folder_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("pg-{}-{count}-{:08x}", std::process::id(), number() & 0xFFFF_FFFF)
}

/// A port on which nothing listens now. Another process may be quicker to use it.
pub(crate) fn port() -> Result<u16, String> {
    let count = u64::from(PORTS.end - PORTS.start);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| PORTS.start + u16::try_from(number() % count).unwrap_or_default())
        .take(1000)
        .find(free)
        .ok_or_else(|| format!("no port of {PORTS:?} is free on 127.0.0.1"))
}

/// A random number: the standard library seeds its hash maps with one.
fn number() -> u64 {
    RandomState::new().hash_one(0)
}
