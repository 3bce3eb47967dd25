//! Which redirects are followed, and who may see a password.

use http::HeaderValue;
use percent_encoding::percent_decode_str;
use reqwest::redirect::{Attempt, Policy};
use url::{Origin, Url};

/// How many redirects one request follows.
const MAX_REDIRECTS: usize = 5;

/// A redirect that is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("more than {MAX_REDIRECTS} redirects, one after the other")]
    TooMany,
    #[error("a redirect away from {from}, to {to}: if that is right, name the new address")]
    Elsewhere { from: String, to: String },
}

/// Follows redirects within an origin.
pub(super) fn policy(origin: Origin) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        match check(&origin, attempt.previous().len(), attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    })
}

/// Whether a redirect is followed; `followed` counts the addresses before it.
fn check(origin: &Origin, followed: usize, to: &Url) -> Result<(), Refused> {
    if to.origin() != *origin {
        let (from, to) = (origin.ascii_serialization(), to.origin().ascii_serialization());
        Err(Refused::Elsewhere { from, to })
    } else if followed > MAX_REDIRECTS {
        Err(Refused::TooMany)
    } else {
        Ok(())
    }
}

/// Takes name and password out of an address, and makes a header field of them (RFC 7617).
pub(super) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut plain = decode(url.username());
    plain.push(b':');
    plain.extend(decode(url.password().unwrap_or_default()));
    // Only addresses without a host refuse this, and they have no name either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn redirects_stay_on_the_origin_and_are_counted() {
        let origin = url("https://shop.example/feeds/orders").origin();
        assert_eq!(check(&origin, 1, &url("https://shop.example:443/other")), Ok(()));
        assert_eq!(check(&origin, 5, &url("https://shop.example/")), Ok(()));
        assert_eq!(check(&origin, 6, &url("https://shop.example/")), Err(Refused::TooMany));
        for elsewhere in [
            "http://shop.example/feeds/orders",
            "https://shop.example:8443/feeds/orders",
            "https://shop.example.evil.example/",
            "https://169.254.169.254/",
            "file:///etc/passwd",
        ] {
            let refused = check(&origin, 1, &url(elsewhere)).unwrap_err();
            assert!(matches!(refused, Refused::Elsewhere { .. }), "{elsewhere}");
        }
    }

    #[test]
    fn a_password_leaves_the_address_for_a_header_field() {
        let mut with = url("https://Aladdin:open%20sesame@shop.example/feeds/orders");
        let field = take_credentials(&mut with).unwrap();
        assert_eq!(field, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(field.is_sensitive());
        assert_eq!(with.as_str(), "https://shop.example/feeds/orders");
        assert_eq!(take_credentials(&mut with), None);
    }
}
