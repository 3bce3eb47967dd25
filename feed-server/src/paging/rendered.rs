//! A document as bytes, with what its answer says of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::{Cursor, Incarnation, PositionRange};
use http::HeaderValue;
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::xxh3_128;

use super::Coding;
use super::room::Taken;

/// Below this size a coding gains nothing.
const MIN_CODED_BYTES: usize = 512;

/// A document as bytes, plain and in each coding that was asked for, and the header fields that
/// follow from it.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// The positions that it covers.
    pub(crate) range: PositionRange,
    /// When it became what it is, where that is known.
    pub(crate) modified: Option<DateTime<Utc>>,
    /// Whether it can never change.
    pub(crate) immutable: bool,
    shown: usize,
    pub(crate) content_type: HeaderValue,
    pub(crate) last_modified: Option<HeaderValue>,
    pub(crate) feed_range: HeaderValue,
    pub(crate) feed_cursor: HeaderValue,
    /// The value of `Link`, when the document has links.
    pub(crate) link: Option<HeaderValue>,
    plain: Variant,
    gzip: OnceCell<Variant>,
    zstd: OnceCell<Variant>,
    /// The entity tag without its quotes and without the mark of a coding.
    tag: String,
}

/// A document in one coding.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) etag: HeaderValue,
    pub(crate) bytes: Bytes,
}

/// What a document is before its header fields are derived.
pub(crate) struct Parts {
    pub(crate) incarnation: Incarnation,
    pub(crate) range: PositionRange,
    pub(crate) modified: Option<DateTime<Utc>>,
    pub(crate) immutable: bool,
    pub(crate) content_type: HeaderValue,
    pub(crate) link: String,
    pub(crate) bytes: Vec<u8>,
    /// How many events it shows.
    pub(crate) shown: usize,
    /// The room that its bytes take up, if it is large.
    pub(super) room: Option<Taken>,
}

impl Rendered {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            incarnation,
            range,
            modified,
            immutable,
            content_type,
            link,
            mut bytes,
            shown,
            room,
        } = parts;
        // What it weighs is its length.
        bytes.shrink_to_fit();
        let bytes = match room {
            Some(room) => room.by(bytes),
            None => Bytes::from(bytes),
        };
        let tag = format!("{incarnation}-{:032x}", xxh3_128(&bytes));
        let plain = Variant { etag: etag(&tag, Coding::Identity), bytes };
        let cursor = Cursor { incarnation, position: range.last() };
        Self {
            range,
            modified,
            immutable,
            shown,
            content_type,
            last_modified: modified.map(|it| header(&httpdate::fmt_http_date(it.into()))),
            feed_range: header(&range.to_string()),
            feed_cursor: header(&cursor.to_string()),
            link: (!link.is_empty()).then(|| header(&link)),
            plain,
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
            tag,
        }
    }

    /// The document in a coding, encoded once; the plain one where it is too small to gain.
    pub(crate) async fn variant(&self, coding: Coding) -> (Coding, &Variant) {
        let cell = match coding {
            _ if self.plain.bytes.len() < MIN_CODED_BYTES => {
                return (Coding::Identity, &self.plain);
            }
            Coding::Identity => return (coding, &self.plain),
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let encode = || async {
            let plain = self.plain.bytes.clone();
            // Off the workers that serve everybody else: a large page takes milliseconds.
            let bytes = tokio::task::spawn_blocking(move || coding.encode(&plain))
                .await
                .expect("encoding does not panic");
            Variant { etag: etag(&self.tag, coding), bytes }
        };
        (coding, cell.get_or_init(encode).await)
    }

    /// Whether no event of the range that it covers is in it.
    pub(crate) fn shows_nothing(&self) -> bool {
        self.shown == 0
    }

    /// The bytes without a coding.
    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain.bytes
    }

    /// What it weighs in a cache, in bytes: with room for its codings, since they come later.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = self.plain.bytes.len() as u64;
        bytes + bytes / 2 + 1024
    }
}

/// The strong entity tag of a document that belongs to no feed: a hash of its bytes.
pub(crate) fn etag_of(bytes: &[u8]) -> HeaderValue {
    etag(&format!("{:032x}", xxh3_128(bytes)), Coding::Identity)
}

fn etag(tag: &str, coding: Coding) -> HeaderValue {
    header(&format!("\"{tag}{}\"", coding.tag_suffix()))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of characters that a header field may hold")
}
