//! Where the pages and tails of one life of a feed are.

use chrono::{DateTime, SecondsFormat, Utc};
use feed_protocol::link::{Link, Relation};
use feed_protocol::{Incarnation, PageNumber, Position};
use url::Url;

use super::client::Client;

/// The addresses of a feed's pages and tails, as its current document links to one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// That of some page.
    page: Url,
    /// That of some tail.
    tail: Url,
}

impl Addresses {
    /// The addresses that a current document links to.
    ///
    /// A server that stands behind another name than it knows of (its public URL) links to that
    /// one. We stay on the origin that we were given, and find the pages beside the current
    /// document, where the protocol has them.
    ///
    /// # Errors
    ///
    /// When the document links to no page and tail: what it is not, then, is a current document.
    pub(crate) fn of(
        client: &Client,
        document_url: &Url,
        links: &[Link],
        incarnation: &Incarnation,
    ) -> Result<Self, String> {
        let linked = |relation: Relation| {
            let link = links.iter().find(|link| link.relation == relation)?;
            document_url.join(&link.href).ok()
        };
        let (Some(page), Some(tail)) = (linked(Relation::Last), linked(Relation::Previous)) else {
            return Err("it has no links to a page (last) and a tail (previous)".to_owned());
        };
        if !is_numbered(&page, "pages") || !is_numbered(&tail, "after") {
            let current = linked(Relation::Current).map(|url| format!(": name {url} instead"));
            return Err(format!(
                "it is not the current document of the feed{}",
                current.unwrap_or_default()
            ));
        }
        if client.may_ask(&page) && client.may_ask(&tail) {
            return Ok(Self { page, tail });
        }
        let name = document_url.path_segments().and_then(|mut it| it.next_back()).unwrap_or("");
        let beside = |folder: &str| {
            let mut url = document_url.join(&format!("{name}/{incarnation}/{folder}/1")).ok()?;
            url.set_query(document_url.query());
            Some(url)
        };
        match (beside("pages"), beside("after")) {
            (Some(page), Some(tail)) => Ok(Self { page, tail }),
            _ => Err("its pages have no address".to_owned()),
        }
    }

    /// A page.
    pub(crate) fn page(&self, page: PageNumber) -> Url {
        with_number(&self.page, page.to_string())
    }

    /// The tail after a position.
    pub(crate) fn tail(&self, after: Position) -> Url {
        with_number(&self.tail, after.to_string())
    }

    /// The tail after a position, with the events that a filter does not show as well.
    pub(crate) fn whole_tail(&self, after: Position) -> Url {
        let mut url = self.tail(after);
        let rest: Vec<_> = parts(&self.tail).filter(|part| !is_filter(part)).collect();
        url.set_query(Some(&*rest.join("&")).filter(|rest| !rest.is_empty()));
        url
    }

    /// What leads to the tail after the last event that was accepted before a time.
    pub(crate) fn at(&self, time: DateTime<Utc>) -> Url {
        let mut url = self.tail.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop().pop().push("at");
        }
        let time = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        url.query_pairs_mut().append_pair("time", &time);
        url
    }

    /// Whether only some of the events are shown: the address that we were given names types of
    /// events. Nothing else in a query leaves events out.
    pub(crate) fn is_filtered(&self) -> bool {
        names_types(&self.tail)
    }
}

/// Whether an address names types of events to show.
pub(crate) fn names_types(url: &Url) -> bool {
    parts(url).any(is_filter)
}

/// The parts of an address's query, as they are written.
fn parts(url: &Url) -> impl Iterator<Item = &str> {
    url.query().into_iter().flat_map(|query| query.split('&'))
}

/// Whether a part of a query names a type of events to show.
fn is_filter(part: &str) -> bool {
    url::form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == "type")
}

/// Whether an address ends in this folder and a number.
fn is_numbered(url: &Url, folder: &str) -> bool {
    let mut segments = url.path_segments().into_iter().flatten().rev();
    let number = segments.next().and_then(|segment| segment.parse::<Position>().ok());
    number.is_some() && segments.next() == Some(folder)
}

fn with_number(url: &Url, number: String) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop().push(&number);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::client::Limits;

    fn addresses(base: &str, links: &[(Relation, &str)]) -> Result<Addresses, String> {
        let url: Url = base.parse().unwrap();
        let links: Vec<_> =
            links.iter().map(|(relation, href)| Link::new(*relation, *href)).collect();
        let (client, url) = Client::new(&url, Limits::default()).unwrap();
        Addresses::of(&client, &url, &links, &"k3v9".parse().unwrap())
    }

    fn shown(addresses: &Addresses) -> (String, String) {
        let at = Position::new(7).unwrap();
        (addresses.page(PageNumber::FIRST).to_string(), addresses.tail(at).to_string())
    }

    #[test]
    fn links_are_followed_and_numbers_exchanged() {
        let found = addresses(
            "http://a.example/x/feeds/orders?type=a",
            &[
                (Relation::Last, "orders/k3v9/pages/1?type=a"),
                (Relation::Previous, "orders/k3v9/after/42?type=a"),
            ],
        )
        .unwrap();
        assert!(found.is_filtered());
        let folder = "http://a.example/x/feeds/orders/k3v9";
        assert_eq!(
            shown(&found),
            (format!("{folder}/pages/1?type=a"), format!("{folder}/after/7?type=a"))
        );
    }

    #[test]
    fn only_a_type_is_a_filter() {
        for (query, is_filtered, rest) in [
            ("?key=a%20b&type=a&type=b", true, "?key=a%20b"),
            ("?type=a", true, ""),
            ("?key=type&xtype=a", false, "?key=type&xtype=a"),
            ("?%74ype=a&key=1", true, "?key=1"),
        ] {
            let found = addresses(
                &format!("http://a.example/feeds/orders{query}"),
                &[
                    (Relation::Last, &format!("orders/k3v9/pages/1{query}")),
                    (Relation::Previous, &format!("orders/k3v9/after/42{query}")),
                ],
            )
            .unwrap();
            assert_eq!(found.is_filtered(), is_filtered, "{query}");
            let whole = found.whole_tail(Position::ZERO).to_string();
            assert_eq!(whole, format!("http://a.example/feeds/orders/k3v9/after/0{rest}"));
        }
    }

    #[test]
    fn links_to_another_name_of_the_server_are_read_as_its_own() {
        let found = addresses(
            "http://10.0.0.5:3000/feeds/orders",
            &[
                (Relation::Last, "https://shop.example/api/feeds/orders/k3v9/pages/1"),
                (Relation::Previous, "https://shop.example/api/feeds/orders/k3v9/after/42"),
            ],
        )
        .unwrap();
        assert!(!found.is_filtered());
        let folder = "http://10.0.0.5:3000/feeds/orders/k3v9";
        assert_eq!(shown(&found), (format!("{folder}/pages/1"), format!("{folder}/after/7")));
    }

    #[test]
    fn what_is_no_current_document_says_which_is() {
        let error = addresses(
            "http://a.example/feeds/orders/k3v9/pages/3",
            &[
                (Relation::Current, "../../../orders"),
                (Relation::Last, "../pages/1"),
                (Relation::Previous, "../pages/4"),
            ],
        )
        .unwrap_err();
        assert!(error.contains("name http://a.example/feeds/orders instead"), "{error}");
        assert!(addresses("http://a.example/", &[]).unwrap_err().contains("no links"));
    }
}
