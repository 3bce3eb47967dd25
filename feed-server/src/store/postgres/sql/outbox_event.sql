-- outbox_event: an event that waits in the outbox of the feed with the atom:id $1
SELECT
    waiting.source, waiting.id, waiting.type, waiting.subject, waiting.time,
    waiting.datacontenttype, waiting.dataschema, waiting.extensions, waiting.data
FROM feed_outbox AS waiting
INNER JOIN feed_feeds AS feed ON waiting.feed = feed.key
WHERE feed.iri = $1 AND waiting.key = $2
