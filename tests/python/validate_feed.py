"""Checks an Atom document on standard input against RFC 4287, RFC 4685 and RFC 5005.

The W3C's validator needs the network to be of use; this one checks what it checks of documents
like ours. Writes what is wrong, a line each, and fails if there is anything.
"""

import base64
import re
import sys
from xml.etree import ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
THREAD = "{http://purl.org/syndication/thread/1.0}"

# RFC 4287, section 3.3: RFC 3339 with upper-case T and Z.
DATE = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
# An absolute IRI as far as a validator can tell: a scheme, and nothing that must be escaped.
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
IRI_REFERENCE = re.compile(r"[^\s<>\"{}|\\^`]*")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(\s*;\s*[\w!#$&'*+.^`|~-]+=([^\s\";]+|\"[^\"]*\"))*")
TAG = re.compile(r"tag:[A-Za-z0-9.@_-]+,\d{4}(-\d{2}(-\d{2})?)?:[^\s]*")
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

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
ARCHIVE_RELATIONS = {"current", "prev-archive", "next-archive", "first", "last", "next", "previous"}
RELATIONS = ARCHIVE_RELATIONS | {"self", "alternate"}

faults = []


def check(truth, what, element=None):
    if not truth:
        where = "" if element is None else f" in {ElementTree.tostring(element)[:300]}"
        faults.append(what + where)


def children(parent, allowed):
    """How often which child may stand there (sections 4.1.1 and 4.1.2)."""
    for child in parent:
        name = child.tag.removeprefix(ATOM)
        if child.tag.startswith(ATOM):
            check(name in allowed, f"{name} must not stand there", parent)
        else:
            check(child.tag.startswith("{"), f"{child.tag} has no namespace")
    for name, often in allowed.items():
        count = len(parent.findall(ATOM + name))
        check(often != "1" or count == 1, f"{count} times {name}", parent)
        check(often != "?" or count <= 1, f"{count} times {name}", parent)


def iri(parent):
    text = parent.findtext(ATOM + "id") or ""
    check(IRI.fullmatch(text), f"{text!r} is no IRI")
    check(not text.startswith("tag:") or TAG.fullmatch(text), f"{text!r} is no tag IRI")
    check(not text.startswith("urn:uuid:") or UUID.fullmatch(text), f"{text!r} is no canonical UUID")
    return text


def dates(parent):
    for name in ["updated", "published"]:
        for element in parent.findall(ATOM + name):
            check(DATE.fullmatch(element.text or ""), f"{element.text!r} is no date", parent)


def people(parent):
    for name in ["author", "contributor"]:
        for person in parent.findall(ATOM + name):
            names = person.findall(ATOM + "name")
            check(len(names) == 1 and names[0].text, "a person has one name", person)
            for more in ["uri", "email"]:
                check(len(person.findall(ATOM + more)) <= 1, f"more than one {more}", person)


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
        check(relation in RELATIONS or IRI.fullmatch(relation), f"{relation} is not registered")
        check(link.get("href") is not None, "a link leads nowhere", link)
        check(IRI_REFERENCE.fullmatch(link.get("href", "")), "no IRI reference", link)
        key = (relation, link.get("type"), link.get("hreflang"))
        check(key not in seen, f"{relation} stands twice", parent)
        seen.add(key)
        check(not list(link) and not (link.text or "").strip(), "a link is empty", link)
    return {relation for relation, _, _ in seen}


def categories(parent):
    for category in parent.findall(ATOM + "category"):
        check(category.get("term"), "a category has a term", category)
        scheme = category.get("scheme")
        check(scheme is None or IRI.fullmatch(scheme), "a scheme is an IRI", category)


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
        check(IRI_REFERENCE.fullmatch(element.get("src")), "src is an IRI reference", element)
        check(text == "" and not list(element), "content with src is empty", element)
        check(not short and element.get("type"), "content with src has a media type", element)
        check(has_summary, "content with src has a summary", entry)
        return
    essence = kind.split(";")[0].strip().lower()
    if essence.endswith(("+xml", "/xml")):
        check(len(element) == 1 and not text.strip(), f"{kind} holds one element", element)
    elif kind in ("text", "html") or essence.startswith("text/"):
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
    for reply in parent.findall(THREAD + "in-reply-to"):
        check(IRI.fullmatch(reply.get("ref", "")), "in-reply-to has an IRI as its ref", reply)
    return iri(parent), links(parent)


def check_entry(entry):
    identity, relations = common(entry, ENTRY)
    check(not relations & ARCHIVE_RELATIONS, "an entry is no page", entry)
    check(entry.find(ATOM + "author") is not None, "an entry has an author", entry)
    content(entry, relations)
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
    archives = feed.findall(HISTORY + "archive")
    check(len(archives) <= 1, "archive stands once")
    # RFC 5005, section 4: an archive should lead to the current document.
    check(not archives or "current" in relations, "an archive leads to the current document")
    check(not feed.findall(HISTORY + "complete"), "an archived feed is not complete")


root = ElementTree.fromstring(sys.stdin.buffer.read())
if root.tag == ATOM + "feed":
    check_feed(root)
else:
    check(root.tag == ATOM + "entry", f"{root.tag} is neither a feed nor an entry")
    check_entry(root)
print("\n".join(faults))
sys.exit(1 if faults else 0)
