//! Who we are: a name and password, or a bearer token. No error, log line or `Debug` shows them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use tracing::warn;
use url::Url;

/// Text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What `Authorization` says.
#[derive(Debug, Clone)]
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// The same at all times.
    Fixed(HeaderValue),
    /// A token that stands in a file.
    File(Arc<TokenFile>),
}

/// A token in a file, which is read again when it has changed.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    field: HeaderValue,
    /// When the file was written, and its length.
    stamp: Option<(SystemTime, u64)>,
    /// It has been said that the file cannot be read any more.
    said_unreadable: bool,
}

impl Credentials {
    /// Those of an address, which are taken out of it.
    pub(super) fn taken_from(url: &mut Url) -> Self {
        take_credentials(url).map_or(Self::None, Self::Fixed)
    }

    /// A token (RFC 6750).
    pub(super) fn token(token: &Secret) -> Result<Self, String> {
        bearer(&token.0).map(Self::Fixed).ok_or_else(|| NO_TOKEN.to_owned())
    }

    /// The token in a file.
    pub(super) fn token_file(path: &Path) -> Result<Self, String> {
        let (field, stamp) = read(path)?;
        let held = Mutex::new(Held { field, stamp, said_unreadable: false });
        Ok(Self::File(Arc::new(TokenFile { path: path.to_owned(), held })))
    }

    /// The header field of the next request.
    pub(super) fn field(&self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Fixed(field) => Some(field.clone()),
            Self::File(file) => Some(file.field()),
        }
    }

    /// Another header field than this one, with which a server has refused us (401), if there is
    /// one by now.
    pub(super) fn other_than(&self, refused: &HeaderValue) -> Option<HeaderValue> {
        let Self::File(file) = self else { return None };
        let mut held = file.held();
        file.read_again(&mut held);
        Some(held.field.clone()).filter(|field| field != refused)
    }
}

impl TokenFile {
    // A look at a local file takes microseconds: it is not worth a thread.
    fn field(&self) -> HeaderValue {
        let mut held = self.held();
        let stamp = stamp(&self.path);
        if stamp.is_some() && stamp != held.stamp {
            self.read_again(&mut held);
        }
        held.field.clone()
    }

    /// Reads the file; while it cannot be read, because somebody is replacing it for instance, the
    /// token is what it was.
    fn read_again(&self, held: &mut Held) {
        match read(&self.path) {
            Ok((field, stamp)) => *held = Held { field, stamp, said_unreadable: false },
            Err(reason) => {
                if !std::mem::replace(&mut held.said_unreadable, true) {
                    warn!("the token stays what it was: {reason}");
                }
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes name and password out of an address, and makes a header field of them (RFC 7617).
pub(crate) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut plain = decode(url.username());
    plain.push(b':');
    plain.extend(decode(url.password().unwrap_or_default()));
    strip(url);
    let mut field =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(plain))).ok()?;
    field.set_sensitive(true);
    Some(field)
}

/// Takes name and password out of an address.
pub(super) fn strip(url: &mut Url) {
    // Only addresses without a host refuse this, and they have no name either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

const NO_TOKEN: &str = "it holds no token: one word of letters, digits and -._~+/=";

fn read(path: &Path) -> Result<(HeaderValue, Option<(SystemTime, u64)>), String> {
    // The stamp first: a change while reading is noticed at the next look.
    let stamp = stamp(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let field = bearer(text.trim()).ok_or_else(|| format!("{}: {NO_TOKEN}", path.display()))?;
    Ok((field, stamp))
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The header field of a token of the form that RFC 6750, section 2.1, demands.
fn bearer(token: &str) -> Option<HeaderValue> {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token_byte) {
        return None;
    }
    let mut field = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    field.set_sensitive(true);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_leaves_the_address_for_a_header_field() {
        let mut with: Url =
            "https://Aladdin:open%20sesame@shop.example/feeds/orders".parse().unwrap();
        let field = Credentials::taken_from(&mut with).field().unwrap();
        assert_eq!(field, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(field.is_sensitive());
        assert_eq!(with.as_str(), "https://shop.example/feeds/orders");
        assert!(Credentials::taken_from(&mut with).field().is_none());
    }

    #[test]
    fn a_token_that_is_none_is_refused_without_being_repeated() {
        for bad in ["", "two words", "tökn", "a\nb", "\"quoted\""] {
            let error = Credentials::token(&Secret(bad.to_owned())).unwrap_err();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        let token = Credentials::token(&Secret("abc.DEF-1~2+3/4==".to_owned())).unwrap();
        assert_eq!(token.field().unwrap(), "Bearer abc.DEF-1~2+3/4==");
        assert!(!format!("{token:?} {:?}", Secret("s3cret".into())).contains("s3cret"));
        assert!(!format!("{token:?}").contains("abc.DEF"));
    }

    #[test]
    fn a_token_is_read_again_when_its_file_has_changed_and_kept_while_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let credentials = Credentials::token_file(&path).unwrap();
        let field = credentials.field().unwrap();
        assert_eq!(field, "Bearer first");
        assert_eq!(credentials.other_than(&field), None);
        std::fs::write(&path, "the-second\n").unwrap();
        assert_eq!(credentials.field().unwrap(), "Bearer the-second");
        assert_eq!(credentials.other_than(&field).unwrap(), "Bearer the-second");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(credentials.field().unwrap(), "Bearer the-second");
        std::fs::write(&path, "not a token").unwrap();
        assert_eq!(credentials.field().unwrap(), "Bearer the-second");
        let error = Credentials::token_file(&folder.path().join("none")).unwrap_err();
        assert!(error.contains("none cannot be read"), "{error}");
    }
}
