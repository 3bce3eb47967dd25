"""Reads an Atom document of ours from standard input, and writes its events as JSON.

Written from docs/PROTOCOL.md, section 11, with the XML parser of Python's standard library: what
this gives back byte for byte does not depend on the codec that wrote it.
"""

import base64
import json
import sys
from xml.etree import ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"
EV = "{urn:feed-protocol:event:1}"
THREAD = "{http://purl.org/syndication/thread/1.0}"


def only(elements):
    """The text of the only element, or None where there is none."""
    assert len(elements) <= 1, [element.tag for element in elements]
    return (elements[0].text or "") if elements else None


def extension(element):
    text = element.text or ""
    kind = element.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    if kind == "integer":
        return int(text)
    assert kind == "string", kind
    return text


def data(entry):
    """The data in Base64; where it stands, if not here; None where there is none."""
    contents = entry.findall(ATOM + "content")
    assert len(contents) <= 1
    if not contents:
        return None
    content = contents[0]
    assert not list(content), "content has elements"
    kind, text = content.get("type"), content.text or ""
    if content.get("src") is not None:
        assert text == "", text
        return {"src": content.get("src")}
    if kind == "text" or kind.startswith("text/"):
        return {"base64": base64.b64encode(text.encode()).decode()}
    return {"base64": base64.b64encode(base64.b64decode(text, validate=True)).decode()}


def event(entry):
    terms = {it.get("scheme"): it.get("term") for it in entry.findall(ATOM + "category")}
    attributes = {
        "specversion": "1.0",
        "type": terms["urn:feed-protocol:type"],
        "time": only(entry.findall(ATOM + "published")),
    }
    for name in ["id", "source", "subject", "datacontenttype", "dataschema"]:
        attributes[name] = only(entry.findall(EV + name))
    for element in entry.findall(EV + "extension"):
        assert element.get("name") not in attributes
        attributes[element.get("name")] = extension(element)
    # What readers see that know only Atom says the same.
    assert entry.findtext(ATOM + "title") == attributes["type"]
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == attributes["source"]
    assert terms.get("urn:feed-protocol:subject") == attributes["subject"]
    reply = entry.find(THREAD + "in-reply-to")
    if reply is not None:
        assert reply.get("ref") in (
            attributes["causationid"],
            "urn:uuid:" + attributes["causationid"],
        )
    return {
        "position": int(only(entry.findall(EV + "position"))),
        "iri": only(entry.findall(ATOM + "id")),
        "attributes": {name: it for name, it in attributes.items() if it is not None},
        "data": data(entry),
    }


root = ElementTree.fromstring(sys.stdin.buffer.read())
entries = [root] if root.tag == ATOM + "entry" else root.findall(ATOM + "entry")
json.dump([event(entry) for entry in entries], sys.stdout)
