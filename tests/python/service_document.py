"""Reads an AtomPub service document (RFC 5023) from standard input; writes its collections."""

import json
import sys
from xml.etree import ElementTree

APP = "{http://www.w3.org/2007/app}"
ATOM = "{http://www.w3.org/2005/Atom}"

service = ElementTree.fromstring(sys.stdin.buffer.read())
assert service.tag == APP + "service", service.tag
assert all(it.findtext(ATOM + "title") for it in service.findall(APP + "workspace"))
collections = [
    {
        "href": collection.get("href"),
        "title": collection.findtext(ATOM + "title"),
        "accept": [accept.text for accept in collection.findall(APP + "accept")],
    }
    for collection in service.findall(f"{APP}workspace/{APP}collection")
]
json.dump(collections, sys.stdout)
