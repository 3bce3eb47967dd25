//! Entries that somebody publishes: kept whole, or refused.
//!
//! The table of [`super`] is read from right to left. What has a place in it may stand in
//! either of its places, and in both if they agree; what has none is refused by name. Three things
//! are the server's to give, and are passed over: `ev:position`, the link `self`, and `updated`
//! beside `published` (in an entry of another of our feeds, which an `ev:position` tells, `updated`
//! in any case, since there it is that feed's, and so are `alternate` and `summary`).

use super::data::{self, ContentData};
use super::ours::{extensions, parsed};
use super::raw::{Category, RawEntry};
use super::vocabulary::{JSON, SUBJECT_SCHEME, TYPE_SCHEME, reply_iri, uuid_of_urn};
use crate::event::{
    DataContentType, EventId, EventParts, EventTime, EventType, ExtensionValue, Extensions, Source,
    Subject,
};
use crate::{Event, InvalidEvent};

/// The event of an entry that somebody publishes.
pub(super) fn event(raw: &RawEntry) -> Result<Event, InvalidEvent> {
    if let Some(stray) = &raw.stray {
        return Err(stray.clone());
    }
    let is_ours = raw.ours.position.is_some();
    let (event_type, subject) = categories(raw)?;
    check_links(raw, is_ours)?;
    let mut parts = EventParts::new(id(raw)?, source(raw)?, event_type);
    parts.subject = subject;
    parts.time = time(raw, is_ours)?;
    parts.data_schema = parsed(raw.ours.data_schema.as_deref())?;
    parts.extensions = with_causation(raw, extensions(&raw.ours.extensions)?)?;
    let content = content(raw)?;
    check_summary(raw, is_ours, content.as_ref())?;
    parts.data_content_type = match (&raw.ours.data_content_type, &content) {
        (Some(media_type), _) => Some(media_type.parse()?),
        (None, Some(content)) if !is_ours => Some(shown_type(content)?),
        (None, _) => None,
    };
    parts.data = content.map(|content| content.data);
    Event::new(parts)
}

/// `text/json` is how Atom can show JSON, so it says no more than that.
fn shown_type(content: &ContentData) -> Result<DataContentType, InvalidEvent> {
    if content.media_type.as_str().eq_ignore_ascii_case("text/json") {
        JSON.parse()
    } else {
        Ok(content.media_type.clone())
    }
}

/// `ev:id`, or the UUID of a `urn:uuid:` as it becomes one again, or the `atom:id` as it is.
fn id(raw: &RawEntry) -> Result<EventId, InvalidEvent> {
    let iri = raw.id.as_deref().ok_or_else(|| InvalidEvent::new("id", "is missing"))?;
    raw.ours.id.as_deref().unwrap_or_else(|| uuid_of_urn(iri).unwrap_or(iri)).parse()
}

fn source(raw: &RawEntry) -> Result<Source, InvalidEvent> {
    let author = match raw.authors.as_slice() {
        [] => None,
        [author] => Some(author.as_str()),
        _ => return Err(InvalidEvent::new("author", "has no place in an event beside another")),
    };
    let missing = || InvalidEvent::new("author", "is missing: its name is the event's source");
    agreed("author", author, raw.ours.source.as_deref(), "ev:source")?.ok_or_else(missing)?.parse()
}

/// The type and the subject: from categories with our schemes, or the type from the only category
/// without one, or from the title.
fn categories(raw: &RawEntry) -> Result<(EventType, Option<Subject>), InvalidEvent> {
    let (mut event_type, mut subject) = (None, None);
    for Category { term, scheme } in &raw.categories {
        let slot = match scheme.as_deref() {
            Some(TYPE_SCHEME) | None => &mut event_type,
            Some(SUBJECT_SCHEME) => &mut subject,
            Some(other) => {
                let reason = format!("has no place in an event with the scheme '{other}'");
                return Err(InvalidEvent::new("category", reason));
            }
        };
        if slot.replace(term.as_str()).is_some() {
            let reason = format!("has no place in an event beside another: '{term}'");
            return Err(InvalidEvent::new("category", reason));
        }
    }
    let title = raw.title.as_ref().ok_or_else(|| InvalidEvent::new("title", "is missing"))?;
    if !title.is_plain() {
        return Err(InvalidEvent::new("title", "is not plain text"));
    }
    let title = Some(title.text.as_str()).filter(|title| !title.is_empty());
    let missing = || InvalidEvent::new("category", "is missing: its term is the event's type");
    let event_type = agreed("title", title, event_type, "category")?.ok_or_else(missing)?;
    let subject = agreed("category", subject, raw.ours.subject.as_deref(), "ev:subject")?;
    Ok((event_type.parse()?, parsed(subject)?))
}

