//! The whole of an answer's body, or why not.

use bytes::{Bytes, BytesMut};
use http::Method;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Limits, innermost};
use crate::reading::error::ReadError;

/// Reads a body to its end, counting what it is after decompression: a small answer can unpack to
/// a very large one.
pub(super) async fn read(
    url: &Url,
    mut response: reqwest::Response,
    limits: &Limits,
    max_bytes: usize,
) -> Result<Bytes, ReadError> {
    let too_large = || ReadError::TooLarge { url: url.to_string(), limit: max_bytes };
    let expected = response.content_length().unwrap_or_default();
    if expected > max_bytes as u64 {
        return Err(too_large());
    }
    let timed_out = |what, limit| ReadError::TimedOut {
        method: Method::GET,
        url: url.to_string(),
        what,
        limit,
    };
    let begun = Instant::now();
    let mut body = BytesMut::with_capacity(usize::try_from(expected).unwrap_or_default());
    loop {
        let whole = limits.time_for(body.len());
        let left = whole.saturating_sub(begun.elapsed());
        let chunk = timeout(limits.between_bytes.min(left), response.chunk())
            .await
            .map_err(|_| {
                if left <= limits.between_bytes {
                    timed_out("the answer did not end", whole)
                } else {
                    timed_out("no more of the answer", limits.between_bytes)
                }
            })?
            .map_err(|error| ReadError::Transport {
                method: Method::GET,
                url: url.to_string(),
                what: "the answer broke off",
                source: innermost(error),
            })?;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}
