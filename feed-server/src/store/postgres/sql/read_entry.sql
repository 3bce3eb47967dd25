-- read_entry: one event
SELECT
    position, updated, iri, source, id, type, subject,
    time, datacontenttype, dataschema, extensions, data
FROM feed_events
WHERE feed = $1 AND position = $2