/// One value of two places that mean the same.
fn agreed<'a>(
    place: &'static str,
    value: Option<&'a str>,
    other: Option<&'a str>,
    other_place: &str,
) -> Result<Option<&'a str>, InvalidEvent> {
    match (value, other) {
        (Some(value), Some(other)) if value != other => Err(InvalidEvent::new(
            place,
            format!("says '{value}', where {other_place} says '{other}': an event has one of them"),
        )),
        _ => Ok(other.or(value)),
    }
}

fn time(raw: &RawEntry, is_ours: bool) -> Result<Option<EventTime>, InvalidEvent> {
    let parse = |field: &'static str, text: &str| {
        text.parse::<EventTime>()
            .map_err(|error| InvalidEvent::new(field, error.reason().to_owned()))
    };
    let updated = raw.updated.as_deref();
    let updated = updated.ok_or_else(|| InvalidEvent::new("updated", "is missing"))?;
    let updated = parse("updated", updated)?;
    match raw.published.as_deref() {
        Some(published) => parse("published", published).map(Some),
        None => Ok((!is_ours).then_some(updated)),
    }
}

/// The link `self` is the server's to give, as is the `alternate` that an entry without content
/// has to have: it leads to the entry.
fn check_links(raw: &RawEntry, is_ours: bool) -> Result<(), InvalidEvent> {
    let own = |href: &str| raw.links.iter().any(|it| it.relation == "self" && it.href == href);
    for link in &raw.links {
        let is_alternate = link.relation == "alternate" && (is_ours || own(&link.href));
        if link.relation != "self" && !is_alternate {
            let reason = format!("has no place in an event with the relation '{}'", link.relation);
            return Err(InvalidEvent::new("link", reason));
        }
    }
    Ok(())
}

/// The extensions with the causation id, which may stand in `thr:in-reply-to` instead.
fn with_causation(raw: &RawEntry, mut extensions: Extensions) -> Result<Extensions, InvalidEvent> {
    let invalid = |reason: &'static str| Err(InvalidEvent::new("thr:in-reply-to", reason));
    let iri = match raw.in_reply_to.as_slice() {
        [] => return Ok(extensions),
        [iri] => iri.as_str(),
        _ => return invalid("has no place in an event beside another"),
    };
    match extensions.text("causationid") {
        Some(stated) if stated == iri || reply_iri(stated).as_deref() == Some(iri) => {}
        Some(_) => return invalid("does not name the event of the extension 'causationid'"),
        None => {
            let id = ExtensionValue::string(uuid_of_urn(iri).unwrap_or(iri))
                .map_err(|reason| InvalidEvent::new("thr:in-reply-to", reason))?;
            extensions.insert_new("causationid".parse()?, id)?;
        }
    }
    Ok(extensions)
}

fn content(raw: &RawEntry) -> Result<Option<ContentData>, InvalidEvent> {
    match &raw.content {
        Some(content) if content.src.is_some() => Err(InvalidEvent::new(
            "content",
            "is elsewhere ('src'): an entry that is published holds its data",
        )),
        Some(content) => data::read(content, false).map(Some),
        None => Ok(None),
    }
}

/// A summary stands only beside Base64, where Atom demands one (RFC 4287, section 4.1.2) and the
/// server writes its own.
fn check_summary(
    raw: &RawEntry,
    is_ours: bool,
    content: Option<&ContentData>,
) -> Result<(), InvalidEvent> {
    match &raw.summary {
        Some(summary)
            if !summary.text.is_empty()
                && !is_ours
                && !content.is_some_and(|content| content.is_base64) =>
        {
            Err(InvalidEvent::new("summary", "has no place in an event"))
        }
        _ => Ok(()),
    }
}
