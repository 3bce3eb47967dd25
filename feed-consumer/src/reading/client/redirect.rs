//! Which addresses may be asked: those of the feed's origin, and of origins that are listed.

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use url::{Host, Origin, Url};

use super::credentials::strip;

/// How many redirects one request follows.
const MAX_REDIRECTS: usize = 5;

/// A redirect that is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("more than {MAX_REDIRECTS} redirects, one after the other")]
    TooMany,
    #[error(
        "a redirect away from {from}, to {to}: if that is right, name the new address, or allow \
         that origin"
    )]
    Elsewhere { from: String, to: String },
}

/// The origins that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    /// The feed's own, which alone may know who we are.
    own: Origin,
    listed: Vec<Origin>,
}

impl Origins {
    /// The origin of a feed, and those that are listed beside it.
    pub(super) fn new(feed: &Url, listed: &[String]) -> Result<Self, String> {
        let listed = listed.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { own: feed.origin(), listed })
    }

    /// Whether an address may be asked.
    pub(super) fn allow(&self, url: &Url) -> bool {
        let origin = url.origin();
        origin == self.own || self.listed.contains(&origin)
    }

    /// Whether an address may know who we are.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.own
    }

    /// Whether a redirect is followed; `followed` counts those before it.
    pub(super) fn check(&self, followed: usize, to: &Url) -> Result<(), Refused> {
        if !self.allow(to) {
            let (from, to) = (self.own.ascii_serialization(), to.origin().ascii_serialization());
            Err(Refused::Elsewhere { from, to })
        } else if followed >= MAX_REDIRECTS {
            Err(Refused::TooMany)
        } else {
            Ok(())
        }
    }
}

/// Whether an address is one of this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Where an answer to a reading request leads (RFC 9110, section 15.4), if it is a redirect.
pub(super) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut to = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    to.set_fragment(None);
    strip(&mut to);
    Some(to)
}

fn parse(text: &str) -> Result<Origin, String> {
    let remedy = "name an origin such as https://archive.example";
    let url: Url = text.parse().map_err(|error| format!("it is no origin ({error}): {remedy}"))?;
    let is_whole = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !is_whole {
        return Err(format!("it is more or less than an origin: {remedy}"));
    }
    Ok(url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn redirects_stay_on_the_origin_and_are_counted() {
        let feed = url("https://shop.example/feeds/orders");
        let listed = ["https://archive.example".to_owned()];
        let origins = Origins::new(&feed, &listed).unwrap();
        assert_eq!(origins.check(0, &url("https://shop.example:443/other")), Ok(()));
        assert_eq!(origins.check(4, &url("https://archive.example/x")), Ok(()));
        assert!(!origins.is_own(&url("https://archive.example/x")));
        assert_eq!(origins.check(5, &url("https://shop.example/")), Err(Refused::TooMany));
        for elsewhere in [
            "http://shop.example/feeds/orders",
            "https://shop.example:8443/feeds/orders",
            "https://shop.example.evil.example/",
            "https://archive.example:8443/",
            "https://169.254.169.254/",
            "file:///etc/passwd",
        ] {
            let refused = origins.check(1, &url(elsewhere)).unwrap_err();
            assert!(matches!(refused, Refused::Elsewhere { .. }), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_remedy() {
        let feed = url("https://shop.example/");
        for bad in ["", "archive.example", "ftp://a.example", "https://a.example/x", "https://u@a/"]
        {
            let error = Origins::new(&feed, &[bad.to_owned()]).unwrap_err();
            assert!(error.contains("such as https://archive.example"), "{error}");
        }
    }

    #[test]
    fn a_redirect_brings_no_password_and_no_fragment_along() {
        let headers = |to: &'static str| HeaderMap::from_iter([(LOCATION, to.parse().unwrap())]);
        let from = url("https://shop.example/feeds/orders");
        let found = |status: StatusCode, to| target(&from, status, &headers(to));
        let there = url("https://shop.example/feeds/b");
        assert_eq!(found(StatusCode::FOUND, "b#c"), Some(there.clone()));
        assert_eq!(found(StatusCode::FOUND, "//me:pw@shop.example/feeds/b"), Some(there));
        assert_eq!(found(StatusCode::OK, "b"), None);
        assert_eq!(found(StatusCode::FOUND, "http://"), None);
    }
}
