"""Reads a feed on standard input with feedparser, and writes what it made of it as JSON.

The argument is the address that the feed came from.
"""

import json
import sys

import feedparser

feed = feedparser.parse(
    sys.stdin.buffer.read(),
    response_headers={
        "content-type": "application/atom+xml; charset=utf-8",
        "content-location": sys.argv[1],
    },
)
assert not feed.bozo, feed.bozo_exception
json.dump(
    {
        "version": feed.version,
        "id": feed.feed.id,
        "title": feed.feed.title,
        "updated": feed.feed.updated,
        "links": {link.rel: link.href for link in feed.feed.links},
        "entries": [
            {
                "id": entry.id,
                "title": entry.title,
                "updated": entry.updated_parsed is not None and entry.updated,
                "published": entry.get("published"),
                "author": entry.author,
                "tags": [tag.term for tag in entry.tags],
                "links": {link.rel: link.href for link in entry.links},
                "content": [
                    {"type": content.type, "value": content.value}
                    for content in entry.get("content", [])
                ],
                "summary": entry.get("summary"),
            }
            for entry in feed.entries
        ],
    },
    sys.stdout,
)
