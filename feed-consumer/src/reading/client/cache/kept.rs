//! A document and its rules, as the bytes of a file.
//!
//! A line says what the file is, the digest of all that follows the line, and the length of the
//! rules; then the rules follow in JSON, and then the body.

use bytes::Bytes;
use http_cache_semantics::CachePolicy;
use xxhash_rust::xxh3::Xxh3;

/// What the first line begins with. Another version of it is another kind of file.
const MARK: &str = "feed-cache 1 ";

/// The longest first line, and the longest rules, in bytes.
const MOST_HEAD: usize = 256 * 1024;

/// A document that is kept, with the rules for when it may be used.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) policy: CachePolicy,
    pub(super) body: Bytes,
}

/// How large the file of a document can be.
pub(super) fn most_bytes(largest: usize) -> usize {
    largest.saturating_add(MOST_HEAD)
}

impl Kept {
    /// What stands in the file before the body.
    pub(super) fn head(&self) -> Vec<u8> {
        // A policy is made of header fields, which JSON can say.
        let rules = serde_json::to_vec(&self.policy).unwrap_or_default();
        let mut head = format!("{MARK}{:016x} {}\n", digest(&rules, &self.body), rules.len());
        head.push_str(&String::from_utf8_lossy(&rules));
        head.into_bytes()
    }

    /// What a file holds; `None` if it is damaged, or of another kind.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Bytes::from(bytes);
        let end = bytes.iter().take(MOST_HEAD).position(|byte| *byte == b'\n')?;
        let line = str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MARK)?;
        let (stated, length) = line.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        let rest = bytes.slice(end + 1..);
        if length > rest.len() {
            return None;
        }
        let (rules, body) = (rest.slice(..length), rest.slice(length..));
        if format!("{:016x}", digest(&rules, &body)) != stated {
            return None;
        }
        Some(Self { policy: serde_json::from_slice(&rules).ok()?, body })
    }
}

fn digest(rules: &[u8], body: &[u8]) -> u64 {
    let mut digest = Xxh3::new();
    digest.update(rules);
    digest.update(body);
    digest.digest()
}
