"""Checks an Atom document on standard input against RFC 4287, RFC 4685 and RFC 5005.

The W3C's validator needs the network to be of use; this one checks what that reports as an error
in documents like ours, and is as strict where that is stricter than the RFCs. Writes what is wrong,
a line each, and fails if there is anything.
"""

import base64
import datetime
import re
import sys
from xml.etree import ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
THREAD = "{http://purl.org/syndication/thread/1.0}"

# RFC 4287, section 3.3: RFC 3339 with upper-case T and Z.
DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"T([01]\d|2[0-3]):[0-5]\d:([0-5]\d(\.\d+)?|60(\.0+)?)(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
# The characters of RFC 2396, which the W3C's validator demands of IRIs too.
URI = r"[A-Za-z0-9;/?:@&=+$,_.!~*'()%#-]"
SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"
ABSOLUTE = re.compile(f"{SCHEME}{URI}+")
REFERENCE = re.compile(rf"({SCHEME})?(//\[[0-9A-Fa-f:]+\])?{URI}*")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(\s*;\s*[\w!#$&'*+.^`|~-]+=([^\s\";]+|\"[^\"]*\"))*")
# What must follow in particular schemes: RFC 4151; RFC 2141; an authority.
AUTHORITY = re.compile(r"\w+://[^/].*")
NAMESPACE = "(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{1,31}:"
SCHEMES = {
    "tag": re.compile(r"tag:([a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(-\d{2}(-\d{2})?)?:[^#]*(#[^#]*)?"),
    "urn": re.compile(NAMESPACE + r"([A-Za-z0-9()+,.:=@;$_!*'-]|%[0-9A-Fa-f]{2})+"),
    "http": AUTHORITY, "https": AUTHORITY, "ftp": AUTHORITY,
}
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The W3C's validator reads no more.
MOST_BYTES = 5_000_000

FEED = {
    "author": "*", "category": "*", "contributor": "*", "link": "*", "entry": "*",
    "generator": "?", "icon": "?", "logo": "?", "rights": "?", "subtitle": "?",
    "id": "1", "title": "1", "updated": "1",
}
ENTRY = {
    "author": "*", "category": "*", "contributor": "*", "link": "*",
    "content": "?", "published": "?", "rights": "?", "source": "?", "summary": "?",
    "id": "1", "title": "1", "updated": "1",
}
PERSON = {"name": "1", "uri": "?", "email": "?"}
# The attributes that elements have; none, where they are not named here.
TEXT = {"type"}
ATTRIBUTES = {
    "title": TEXT, "subtitle": TEXT, "summary": TEXT, "rights": TEXT,
    "category": {"term", "scheme", "label"}, "content": {"type", "src"},
    "generator": {"uri", "version"},
    "link": {"href", "rel", "type", "title", "length", "hreflang"},
}
LEAVES = {"id", "updated", "published", "icon", "logo", "generator", "name", "uri", "email"}
ARCHIVE_RELATIONS = {"current", "prev-archive", "next-archive", "first", "last", "next", "previous"}
RELATIONS = ARCHIVE_RELATIONS | {"self", "alternate"}

faults = []


def check(truth, what, element=None):
    if not truth:
        where = "" if element is None else f" in {ElementTree.tostring(element)[:300]}"
        faults.append(what + where)


def is_iri(text):
    scheme = text.split(":")[0].lower()
    if text.lower().startswith("urn:uuid:"):
        return UUID.fullmatch(text.lower())
    return ABSOLUTE.fullmatch(text) and SCHEMES.get(scheme, ABSOLUTE).fullmatch(text)


def children(parent, allowed):
    """What may stand there, and how often (sections 4.1.1, 4.1.2 and 3.2; appendix B)."""
    texts_between = [parent.text, *(child.tail for child in parent)]
    check(not any((text or "").strip() for text in texts_between), "text stands there", parent)
    for child in parent:
        name = child.tag.removeprefix(ATOM)
        if child.tag.startswith(ATOM):
            check(name in allowed, f"{name} must not stand there", parent)
            check(name not in LEAVES or not list(child), f"{name} holds no elements", child)
            # Attributes of other namespaces are extensions (section 6.4).
            more = {key for key in child.attrib if key[0] != "{"} - ATTRIBUTES.get(name, set())
            check(not more, f"{name} has no {more}", child)
        else:
            check(child.tag.startswith("{"), f"{child.tag} has no namespace")
    for name, often in allowed.items():
        count = len(parent.findall(ATOM + name))
        check(often != "1" or count == 1, f"{count} times {name}", parent)
        check(often != "?" or count <= 1, f"{count} times {name}", parent)


def extensions(parent, allowed):
    """What the validator knows of RFC 4685 and RFC 5005."""
    for child in parent:
        known = child.tag.startswith((HISTORY, THREAD))
        check(not known or child.tag in allowed, f"{child.tag} must not stand there", parent)
    for reply in parent.findall(THREAD + "in-reply-to"):
        check(is_iri(reply.get("ref", "")), "in-reply-to has an IRI as its ref", reply)
        check(set(reply.attrib) <= {"ref", "href", "source", "type"}, "other attributes", reply)
        check(not list(reply), "in-reply-to holds no elements", reply)
    for archive in parent.findall(HISTORY + "archive"):
        content = archive.attrib or list(archive) or (archive.text or "").strip()
        check(not content, "archive is empty", archive)


def iri(parent):
    text = parent.findtext(ATOM + "id") or ""
    check(is_iri(text), f"{text!r} is no IRI")
    check(not UUID.fullmatch(text.lower()) or UUID.fullmatch(text), f"{text!r} is not canonical")
    return text


def is_date(text):
    try:
        return DATE.fullmatch(text) and datetime.date.fromisoformat(text[:10])
    except ValueError:
        return False


def dates(parent):
    for name in ["updated", "published"]:
        for element in parent.findall(ATOM + name):
            check(is_date(element.text or ""), f"{element.text!r} is no date", parent)


def people(parent):
    for name in ["author", "contributor"]:
        for person in parent.findall(ATOM + name):
            children(person, PERSON)
            check(person.findtext(ATOM + "name"), "a person has a name", person)


def texts(parent):
    for name in ["title", "summary", "subtitle", "rights"]:
        for element in parent.findall(ATOM + name):
            kind = element.get("type", "text")
            check(kind in ("text", "html", "xhtml"), f"{kind} is no kind of text", element)
            check(kind == "xhtml" or not list(element), "text has elements", element)


def links(parent):
    seen = set()
    for link in parent.findall(ATOM + "link"):
        relation = link.get("rel", "alternate")
        check(relation in RELATIONS or is_iri(relation), f"{relation} is not registered")
        check(link.get("href") is not None, "a link leads nowhere", link)
        check(REFERENCE.fullmatch(link.get("href", "")), "no IRI reference", link)
        kind = link.get("type")
        check(kind is None or MEDIA_TYPE.fullmatch(kind), f"{kind!r} is no media type", link)
        key = (relation, link.get("type"), link.get("hreflang"))
        check(key not in seen, f"{relation} stands twice", parent)
        seen.add(key)
        check(not list(link) and not (link.text or "").strip(), "a link is empty", link)
    return {relation for relation, _, _ in seen}


def categories(parent):
    for category in parent.findall(ATOM + "category"):
        check(category.get("term"), "a category has a term", category)
        scheme = category.get("scheme")
        check(scheme is None or is_iri(scheme), "a scheme is an IRI", category)


def content(entry, relations):
    """Sections 4.1.2 and 4.1.3."""
    element = entry.find(ATOM + "content")
    has_summary = entry.find(ATOM + "summary") is not None
    if element is None:
        check("alternate" in relations, "neither content nor alternate", entry)
        return
    kind = element.get("type", "text")
    text = element.text or ""
    short = kind in ("text", "html", "xhtml")
    composite = kind.split("/")[0].lower() in ("multipart", "message")
    check(short or MEDIA_TYPE.fullmatch(kind), f"{kind!r} is no media type", element)
    check(not composite, f"{kind} is composite", element)
    if element.get("src") is not None:
        check(REFERENCE.fullmatch(element.get("src")), "src is an IRI reference", element)
        check(text == "" and not list(element), "content with src is empty", element)
        check(not short and element.get("type"), "content with src has a media type", element)
        check(has_summary, "content with src has a summary", entry)
        return
    # The validator takes the type as it is written, without upper case or parameters of XML.
    if kind.endswith(("+xml", "/xml")) and ";" not in kind:
        check(len(element) == 1 and not text.strip(), f"{kind} holds one element", element)
    elif kind in ("text", "html") or kind.startswith("text/"):
        check(not list(element), f"{kind} holds no elements", element)
    elif kind != "xhtml":
        check(has_summary, f"{kind} has a summary", entry)
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            check(False, f"{kind} holds Base64", element)


def common(parent, allowed):
    children(parent, allowed)
    dates(parent)
    people(parent)
    texts(parent)
    categories(parent)
    return iri(parent), links(parent)


def check_entry(entry):
    identity, relations = common(entry, ENTRY)
    check(not relations & ARCHIVE_RELATIONS, "an entry is no page", entry)
    check(entry.find(ATOM + "author") is not None, "an entry has an author", entry)
    content(entry, relations)
    extensions(entry, {THREAD + "in-reply-to"})
    return identity


def check_feed(feed):
    _, relations = common(feed, FEED)
    check("self" in relations, "a feed names itself", feed)
    entries = feed.findall(ATOM + "entry")
    identities = [check_entry(entry) for entry in entries]
    check(len(set(identities)) == len(identities), "an id stands twice")
    check(entries or feed.find(ATOM + "author") is not None, "an empty feed has an author", feed)
    after_entries = False
    for child in feed:
        is_entry = child.tag == ATOM + "entry"
        check(is_entry or not after_entries, f"{child.tag} stands after entries")
        after_entries |= is_entry
    extensions(feed, {HISTORY + "archive"})
    addresses = {it.get("rel"): it.get("href", "") for it in feed.findall(ATOM + "link")}
    for end, beyond in [("first", "previous"), ("last", "next")]:
        # Nothing lies beyond the end (RFC 5005, section 3). Relative addresses pass unnoticed.
        at_end = addresses.get(end) == addresses.get("self") and "://" in addresses.get(end, "")
        # But our current document is the first, and its "previous" is the tail where the next
        # event will be (docs/PROTOCOL.md, section 4): the one warning of the W3C's validator that
        # we live with.
        waits = end == "first" and addresses.get("current") == addresses.get("self")
        faulty = at_end and beyond in relations and not waits
        check(not faulty, f"the {end} document has a {beyond} one", feed)
    archives = feed.findall(HISTORY + "archive")
    check(len(archives) <= 1, "archive stands once")
    # RFC 5005, section 4: an archive should lead to the current document.
    check(not archives or "current" in relations, "an archive leads to the current document")
    check(not archives or relations & {"prev-archive", "next-archive"}, "an archive leads on")


document = sys.stdin.buffer.read()
check(len(document) <= MOST_BYTES, f"{len(document)} bytes are more than the validator reads")
root = ElementTree.fromstring(document)
if root.tag == ATOM + "feed":
    check_feed(root)
else:
    check(root.tag == ATOM + "entry", f"{root.tag} is neither a feed nor an entry")
    check_entry(root)
print("\n".join(faults))
sys.exit(1 if faults else 0)
