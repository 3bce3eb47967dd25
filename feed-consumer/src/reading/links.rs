//! The links that an answer states in its header fields (RFC 8288).

use feed_protocol::link::Link;
use http::HeaderMap;
use http::header::LINK;

/// The links of an answer with relations that feeds use. What is no link is passed over.
pub(super) fn links(headers: &HeaderMap) -> Vec<Link> {
    let fields = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(links_of_field).collect()
}

fn links_of_field(field: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for link in parts(field, ',') {
        let Some((target, parameters)) = target(link) else { continue };
        let parameters: Vec<_> =
            parts(parameters, ';').filter_map(|it| it.split_once('=')).collect();
        let value = |name: &str| {
            let named = |(it, _): &&(&str, &str)| it.trim().eq_ignore_ascii_case(name);
            parameters.iter().find(named).map(|(_, value)| value.trim().trim_matches('"'))
        };
        // With an anchor, it is a link of something else.
        if let (Some(relations), None) = (value("rel"), value("anchor")) {
            let relations = relations.split_ascii_whitespace().filter_map(|it| it.parse().ok());
            links.extend(relations.map(|relation| Link::new(relation, target)));
        }
    }
    links
}

/// The target of a link, and what follows it.
fn target(link: &str) -> Option<(&str, &str)> {
    link.trim_start().strip_prefix('<')?.split_once('>')
}

/// The parts between separators that stand neither in quotes nor in a target.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut in_quotes, mut in_target) = (false, false);
    text.split(move |it: char| {
        match it {
            '"' if !in_target => in_quotes = !in_quotes,
            '<' if !in_quotes => in_target = true,
            '>' if !in_quotes => in_target = false,
            _ => {}
        }
        it == separator && !in_quotes && !in_target
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(fields: &[&'static str]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(LINK, HeaderValue::from_static(field));
        }
        let link = |link: Link| (link.relation.to_string(), link.href);
        links(&headers).into_iter().map(link).collect()
    }

    fn expected(links: &[(&str, &str)]) -> Vec<(String, String)> {
        let link = |(relation, href): &(&str, &str)| ((*relation).into(), (*href).into());
        links.iter().map(link).collect()
    }

    #[test]
    fn links_are_read_however_they_are_spread_over_fields() {
        let found = read(&[
            r#"<orders>; rel="self", <orders/k3v9/after/3?type=a,b>; rel="previous""#,
            "<orders/k3v9/pages/1>;title=\"a, b; rel=next\" ; REL=last",
            r#"<x>; rel="first Current""#,
        ]);
        let links = [
            ("self", "orders"),
            ("previous", "orders/k3v9/after/3?type=a,b"),
            ("last", "orders/k3v9/pages/1"),
            ("first", "x"),
            ("current", "x"),
        ];
        assert_eq!(found, expected(&links));
    }

    #[test]
    fn what_is_no_link_of_the_document_is_passed_over() {
        assert!(read(&[]).is_empty());
        for field in [
            "",
            "orders",
            "<orders",
            "<orders>",
            "<orders>; rel",
            "<orders>; rel=stylesheet",
            r##"<orders>; rel="last"; anchor="#x""##,
            "<style.css>; rel=\"stylesheet\", <>; title=\"rel=last",
        ] {
            assert!(read(&[field]).is_empty(), "{field}");
        }
    }
}
