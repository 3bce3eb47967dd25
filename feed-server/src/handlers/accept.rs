//! What a client accepts (RFC 9110, section 12.5).

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName};

use crate::paging::Coding;

/// The index of the offered media type that the client likes best; the first one that is offered
/// wins a draw. `None` when it accepts none of them. Without `Accept`, anything will do.
pub(super) fn best_media_type(headers: &HeaderMap, offers: &[&str]) -> Option<usize> {
    let ranges = weighted(headers, &ACCEPT);
    if ranges.is_empty() {
        return Some(0);
    }
    let quality = |offer: &str| {
        let (kind, _) = offer.split_once('/')?;
        // The most specific range decides (section 12.5.1).
        ranges
            .iter()
            .filter_map(|(range, quality)| {
                let specificity = match range.split_once('/') {
                    _ if range == offer => 2,
                    Some((range_kind, "*")) if range_kind == kind => 1,
                    Some(("*", "*")) => 0,
                    _ => return None,
                };
                Some((specificity, *quality))
            })
            .max_by_key(|(specificity, _)| *specificity)
            .map(|(_, quality)| quality)
    };
    best(offers.iter().map(|offer| quality(offer).unwrap_or(0)))
}

/// The content coding that the client likes best; ours in a draw: zstd, gzip, none.
pub(super) fn best_coding(headers: &HeaderMap) -> Coding {
    const OFFERS: [Coding; 3] = [Coding::Zstd, Coding::Gzip, Coding::Identity];
    let ranges = weighted(headers, &ACCEPT_ENCODING);
    let quality = |coding: Coding| {
        let named = |name: &str| ranges.iter().find(|(range, _)| range == name);
        let stated = named(coding.name()).or_else(|| named("*")).map(|(_, quality)| *quality);
        // What is not stated is refused, but for no coding at all (section 12.5.3), which is then
        // liked least.
        stated.unwrap_or(u16::from(coding == Coding::Identity))
    };
    best(OFFERS.into_iter().map(quality)).map_or(Coding::Identity, |index| OFFERS[index])
}

/// The index of the highest quality above zero; the first one in a draw.
fn best(qualities: impl Iterator<Item = u16>) -> Option<usize> {
    let mut best = None;
    let mut highest = 0;
    for (index, quality) in qualities.enumerate() {
        if quality > highest {
            (best, highest) = (Some(index), quality);
        }
    }
    best
}

/// The members of a list with their qualities in thousandths, in lower case and without other
/// parameters. Members that cannot be read are passed over.
fn weighted(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, u16)> {
    let fields = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let members = fields.flat_map(|field| field.split(','));
    members
        .filter_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
            let quality =
                parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let quality = match quality {
                Some(text) => {
                    let quality = text.parse::<f32>().ok().filter(|it| (0.0..=1.0).contains(it))?;
                    thousandths(quality)
                }
                None => 1000,
            };
            Some((range, quality))
        })
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the quality lies between 0 and 1"
)]
fn thousandths(quality: f32) -> u16 {
    (quality * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_most_specific_range_decides() {
        let offers = ["application/atom+xml", "application/cloudevents-batch+json"];
        for (accept, expected) in [
            ("*/*", Some(0)),
            ("application/*;q=0.5, application/cloudevents-batch+json", Some(1)),
            ("application/atom+xml;q=0, */*", Some(1)),
            ("APPLICATION/ATOM+XML; charset=utf-8", Some(0)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(0)),
            ("text/html", None),
            ("*/*;q=0", None),
            ("application/atom+xml;q=0.1, application/cloudevents-batch+json;q=0.2", Some(1)),
        ] {
            assert_eq!(best_media_type(&headers(ACCEPT, accept), &offers), expected, "{accept}");
        }
        assert_eq!(best_media_type(&HeaderMap::new(), &offers), Some(0));
    }

    #[test]
    fn a_coding_is_used_only_when_it_is_asked_for() {
        for (accept, expected) in [
            ("gzip", Coding::Gzip),
            ("gzip, zstd", Coding::Zstd),
            ("zstd;q=0.5, gzip;q=0.8", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0, *", Coding::Zstd),
            ("br", Coding::Identity),
            ("", Coding::Identity),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("gzip;q=2", Coding::Identity),
        ] {
            assert_eq!(best_coding(&headers(ACCEPT_ENCODING, accept)), expected, "{accept}");
        }
        assert_eq!(best_coding(&HeaderMap::new()), Coding::Identity);
    }
}
