//! Content codings of rendered documents.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A content coding that documents are served in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// gzip (RFC 1952)
    Gzip,
    /// Zstandard (RFC 8878)
    Zstd,
}

impl Coding {
    /// The name in `Accept-Encoding` and `Content-Encoding`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The mark of the coding in an entity tag.
    pub(crate) const fn tag_suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "-gzip",
            Self::Zstd => "-zstd",
        }
    }

    /// The bytes in this coding. Takes milliseconds for a large page.
    pub(crate) fn encode(self, plain: &Bytes) -> Bytes {
        let encoded = match self {
            Self::Identity => return plain.clone(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            // Level 6 makes pages of orders 7% smaller and takes five times as long, for which
            // whoever reads a feed from its beginning would have to wait at every page.
            Self::Zstd => zstd::bulk::compress(plain, 3),
        };
        encoded.expect("writing into memory does not fail").into()
    }
}
