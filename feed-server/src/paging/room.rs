//! Room for large documents, so that those who read cannot use up the memory.
//!
//! A page has as much data as its events, and filters make many documents of one page. A document
//! of more than [`ORDINARY_BYTES`] of data is made alone, and shared with those who wait for the
//! same one; its bytes take up room until the last client has been sent them, and it is kept in no
//! cache. Ordinary documents never wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Rendered;
use super::making::Key;

/// How much data an ordinary document has at most.
pub(super) const ORDINARY_BYTES: u64 = 8 << 20;
/// How many bytes of large documents there are at a time.
const ROOM_BYTES: u64 = 512 << 20;
/// The longest that a document waits for its turn, or for room.
const PATIENCE: Duration = Duration::from_secs(30);
/// Room is counted in these, since a semaphore counts no further than 32 bits.
const UNIT_BYTES: u64 = 64 << 10;
const UNITS: u32 = (ROOM_BYTES / UNIT_BYTES) as u32;

/// Turns at making a large document, and room to hold it.
#[derive(Debug)]
pub(super) struct Room {
    /// The document that was made last, for as long as somebody waits who may want the same.
    last: Mutex<Option<(Key, Arc<Rendered>)>>,
    waiting: AtomicUsize,
    room: Arc<Semaphore>,
}

/// The turn of one large document.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    of: &'a Room,
    last: MutexGuard<'a, Option<(Key, Arc<Rendered>)>>,
}

/// The room that a large document takes up.
#[derive(Debug)]
pub(super) struct Taken {
    _room: OwnedSemaphorePermit,
}

/// There was no turn, or no room, for too long.
#[derive(Debug)]
pub(super) struct Crowded;

impl Room {
    pub(super) fn new() -> Self {
        let room = Arc::new(Semaphore::new(UNITS as usize));
        Self { last: Mutex::default(), waiting: AtomicUsize::new(0), room }
    }

    /// Waits for the turn to read and to make a large document.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Crowded> {
        let _waiting = Waiting::among(&self.waiting);
        let last = timeout(PATIENCE, self.last.lock()).await.map_err(|_| Crowded)?;
        Ok(Turn { of: self, last })
    }
}

impl Turn<'_> {
    /// The document of this key, if whoever had the turn before has made it.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Rendered>> {
        let (last, rendered) = self.last.as_ref()?;
        (last == key).then(|| Arc::clone(rendered))
    }

    /// Shares a document with those who wait.
    pub(super) fn share(&mut self, key: Key, rendered: &Arc<Rendered>) {
        *self.last = Some((key, Arc::clone(rendered)));
    }

    /// Waits for room for a document with so much data, which is larger than its data, and may be
    /// sent in codings too.
    pub(super) async fn room_for(&mut self, data_bytes: u64) -> Result<Taken, Crowded> {
        *self.last = None;
        let units = data_bytes.saturating_mul(2).div_ceil(UNIT_BYTES);
        let units = u32::try_from(units).unwrap_or(UNITS).min(UNITS);
        let taken = Arc::clone(&self.of.room).acquire_many_owned(units);
        let room = timeout(PATIENCE, taken).await.map_err(|_| Crowded)?.map_err(|_| Crowded)?;
        Ok(Taken { _room: room })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.of.waiting.load(Ordering::SeqCst) == 0 {
            *self.last = None;
        }
    }
}

/// One that waits for its turn, until it has it or goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Taken {
    /// The bytes, which take up the room until the last clone of them is gone.
    pub(super) fn by(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Occupying { bytes, _taken: self })
    }
}

struct Occupying {
    bytes: Vec<u8>,
    _taken: Taken,
}

impl AsRef<[u8]> for Occupying {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_document_takes_up_room_until_its_bytes_are_gone() {
        let room = Room::new();
        let mut turn = room.turn().await.unwrap();
        assert!(room.turn().await.is_err(), "one at a time");
        // More than there is takes all that there is.
        let bytes = turn.room_for(u64::MAX).await.unwrap().by(vec![1, 2]);
        drop(turn);
        let mut turn = room.turn().await.unwrap();
        let sent = bytes.slice(1..);
        drop(bytes);
        assert!(turn.room_for(1).await.is_err());
        drop(sent);
        turn.room_for(1).await.unwrap();
    }
}
