//! The inside of a start tag: its name and its attributes.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;

use super::escape::is_legal;

/// How many attributes an element may have, namespace declarations among them.
const MAX_ATTRIBUTES: usize = 100;

/// A start tag, taken apart. What is wrong with one is said in words that follow its name.
pub(super) struct Tag<'x> {
    pub(super) name: &'x str,
    /// The names as they were written, and the values as XML reads them.
    pub(super) attributes: Vec<(&'x str, Cow<'x, str>)>,
}

impl<'x> Tag<'x> {
    /// Takes apart what stands between `<` and `>`, without the `/` of an empty element.
    pub(super) fn parse(tag: &'x str) -> Result<Self, String> {
        let end = tag.find(is_space).unwrap_or(tag.len());
        let (name, mut rest) = tag.split_at(end);
        if !is_qualified_name(name) {
            return Err(format!("'<{}' begins no element", shortened(name)));
        }
        let mut attributes: Vec<(&str, Cow<'_, str>)> = Vec::new();
        loop {
            let attribute = rest.trim_start_matches(is_space);
            if attribute.is_empty() {
                return Ok(Self { name, attributes });
            }
            let fault = |what: &str| Err(format!("<{name}>: {what}"));
            if attribute.len() == rest.len() {
                return fault("no white space before an attribute");
            }
            let Some((key, value)) = attribute.split_once('=') else {
                return fault("an attribute without a value");
            };
            let key = key.trim_end_matches(is_space);
            if !is_qualified_name(key) {
                return fault("an attribute without a proper name");
            }
            if attributes.iter().any(|(other, _)| *other == key) {
                return fault(&format!("the attribute '{key}' is stated twice"));
            }
            if attributes.len() == MAX_ATTRIBUTES {
                return fault(&format!("more than {MAX_ATTRIBUTES} attributes"));
            }
            let value = value.trim_start_matches(is_space);
            let quoted = value.strip_prefix('"').and_then(|value| value.split_once('"'));
            let quoted = quoted.or(value.strip_prefix('\'').and_then(|it| it.split_once('\'')));
            let Some((value, after)) = quoted else {
                return fault(&format!("the attribute '{key}' has no quoted value"));
            };
            attributes
                .push((key, value_of(value).map_err(|what| format!("<{name} {key}>: {what}"))?));
            rest = after;
        }
    }
}

/// White space as XML has it.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// The start of a text that may be long.
pub(super) fn shortened(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// What an attribute's value is to a reader: white space as spaces, references resolved (XML 1.0,
/// section 3.3.3).
fn value_of(raw: &str) -> Result<Cow<'_, str>, String> {
    if raw.contains('<') {
        return Err("'<' in the value of an attribute".to_owned());
    }
    if !raw.contains(['&', '\t', '\r', '\n']) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\r', '\n']) {
        value.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(reference) = rest.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or("'&' that begins no reference")?;
            value.push_str(&resolve(name)?);
            rest = after;
        } else {
            value.push(' ');
            rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// What a reference stands for: a character by number, or one of XML's own five. There are no
/// others, since there is no document type.
pub(super) fn resolve(reference: &str) -> Result<Cow<'static, str>, String> {
    let unknown = || format!("the reference '&{};' stands for nothing", shortened(reference));
    if let Some(number) = reference.strip_prefix('#') {
        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
        let plain = !digits.starts_with('+');
        let code = u32::from_str_radix(digits, radix).ok().filter(|_| plain);
        let character = code.and_then(char::from_u32).ok_or_else(unknown)?.to_string();
        if is_legal(&character) {
            Ok(Cow::Owned(character))
        } else {
            Err(format!(
                "the reference '&{};' stands for no character of XML",
                shortened(reference)
            ))
        }
    } else {
        resolve_xml_entity(reference).map(Cow::Borrowed).ok_or_else(unknown)
    }
}

/// A name with at most one colon, neither at its start nor at its end (Namespaces in XML 1.0).
fn is_qualified_name(name: &str) -> bool {
    let (prefix, local) = name.split_once(':').unwrap_or(("x", name));
    is_plain_name(prefix) && is_plain_name(local)
}

/// A name of XML 1.0, section 2.3, without a colon.
pub(super) fn is_plain_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(is_name_start)
        && characters.all(|it| {
            is_name_start(it)
                || matches!(it, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}' | '\u{2040}')
        })
}

fn is_name_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}' | '\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_xml_reads() {
        let tag =
            Tag::parse("a:b  c = 'x\"&lt;&#x41;\r\n&#10;' d\n=\"\"").map_err(|it| panic!("{it}"));
        let tag = tag.unwrap();
        assert_eq!(tag.name, "a:b");
        assert_eq!(tag.attributes, [("c", "x\"<A \n".into()), ("d", "".into())]);
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in [
            "",
            "1a",
            "a<b",
            ":a",
            "a:",
            "a:b:c",
            "a b",
            "a b=c",
            "a b=\"c",
            "a b=\"c\"d=\"e\"",
            "a b=\"1\" b=\"2\"",
            "a b=\"<\"",
            "a b=\"&\"",
            "a b=\"&x;\"",
            "a b=\"&#0;\"",
            "a b=\"&#+65;\"",
            "a b=\"&#xFFFF;\"",
            "a b=\"&#xD800;\"",
            "a b=\"&#x110000;\"",
            "a/",
            "a =\"b\"",
        ] {
            assert!(Tag::parse(bad).is_err(), "{bad}");
        }
    }
}
